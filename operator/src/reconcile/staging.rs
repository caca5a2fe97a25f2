//! Whether a round follows what is new in a StatefulSet: an edit of the destination at once, what the installation
//! changes about all of them when it is the destination's turn.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use firehose_operator_api::{FirehoseDestination, Reason};
use k8s_openapi::api::apps::v1::StatefulSet;

use super::{
    context::{Context, Remembered},
    situation::{Observed, Planned},
};
use crate::{
    apply::MANAGER,
    plan,
    rollout::{staged, without_image},
};

/// The plan with the StatefulSet as it may be for now.
pub(super) fn stage(
    mut planned: Planned,
    destination: &FirehoseDestination,
    context: &Context,
    observed: &Observed,
    remembered: &mut Remembered,
) -> Planned {
    let asked_for = hash(&planned.children.stateful_set);
    let before = remembered.asked_for.replace(asked_for);
    let Some(running) = observed.stateful_set.as_deref() else {
        return planned;
    };
    let uid = planned.validated.uid();
    let turn = context.rollouts.turn(uid);
    let staged = |is_edited| staged(planned.children.stateful_set.clone(), running, turn, is_edited);
    let is_edited = has_failed(destination) || is_edited(destination, before, asked_for);
    let mut staged_now = staged(is_edited);
    // What is forbidden now does not wait for its turn to go.
    let holds_forbidden = || {
        let allowed = &context.installation().allowed;
        plan::withdraw(&observed.running(), allowed, MANAGER)
            .stateful_set
            .is_some()
    };
    if staged_now.waits && !is_edited && holds_forbidden() {
        staged_now = staged(true);
    }
    let staged = staged_now;
    context.rollouts.report(uid, staged.waits);
    match staged.workload {
        Some(workload) => planned.children.stateful_set = workload,
        None => planned.leaves_workload = true,
    }
    planned
}

/// Whether the destination asks for other pods than `before`. What another process has seen before is not known: then
/// the status says whether there was an edit since.
fn is_edited(destination: &FirehoseDestination, before: Option<u64>, asked_for: u64) -> bool {
    let observed = destination
        .status
        .as_ref()
        .and_then(|status| status.observed_generation);
    match before {
        Some(before) => before != asked_for,
        None => observed < destination.metadata.generation,
    }
}

/// Whether what was asked for could not be written, so that it is still to be.
fn has_failed(destination: &FirehoseDestination) -> bool {
    let conditions = destination.status.as_ref().map(|status| status.conditions.as_slice());
    let mut conditions = conditions.unwrap_or_default().iter();
    conditions.any(|condition| condition.reason == Reason::ApplyFailed)
}

/// Of what a destination asks for: neither the image nor the certificates are its own, so that others of them are no
/// edit.
fn hash(workload: &StatefulSet) -> u64 {
    let mut template = without_image(workload);
    if let Some(annotations) = template
        .metadata
        .as_mut()
        .and_then(|metadata| metadata.annotations.as_mut())
    {
        annotations.remove(plan::TRUST_ANNOTATION);
    }
    let template = serde_json::to_string(&template).expect("plain data serializes");
    let mut hasher = DefaultHasher::new();
    template.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn destination(generation: i64, observed: i64) -> FirehoseDestination {
        let object = json!({
            "metadata": {"name": "orders", "generation": generation},
            "spec": {"region": "eu-west-1", "mappings": [{"event": "*", "deliveryStreamName": "orders"}]},
            "status": {"observedGeneration": observed},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn an_edit_that_asks_for_the_same_pods_is_none() {
        assert!(!is_edited(&destination(8, 7), Some(1), 1));
        assert!(is_edited(&destination(8, 7), Some(1), 2));
    }

    #[test]
    fn other_certificates_and_another_image_are_no_edit_and_another_argument_is() {
        let workload = |image: &str, bundle: &str, argument: &str| -> StatefulSet {
            let template = json!({
                "metadata": {"annotations": {"firehose-operator.dev/ca-bundle": bundle, "team": "shop"}},
                "spec": {"containers": [{"name": "proxy", "image": image, "args": [argument]}]},
            });
            let spec = json!({"selector": {}, "serviceName": "orders", "template": template});
            serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()
        };
        let before = hash(&workload("proxy:1", "a", "--one"));
        assert_eq!(before, hash(&workload("proxy:2", "b", "--one")));
        assert_ne!(before, hash(&workload("proxy:1", "a", "--two")));
    }

    #[test]
    fn what_nobody_remembers_is_an_edit_if_the_status_is_older() {
        assert!(!is_edited(&destination(7, 7), None, 1));
        assert!(is_edited(&destination(8, 7), None, 1));
    }
}
