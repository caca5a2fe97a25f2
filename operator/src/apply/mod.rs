//! Writes: children and status by server-side apply, pokes by a patch of pods/status, events. Nothing here decides what
//! to write.

mod child;
mod compare;
mod events;
mod finalizer;
mod ownership;
mod poke;
mod status;

/// Field manager of the children, and who reports events.
pub const MANAGER: &str = "firehose-operator";

pub use child::{Applied, AppliedChildren, ApplyError, apply};
pub(crate) use compare::has_all;
pub use events::{EventLimit, Events, Unpublished};
pub use finalizer::{delete_claim, hold, is_held};
pub use poke::poke;
pub use status::{Written, write_status};
