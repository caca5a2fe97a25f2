//! What the proxies report, and what follows from it: revision in force, credentials, streams.

mod ask;
mod conditions;
mod judge;
mod pods;
mod schedule;
mod streams;

pub use ask::{Unasked, ask};
pub use judge::{Acceptance, Findings, Proxy, judge};
pub use pods::hold_pods;
pub use schedule::{Schedule, settled};
