//! Connections and the bytes that arrive on them, within bounds. Knows no path and no event.

pub(super) mod body;
mod coding;
mod head;
mod lifetime;
mod limits;
mod pace;
pub(super) mod peer;
mod places;
mod progress;
pub(super) mod server;
pub(super) mod tls;

pub use self::{limits::Connections, pace::BodyPace};
