//! The HTTP endpoint that takes events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::ByteSize;

/// The HTTP endpoint that takes events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ingest {
    /// Enabled accepts events. Unavailable answers 503: SDKs keep their events and try again. Gone answers 404: SDKs discard
    /// their events.
    #[serde(default)]
    pub state: IngestState,

    /// The write keys that clients must present. Absent: whoever reaches the endpoint may send events. While the Secret is
    /// missing, no event is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_keys: Option<WriteKeys>,

    /// Largest request body, after decompression, between 1Ki and 64Mi. Default: 10Mi.
    #[serde(default = "default_max_request_size")]
    pub max_request_size: ByteSize,

    /// What one invalid event in a batch does. DeadLetter sets it aside (at most 1,000 of a request, and as far as there is
    /// room for dead letters) and accepts the others; RejectBatch refuses the whole batch with status 400.
    #[serde(default)]
    pub invalid_event_policy: InvalidEventPolicy,

    /// Most events a second that one pod accepts; above it, requests are answered 429. Absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub events_per_second_per_pod: Option<i32>,

    /// Networks in CIDR notation whose X-Forwarded-For header is believed. Absent: that of every client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(regex(pattern = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"), length(max = 43))
    )]
    pub trusted_proxies: Vec<String>,

    /// Requests of browsers from other origins.
    #[serde(default)]
    pub cors: Cors,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            state: IngestState::default(),
            write_keys: None,
            max_request_size: default_max_request_size(),
            invalid_event_policy: InvalidEventPolicy::default(),
            events_per_second_per_pod: None,
            trusted_proxies: Vec::new(),
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

/// A Secret of the destination's namespace with the write keys that clients must present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WriteKeys {
    /// Name of the Secret, in the namespace of the destination.
    #[schemars(regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"), length(min = 1, max = 253))]
    pub secret_name: String,

    /// Key of the Secret that holds the write keys, one a line, so that an old and a new one can be valid together.
    #[serde(default = "default_write_keys_key")]
    #[schemars(regex(pattern = r"^[-._a-zA-Z0-9]+$"), length(min = 1, max = 253))]
    pub key: String,
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

/// Requests of browsers from other origins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    /// Origins that may send events, for example "https://shop.example"; "*" is any.
    #[serde(default = "any_origin")]
    #[schemars(
        length(max = 64),
        inner(regex(pattern = r"^(\*|[a-z][a-z0-9+.-]*://[^\s/?#]+)$"), length(max = 256))
    )]
    pub allowed_origins: Vec<String>,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            allowed_origins: any_origin(),
        }
    }
}

fn default_max_request_size() -> ByteSize {
    ByteSize::new("10Mi")
}

fn default_write_keys_key() -> String {
    "writeKeys".to_owned()
}

fn any_origin() -> Vec<String> {
    vec!["*".to_owned()]
}
