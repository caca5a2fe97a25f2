//! Why a stream, a call or an event is where it is: one closed vocabulary for status, metrics, logs, dead letters and,
//! by way of the report, conditions.

/// The outcome of delivery in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Firehose has it.
    Succeeded,
    /// Firehose asked to slow down.
    Throttled,
    /// Firehose failed inside (500, or `InternalFailure` of a record).
    ServiceFailure,
    /// No connection: name resolution, refused, TLS.
    Unreachable,
    /// The call passed its deadline, or its connection died before the answer: the outcome is unknown.
    Unanswered,
    /// A 200 that does not account for every record: the outcome is unknown.
    UnexpectedAnswer,
    /// There is no such delivery stream (`ResourceNotFoundException`).
    StreamNotFound,
    /// The credentials are not allowed to put records.
    AccessDenied,
    /// The Secret with the key does not exist, or its mounted directory is empty.
    SecretMissing,
    /// The Secret lacks a key, or a value is empty or not usable.
    SecretIncomplete,
    /// No ambient source has credentials, or the one that should have does not answer.
    SourceUnavailable,
    /// STS refuses to hand out the role.
    AssumeRoleDenied,
    /// STS does not answer.
    AssumeRoleUnavailable,
    /// AWS does not know the access key, or the signature does not match.
    CredentialsRejected,
    /// The session has expired.
    CredentialsExpired,
    /// This machine's clock is too far from AWS's for a signature to be good.
    ClockSkew,
    /// The stream's KMS key cannot be used (`InvalidKMSResourceException`).
    KeyUnavailable,
    /// The stream takes no direct puts (`InvalidSourceException`).
    NotDirectPut,
    /// Firehose refuses the record itself.
    RecordRejected,
    /// The record is larger than Firehose takes.
    RecordTooLarge,
    /// The call is larger than Firehose takes.
    CallTooLarge,
    /// Firehose refuses the call for a reason that we do not know.
    CallRefused,
    /// The call could not even be put together, so nothing was sent.
    CallNotMade,
    /// Older than `delivery.maxAgeSeconds`.
    TooOld,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 24] = [
        Self::Succeeded,
        Self::Throttled,
        Self::ServiceFailure,
        Self::Unreachable,
        Self::Unanswered,
        Self::UnexpectedAnswer,
        Self::StreamNotFound,
        Self::AccessDenied,
        Self::SecretMissing,
        Self::SecretIncomplete,
        Self::SourceUnavailable,
        Self::AssumeRoleDenied,
        Self::AssumeRoleUnavailable,
        Self::CredentialsRejected,
        Self::CredentialsExpired,
        Self::ClockSkew,
        Self::KeyUnavailable,
        Self::NotDirectPut,
        Self::RecordRejected,
        Self::RecordTooLarge,
        Self::CallTooLarge,
        Self::CallRefused,
        Self::CallNotMade,
        Self::TooOld,
    ];

    /// The word that status, metrics and logs show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Throttled => "Throttled",
            Self::ServiceFailure => "ServiceFailure",
            Self::Unreachable => "FirehoseUnreachable",
            Self::Unanswered => "Unanswered",
            Self::UnexpectedAnswer => "UnexpectedAnswer",
            Self::StreamNotFound => "StreamNotFound",
            Self::AccessDenied => "AccessDenied",
            Self::SecretMissing => "SecretMissing",
            Self::SecretIncomplete => "SecretIncomplete",
            Self::SourceUnavailable => "SourceUnavailable",
            Self::AssumeRoleDenied => "AssumeRoleDenied",
            Self::AssumeRoleUnavailable => "AssumeRoleUnavailable",
            Self::CredentialsRejected => "CredentialsRejected",
            Self::CredentialsExpired => "CredentialsExpired",
            Self::ClockSkew => "ClockSkew",
            Self::KeyUnavailable => "KeyUnavailable",
            Self::NotDirectPut => "NotDirectPut",
            Self::RecordRejected => "RecordRejected",
            Self::RecordTooLarge => "RecordTooLarge",
            Self::CallTooLarge => "CallTooLarge",
            Self::CallRefused => "CallRefused",
            Self::CallNotMade => "CallNotMade",
            Self::TooOld => "TooOld",
        }
    }

    /// What a dead letter says beside the word.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::RecordRejected => "Firehose refused the record when it was sent alone",
            Self::RecordTooLarge => "larger than the 1,000 KiB that Firehose takes",
            Self::TooOld => "older than delivery.maxAgeSeconds",
            _ => "",
        }
    }

    /// Whether a call that failed so may have taken effect all the same: its records may arrive twice.
    pub fn is_unknown_outcome(self) -> bool {
        matches!(self, Self::Unanswered | Self::UnexpectedAnswer | Self::ServiceFailure)
    }

    /// Whether a stream that fails so goes on failing until a person does something about it: it is missing, refuses
    /// what it is asked, or may not be asked. What is wrong with the credentials concerns every stream and is not one
    /// of these.
    pub fn is_lasting(self) -> bool {
        matches!(
            self,
            Self::StreamNotFound | Self::AccessDenied | Self::KeyUnavailable | Self::NotDirectPut | Self::CallRefused
        )
    }

    /// Whether it says something about the credentials.
    pub fn is_about_credentials(self) -> bool {
        matches!(
            self,
            Self::SecretMissing
                | Self::SecretIncomplete
                | Self::SourceUnavailable
                | Self::AssumeRoleDenied
                | Self::AssumeRoleUnavailable
                | Self::CredentialsRejected
                | Self::CredentialsExpired
                | Self::ClockSkew
        )
    }

    /// Whether AWS refuses the identity itself, so that nothing is lost when it goes.
    pub(super) fn is_rejection(self) -> bool {
        matches!(self, Self::CredentialsRejected | Self::CredentialsExpired)
    }

    /// Whether another identity may help: sessions are revoked by a policy that denies the older ones, too.
    pub(super) fn asks_for_another_identity(self) -> bool {
        self.is_rejection() || self == Self::AccessDenied
    }
}
