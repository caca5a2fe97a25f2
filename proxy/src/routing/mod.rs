//! Which delivery stream an event goes to, and how a new configuration takes over while events flow.
//!
//! Knows names, types and streams; knows nothing of JSON, HTTP or AWS.

mod live;
mod reload;
mod table;

pub use live::{Live, Snapshot};
pub use reload::{Metrics, follow};
pub use table::{Table, push_lowercase};
