//! Voluntary disruptions take one pod at a time, and a pod that is broken anyway blocks no drain. Pods that are about
//! to go are not ready, and are not counted as the one.

use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::object::{metadata, pod_selector, workload_name};
use crate::plan::Validated;

pub(super) fn disruption_budget(validated: &Validated) -> PodDisruptionBudget {
    let draining = validated.pods() - validated.replicas();
    let unavailable = i32::try_from(draining).unwrap_or(i32::MAX).saturating_add(1);
    PodDisruptionBudget {
        metadata: metadata(validated, workload_name(validated)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(unavailable)),
            selector: Some(pod_selector(validated)),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}
