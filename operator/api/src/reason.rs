//! The vocabulary: condition types, and the one closed list of reasons that conditions, metrics and events share.
//!
//! A reason is for programs and may be compared; what a person needs beyond it is in the condition's message. A reader
//! takes a name that a newer operator wrote as `Unknown` instead of failing on the whole object.

use std::fmt;

use firehose_proxy_config::report::{CredentialsReason, StreamReason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConditionType {
    /// Events are accepted under the current spec. Does not include `Delivering`.
    Ready,
    /// The spec is valid and everything in it is built. While it is not, the last good spec stays in force.
    Accepted,
    /// The revision in status is live in every ready proxy.
    ConfigSynced,
    /// There are AWS credentials, and AWS takes them.
    CredentialsReady,
    /// A 200 outlives the loss of a pod.
    Durable,
    /// Nobody without a key can send events. The message names what is open.
    Secured,
    /// Records reach every stream that has traffic. Unknown while there is none.
    Delivering,
    /// Events that were given up wait for a person. True is abnormal.
    DeadLetters,
    /// kstatus: work is under way towards the current spec.
    Reconciling,
    /// kstatus: no progress without a person.
    Stalled,
    /// A type of a newer operator, or of another writer.
    #[serde(other)]
    Unknown,
}

/// True, False or Unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// It cannot be said.
    Unknown,
}

/// Why something is as it is. The only list of reasons there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    // Accepted
    /// The spec is valid.
    Valid,
    /// The spec breaks a rule that the API server's schema cannot express.
    Invalid,
    /// The spec asks for something that this version does not do.
    NotImplemented,
    /// The spec names an address that the installation does not allow.
    EndpointNotAllowed,
    /// The spec asks the cluster for something that the installation does not allow.
    NotAllowedHere,
    /// Two mappings have the same event in lower case.
    DuplicateEvent,
    /// The configuration would not fit into a ConfigMap.
    TooLarge,
    /// An object that this destination does not own has the name of one of its children.
    NameConflict,

    // ConfigSynced
    /// Every ready proxy runs the revision.
    Synced,
    /// Proxies have been told and have not answered with the revision yet.
    Propagating,
    /// A proxy refuses the configuration document and keeps its last good one.
    ConfigRejected,
    /// The operator cannot ask the proxies: a network policy, or a mesh.
    ProxiesUnreachable,
    /// There is no ready proxy.
    NoReadyProxies,
    /// A pod is not ready.
    ProxyNotReady,

    // What is the matter with a pod: Ready and status.pods
    /// Kubelet cannot pull the proxy's image.
    ImagePullBackOff,
    /// The container cannot be started for another reason than its image.
    ContainerNotStarted,
    /// The proxy ends and is started again and again.
    CrashLoopBackOff,
    /// No node takes the pod.
    Unschedulable,
    /// A quota of the namespace leaves no room for the pod or its claim.
    QuotaExceeded,
    /// The pod or its claim is refused when it is created.
    PodNotCreated,
    /// The pod was ended by its node, and not by its controller.
    PodFailed,
    /// The pod's node does not answer.
    NodeLost,
    /// The pod's claim has no volume yet.
    ClaimPending,
    /// The volume of the pod's claim is gone.
    ClaimLost,

    // CredentialsReady
    /// Credentials are loaded; AWS has not been called with them yet.
    CredentialsLoaded,
    /// No credentials were tried yet: nothing was sent.
    CredentialsNotTried,
    /// AWS takes the credentials.
    CredentialsAccepted,
    /// The Secret does not exist or is empty.
    SecretMissing,
    /// The Secret lacks a key, or a value is not usable.
    SecretIncomplete,
    /// No ambient source has credentials.
    SourceUnavailable,
    /// STS refuses the role.
    AssumeRoleDenied,
    /// STS does not answer.
    AssumeRoleUnavailable,
    /// AWS does not take the access key or the signature.
    CredentialsRejected,
    /// The session token has expired.
    CredentialsExpired,
    /// A pod's clock is too far from AWS's.
    ClockSkew,

    // Durable
    /// A 200 is on a persistent volume.
    PersistentSpool,
    /// A 200 is on a volume that goes with its pod.
    EphemeralSpool,
    /// A 200 is given when Firehose has the events.
    AcknowledgedByFirehose,

    // Secured
    /// Senders present a write key.
    WriteKeysRequired,
    /// Whoever reaches the endpoint may send events.
    NoAuthentication,
    /// Write keys are asked for, and pods that were made before that are open until they are replaced.
    SwitchingKeys,
    /// The write keys that senders are to present are not there: every request is refused.
    WriteKeysMissing,

    // Ready
    /// The key of hashes is not there: every request is refused.
    HashKeyMissing,
    /// The certificate of the endpoint, or the authorities of clients' ones, are not there: every request is refused.
    CertificateMissing,

    // Delivering and streams
    /// Firehose takes the records.
    Succeeded,
    /// Nothing was sent for a while.
    NoTraffic,
    /// Firehose takes the records one by one, because the policy lacks firehose:PutRecordBatch.
    SinglePutsOnly,
    /// Firehose asks for a slower pace.
    Throttled,
    /// There is no delivery stream of this name in the region.
    StreamNotFound,
    /// The policy does not allow the call.
    AccessDenied,
    /// The stream's KMS key cannot be used.
    KeyUnavailable,
    /// The stream takes no direct puts: its source is a Kinesis data stream, or Amazon MSK.
    NotDirectPut,
    /// Firehose refuses a record for what it is.
    RecordRejected,
    /// A record is larger than Firehose takes.
    RecordTooLarge,
    /// A call is larger than Firehose takes.
    CallTooLarge,
    /// Firehose refuses a call for a reason that the proxy does not know.
    CallRefused,
    /// A call could not be put together, so nothing was sent.
    CallNotMade,
    /// Firehose answers with an error of its own.
    #[serde(alias = "ServiceError")]
    ServiceFailure,
    /// Firehose answers with something that accounts for no record.
    UnexpectedAnswer,
    /// Firehose cannot be reached.
    FirehoseUnreachable,
    /// Firehose does not answer in time.
    Unanswered,
    /// Delivery is paused by the spec.
    DeliveryPaused,

    // DeadLetters
    /// Nothing was given up, or all of it was seen to.
    NoDeadLetters,
    /// Events that were given up wait to be sent again or dropped.
    DeadLettersWaiting,
    /// There is no room for more of them: events that cannot be delivered hold up their streams.
    DeadLettersFull,
    /// There is no place to keep them: what is given up is lost.
    DeadLettersUnavailable,

    // Ready, Reconciling, Stalled
    /// Nothing is in the way.
    Ready,
    /// Changes of the spec wait: spec.reconciliation is Paused.
    ReconciliationPaused,
    /// Proxies are being started or replaced.
    RollingOut,
    /// Pods above the number that the spec asks for deliver what they have before they go.
    Draining,
    /// A volume has what another destination has left: it is never sent.
    ForeignSpool,
    /// The operator could not write an object; it tries again.
    ApplyFailed,
    /// Pods do not become available with a new image, and no other destination gets it until they do, or until there is
    /// another one.
    RolloutHalted,
    /// Nothing is left to do.
    Settled,
    /// Not known, or a name of a newer operator.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Reason {
    /// What it says to a person who is told nothing else. Never empty.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Valid => "the spec is valid",
            Self::Invalid => "the spec breaks a rule",
            Self::NotImplemented => "the spec asks for something that this version does not do",
            Self::EndpointNotAllowed => "the spec names an address that the installation does not allow",
            Self::NotAllowedHere => "the spec asks the cluster for something that the installation does not allow",
            Self::DuplicateEvent => "two mappings have the same event",
            Self::TooLarge => "the configuration does not fit into a ConfigMap",
            Self::NameConflict => "an object of somebody else has the name of one of this destination's",
            Self::Synced => "every ready proxy runs the revision",
            Self::Propagating => "not every ready proxy runs the revision yet",
            Self::ConfigRejected => "a proxy refuses the configuration and keeps its last good one",
            Self::ProxiesUnreachable => "the operator cannot ask the proxies on the admin port",
            Self::NoReadyProxies => "no proxy is ready",
            Self::ProxyNotReady => "the pod is not ready",
            Self::ImagePullBackOff => "the proxy's image cannot be pulled",
            Self::ContainerNotStarted => "the container cannot be started",
            Self::CrashLoopBackOff => "the proxy ends and is started again and again",
            Self::Unschedulable => "no node takes the pod",
            Self::QuotaExceeded => "a quota of the namespace leaves no room for the pod",
            Self::PodNotCreated => "the pod cannot be created",
            Self::PodFailed => "the pod was ended by its node",
            Self::NodeLost => "the pod's node does not answer",
            Self::ClaimPending => "a claim has no volume yet",
            Self::ClaimLost => "the volume of a claim is gone",
            Self::CredentialsLoaded => "credentials are loaded, and AWS has not been called with them yet",
            Self::CredentialsNotTried => "no credentials were tried yet, because nothing was sent",
            Self::CredentialsAccepted => "AWS takes the credentials",
            Self::SecretMissing => "the Secret does not exist, or is empty",
            Self::SecretIncomplete => "the Secret lacks a key, or a value in it cannot be used",
            Self::SourceUnavailable => "no source has credentials",
            Self::AssumeRoleDenied => "STS does not hand out the role",
            Self::AssumeRoleUnavailable => "STS does not answer",
            Self::CredentialsRejected => "AWS does not take the access key or the signature",
            Self::CredentialsExpired => "the session token has expired",
            Self::ClockSkew => "a pod's clock is far from AWS's",
            Self::PersistentSpool => "a 200 means that events are on a persistent volume",
            Self::EphemeralSpool => "a 200 means that events are on a volume that goes with its pod",
            Self::AcknowledgedByFirehose => "a 200 means that Firehose has the events",
            Self::WriteKeysRequired => "senders present a write key",
            Self::NoAuthentication => {
                "whoever reaches the endpoint may send events, because ingest.authentication.type is None"
            }
            Self::SwitchingKeys => {
                "pods that were made before write keys were asked for are open until they are replaced"
            }
            Self::HashKeyMissing => "the key of hashes is not there or cannot be used, and every request is refused",
            Self::CertificateMissing => {
                "the certificate of the endpoint is not there or cannot be used, and every request is refused"
            }
            Self::WriteKeysMissing => "the write keys are not there, and every request is refused",
            Self::Succeeded => "Firehose takes the records",
            Self::NoTraffic => "nothing was sent for a while",
            Self::SinglePutsOnly => "records go one by one, because the policy lacks firehose:PutRecordBatch",
            Self::Throttled => "Firehose asks for a slower pace",
            Self::StreamNotFound => "there is no delivery stream of this name in the region",
            Self::AccessDenied => "the policy does not allow the call",
            Self::KeyUnavailable => "the stream's KMS key cannot be used",
            Self::NotDirectPut => "the stream takes no direct puts: its source is another one",
            Self::RecordRejected => "Firehose refuses a record for what it is",
            Self::RecordTooLarge => "a record is larger than Firehose takes",
            Self::CallTooLarge => "a call is larger than Firehose takes",
            Self::CallRefused => "Firehose refuses a call for a reason that the proxy does not know",
            Self::CallNotMade => "a call could not be put together, so nothing was sent",
            Self::ServiceFailure => "Firehose answers with an error of its own",
            Self::UnexpectedAnswer => "Firehose answers with something that accounts for no record",
            Self::FirehoseUnreachable => "Firehose cannot be reached",
            Self::Unanswered => "Firehose does not answer in time",
            Self::DeliveryPaused => "delivery is paused by the spec",
            Self::NoDeadLetters => "nothing was given up, or all of it was seen to",
            Self::DeadLettersWaiting => "events that were given up wait to be sent again or dropped",
            Self::DeadLettersFull => "there is no room for more events that cannot be delivered",
            Self::DeadLettersUnavailable => "what is given up is lost",
            Self::Ready => "events are accepted",
            Self::ReconciliationPaused => "changes of the spec wait, because spec.reconciliation is Paused",
            Self::RollingOut => "proxies are being started or replaced",
            Self::Draining => "the pod takes no more events, and delivers what it has before it goes",
            Self::ForeignSpool => "a volume has what another destination has left, which is never sent",
            Self::RolloutHalted => "pods do not become available with a new image, which is held back from all others",
            Self::ApplyFailed => "an object could not be written; the operator tries again",
            Self::Settled => "nothing is left to do",
            Self::Unknown => "not known yet",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter) // the variants are named as they are written
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl From<CredentialsReason> for Reason {
    fn from(reason: CredentialsReason) -> Self {
        match reason {
            CredentialsReason::Loaded => Self::CredentialsLoaded,
            CredentialsReason::Accepted => Self::CredentialsAccepted,
            CredentialsReason::SecretMissing => Self::SecretMissing,
            CredentialsReason::SecretIncomplete => Self::SecretIncomplete,
            CredentialsReason::SourceUnavailable => Self::SourceUnavailable,
            CredentialsReason::AssumeRoleDenied => Self::AssumeRoleDenied,
            CredentialsReason::AssumeRoleUnavailable => Self::AssumeRoleUnavailable,
            CredentialsReason::Rejected => Self::CredentialsRejected,
            CredentialsReason::Expired => Self::CredentialsExpired,
            CredentialsReason::ClockSkew => Self::ClockSkew,
            CredentialsReason::Unknown => Self::Unknown,
        }
    }
}

impl From<StreamReason> for Reason {
    fn from(reason: StreamReason) -> Self {
        match reason {
            StreamReason::NoTraffic => Self::NoTraffic,
            StreamReason::Succeeded => Self::Succeeded,
            StreamReason::SinglePutsOnly => Self::SinglePutsOnly,
            StreamReason::Throttled => Self::Throttled,
            StreamReason::StreamNotFound => Self::StreamNotFound,
            StreamReason::AccessDenied => Self::AccessDenied,
            StreamReason::SecretMissing => Self::SecretMissing,
            StreamReason::SecretIncomplete => Self::SecretIncomplete,
            StreamReason::SourceUnavailable => Self::SourceUnavailable,
            StreamReason::AssumeRoleDenied => Self::AssumeRoleDenied,
            StreamReason::AssumeRoleUnavailable => Self::AssumeRoleUnavailable,
            StreamReason::CredentialsRejected => Self::CredentialsRejected,
            StreamReason::CredentialsExpired => Self::CredentialsExpired,
            StreamReason::ClockSkew => Self::ClockSkew,
            StreamReason::KeyUnavailable => Self::KeyUnavailable,
            StreamReason::NotDirectPut => Self::NotDirectPut,
            StreamReason::RecordRejected => Self::RecordRejected,
            StreamReason::RecordTooLarge => Self::RecordTooLarge,
            StreamReason::CallTooLarge => Self::CallTooLarge,
            StreamReason::CallRefused => Self::CallRefused,
            StreamReason::CallNotMade => Self::CallNotMade,
            StreamReason::ServiceFailure => Self::ServiceFailure,
            StreamReason::UnexpectedAnswer => Self::UnexpectedAnswer,
            StreamReason::Unreachable => Self::FirehoseUnreachable,
            StreamReason::Unanswered => Self::Unanswered,
            StreamReason::Paused => Self::DeliveryPaused,
            StreamReason::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_written_as_it_is_displayed() {
        for reason in [Reason::NotImplemented, Reason::StreamNotFound, Reason::Unknown] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.to_string());
        }
    }

    #[test]
    fn a_reason_of_a_newer_operator_reads_as_unknown() {
        let reason: Reason = serde_json::from_str("\"FromTheFuture\"").unwrap();
        assert_eq!(reason, Reason::Unknown);
    }
}
