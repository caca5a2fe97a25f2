//! What all children share: names, labels, their owner.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::plan::{Names, Validated, names};

pub(super) fn metadata(validated: &Validated, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(validated.namespace().to_owned()),
        labels: Some(names::labels(validated.name())),
        owner_references: Some(vec![validated.owner.clone()]),
        ..ObjectMeta::default()
    }
}

pub(super) fn workload_name(validated: &Validated) -> String {
    Names::of(validated.name()).workload
}

pub(super) fn pod_selector(validated: &Validated) -> LabelSelector {
    LabelSelector {
        match_labels: Some(names::selector(validated.name())),
        match_expressions: None,
    }
}

/// An absent map instead of an empty one: an empty one would be owned by us.
pub(super) fn non_empty(map: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    Some(map).filter(|map| !map.is_empty()).cloned()
}
