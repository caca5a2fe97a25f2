//! Why a round could not be finished.

use std::time::Duration;

use crate::apply::ApplyError;

/// Why a round could not be finished. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The status could not be written.
    #[error("failed to write the status: {0}")]
    Status(#[source] Box<kube::Error>),
    /// A child could not be read.
    #[error("failed to read the workload: {0}")]
    Read(#[source] Box<kube::Error>),
    /// A child could not be written.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// It took too long.
    #[error("not done within {} s", .0.as_secs())]
    Deadline(Duration),
}

impl Error {
    /// In one word, for metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Status(_) => "StatusFailed",
            Self::Read(_) => "ReadFailed",
            Self::Apply(_) => "ApplyFailed",
            Self::Deadline(_) => "Deadline",
        }
    }
}
