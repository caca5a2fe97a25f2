//! The objects that a destination owns, as they are applied: only what the operator decides, so that what others decide
//! (the API server's defaults, an autoscaler's numbers) stays theirs.

mod budget;
mod config_map;
mod identity;
mod network_policy;
mod object;
mod pod;
mod scheduling;
mod service;
mod service_account;
mod volumes;
mod workload;

pub use config_map::REVISION_ANNOTATION;
pub(super) use identity::{NO_METADATA, account};
pub(super) use network_policy::of_namespace;
pub(super) use pod::IDENTITY_ANNOTATION;
pub use pod::TRUST_ANNOTATION;
pub(super) use scheduling::ARCHITECTURE_LABEL;
pub use volumes::{SPOOL_VOLUME, WRITE_KEYS_VOLUME};

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};

use super::{installation::Installation, validated::Validated};

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
    /// Who may talk to the pods, and they to whom; `None` where the installation leaves it to the cluster.
    pub network_policy: Option<NetworkPolicy>,
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
        config_map: config_map::config_map(validated, &document, installation),
        service_account: service_account::service_account(validated),
        headless_service: service::headless(validated),
        service: service::events(validated),
        network_policy: network_policy::network_policy(validated, &document, installation),
        disruption_budget: budget::disruption_budget(validated),
        stateful_set: workload::stateful_set(validated, installation),
        revision: document.revision,
    }
}
