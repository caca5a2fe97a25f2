//! AWS: credentials and their rotation, construction of clients, the HTTP connection. Knows nothing of events or streams.
//!
//! Fails closed (decision D4): where a configuration names static credentials and they are missing or broken, there is no
//! client. No path leads from there to the environment or the node's role.

mod client;
mod confirmation;
mod files;
mod http;
mod supply;

pub use client::Target;
pub use confirmation::Confirmation;
pub use http::Transport;
pub use supply::{Offer, Problem, Supplier};
