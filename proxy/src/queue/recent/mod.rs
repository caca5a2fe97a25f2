//! The window of events that this process has seen lately, so that an event that a client sends again is not delivered
//! again.
//!
//! After a restart it has what an earlier process has stored and the disk still holds ([`Recent::recall`]).
//!
//! An event is known by its [`Identity`](crate::queue::Identity): the `messageId` that its client gave it, and where it
//! goes and what it says. One without a `messageId` is never recognized, and neither is one that does not come from a
//! client: dead letters that are put back, a backlog of a disk and what is routed anew have no identity.
//!
//! ```text
//!            claim                    safe (InFlight::settle_events, a sync)
//!   new ─────────────▶ under way ───────────────────────────────────────────▶ safe
//!    ▲                     │                                                    │
//!    └─────────────────────┘ the batch is dropped: withdrawn by a 503,          │ too old, or the oldest
//!    ▲                       refused, not synced                                │ when there is no room
//!    └──────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The repeat of one that is safe is confirmed; the repeat of one under way waits for its outcome and has the same.
//! Nobody holds anything back while it waits, so no two requests wait for each other for ever.
//!
//! One lock a request, and one more when its batch is dropped. It is per process: another pod knows nothing of it.

mod claim;
mod fates;
#[cfg(test)]
mod mutant;
mod table;
#[cfg(test)]
mod tests;
mod window;

#[cfg(test)]
pub(crate) use self::mutant::Mutant;
pub use self::window::{Extent, Recent, Repeats, WindowSettings};
pub(crate) use self::{
    claim::{Claim, Claimed},
    fates::{Joined, Withdrawn},
};
