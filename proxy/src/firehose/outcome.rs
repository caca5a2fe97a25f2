//! What is asked of Firehose and what comes of it, in as few words as delivery needs.

use super::Reason;

/// The API's operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Up to 500 records.
    PutRecordBatch,
    /// One record, where the policy allows no more.
    PutRecord,
}

/// What the transport says about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Firehose accounted for every record; these failed, in ascending order, and the others arrived.
    Records(Vec<FailedRecord>),
    /// Nothing is known to have arrived.
    Failed(Reason),
}

/// A record that Firehose did not take although the call succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedRecord {
    /// Its place in the call.
    pub index: usize,
    /// [`Reason::Throttled`] or [`Reason::ServiceFailure`].
    pub reason: Reason,
}
