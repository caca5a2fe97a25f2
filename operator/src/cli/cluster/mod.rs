//! The commands that ask a cluster, as whoever runs them: by that person's kubeconfig and with that person's rights.
//!
//! They change nothing but dead letters, and never ask for a Secret.

mod changes;
mod connection;
mod diff;
mod redact;
mod report;
mod standing;

pub use changes::{Change, changes};
pub use connection::{Cluster, NoCluster};
pub use diff::{ChildChange, Difference, NoDifference, diff};
pub use report::{Bundle, NoReport, report};
pub use standing::{Cause, Standing, StreamCounts, Verdict, standing, standings, write_standing};
