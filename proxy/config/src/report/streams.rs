//! How a delivery stream stands, in the words that conditions, metrics, the log and dead letters have, too.

use serde::{Deserialize, Serialize};

/// State of one delivery stream, as seen by one pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReport {
    /// The delivery stream, exactly as named in AWS.
    pub name: String,
    /// The state.
    #[serde(default)]
    pub state: StreamState,
    /// Why it is so: the outcome of the last call.
    #[serde(default)]
    pub reason: StreamReason,
    /// For a person: the code and the words of AWS, or what keeps calls from reaching it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The rows of the document that lead to it: the first, and how many more. Absent where none does, or nothing was
    /// sent yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<String>,
    /// Events that senders were told to keep since the stream last took any, because it takes none for a reason that
    /// time alone does not mend.
    #[serde(rename = "refusedEvents", default, skip_serializing_if = "is_zero")]
    pub refused_events: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(amount: &u64) -> bool {
    *amount == 0
}

/// State of one delivery stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StreamState {
    /// Nothing was sent for a while and nothing waits.
    Idle,
    /// Records are going out.
    Delivering,
    /// Records wait because of the reason given.
    Failing,
    /// Delivery is paused by the destination.
    Paused,
    /// Nothing is known yet, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The outcome of the last call to a delivery stream. The words are those of conditions, metrics, the log and dead
/// letters; what an older proxy called otherwise is still read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StreamReason {
    /// Nothing was sent since the pod started.
    NoTraffic,
    /// Firehose took the records.
    Succeeded,
    /// Firehose took the records one by one: the policy grants `firehose:PutRecord` but not `firehose:PutRecordBatch`.
    SinglePutsOnly,
    /// Firehose asks for a slower pace.
    Throttled,
    /// There is no delivery stream of this name in the region.
    StreamNotFound,
    /// The policy does not allow the call.
    AccessDenied,
    /// See [`super::CredentialsReason::SecretMissing`]; so with the other reasons of credentials.
    SecretMissing,
    /// See [`super::CredentialsReason::SecretIncomplete`].
    SecretIncomplete,
    /// See [`super::CredentialsReason::SourceUnavailable`].
    SourceUnavailable,
    /// See [`super::CredentialsReason::AssumeRoleDenied`].
    AssumeRoleDenied,
    /// See [`super::CredentialsReason::AssumeRoleUnavailable`].
    AssumeRoleUnavailable,
    /// See [`super::CredentialsReason::Rejected`].
    CredentialsRejected,
    /// See [`super::CredentialsReason::Expired`].
    CredentialsExpired,
    /// See [`super::CredentialsReason::ClockSkew`].
    ClockSkew,
    /// The stream's KMS key cannot be used.
    KeyUnavailable,
    /// The stream takes no direct puts: its source is a Kinesis data stream, or Amazon MSK.
    NotDirectPut,
    /// Firehose refused a record for what it is.
    RecordRejected,
    /// A record is larger than Firehose takes.
    RecordTooLarge,
    /// A call is larger than Firehose takes.
    CallTooLarge,
    /// Firehose refused a call for a reason that the proxy does not know.
    CallRefused,
    /// A call could not be put together, so nothing was sent.
    CallNotMade,
    /// Firehose answered with an error of its own.
    #[serde(alias = "ServiceError")]
    ServiceFailure,
    /// Firehose answered with something that accounts for no record.
    UnexpectedAnswer,
    /// Firehose could not be reached.
    #[serde(rename = "FirehoseUnreachable", alias = "Unreachable")]
    Unreachable,
    /// Firehose did not answer in time, or its connection died.
    Unanswered,
    /// Delivery is paused by the destination.
    #[serde(rename = "DeliveryPaused", alias = "Paused")]
    Paused,
    /// Nothing is known yet, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}
