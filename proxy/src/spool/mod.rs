//! Where accepted events wait until Firehose has them: the seam between the endpoint and delivery.
//!
//! The endpoint puts the events of a request in as one [`Frame`] through [`Intake::accept`] and answers 200 when that
//! resolves. Delivery takes [`Lease`]s out of the [`Outlet`] and settles their events one by one. Knows no HTTP and no AWS.

mod budget;
pub mod dead_letters;
mod disk;
mod frame;
mod lease;
mod log;
mod open;
mod queue;
mod signal;
#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "simulated requests are small")]
mod simulation;
mod threads;

pub use budget::Budget;
pub use frame::{EntryRef, Frame, FrameTooLarge, KeyRef};
pub use lease::Lease;
pub use log::Left;
pub use open::{Error, Options, Route, Spool, memory_and_leftovers, open};
pub use queue::{Intake, Outlet, Refusal, memory};
