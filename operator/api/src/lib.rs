//! The `FirehoseDestination` custom resource: types, validation rules, condition vocabulary.
//!
//! Plain data and its rules. It knows no client, no clock and no runtime, and what it cannot express in a schema (two events
//! that differ only in case, a document that is too large) is the plan's business, not its own.

#[cfg(feature = "admission")]
pub mod admission;
mod crd;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod credentials;
mod delivery;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod destination;
#[cfg(feature = "admission")]
mod field_error;
mod ingest;
mod proxy;
mod quantity;
mod reason;
#[allow(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the type inside a function"
)]
mod spool;
mod status;
#[cfg(feature = "admission")]
mod structure;

pub use crd::{crd, schema};
pub use credentials::{AssumeRole, Credentials, CredentialsType, StaticCredentials};
pub use delivery::{Acknowledge, Delivery, DeliveryState, Packing, RecordDelimiter, StreamQuota, StreamSettings};
pub use destination::{DeletionPolicy, FirehoseDestination, FirehoseDestinationSpec, Mapping, Toggle};
pub use ingest::{Cors, Ingest, IngestState, InvalidEventPolicy, WriteKeys};
pub use proxy::{
    ImagePullSecret, ProxySettings, ResourceAmounts, Resources, ServiceAccount, TaintEffect, Toleration,
    TolerationOperator, TopologySpreadConstraint, WhenUnsatisfiable,
};
pub use quantity::{Amount, ByteSize};
pub use reason::{ConditionStatus, ConditionType, Reason};
pub use spool::{DeadLetters, PersistentVolumeClaim, Spool, SpoolType, VolumeRequests, VolumeResources};
pub use status::{Address, Condition, FirehoseDestinationStatus, Proxies, StreamState, StreamStatus};
