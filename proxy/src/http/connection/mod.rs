//! Connections and the bytes that arrive on them, within bounds. Knows no path and no event.

pub(super) mod body;
mod coding;
mod head;
mod listen;
mod pace;
pub(super) mod peer;
mod places;
mod progress;
pub(super) mod server;
mod windows;

pub use self::{listen::listen, pace::BodyPace, server::Connections};
