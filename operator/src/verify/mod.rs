//! What the proxies report, and what follows from it: revision in force, credentials, streams.

mod access;
mod ask;
mod conditions;
mod findings;
mod judge;
mod news;
mod pods;
mod schedule;
mod streams;
mod unreadable;

pub use ask::{Unasked, ask};
pub use findings::{Acceptance, Findings, PodTrouble, Proxy};
pub use judge::judge;
pub use news::{News, news};
pub use pods::hold_pods;
pub use schedule::{Schedule, settled};
pub use unreadable::unreadable;
