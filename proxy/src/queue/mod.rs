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
mod closed_streams;
mod in_flight;
mod recent;

pub use self::{
    accept_error::AcceptError,
    byte_limit::ByteLimit,
    channel::{Accepted, Intake, Outlet, Unanswered, memory},
    closed_streams::ClosedStreams,
    in_flight::InFlight,
    recent::{Extent, Recent, Repeats, WindowSettings},
};
pub(crate) use self::{
    byte_limit::Charge,
    channel::{Appended, Store},
    in_flight::{Position, Slice, SliceOwner, Stored},
    recent::Claim,
};
#[cfg(test)]
pub(crate) use self::{
    channel::UnderWay,
    recent::{Joined, Mutant},
};
pub use firehose_proxy_events::{
    BatchTooLarge, EntryRef, EventBatch, Identity, IdentityKey, IdentitySalt, Sent, StoredEntry,
};
