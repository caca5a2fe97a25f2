//! The document's types. Plain data: nothing here checks, computes or talks.

use serde::{Deserialize, Serialize};

use crate::{credentials::Credentials, ingest::Ingest, toggle::Toggle};

/// Everything one proxy pod needs to know about its destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Shape of the document; see [`crate::FORMAT_VERSION`].
    pub format_version: u32,
    /// Semantics that a reader must know to apply this document correctly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Hash of the content without this field; see [`crate::revision()`].
    pub revision: String,
    /// Whose document it is. A spool of another UID is never replayed.
    pub destination: Destination,
    /// AWS region, for example `eu-west-1`.
    pub region: String,
    /// Address of the Firehose API in place of the region's public one.
    #[serde(default, rename = "endpointURL", skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// Whether the FIPS endpoint of the region is used.
    #[serde(default, rename = "useFIPS")]
    pub use_fips: Toggle,
    /// Whether the dual-stack (IPv4 and IPv6) endpoint of the region is used.
    #[serde(default)]
    pub use_dual_stack: Toggle,
    /// Where AWS credentials come from.
    #[serde(default)]
    pub credentials: Credentials,
    /// Event name, event type or `*` to delivery stream, in the order of the custom resource.
    pub mappings: Vec<Mapping>,
    /// The HTTP endpoint.
    #[serde(default)]
    pub ingest: Ingest,
    /// How records reach Firehose.
    #[serde(default)]
    pub delivery: Delivery,
    /// Settings of single streams; a stream that is not listed has the defaults of [`Delivery`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<Stream>,
    /// Where accepted events wait.
    #[serde(default)]
    pub spool: Spool,
    /// Pods of this destination. A stream's quota is divided by it.
    #[serde(default = "one")]
    pub replicas: u32,
    /// Pods with an ordinal at or above this number stop intake, flush and report empty (scale down by draining).
    /// Absent: all take events.
    #[serde(default = "all")]
    pub active_replicas: u32,
    /// Generation of the destination that asks for fewer pods than there are; absent while there are as many. A pod
    /// says it again in its report: what it says of being empty was then not said before the number went up and down
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_generation: Option<i64>,
}

/// Identity of the `FirehoseDestination` a document was rendered from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
}

/// One row of the routing table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// Event name, event type, or `*`. Compared without regard to case, never trimmed.
    #[serde(default)]
    pub event: String,
    /// The delivery stream, exactly as named in AWS.
    #[serde(default)]
    pub delivery_stream_name: String,
}

/// How records reach Firehose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Delivery {
    /// Whether records are sent.
    pub state: DeliveryState,
    /// What a 200 means.
    pub acknowledge: Acknowledge,
    /// How long a record may wait for company, in milliseconds.
    pub linger_milliseconds: u32,
    /// What ends a record.
    pub record_delimiter: RecordDelimiter,
    /// Age in seconds at which a record is given up; absent means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
    /// Quota of each stream; absent means the region's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            state: DeliveryState::default(),
            acknowledge: Acknowledge::default(),
            linger_milliseconds: 100,
            record_delimiter: RecordDelimiter::default(),
            max_age_seconds: None,
            quota: None,
        }
    }
}

/// Whether records are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// Send.
    #[default]
    Running,
    /// Keep.
    Paused,
}

/// What a 200 means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acknowledge {
    /// The events are on the spool's disk.
    WhenSpooled,
    /// Firehose has the events.
    #[default]
    WhenDelivered,
}

/// What ends a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordDelimiter {
    /// One line feed.
    #[default]
    Newline,
    /// Nothing.
    None,
}

/// Direct PUT quota of a delivery stream. A dimension that is absent has the region's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Bytes per second before base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// Records per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_per_second: Option<u64>,
    /// Calls per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u64>,
}

/// Settings of one delivery stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stream {
    /// Name of the delivery stream.
    pub name: String,
    /// Its quota in place of [`Delivery::quota`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// Several events in one record; absent means one event a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packing: Option<Packing>,
}

/// Several newline-delimited events in one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Packing {
    /// Largest packed record in bytes; at most 1,024,000.
    pub max_record_size_bytes: u32,
}

/// Where accepted events wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spool {
    /// Kind of volume.
    #[serde(rename = "type")]
    pub kind: SpoolType,
    /// Most bytes that may wait, in memory and on disk together with [`DeadLetters::max_size_bytes`].
    pub max_size_bytes: u64,
    /// Events that cannot be delivered.
    pub dead_letters: DeadLetters,
    /// The version of the files' format that is written; every version up to the newest that a proxy knows is read. A
    /// proxy that does not know this one writes the newest that it knows.
    #[serde(skip_serializing_if = "is_first")]
    pub format_version: u32,
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            kind: SpoolType::default(),
            max_size_bytes: 256 * 1024 * 1024,
            dead_letters: DeadLetters::default(),
            format_version: 1,
        }
    }
}

/// Kind of volume that the spool is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpoolType {
    /// Outlives the pod.
    PersistentVolumeClaim,
    /// Goes with the pod.
    #[default]
    Ephemeral,
}

/// Budget of events that cannot be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeadLetters {
    /// Most bytes that dead letters may take.
    pub max_size_bytes: u64,
}

impl Default for DeadLetters {
    fn default() -> Self {
        Self {
            max_size_bytes: 64 * 1024 * 1024,
        }
    }
}

fn one() -> u32 {
    1
}

fn all() -> u32 {
    u32::MAX
}

/// A document says it only where it is not the first, so that its revision stays what it was.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_first(version: &u32) -> bool {
    *version == 1
}
