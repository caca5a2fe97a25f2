//! What the operator reports about a destination. Transitions only: counters live in metrics.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::reason::{ConditionStatus, ConditionType, Reason};

/// What the operator reports about a destination.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseDestinationStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// Where events are sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,

    /// Revision of the configuration that the proxies are to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub revision: Option<String>,

    /// Number of mappings in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub mappings: Option<i32>,

    /// Number of proxy pods, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub replicas: Option<i32>,

    /// Label selector of the proxy pods, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub selector: Option<String>,

    /// The proxy pods, counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxies: Option<Proxies>,

    /// The delivery streams, as the proxies see them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub streams: Vec<StreamStatus>,

    /// Ready, Accepted, ConfigSynced, CredentialsReady, Durable, Delivering, DeadLettersEmpty, Reconciling, Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Where events are sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Base URL for an SDK's data plane or host setting.
    #[schemars(length(max = 2048))]
    pub url: String,
}

/// The proxy pods, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proxies {
    /// How many the spec asks for.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub desired: i32,
    /// How many are ready.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub ready: i32,
    /// How many of the ready ones report the revision in this status.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub synced: i32,
    /// How many deliver what they have and take nothing more, before they go.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub draining: i32,
}

/// One delivery stream, as the proxies see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamStatus {
    /// The delivery stream, exactly as named in AWS.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Delivering, Idle, Failing, Paused or Unknown. Failing when it fails in any proxy.
    pub state: StreamState,
    /// Why it is so.
    #[schemars(schema_with = "word")]
    pub reason: Reason,
}

/// State of one delivery stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum StreamState {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// Nothing was sent for a while and nothing waits.
    Idle,
    /// Records are going out.
    Delivering,
    /// Delivery is paused by the spec.
    Paused,
    /// Records wait because of the reason given.
    Failing,
}

/// One aspect of the destination's state, after the Kubernetes API conventions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    #[schemars(schema_with = "word")]
    pub kind: ConditionType,
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// Why it is so, in one word.
    #[schemars(schema_with = "word")]
    pub reason: Reason,
    /// Why it is so, for a person. May be empty.
    #[schemars(length(max = 32768))]
    pub message: String,
    /// When the status last changed.
    #[schemars(schema_with = "time")]
    pub last_transition_time: Time,
    /// Generation of the spec that this condition is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
}

/// Open in the schema, so that a new operator can write a new word under an old definition; closed in the code.
fn word(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z]+$"})
}

fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time", "maxLength": 64})
}
