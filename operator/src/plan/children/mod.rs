//! The objects that a destination owns, as they are applied: only what the operator decides, so that what others decide
//! (the API server's defaults, an autoscaler's numbers) stays theirs.

mod budget;
mod config_map;
mod pod;
mod scheduling;
mod service;
mod service_account;
mod volumes;
mod workload;

pub use config_map::REVISION_ANNOTATION;

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, Service, ServiceAccount},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};

use super::{Names, Validated, names};

/// What belongs to the installation of the operator and not to a destination. A tenant must not be able to set any of
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Image of the proxy.
    pub proxy_image: String,
    /// When nodes pull it: `Always`, `IfNotPresent` or `Never`. `None` leaves it to the API server.
    pub image_pull_policy: Option<String>,
    /// The one architecture that the image is built for, as nodes are labelled: `amd64`. `None` for an image of several.
    pub architecture: Option<String>,
    /// As whom the proxies run.
    pub proxy_user: ProxyUser,
}

/// As whom the proxies run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyUser {
    /// A user and a group of fixed numbers.
    Fixed,
    /// Whom the cluster assigns, as OpenShift does to each namespace.
    Cluster,
}

/// The objects that a destination owns.
#[derive(Debug, Clone, PartialEq)]
pub struct Children {
    /// The configuration document.
    pub config_map: ConfigMap,
    /// The identity of the pods towards AWS. It has no rights in the cluster and no token is mounted.
    pub service_account: ServiceAccount,
    /// The pods' names in DNS, ready or not.
    pub headless_service: Service,
    /// The event endpoint.
    pub service: Service,
    /// At most one pod is evicted at a time.
    pub disruption_budget: PodDisruptionBudget,
    /// The pods.
    pub stateful_set: StatefulSet,
    /// Revision of the configuration document.
    pub revision: String,
}

/// The objects that a destination owns.
pub fn children(validated: &Validated, installation: &Installation) -> Children {
    let document = super::document(validated, &super::Paths::default());
    Children {
        config_map: config_map::config_map(validated, &document),
        service_account: service_account::service_account(validated),
        headless_service: service::headless(validated),
        service: service::events(validated),
        disruption_budget: budget::disruption_budget(validated),
        stateful_set: workload::stateful_set(validated, installation),
        revision: document.revision,
    }
}

fn metadata(validated: &Validated, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(validated.namespace().to_owned()),
        labels: Some(names::labels(validated.name())),
        owner_references: Some(vec![validated.owner.clone()]),
        ..ObjectMeta::default()
    }
}

fn workload_name(validated: &Validated) -> String {
    Names::of(validated.name()).workload
}

fn pod_selector(validated: &Validated) -> LabelSelector {
    LabelSelector {
        match_labels: Some(names::selector(validated.name())),
        match_expressions: None,
    }
}

/// An absent map instead of an empty one: an empty one would be owned by us.
fn non_empty(map: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    Some(map).filter(|map| !map.is_empty()).cloned()
}
