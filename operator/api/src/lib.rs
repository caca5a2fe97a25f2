//! The `FirehoseDestination` custom resource: types, validation rules, condition vocabulary.
//!
//! Plain data and its rules. It knows no client, no clock and no runtime, and what it cannot express in a schema (two
//! events that differ only in case, a document that is too large) is the plan's business, not its own.

#[cfg(feature = "admission")]
pub mod admission;
mod crd;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod credentials;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod deletion;
mod delivery;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod destination;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod endpoints;
#[cfg(feature = "admission")]
mod field_error;
mod formats;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod ingest;
#[cfg(feature = "admission")]
pub mod manifests;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod proxy;
mod quantity;
mod reason;
mod reference;
mod remedy;
#[cfg(feature = "admission")]
mod retired;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod selector;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod spool;
mod status;
#[cfg(feature = "admission")]
mod structure;
mod toggle;

pub use crd::{crd, schema};
pub use credentials::{
    AssumeRole, Credentials, CredentialsType, SessionTags, StaticCredentials, StaticKeys, WebIdentity,
};
pub use deletion::{Deletion, DeletionType, Drain};
pub use delivery::{
    Acknowledge, Billing, Delivery, DeliveryState, Packing, Quota, RecordDelimiter, StreamQuota, StreamSettings,
    Undeliverable,
};
pub use destination::{FirehoseDestination, FirehoseDestinationSpec, Mapping, Reconciliation};
pub use endpoints::{CustomEndpoint, Endpoint, EndpointType, Endpoints};
pub use ingest::{
    AllowedClients, AllowedNamespaces, Authentication, AuthenticationType, ClientCertificateMode, ClientCertificates,
    Connections, Cors, Deduplication, Ingest, IngestState, InvalidEventPolicy, NamespacesFrom, Privacy, PrivacyAction,
    PrivacyHashKey, PrivacyRule, RequestIp, Source, Tls, WriteKeys,
};
pub use proxy::{
    Affinity, ImagePullSecret, IpFamilyPolicy, NodeAffinity, NodeSelector, NodeSelectorTerm, PodAffinity,
    PodAffinityTerm, PreferredNodes, PreferredPods, ProxySettings, ResourceAmounts, Resources, Service, ServiceAccount,
    Shutdown, TaintEffect, Toleration, TolerationOperator, TopologySpreadConstraint, TrafficDistribution,
    WhenUnsatisfiable,
};
pub use quantity::{Amount, ByteSize};
pub use reason::{ConditionStatus, ConditionType, Reason};
pub use reference::{SecretKeyRef, SecretRef};
pub use selector::{LabelExpression, LabelOperator, LabelSelector};
pub use spool::{
    ClaimMetadata, ClaimSpec, ClaimTemplate, DeadLetters, PersistentVolumeClaim, Retention, RetentionPolicy, Spool,
    SpoolType, VolumeRequests, VolumeResources,
};
pub use status::{
    Address, Condition, Effective, EffectiveEndpoints, EffectiveQuota, FirehoseDestinationStatus, PodStatus, Proxies,
    RetainedClaim, StreamState, StreamStatus,
};
pub use toggle::Toggle;
