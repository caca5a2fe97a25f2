//! What lies between the endpoint and delivery, in memory: batches of events on their way, and the bound on their
//! bytes.
//!
//! The endpoint puts the events of a request in as one [`EventBatch`] through [`Intake::accept`] and answers 200 when
//! that resolves. Delivery takes [`InFlight`]s out of the [`Outlet`] and settles their events one by one. Knows no
//! disk: who keeps batches somewhere else ([`SliceOwner`], [`Store`]) says so himself.

mod accept_error;
mod admission;
mod byte_limit;
mod channel;
mod event_batch;
mod gates;
mod in_flight;
mod recent;

pub use self::{
    accept_error::AcceptError,
    byte_limit::ByteLimit,
    channel::{Accepted, Intake, Outlet, Unanswered, memory},
    event_batch::{BatchTooLarge, EntryRef, EventBatch},
    gates::Gates,
    in_flight::InFlight,
    recent::{Extent, Identity, IdentityKey, Recent, Repeats, Sent, WindowSettings},
};
pub(crate) use self::{
    byte_limit::Charge,
    channel::{Appended, Store},
    event_batch::StoredEntry,
    in_flight::{Position, Slice, SliceOwner, Stored},
    recent::Claim,
};
#[cfg(test)]
pub(crate) use self::{
    channel::UnderWay,
    recent::{Joined, Mutant},
};
