//! Why the queue refuses.

use std::time::Duration;

/// Why a batch was not taken, or not kept. Nothing of it is safe; the client must send it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The bound on waiting bytes is reached, or the share of one of the batch's streams, or the disk is full.
    #[error("the queue is full, {retry_after:?} until it is worth another try")]
    Full {
        /// When room is expected.
        retry_after: Duration,
    },
    /// The process has no memory left for the events.
    #[error("the process has no memory left, {retry_after:?} until it is worth another try")]
    NoMemory {
        /// When room is expected.
        retry_after: Duration,
    },
    /// The disk has not answered for a while; nothing is taken until it does.
    #[error("the disk does not answer, {retry_after:?} until it is worth another try")]
    Stalled {
        /// When the disk is worth another try.
        retry_after: Duration,
    },
    /// A stream takes nothing for a reason that time alone does not mend.
    #[error("a stream cannot be delivered to, {retry_after:?} until it is worth another try")]
    Undeliverable {
        /// When another try makes sense.
        retry_after: Duration,
    },
    /// The request's deadline passed before the batch was known to be safe.
    #[error("the events could not be made safe in time")]
    NotConfirmed {
        /// When a retry is expected to succeed.
        retry_after: Duration,
    },
    /// The process is shutting down.
    #[error("shutting down")]
    ShuttingDown,
}

impl AcceptError {
    /// When it is worth another try, where that can be said.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full { retry_after }
            | Self::NoMemory { retry_after }
            | Self::Stalled { retry_after }
            | Self::Undeliverable { retry_after }
            | Self::NotConfirmed { retry_after } => Some(*retry_after),
            Self::ShuttingDown => None,
        }
    }
}
