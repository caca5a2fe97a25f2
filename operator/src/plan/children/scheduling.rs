//! Where the pods may run, and how they are spread.

use std::collections::BTreeMap;

use firehose_operator_api::{ProxySettings, TaintEffect, Toleration, TolerationOperator, WhenUnsatisfiable};
use k8s_openapi::api::core::v1::{
    self as core, Affinity, PodAffinityTerm, PodAntiAffinity, TopologySpreadConstraint, WeightedPodAffinityTerm,
};

use super::object::pod_selector;
use crate::plan::{Installation, Validated};

/// Label of a node with its architecture.
pub(in crate::plan) const ARCHITECTURE_LABEL: &str = "kubernetes.io/arch";

/// What the destination says, on nodes that the image runs on. As a selector and not as an affinity, whose terms are
/// alternatives: beside a destination's own it would let in what they keep out.
pub(super) fn node_selector(proxy: &ProxySettings, installation: &Installation) -> BTreeMap<String, String> {
    let mut selector = proxy.node_selector.clone();
    if let Some(architecture) = &installation.architecture {
        let label = selector.entry(ARCHITECTURE_LABEL.to_owned());
        label.or_insert_with(|| architecture.clone());
    }
    selector
}

/// What the destination says; else over zones, as far as possible. Not a second constraint of [`spread`]: the scheduler
/// leaves nodes that lack a constraint's label out of the whole scoring, so in a cluster without zones nothing would be
/// spread at all.
pub(super) fn affinity(validated: &Validated) -> Option<Affinity> {
    if let Some(affinity) = &validated.proxy.affinity {
        let affinity = serde_json::to_value(affinity).expect("plain data serializes");
        return Some(serde_json::from_value(affinity).expect("ours is a part of the API's own"));
    }
    if !validated.proxy.topology_spread_constraints.is_empty() {
        return None;
    }
    let another_zone = WeightedPodAffinityTerm {
        weight: 100,
        pod_affinity_term: PodAffinityTerm {
            topology_key: "topology.kubernetes.io/zone".to_owned(),
            label_selector: Some(pod_selector(validated)),
            ..PodAffinityTerm::default()
        },
    };
    Some(Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![another_zone]),
            ..PodAntiAffinity::default()
        }),
        ..Affinity::default()
    })
}

/// Over nodes, as far as possible: a cluster of one node runs the product too.
pub(super) fn spread(validated: &Validated) -> Vec<TopologySpreadConstraint> {
    let constraint = |key: &str, max_skew, when| TopologySpreadConstraint {
        topology_key: key.to_owned(),
        max_skew,
        when_unsatisfiable: match when {
            WhenUnsatisfiable::DoNotSchedule => "DoNotSchedule".to_owned(),
            WhenUnsatisfiable::ScheduleAnyway => "ScheduleAnyway".to_owned(),
        },
        label_selector: Some(pod_selector(validated)),
        ..TopologySpreadConstraint::default()
    };
    let given = &validated.proxy.topology_spread_constraints;
    if given.is_empty() {
        return vec![constraint(
            "kubernetes.io/hostname",
            1,
            WhenUnsatisfiable::ScheduleAnyway,
        )];
    }
    given
        .iter()
        .map(|given| constraint(&given.topology_key, given.max_skew, given.when_unsatisfiable))
        .collect()
}

pub(super) fn toleration(toleration: &Toleration) -> core::Toleration {
    core::Toleration {
        key: toleration.key.clone(),
        operator: Some(
            match toleration.operator {
                TolerationOperator::Exists => "Exists",
                TolerationOperator::Equal => "Equal",
            }
            .to_owned(),
        ),
        value: toleration.value.clone(),
        effect: toleration.effect.map(|effect| {
            match effect {
                TaintEffect::NoSchedule => "NoSchedule",
                TaintEffect::PreferNoSchedule => "PreferNoSchedule",
                TaintEffect::NoExecute => "NoExecute",
            }
            .to_owned()
        }),
        toleration_seconds: toleration.toleration_seconds,
    }
}
