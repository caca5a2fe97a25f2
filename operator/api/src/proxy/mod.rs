//! What a cluster's scheduler, policies and identity webhooks need to know of the proxy pods.
//!
//! Deliberately not a pod template: whatever could change the image, the command, the volumes or the security of the
//! pods is the operator's, because a destination is written by tenants.

mod affinity;
mod scheduling;

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    formats,
    quantity::{self, Amount},
};

pub use affinity::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorTerm, PodAffinity, PodAffinityTerm, PreferredNodes, PreferredPods,
};
pub use scheduling::{TaintEffect, Toleration, TolerationOperator, TopologySpreadConstraint, WhenUnsatisfiable};

/// The proxy pods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.serviceAccountName) || !has(self.serviceAccount) || !has(self.serviceAccount.annotations) || self.serviceAccount.annotations.size() == 0").message("serviceAccountName names an account that is not the operator's, so serviceAccount.annotations must not be set").field_path(".serviceAccountName").reason(Reason::FieldValueForbidden))]
#[serde(rename_all = "camelCase")]
pub struct ProxySettings {
    /// The service account that the operator makes for the pods, which carries their AWS identity.
    #[serde(default, skip_serializing_if = "ServiceAccount::is_default")]
    pub service_account: ServiceAccount,

    /// A service account of your own in place of the one that the operator makes, one that the installation allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::object_name")]
    pub service_account_name: Option<String>,

    /// CPU and memory of each pod. Absent: 100m CPU and 128Mi are requested, 512Mi is the limit of memory, or more
    /// where events wait in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,

    /// Labels that a node must have. Unless kubernetes.io/arch is among them, a node must have the architecture of the
    /// image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "formats::labels")]
    pub node_selector: BTreeMap<String, String>,

    /// Which nodes and which neighbours pods are drawn to or kept from. Absent: away from each other over zones, as
    /// far as possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,

    /// Taints that the pods tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub tolerations: Vec<Toleration>,

    /// How the pods are spread. Absent: over nodes and zones, as far as possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["topologyKey", "whenUnsatisfiable"]))]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,

    /// Priority class of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::object_name")]
    pub priority_class_name: Option<String>,

    /// Secrets with the credentials of image registries, in the namespace of the destination.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub image_pull_secrets: Vec<ImagePullSecret>,

    /// Labels of the pods, beside the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "formats::labels")]
    pub pod_labels: BTreeMap<String, String>,

    /// Annotations of the pods, beside the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "formats::annotations")]
    pub pod_annotations: BTreeMap<String, String>,

    /// The Service that clients send events to.
    #[serde(default, skip_serializing_if = "Service::is_default")]
    pub service: Service,

    /// How a pod ends. What Kubernetes waits for it follows from these.
    #[serde(default)]
    pub shutdown: Shutdown,
}

/// The service account of the pods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccount {
    /// Annotations, for example eks.amazonaws.com/role-arn. The pods are replaced when they change, because an
    /// identity is given to a pod when it is created.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "formats::annotations")]
    pub annotations: BTreeMap<String, String>,
}

impl ServiceAccount {
    fn is_default(&self) -> bool {
        self.annotations.is_empty()
    }
}

/// A Secret with the credentials of an image registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImagePullSecret {
    /// Name of the Secret.
    #[schemars(schema_with = "formats::object_name")]
    pub name: String,
}

/// The Service that clients send events to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Annotations of the Service, of those that the installation allows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "formats::annotations")]
    pub annotations: BTreeMap<String, String>,

    /// Which pods clients are sent to: PreferClose, or the newer words for it, PreferSameZone and PreferSameNode,
    /// where the cluster knows them. Absent: all alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic_distribution: Option<TrafficDistribution>,

    /// Families of the Service's addresses: SingleStack, PreferDualStack or RequireDualStack. Absent: both, where the
    /// cluster has both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_family_policy: Option<IpFamilyPolicy>,
}

impl Service {
    fn is_default(&self) -> bool {
        self == &Self::default()
    }
}

// The comment of an enum in an optional field stands for the field's in `kubectl explain`.
/// Which pods clients are sent to: PreferClose, or the newer words for it, PreferSameZone and PreferSameNode, where the
/// cluster knows them. Absent: all alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TrafficDistribution {
    /// Those of the client's zone.
    PreferClose,
    /// Those of the client's zone.
    PreferSameZone,
    /// Those of the client's node.
    PreferSameNode,
}

// The comment of an enum in an optional field stands for the field's in `kubectl explain`.
/// Families of the Service's addresses: SingleStack, PreferDualStack or RequireDualStack. Absent: both, where the
/// cluster has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IpFamilyPolicy {
    /// One.
    SingleStack,
    /// Both, where the cluster has both.
    PreferDualStack,
    /// Both.
    RequireDualStack,
}

/// How a pod ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shutdown {
    /// Seconds for which a pod that was told to end goes on taking events, because clients hear of it later. Default:
    /// 5.
    #[serde(default = "default_drain_delay_seconds")]
    #[schemars(range(min = 0, max = 600))]
    pub drain_delay_seconds: i32,

    /// Seconds that open requests and undelivered events get after that. Default: 20.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: i32,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            drain_delay_seconds: default_drain_delay_seconds(),
            timeout_seconds: default_timeout_seconds(),
        }
    }
}

/// CPU and memory of each pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What is set aside for a pod.
    #[serde(default, skip_serializing_if = "ResourceAmounts::is_empty")]
    pub requests: ResourceAmounts,
    /// What a pod may use at most.
    #[serde(default, skip_serializing_if = "ResourceAmounts::is_empty")]
    pub limits: ResourceAmounts,
}

/// Amounts of a pod's resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceAmounts {
    /// CPU, for example 500m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity::cpu")]
    pub cpu: Option<Amount>,
    /// Memory, for example 256Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity::memory")]
    pub memory: Option<Amount>,
    /// Disk of the node, which an Ephemeral spool uses, for example 1Gi.
    #[serde(default, rename = "ephemeral-storage", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity::memory")]
    pub ephemeral_storage: Option<Amount>,
}

impl ResourceAmounts {
    fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

fn default_drain_delay_seconds() -> i32 {
    5
}

fn default_timeout_seconds() -> i32 {
    20
}
