//! The custom resource itself. Its doc comments are what `kubectl explain` prints, so they speak to users of the
//! object.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    credentials::Credentials,
    deletion::Deletion,
    delivery::{Delivery, StreamSettings},
    endpoints::Endpoints,
    formats,
    ingest::Ingest,
    proxy::ProxySettings,
    spool::Spool,
    status::FirehoseDestinationStatus,
};

/// Where customer events go: an HTTP endpoint inside the cluster that takes events from RudderStack and Segment SDKs
/// and delivers each of them to the Amazon Data Firehose stream that its name, its type or "*" maps to.
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
    printcolumn(
        name = "Delivering",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Delivering\")].status",
        description = "Whether records reach every delivery stream that has traffic"
    ),
    printcolumn(
        name = "Proxies",
        type_ = "string",
        json_path = ".status.proxies.summary",
        description = "Ready proxies that run the current revision, of those asked for"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Region",
        type_ = "string",
        json_path = ".spec.region",
        description = "AWS region of the delivery streams",
        priority = 1
    ),
    printcolumn(
        name = "Mappings",
        type_ = "integer",
        json_path = ".status.mappings",
        description = "Number of mappings in force",
        priority = 1
    ),
    printcolumn(
        name = "Revision",
        type_ = "string",
        json_path = ".status.revision",
        description = "Revision of the configuration that the proxies are to run",
        priority = 1
    ),
    printcolumn(
        name = "Address",
        type_ = "string",
        json_path = ".status.address.url",
        description = "Where events are sent to",
        priority = 1
    ),
    printcolumn(
        name = "Identity",
        type_ = "string",
        json_path = ".status.effective.identity",
        description = "As whom records are delivered",
        priority = 1
    ),
    printcolumn(
        name = "Dead letters",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"DeadLetters\")].status",
        description = "Whether events that were given up wait for a person",
        priority = 1
    ),
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message("metadata.name must be at most 40 characters: lower-case letters, digits and '-', beginning with a letter and ending with a letter or digit"),
)]
#[x_kube(validation = Rule::new("has(self.className) ? has(oldSelf.className) && self.className == oldSelf.className : !has(oldSelf.className)").message("className cannot be changed; create another destination").field_path(".className").reason(Reason::FieldValueForbidden))]
#[serde(rename_all = "camelCase")]
pub struct FirehoseDestinationSpec {
    /// Which installation of the operator serves this destination. Absent: the one without a class. It cannot be
    /// changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::class_name")]
    pub class_name: Option<String>,

    /// Active follows changes of this spec. Paused leaves what runs as it is and goes on reporting its status; a
    /// deletion, and what the installation forbids, act all the same.
    #[serde(default)]
    pub reconciliation: Reconciliation,

    /// AWS region of the delivery streams, for example eu-west-1.
    #[schemars(schema_with = "formats::region")]
    pub region: String,

    /// Which event goes to which delivery stream. The event's name is looked up first, then its type, then "*",
    /// whatever the order of the rows; an event that matches nothing is counted and not sent. Up to 1,000 rows; two
    /// rows may not have the same event and source, upper and lower case of the event not told apart.
    #[schemars(length(min = 1, max = 1000), extend("x-kubernetes-list-type" = "atomic"))]
    pub mappings: Vec<Mapping>,

    /// Where AWS credentials come from. Default: the pod's own identity.
    #[serde(default)]
    pub credentials: Credentials,

    /// Which addresses of AWS the proxies talk to.
    #[serde(default)]
    pub endpoints: Endpoints,

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
    #[schemars(length(max = 1000), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["deliveryStreamName"]))]
    pub streams: Vec<StreamSettings>,

    /// Where accepted events wait until they are delivered.
    #[serde(default)]
    pub spool: Spool,

    /// What happens when this object is deleted.
    #[serde(default)]
    pub deletion: Deletion,

    /// The proxy pods: what a cluster's scheduler, policies and identity webhooks need to know of them.
    #[serde(default)]
    pub proxy: ProxySettings,
}

/// One row of the routing table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// Name of an event, a type (identify, track, page, screen, group, alias or one of your own), or "*" for
    /// everything that no other row names. Upper and lower case are not told apart; white space counts; there are
    /// no patterns.
    #[schemars(schema_with = "formats::event")]
    pub event: String,

    /// The delivery stream, exactly as named in AWS: 1 to 64 letters, digits, "_", "." and "-".
    #[schemars(schema_with = "formats::delivery_stream_name")]
    pub delivery_stream_name: String,

    /// Only events of this source, one of ingest.sources. The rows of a source come before those without one, its "*"
    /// too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::source_name")]
    pub source: Option<String>,
}

/// Whether changes of the spec are followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Reconciliation {
    /// They are.
    #[default]
    Active,
    /// They wait.
    Paused,
}

fn default_replicas() -> i32 {
    2
}
