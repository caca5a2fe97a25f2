//! What an installation lets its destinations ask of the cluster. A destination is written by a tenant, and some of
//! what it may name reaches far beyond it: an annotation can be code that a webhook runs, a priority can evict others.
//!
//! Small by default, and wider only by the installation. What is reserved is reserved in every one.

mod list;

pub use list::{AllowList, NoEntry};

use super::AllowedEndpoints;

/// What an installation lets its destinations ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Addresses of AWS.
    pub endpoints: AllowedEndpoints,
    /// Keys of labels of pods and claims.
    pub labels: AllowList,
    /// Keys of annotations of pods.
    pub pod_annotations: AllowList,
    /// Keys of annotations of service accounts.
    pub service_account_annotations: AllowList,
    /// Keys of annotations of Services.
    pub service_annotations: AllowList,
    /// Keys of annotations of claims.
    pub claim_annotations: AllowList,
    /// Keys of labels of nodes, in selectors and affinities.
    pub node_selectors: AllowList,
    /// Taints, as `key` or `key=value`.
    pub tolerations: AllowList,
    /// Names of priority classes. Those of the system must be named one by one.
    pub priority_classes: AllowList,
    /// Names of storage classes, beside the cluster's default.
    pub storage_classes: AllowList,
    /// Service accounts that are not the operator's, as `namespace/name`.
    pub service_accounts: AllowList,
    /// Whom a destination may let in.
    pub clients: Clients,
    /// The role of the node, for destinations that name no identity.
    pub node_role: NodeRole,
}

/// Whom a destination may let in. It may only narrow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// Everybody.
    All,
    /// Pods of its own namespace.
    Same,
    /// Everybody, since network policies are left to the cluster: to ask for less would promise what nobody keeps.
    Unenforced,
}

/// Whether a destination with ambient credentials may be the node that its pods run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeRole {
    /// Where nothing else is found.
    Allowed,
    /// Never. A destination that means it says `InstanceProfile`.
    Denied,
}

/// Labels that say who owns or pays, by which nothing in a cluster is selected.
pub const DEFAULT_LABELS: &[&str] = &["team", "owner", "environment", "cost-center"];
/// Where metrics are.
pub const DEFAULT_POD_ANNOTATIONS: &[&str] = &["prometheus.io/scrape", "prometheus.io/port", "prometheus.io/path"];
/// Roles, whose own trust policies say who may have them. Not the audience, which is the installation's.
pub const DEFAULT_SERVICE_ACCOUNT_ANNOTATIONS: &[&str] =
    &["eks.amazonaws.com/role-arn", "eks.amazonaws.com/sts-regional-endpoints"];
/// Where nodes are and what they are.
pub const DEFAULT_NODE_SELECTORS: &[&str] = &[
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "node.kubernetes.io/instance-type",
];

/// Prefixes of keys that turn on what others do for or to an object: reserved in every installation.
const RESERVED_PREFIXES: &[&str] = &[
    "sidecar.istio.io/",
    "external-dns.alpha.kubernetes.io/",
    "tailscale.com/",
];

/// Labels that workloads select their own pods by: a pod that bears one may get the traffic of another.
const RESERVED_LABELS: &[&str] = &[
    "app",
    "k8s-app",
    "name",
    "run",
    "component",
    "tier",
    "release",
    "job-name",
    "controller-uid",
    "controller-revision-hash",
    "pod-template-hash",
    "pod-template-generation",
];

/// The same by prefix.
const RESERVED_LABEL_PREFIXES: &[&str] = &[
    "apps.kubernetes.io/",
    "batch.kubernetes.io/",
    "statefulset.kubernetes.io/",
    "service.kubernetes.io/",
    "service.istio.io/",
];

impl Default for Allowed {
    /// What an installation allows that says nothing.
    fn default() -> Self {
        let list = |entries: &[&str]| {
            let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
            AllowList::of(&entries).expect("the defaults are entries")
        };
        Self {
            endpoints: AllowedEndpoints::default(),
            labels: list(DEFAULT_LABELS),
            pod_annotations: list(DEFAULT_POD_ANNOTATIONS),
            service_account_annotations: list(DEFAULT_SERVICE_ACCOUNT_ANNOTATIONS),
            service_annotations: AllowList::default(),
            claim_annotations: AllowList::default(),
            node_selectors: list(DEFAULT_NODE_SELECTORS),
            tolerations: AllowList::default(),
            priority_classes: AllowList::default(),
            storage_classes: AllowList::default(),
            service_accounts: AllowList::default(),
            clients: Clients::All,
            node_role: NodeRole::Denied,
        }
    }
}

impl Allowed {
    /// Whatever a manifest names, but for what is reserved: for the local path, where who writes it and who runs it are
    /// one.
    pub fn anything() -> Self {
        Self {
            endpoints: AllowedEndpoints::anything(),
            ..Self::anything_but_endpoints()
        }
    }

    /// The same with AWS's own addresses only.
    pub fn anything_but_endpoints() -> Self {
        Self {
            endpoints: AllowedEndpoints::default(),
            labels: AllowList::anything(),
            pod_annotations: AllowList::anything(),
            service_account_annotations: AllowList::anything(),
            service_annotations: AllowList::anything(),
            claim_annotations: AllowList::anything(),
            node_selectors: AllowList::anything(),
            tolerations: AllowList::anything(),
            priority_classes: AllowList::anything(),
            storage_classes: AllowList::anything(),
            service_accounts: AllowList::anything(),
            clients: Clients::All,
            node_role: NodeRole::Allowed,
        }
    }

    /// Whether pods may tolerate a taint; without a key it is every taint, and without a value every value.
    pub(super) fn tolerates(&self, key: Option<&str>, value: Option<&str>) -> bool {
        let Some(key) = key else {
            return self.tolerations.is_anything();
        };
        let is_value = |value| self.tolerations.has(&format!("{key}={value}"));
        self.tolerations.has(key) || value.is_some_and(is_value)
    }

    /// Whether pods may have a priority class. Whoever allows every class need not have meant the system's.
    pub(super) fn has_priority_class(&self, name: &str) -> bool {
        if name.starts_with("system-") {
            return self.priority_classes.names(name);
        }
        self.priority_classes.has(name)
    }

    /// Whether pods may run as a service account that is not the operator's.
    pub(super) fn has_service_account(&self, namespace: &str, name: &str) -> bool {
        self.service_accounts.has(&format!("{namespace}/{name}"))
    }
}

/// Whether no installation lets a destination set an annotation of this key.
pub(super) fn is_reserved(key: &str) -> bool {
    RESERVED_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// Whether no installation lets a destination set a label of this key.
pub(super) fn is_reserved_label(key: &str) -> bool {
    is_reserved(key)
        || RESERVED_LABELS.contains(&key)
        || RESERVED_LABEL_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}
