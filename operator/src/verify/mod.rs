//! What the proxies report, and what follows from it: revision in force, credentials, streams.

mod access;
mod ask;
mod conditions;
mod draining;
mod findings;
mod judge;
mod news;
mod pods;
mod schedule;
mod streams;
mod turns;
mod unreadable;

pub use access::waits_for_a_secret;
pub use ask::{Unasked, ask};
pub use findings::{Acceptance, Findings, PodTrouble, Proxy};
pub use judge::judge;
pub use news::{News, news};
pub use pods::hold_pods;
pub use schedule::{Schedule, settled};
pub use turns::{Change, Lane, Turns};
pub use unreadable::unreadable;
