//! The HTTP endpoint that takes events.

mod authentication;
mod clients;
mod connection;
mod deduplication;
mod privacy;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{formats, quantity::ByteSize, quantity::max_request_size};

pub use authentication::{Authentication, AuthenticationType, Source, WriteKeys};
pub use clients::{AllowedClients, AllowedNamespaces, NamespacesFrom};
pub use connection::{ClientCertificateMode, ClientCertificates, Connections, Cors, Tls};
pub use deduplication::Deduplication;
pub use privacy::{Privacy, PrivacyAction, PrivacyHashKey, PrivacyRule};

/// The HTTP endpoint that takes events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.authentication.type == 'WriteKeys' || (!has(self.authentication.writeKeys) && (!has(self.sources) || self.sources.size() == 0))").message("type must be WriteKeys where there are writeKeys or sources, so that nobody takes an open endpoint for a closed one").field_path(".authentication.type").reason(Reason::FieldValueInvalid),
    validation = Rule::new("self.authentication.type != 'WriteKeys' || has(self.authentication.writeKeys) || (has(self.sources) && self.sources.size() > 0)").message("writeKeys must be set when type is WriteKeys, unless sources have write keys of their own").field_path(".authentication.writeKeys").reason(Reason::FieldValueRequired),
)]
#[serde(rename_all = "camelCase")]
pub struct Ingest {
    /// Enabled accepts events. Unavailable answers 503: SDKs keep their events and try again. Gone answers 404: SDKs
    /// discard their events.
    #[serde(default)]
    pub state: IngestState,

    /// Who may send events. Default: whoever reaches the endpoint.
    #[serde(default)]
    pub authentication: Authentication,

    /// Named senders, each with write keys of its own, beside those of authentication; they need authentication.type
    /// WriteKeys. A row of mappings may name one. While the write keys of one are missing, its requests are answered
    /// 503.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub sources: Vec<Source>,

    /// Field of the record that the source's name is written to, for example context.source; what a client has there
    /// is replaced, by null where it has no source. Absent: it is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::field_path")]
    pub source_field: Option<String>,

    /// Which pods the destination's network policy lets in. Absent: those that the installation allows. Policies add
    /// up: what another one opens is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_clients: Option<AllowedClients>,

    /// How much of a client's address is written into its events and into log lines: Full, Truncated (its first 24
    /// bits for IPv4, 48 for IPv6, and zeros behind them), or Omitted. An address that an event brings itself is
    /// the client's to send, and stays.
    #[serde(default, rename = "requestIP")]
    pub request_ip: RequestIp,

    /// What is taken out of events before anything of them is stored, logged or delivered. Routing and rudderId see
    /// what is left. Events that are not valid JSON are then not set aside, only counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Privacy>,

    /// Recognizes events that a client sends again, by their message ID and content, and does not deliver them again.
    /// Absent, it is enabled with its defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication: Option<Deduplication>,

    /// Largest request body, after decompression, between 1Ki and 64Mi. Default: 10Mi.
    #[serde(default = "default_max_request_size")]
    #[schemars(schema_with = "max_request_size")]
    pub max_request_size: ByteSize,

    /// What one invalid event in a batch does. DeadLetter sets it aside (at most 1,000 of a request, and as far as
    /// there is room for dead letters) and accepts the others; RejectBatch refuses the whole batch with status 400.
    #[serde(default)]
    pub invalid_event_policy: InvalidEventPolicy,

    /// Most events a second that one pod accepts; above it, requests are answered 429. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub events_per_second_per_pod: Option<i32>,

    /// How long connections live. An edit applies to those that are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Connections>,

    /// Networks in CIDR notation whose X-Forwarded-For header is believed. Absent: that of every client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "formats::networks")]
    pub trusted_proxies: Vec<String>,

    /// Serves HTTPS instead of plain HTTP, on the same port. Absent: plain HTTP. While the certificate is missing or
    /// cannot be used, no event is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,

    /// Requests of browsers from other origins.
    #[serde(default)]
    pub cors: Cors,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            state: IngestState::default(),
            authentication: Authentication::default(),
            sources: Vec::new(),
            source_field: None,
            allowed_clients: None,
            request_ip: RequestIp::default(),
            privacy: None,
            deduplication: None,
            max_request_size: default_max_request_size(),
            invalid_event_policy: InvalidEventPolicy::default(),
            events_per_second_per_pod: None,
            connections: None,
            trusted_proxies: Vec::new(),
            tls: None,
            cors: Cors::default(),
        }
    }
}

/// Whether events are accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IngestState {
    /// Accept.
    #[default]
    Enabled,
    /// Answer 503: SDKs keep their events and try again.
    Unavailable,
    /// Answer 404: SDKs discard their events.
    Gone,
}

/// How much of a client's address is written into its events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RequestIp {
    /// All of it.
    #[default]
    Full,
    /// Its network.
    Truncated,
    /// Nothing.
    Omitted,
}

/// What one invalid event in a batch does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum InvalidEventPolicy {
    /// It is set aside; the others are accepted.
    #[default]
    DeadLetter,
    /// The whole batch is refused.
    RejectBatch,
}

fn default_max_request_size() -> ByteSize {
    ByteSize::new("10Mi")
}
