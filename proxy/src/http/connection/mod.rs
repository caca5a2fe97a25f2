//! Connections and the bytes that arrive on them, within bounds. Knows no path and no event.

pub(super) mod body;
pub(super) mod server;

pub use self::{body::BodyMemory, server::Connections};
