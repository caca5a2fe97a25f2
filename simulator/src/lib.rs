//! A faithful stand-in for Amazon Kinesis Data Firehose, with quotas and faults on demand.
//!
//! It speaks the service's AWS JSON 1.1 protocol, keeps the records it was given for a test or a person to read back,
//! and fails in the ways the service fails when it is told to. It delivers nothing anywhere: no S3, no buffering, no
//! transformation. `docs/simulator.md` is its manual.
//!
//! ```no_run
//! # async fn example() -> Result<(), firehose_simulator::StartError> {
//! use firehose_simulator::{Options, Simulator};
//!
//! let simulator = Simulator::start(Options { create_on_demand: true, ..Options::default() }).await?;
//! println!("ready simulator={}", simulator.url());
//! # Ok(())
//! # }
//! ```

mod access;
mod availability;
mod control;
mod deaggregate;
mod dispatch;
mod error;
mod faults;
mod manage;
mod options;
mod protocol;
mod put;
mod quota;
mod random;
mod registry;
mod reply;
mod script;
mod server;
mod service;
mod signature;
mod stream;
mod sts;

pub use access::{AccessSettings, Credential, CredentialState, Role, SessionEnding, Signatures};
pub use availability::{Availability, ServiceSettings};
pub use error::ErrorCode;
pub use faults::{Fault, Operation, Records, Rule, StreamSettings, TakesEffect, Throttle};
pub use options::Options;
pub use quota::Quota;
pub use registry::{InvalidStreamName, TooManyStreams};
pub use server::{Simulator, StartError};
pub use service::{ConfigureError, UnknownStream};
pub use stream::{Record, Summary};
