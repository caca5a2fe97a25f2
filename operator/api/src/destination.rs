//! The custom resource itself. Its doc comments are what `kubectl explain` prints, so they speak to users of the object.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    credentials::Credentials, delivery::Delivery, delivery::StreamSettings, ingest::Ingest, proxy::ProxySettings,
    spool::Spool, status::FirehoseDestinationStatus,
};

/// Where customer events go: an HTTP endpoint inside the cluster that takes events from RudderStack and Segment SDKs and
/// delivers each of them to the Amazon Data Firehose stream that its name, its type or "*" maps to.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "firehose-operator.dev",
    version = "v1alpha1",
    kind = "FirehoseDestination",
    plural = "firehosedestinations",
    singular = "firehosedestination",
    shortname = "fhd",
    category = "firehose",
    namespaced,
    doc = "An Amazon Data Firehose destination for customer events: an HTTP endpoint inside the cluster that takes events from RudderStack and Segment SDKs and delivers each of them to the delivery stream that its name, its type or \"*\" maps to. Address of the endpoint: status.address.url.",
    status = "FirehoseDestinationStatus",
    derive = "PartialEq",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Region",
        type_ = "string",
        json_path = ".spec.region",
        description = "AWS region of the delivery streams"
    ),
    printcolumn(
        name = "Mappings",
        type_ = "integer",
        json_path = ".status.mappings",
        description = "Number of mappings in force"
    ),
    printcolumn(
        name = "Proxies",
        type_ = "integer",
        json_path = ".status.proxies.synced",
        description = "Proxies that run the current revision"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether events are accepted under the current spec"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is, or is not, ready"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message("metadata.name must be at most 40 characters: lower-case letters, digits and '-', beginning with a letter and ending with a letter or digit"),
)]
#[x_kube(validation = Rule::new("!has(self.endpointURL) || (self.useFIPS == 'Disabled' && self.useDualStack == 'Disabled')").message("endpointURL names the endpoint, so useFIPS and useDualStack must be Disabled").field_path(".endpointURL").reason(Reason::FieldValueForbidden))]
#[serde(rename_all = "camelCase")]
pub struct FirehoseDestinationSpec {
    /// AWS region of the delivery streams, for example eu-west-1.
    #[schemars(regex(pattern = r"^[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$"), length(max = 40))]
    pub region: String,

    /// Which event goes to which delivery stream. The event's name is looked up first, then its type, then "*", whatever
    /// the order of the rows; an event that matches nothing is counted and not sent. Up to 1,000 rows; two rows may not have
    /// the same event, upper and lower case not told apart.
    #[schemars(length(min = 1, max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub mappings: Vec<Mapping>,

    /// Where AWS credentials come from. Default: the pod's own identity.
    #[serde(default)]
    pub credentials: Credentials,

    /// Address of the Firehose API in place of the region's public one, for VPC endpoints and stand-ins. Events and
    /// signed requests go to whatever it names.
    #[serde(default, rename = "endpointURL", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"), length(max = 2048))]
    pub endpoint_url: Option<String>,

    /// Whether the region's FIPS endpoint is used: Enabled or Disabled.
    #[serde(default, rename = "useFIPS")]
    pub use_fips: Toggle,

    /// Whether the region's dual-stack (IPv4 and IPv6) endpoint is used: Enabled or Disabled.
    #[serde(default)]
    pub use_dual_stack: Toggle,

    /// Number of proxy pods. `kubectl scale` and autoscalers set it.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 1, max = 100))]
    pub replicas: i32,

    /// The HTTP endpoint that takes events.
    #[serde(default)]
    pub ingest: Ingest,

    /// How records reach Firehose.
    #[serde(default)]
    pub delivery: Delivery,

    /// Settings of single delivery streams. A stream that is not listed has those of delivery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_string()]))]
    pub streams: Vec<StreamSettings>,

    /// Where accepted events wait until they are delivered.
    #[serde(default)]
    pub spool: Spool,

    /// What becomes of the spooled events when the object is deleted. Retain keeps the persistent volume claims; Drain
    /// delivers what waits first, for at most drainTimeoutSeconds.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// How long a deletion with deletionPolicy Drain may take, in seconds. Default: 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86400))]
    pub drain_timeout_seconds: Option<i32>,

    /// The proxy pods: what a cluster's scheduler, policies and identity webhooks need to know of them.
    #[serde(default)]
    pub proxy: ProxySettings,
}

/// One row of the routing table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// Name of an event, a type (identify, track, page, screen, group, alias or one of your own), or "*" for everything
    /// that no other row names. Upper and lower case are not told apart; white space counts; there are no patterns.
    #[schemars(regex(pattern = r"\S"), length(min = 1, max = 256))]
    pub event: String,

    /// The delivery stream, exactly as named in AWS: 1 to 64 letters, digits, "_", "." and "-".
    #[schemars(regex(pattern = r"^[a-zA-Z0-9_.-]+$"), length(min = 1, max = 64))]
    pub delivery_stream_name: String,
}

/// Enabled or Disabled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Toggle {
    /// On.
    Enabled,
    /// Off.
    #[default]
    Disabled,
}

/// What becomes of the spooled events when the object is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Claims and what they hold stay.
    #[default]
    Retain,
    /// What waits is delivered first.
    Drain,
}

fn default_replicas() -> i32 {
    2
}
