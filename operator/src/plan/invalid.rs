//! One reason for which a spec is not accepted.

use firehose_operator_api::Reason;

/// One reason for which a spec is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Invalid {
    /// The field, for example `spec.mappings[3].event`.
    pub field: String,
    /// What the `Accepted` condition says.
    pub reason: Reason,
    /// What is wrong with the field, for a person.
    pub message: String,
}

impl Invalid {
    pub(super) fn new(field: impl Into<String>, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason,
            message: message.into(),
        }
    }
}
