//! Delivery: takes leases from the spool and settles their events by way of Firehose.
//!
//! Every stream has a queue, a rate and calls of its own in a [`core::Core`]: synchronous, without clock, client or
//! randomness of its own, so that one seed replays one history. [`run`] is the one task around all cores: it feeds them
//! leases, answers and time, and carries out their effects. [`firehose`] speaks to AWS.
//!
//! What is not here: durability (the spool's), routing, and any decision in the asynchronous part.

mod answer;
mod body;
pub mod core;
mod drain;
mod firehose;
mod give_up;
mod metrics;
mod queued;
mod reason;
mod rotation;
mod settings;
mod shell;
mod status;

pub use give_up::{GiveUp, LogAndSettle, SetAside};
pub use metrics::Metrics;
pub use queued::Queued;
pub use reason::Reason;
pub use settings::Settings;
pub use shell::{Deliver, Left, Report, run};
pub use status::{Board, CredentialsStatus, StreamState, StreamStatus};
