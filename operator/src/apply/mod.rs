//! Writes: children and status by server-side apply, pokes by a patch of pods/status. Nothing here decides what to
//! write.

mod child;
mod poke;
mod status;

pub use child::{Applied, AppliedChildren, ApplyError, MANAGER, apply};
pub use poke::poke;
pub use status::{Written, write_status};
