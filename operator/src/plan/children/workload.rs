//! The StatefulSet: stable pod names, because a spool belongs to one pod and the configuration counts pods by ordinal.

use firehose_operator_api::{Retention, RetentionPolicy};
use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec, StatefulSetUpdateStrategy,
};

use super::{
    object::{metadata, pod_selector, workload_name},
    pod, volumes,
};
use crate::plan::{Installation, Names, Validated};

/// How long a pod must be ready before the next one is replaced: one whose image is bad may be ready for a moment.
const MIN_READY_SECONDS: i32 = 5;

pub(super) fn stateful_set(validated: &Validated, installation: &Installation) -> StatefulSet {
    StatefulSet {
        metadata: metadata(validated, workload_name(validated)),
        spec: Some(StatefulSetSpec {
            // Left out of an apply it would fall back to 1.
            replicas: Some(i32::try_from(validated.pods()).unwrap_or(i32::MAX)),
            selector: pod_selector(validated),
            service_name: Some(Names::of(validated.name()).headless),
            // Pods do not wait for each other: one that is broken must not keep the others from starting.
            pod_management_policy: Some("Parallel".to_owned()),
            min_ready_seconds: Some(MIN_READY_SECONDS),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: None,
            }),
            persistent_volume_claim_retention_policy: Some(retention(validated)),
            volume_claim_templates: volumes::claim(validated).map(|claim| vec![claim]),
            template: pod::template(validated, installation),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

/// By default a claim outlives its destination: what is in it may not be in Firehose yet.
fn retention(validated: &Validated) -> StatefulSetPersistentVolumeClaimRetentionPolicy {
    let policy = validated
        .claim
        .as_ref()
        .map_or_else(RetentionPolicy::default, |claim| claim.retention_policy);
    let word = |retention| match retention {
        Retention::Retain => "Retain".to_owned(),
        Retention::Delete => "Delete".to_owned(),
    };
    StatefulSetPersistentVolumeClaimRetentionPolicy {
        when_deleted: Some(word(policy.when_deleted)),
        when_scaled: Some(word(policy.when_scaled)),
    }
}
