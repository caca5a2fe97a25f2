//! The proxy in front of a simulated Firehose: whole requests in, whole records out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

mod clock;
mod credentials;
mod failures;
mod identities;
mod messages;
mod node;
mod outages;
mod repeats;
mod rig;
mod set_aside;
mod throttled;
mod transport;
