//! The document's types about the HTTP endpoint. Plain data, as all of them.

use serde::{Deserialize, Serialize};

use crate::toggle::Toggle;

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
