//! Amazon Kinesis Data Firehose as a service: what it takes, how it is called, and what its answers mean. Knows nothing
//! of events, queues or streams' backlogs.
//!
//! The seam that delivery stands on is [`limits`], [`Operation`], and [`call::put`], which turns a [`Call`] into an
//! [`Outcome`]. A sibling sink would be a sibling folder with the same seam.
//!
//! Fails closed: where a configuration names a source of credentials and it has none, nothing is called. No path leads
//! from there to the environment or the node's role.

mod call;
mod client;
mod clock;
mod confirmation;
mod credential_files;
mod credentials;
mod current_client;
pub(crate) mod decode;
mod encode;
mod identity;
pub mod limits;
mod message;
mod nearby;
mod outcome;
mod reason;
mod renewal;
mod rotation;
mod source;
mod sts;
mod transport;

pub(crate) use self::{
    call::{Answer, Call, put},
    clock::AwsClock,
    rotation::{Change, Heard, Rotation, Signer},
};
pub use self::{
    client::Target,
    confirmation::Confirmation,
    credentials::Supplier,
    current_client::{CurrentClient, Problem},
    outcome::{FailedRecord, Operation, Outcome},
    reason::Reason,
    transport::Transport,
};
