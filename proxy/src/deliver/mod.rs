//! Delivery: takes batches out of the queue and settles their events by way of Firehose.
//!
//! Every stream has a queue, a rate and calls of its own in a [`stream::Core`]: synchronous, without clock, client or
//! randomness of its own, so that one seed replays one history. [`run`] is the one task around all cores: it feeds them
//! batches, answers and time, and carries out their effects. [`crate::firehose`] speaks to AWS.
//!
//! What is not here: durability (the spool's), routing, and any decision about one stream in the asynchronous part.

mod drain_rate;
mod driver;
mod give_up;
mod metrics;
mod queued;
mod settings;
mod status;
pub mod stream;

pub use self::{
    driver::{Deliver, StreamBacklog, Undelivered, run},
    give_up::{GiveUp, LogAndSettle, SetAside},
    metrics::Metrics,
    queued::Queued,
    status::{CredentialsStatus, DeliveryStatus, StreamState, StreamStatus},
};
