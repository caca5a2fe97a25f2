//! The StatefulSet to apply in place of the one that is wanted, while what is new is not a destination's yet. Pure.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Container, PodTemplateSpec},
};
use kube::ResourceExt as _;

use super::stage::{MARK, container, image, is_finished};
use crate::apply::has_all;

/// Whether a destination may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It waits.
    Wait,
    /// It may, and the others wait for it where there is no place left.
    Begin,
    /// It may, and nobody waits for it.
    BeginUnwatched,
}

/// What to do about the StatefulSet.
#[derive(Debug, Clone, PartialEq)]
pub struct Staged {
    /// What to apply; `None` to leave it as it is.
    pub workload: Option<StatefulSet>,
    /// Whether something is held back.
    pub waits: bool,
}

/// What to apply in place of `wanted`, where `running` is there already. `is_edited`: the destination asks for other
/// pods than before, or the running ones have what is forbidden. That is followed at once, with the image that runs.
pub fn staged(wanted: StatefulSet, running: &StatefulSet, turn: Turn, is_edited: bool) -> Staged {
    let applied = |workload: StatefulSet, mark: Option<String>, waits: bool| Staged {
        workload: Some(marked(workload, mark)),
        waits,
    };
    let target = image(&wanted).map(str::to_owned);
    let mark = running.annotations().get(MARK).cloned();
    let has_image = image(running) == target.as_deref();
    let is_under_way = has_image && mark.is_some() && !is_finished(running);
    if is_same(running, &wanted) || is_under_way {
        return applied(wanted, mark.filter(|_| is_under_way), false);
    }
    if has_image && is_edited {
        return applied(wanted, None, false);
    }
    match turn {
        Turn::Begin => return applied(wanted, target, false),
        Turn::BeginUnwatched => return applied(wanted, None, false),
        Turn::Wait => {}
    }
    let mut held = wanted;
    if is_edited {
        keep_image(&mut held, running);
        return applied(held, mark, true);
    }
    if let (Some(held), Some(running)) = (&mut held.spec, &running.spec) {
        held.template = running.template.clone();
    }
    let held = marked(held, mark);
    Staged {
        workload: Some(held).filter(|held| !has_all(&value(running), &value(held))),
        waits: true,
    }
}

/// The template of a StatefulSet's pods but for what the image is and how it is had.
pub fn without_image(workload: &StatefulSet) -> PodTemplateSpec {
    let mut template = workload
        .spec
        .as_ref()
        .map(|spec| spec.template.clone())
        .unwrap_or_default();
    if let Some(container) = container_mut(&mut template) {
        container.image = None;
        container.image_pull_policy = None;
    }
    template
}

fn container_mut(template: &mut PodTemplateSpec) -> Option<&mut Container> {
    template.spec.as_mut()?.containers.first_mut()
}

/// Whether the pods need not be replaced.
fn is_same(running: &StatefulSet, wanted: &StatefulSet) -> bool {
    let template = |workload: &StatefulSet| {
        let template = workload.spec.as_ref().map(|spec| &spec.template);
        serde_json::to_value(template).expect("plain data serializes")
    };
    has_all(&template(running), &template(wanted))
}

fn keep_image(held: &mut StatefulSet, running: &StatefulSet) {
    let before = running.spec.as_ref().and_then(|spec| container(&spec.template));
    let held = held.spec.as_mut().and_then(|spec| container_mut(&mut spec.template));
    if let (Some(held), Some(before)) = (held, before) {
        held.image.clone_from(&before.image);
        held.image_pull_policy.clone_from(&before.image_pull_policy);
    }
}

fn marked(mut workload: StatefulSet, mark: Option<String>) -> StatefulSet {
    if let Some(mark) = mark {
        workload.annotations_mut().insert(MARK.to_owned(), mark);
    }
    workload
}

fn value(workload: &StatefulSet) -> serde_json::Value {
    serde_json::to_value(workload).expect("plain data serializes")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(image: &str, argument: &str, mark: Option<&str>) -> StatefulSet {
        let container = json!({"name": "proxy", "image": image, "args": [argument]});
        let object = json!({
            "metadata": {"name": "orders-firehose", "generation": 1, "annotations": mark.map(|mark| json!({MARK: mark}))},
            "spec": {
                "replicas": 1, "serviceName": "pods", "selector": {},
                "template": {"spec": {"containers": [container]}},
            },
        });
        serde_json::from_value(object).unwrap()
    }

    fn finished(mut workload: StatefulSet) -> StatefulSet {
        let status = json!({"replicas": 1, "availableReplicas": 1, "observedGeneration": 1});
        workload.status = serde_json::from_value(status).unwrap();
        workload
    }

    /// Image, first argument and mark of what is applied, and whether something waits.
    fn told(staged: &Staged) -> (Option<(String, String, Option<String>)>, bool) {
        let applied = staged.workload.as_ref().map(|workload| {
            let template = &workload.spec.as_ref().unwrap().template;
            let arguments = container(template).unwrap().args.clone().unwrap();
            (
                image(workload).unwrap().to_owned(),
                arguments[0].clone(),
                workload.annotations().get(MARK).cloned(),
            )
        });
        (applied, staged.waits)
    }

    fn as_applied(image: &str, argument: &str, mark: Option<&str>) -> Option<(String, String, Option<String>)> {
        Some((image.to_owned(), argument.to_owned(), mark.map(str::to_owned)))
    }

    #[test]
    fn whose_turn_it_is_not_is_left_as_it_is() {
        let running = workload("p:1", "a", None);
        let staged = staged(workload("p:2", "b", None), &running, Turn::Wait, false);
        assert_eq!(told(&staged), (None, true));
    }

    #[test]
    fn what_replaces_no_pods_is_applied_all_the_same() {
        let mut wanted = workload("p:2", "b", None);
        wanted.spec.as_mut().unwrap().replicas = Some(5);
        let staged = staged(wanted, &workload("p:1", "a", None), Turn::Wait, false);
        assert_eq!(told(&staged), (as_applied("p:1", "a", None), true));
        assert_eq!(staged.workload.unwrap().spec.unwrap().replicas, Some(5));
    }

    #[test]
    fn an_edit_is_followed_with_the_running_image() {
        let running = workload("p:1", "a", None);
        let staged = staged(workload("p:2", "b", None), &running, Turn::Wait, true);
        assert_eq!(told(&staged), (as_applied("p:1", "b", None), true));
    }

    #[test]
    fn an_edit_is_no_rollout() {
        let running = workload("p:2", "a", None);
        let staged = staged(workload("p:2", "b", None), &running, Turn::Wait, true);
        assert_eq!(told(&staged), (as_applied("p:2", "b", None), false));
    }

    #[test]
    fn a_turn_is_marked_until_every_pod_is_available() {
        let wanted = || workload("p:2", "b", None);
        let begun = staged(wanted(), &workload("p:1", "a", None), Turn::Begin, false);
        assert_eq!(told(&begun), (as_applied("p:2", "b", Some("p:2")), false));
        let running = begun.workload.unwrap();
        let goes_on = staged(wanted(), &running, Turn::Wait, false);
        assert_eq!(told(&goes_on), (as_applied("p:2", "b", Some("p:2")), false));
        let ended = staged(wanted(), &finished(running), Turn::Wait, false);
        assert_eq!(told(&ended), (as_applied("p:2", "b", None), false));
    }

    #[test]
    fn one_that_was_not_whole_is_not_marked() {
        let running = workload("p:1", "a", None);
        let staged = staged(workload("p:2", "b", None), &running, Turn::BeginUnwatched, false);
        assert_eq!(told(&staged), (as_applied("p:2", "b", None), false));
    }

    #[test]
    fn what_an_earlier_image_has_broken_keeps_its_mark_until_its_turn() {
        let running = workload("p:bad", "a", Some("p:bad"));
        let waits = staged(workload("p:3", "a", None), &running, Turn::Wait, false);
        assert_eq!(told(&waits), (None, true));
        let edited = staged(workload("p:3", "b", None), &running, Turn::Wait, true);
        assert_eq!(told(&edited), (as_applied("p:bad", "b", Some("p:bad")), true));
        let begun = staged(workload("p:3", "a", None), &running, Turn::Begin, false);
        assert_eq!(told(&begun), (as_applied("p:3", "a", Some("p:3")), false));
    }
}
