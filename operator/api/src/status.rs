//! What the operator reports about a destination. Transitions only: counters live in metrics.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    delivery::Acknowledge,
    formats,
    reason::{ConditionStatus, ConditionType, Reason},
};

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

    /// The installation of the operator that serves this destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub installation: Option<String>,

    /// Revision of the configuration that the proxies are to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub revision: Option<String>,

    /// The revision that every ready proxy ran when that was last so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub last_synced_revision: Option<String>,

    /// What is in force where the spec leaves a choice open. What is not known is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Effective>,

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

    /// The proxy pods that have something to say: not ready, not on the revision, or failing. At most 20, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub pods: Vec<PodStatus>,

    /// How many more pods have something to say than pods has room for. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub omitted_pods: Option<i32>,

    /// Claims that no pod uses any more and that still hold what their pods had accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub retained_claims: Vec<RetainedClaim>,

    /// The delivery streams, as the proxies see them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["deliveryStreamName"]))]
    pub streams: Vec<StreamStatus>,

    /// Ready, Accepted, ConfigSynced, CredentialsReady, Durable, Secured, Delivering, DeadLetters, Reconciling,
    /// Stalled.
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// How many are ready and report the revision, of how many the spec asks for, for example 2/2.
    #[serde(default)]
    #[schemars(length(max = 23))]
    pub summary: String,
}

/// A proxy pod that has something to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// Name of the pod.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// What it is about, in one word.
    #[schemars(schema_with = "formats::word")]
    pub reason: Reason,
    /// What it is about, for a person.
    #[schemars(schema_with = "formats::message")]
    pub message: String,
}

/// A claim that no pod uses any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetainedClaim {
    /// Name of the claim.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What is in force where the spec leaves a choice open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Effective {
    /// What a response of 200 means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<Acknowledge>,
    /// Most bytes of accepted events that may wait in one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 26))]
    pub max_size: Option<String>,
    /// Largest request that can be confirmed in time at the quota in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 26))]
    pub confirmable_request_size: Option<String>,
    /// As whom records are delivered: where credentials come from, then the roles that are assumed with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8192))]
    pub identity: Option<String>,
    /// The addresses of AWS that the proxies talk to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<EffectiveEndpoints>,
    /// What each delivery stream may take from one pod. A stream with settings of its own has another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_per_pod: Option<EffectiveQuota>,
    /// Image of the proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub image: Option<String>,
}

/// The addresses of AWS that the proxies talk to. One that is the AWS SDK's to find is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveEndpoints {
    /// Of Firehose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub firehose: Option<String>,
    /// Of STS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub sts: Option<String>,
}

/// What a delivery stream may take from one pod. A dimension that the spec leaves to the region is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveQuota {
    /// Bytes a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 26))]
    pub bytes_per_second: Option<String>,
    /// Records a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub records_per_second: Option<i64>,
    /// Calls a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub requests_per_second: Option<i64>,
}

/// One delivery stream, as the proxies see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamStatus {
    /// The delivery stream, exactly as named in AWS.
    #[schemars(length(min = 1, max = 64))]
    pub delivery_stream_name: String,
    /// Delivering, Idle, Failing, Paused or Unknown. Failing when it fails in any proxy.
    pub state: StreamState,
    /// Why it is so, in one word.
    #[schemars(schema_with = "formats::word")]
    pub reason: Reason,
    /// Why it is so, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::message")]
    pub message: Option<String>,
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
    #[schemars(schema_with = "formats::word")]
    pub kind: ConditionType,
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// Why it is so, in one word.
    #[schemars(schema_with = "formats::word")]
    pub reason: Reason,
    /// Why it is so, for a person. Never empty.
    #[schemars(schema_with = "formats::message")]
    pub message: String,
    /// When the status last changed.
    #[schemars(schema_with = "formats::time")]
    pub last_transition_time: Time,
    /// Generation of the spec that this condition is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
}
