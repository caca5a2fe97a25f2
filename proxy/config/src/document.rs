//! The document's types. Plain data: nothing here checks, computes or talks.

use serde::{Deserialize, Serialize};

use crate::{credentials::Credentials, toggle::Toggle};

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
    #[serde(default = "one")]
    pub active_replicas: u32,
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

/// The HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ingest {
    /// Whether events are accepted.
    pub state: IngestState,
    /// Keys that clients must present; absent means that every request is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_keys: Option<WriteKeys>,
    /// Largest request body in bytes, after decompression.
    pub max_request_size_bytes: u64,
    /// What one invalid event in a batch does.
    pub invalid_event_policy: InvalidEventPolicy,
    /// Events per second that one pod accepts; absent means no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_per_second_per_pod: Option<u32>,
    /// Networks in CIDR notation whose `X-Forwarded-For` is believed; empty means every peer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<String>,
    /// How much of a client's address is kept.
    #[serde(rename = "requestIP", skip_serializing_if = "RequestIp::is_full")]
    pub request_ip: RequestIp,
    /// What is taken out of events before anything of them is kept; absent means nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Privacy>,
    /// How long connections live; absent: as [`Connections::default`] says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<Connections>,
    /// Serves HTTPS; absent means plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Cross-origin requests of browsers.
    pub cors: Cors,
    /// How events that a client sends again are recognized.
    pub deduplication: Deduplication,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            state: IngestState::default(),
            write_keys: None,
            max_request_size_bytes: 10 * 1024 * 1024,
            invalid_event_policy: InvalidEventPolicy::default(),
            events_per_second_per_pod: None,
            trusted_proxies: Vec::new(),
            request_ip: RequestIp::default(),
            privacy: None,
            connections: None,
            tls: None,
            cors: Cors::default(),
            deduplication: Deduplication::default(),
        }
    }
}

/// How events that a client sends again are recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deduplication {
    /// Whether they are.
    pub state: Toggle,
    /// How long a pod remembers an event.
    pub window_seconds: u32,
    /// Most memory that it remembers events in.
    pub max_memory_bytes: u64,
}

impl Default for Deduplication {
    fn default() -> Self {
        Self {
            state: Toggle::Enabled,
            window_seconds: 600,
            max_memory_bytes: 32 * 1024 * 1024,
        }
    }
}

/// How long connections live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connections {
    /// Age at which a connection is told to close with its next answer, a fifth more or less.
    pub max_age_seconds: u32,
    /// How long a connection may be idle.
    pub idle_timeout_seconds: u32,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            max_age_seconds: 600,
            idle_timeout_seconds: 620,
        }
    }
}

/// Whether events are accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IngestState {
    /// Accept.
    #[default]
    Enabled,
    /// Answer 503: SDKs keep their events and retry.
    Unavailable,
    /// Answer 404: SDKs discard their events.
    Gone,
}

/// How much of a client's address is kept: in its events, and in lines of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestIp {
    /// All of it.
    #[default]
    Full,
    /// Its network: 24 bits of an IPv4 address, 48 bits of an IPv6 address.
    Truncated,
    /// Nothing.
    Omitted,
}

impl RequestIp {
    /// A document says it only where it is not the default, so that older readers take it.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

/// What is taken out of events before anything of them is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Privacy {
    /// The key of hashes. While it is named and not there, no event is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_key: Option<HashKey>,
    /// Which values, and what becomes of them.
    pub rules: Vec<PrivacyRule>,
}

/// A file whose bytes, all of them as they are, are the key of hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HashKey {
    /// Directory with the file `hashKey`.
    pub directory: String,
}

impl HashKey {
    /// File name of the key of hashes.
    pub const FILE: &str = "hashKey";
}

/// What becomes of the values at a place in events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivacyRule {
    /// Names with dots between them; `*` is every name of one level, and every element of a list.
    pub path: String,
    /// What becomes of a value there.
    pub action: PrivacyAction,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrivacyAction {
    /// It is gone, and its name too.
    Drop,
    /// A keyed hash takes its place.
    Hash,
    /// A fixed text takes its place.
    Redact,
}

/// Files that TLS is served with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Directory with the files `tls.crt` and `tls.key`.
    pub directory: String,
    /// Whether clients show certificates.
    #[serde(default)]
    pub client_certificates: ClientCertificateMode,
    /// Who their certificates come from; absent where they show none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_authorities: Option<ClientAuthorities>,
}

/// A file with the authorities that clients' certificates come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientAuthorities {
    /// Directory with the file `ca.crt`.
    pub directory: String,
}

impl ClientAuthorities {
    /// File name of the authorities.
    pub const FILE: &str = "ca.crt";
}

impl Tls {
    /// File name of the certificate and those between it and its authority.
    pub const CERTIFICATE_FILE: &str = "tls.crt";
    /// File name of the certificate's key.
    pub const KEY_FILE: &str = "tls.key";
}

/// Whether clients show certificates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientCertificateMode {
    /// They are not asked.
    #[default]
    None,
    /// They may; one that is shown must be good.
    Optional,
    /// They must.
    Required,
}

/// A file with one write key a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteKeys {
    /// Directory with the file `writeKeys`.
    pub directory: String,
}

impl WriteKeys {
    /// File name of the list of write keys.
    pub const FILE: &str = "writeKeys";
}

/// What one invalid event in a batch does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvalidEventPolicy {
    /// It is set aside; the others are accepted.
    #[default]
    DeadLetter,
    /// The whole batch is answered 400.
    RejectBatch,
}

/// Cross-origin requests of browsers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cors {
    /// Origins that may send events; `*` is any.
    pub allowed_origins: Vec<String>,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            allowed_origins: vec!["*".to_owned()],
        }
    }
}

/// How records reach Firehose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Delivery {
    /// Whether records are sent.
    pub state: DeliveryState,
    /// What a 200 means.
    pub acknowledge: Acknowledge,
    /// What becomes of the events of a stream that takes none.
    #[serde(skip_serializing_if = "Undeliverable::is_refuse")]
    pub undeliverable: Undeliverable,
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
            undeliverable: Undeliverable::default(),
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

/// What becomes of the events of a stream that takes none for a reason that time alone does not mend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Undeliverable {
    /// They are answered 503, and their senders keep them.
    #[default]
    Refuse,
    /// They are dead letters, answered 200, and sent again when the stream takes events again.
    DeadLetter,
}

impl Undeliverable {
    /// A document says it only where it is not the default, so that older readers take it.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    fn is_refuse(&self) -> bool {
        *self == Self::Refuse
    }
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
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            kind: SpoolType::default(),
            max_size_bytes: 256 * 1024 * 1024,
            dead_letters: DeadLetters::default(),
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
