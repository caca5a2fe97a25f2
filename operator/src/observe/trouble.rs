//! Why a pod is not there or not ready, in the words of whoever knows: scheduler, kubelet, the controllers of nodes and
//! StatefulSets. Pure.
//!
//! What kubelet says changes with every attempt (how long it waits, how often it tried). Only what stays the same while
//! the trouble does is repeated, so that a status is not written for each attempt.

use firehose_operator_api::Reason;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod, PodCondition};

/// Longest that is repeated of what somebody else said, in characters.
const MAX_WORDS: usize = 512;

/// What is the matter with a pod, for a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trouble {
    /// In one word.
    pub reason: Reason,
    /// In a sentence, without the pod's name.
    pub message: String,
}

impl Trouble {
    fn new(reason: Reason, message: impl AsRef<str>) -> Option<Self> {
        Some(Self {
            reason,
            message: message.as_ref().chars().take(MAX_WORDS).collect(),
        })
    }
}

/// Why the pod is not ready, if anybody says so. A pod that is merely starting has no trouble.
pub fn trouble(pod: &Pod) -> Option<Trouble> {
    let status = pod.status.as_ref()?;
    if is_on_a_lost_node(pod) {
        return Trouble::new(Reason::NodeLost, lost(pod));
    }
    if status.phase.as_deref() == Some("Failed") {
        let (reason, words) = (words(status.reason.as_ref()), words(status.message.as_ref()));
        return Trouble::new(
            Reason::PodFailed,
            format!("it was ended by its node: {reason} {words}").trim_end(),
        );
    }
    let scheduled = condition(pod, "PodScheduled").filter(|one| one.status == "False");
    if let Some(condition) = scheduled {
        let waits = words(condition.reason.as_ref());
        if matches!(waits, "Unschedulable" | "SchedulingGated") {
            return Trouble::new(Reason::Unschedulable, words(condition.message.as_ref()));
        }
    }
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses);
    containers.flatten().find_map(|container| of_container(pod, container))
}

/// Whether the node that the pod is on no longer answers.
///
/// The controller of nodes then only takes `Ready` away, which kubelet never does without saying why or without the
/// containers; and after five minutes it has the pod deleted, which kubelet would have to confirm.
pub fn is_on_a_lost_node(pod: &Pod) -> bool {
    let reason = pod.status.as_ref().and_then(|status| status.reason.as_deref());
    let is_false = |one: &&PodCondition| one.status == "False" && words(one.reason.as_ref()).is_empty();
    let has_lost_ready = condition(pod, "Ready").filter(is_false).is_some()
        && condition(pod, "ContainersReady").is_some_and(|one| one.status == "True");
    let is_evicted_from_it = pod.metadata.deletion_timestamp.is_some()
        && condition(pod, "DisruptionTarget")
            .is_some_and(|one| one.status == "True" && words(one.reason.as_ref()) == "DeletionByTaintManager");
    reason == Some("NodeLost") || has_lost_ready || is_evicted_from_it
}

fn lost(pod: &Pod) -> String {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    match node {
        Some(node) => format!("its node {node:?} does not answer"),
        None => "its node does not answer".to_owned(),
    }
}

/// What the StatefulSet's controller said last about why it cannot make the pod `pod`, or a claim of it.
pub fn not_made(pod: &str, events: &[Event]) -> Option<Trouble> {
    let about = |event: &&Event| {
        let text = words(event.message.as_ref());
        event.reason.as_deref() == Some("FailedCreate") && text.split([' ', '"']).any(|word| word == pod)
    };
    let said_at = |event: &&Event| event.last_timestamp.as_ref().map(|time| time.0);
    let last = events.iter().filter(about).max_by_key(said_at)?;
    let text = words(last.message.as_ref());
    let text = text.split_once("failed error: ").map_or(text, |(_, cause)| cause);
    let reason = if text.contains("exceeded quota") || text.contains("failed quota") {
        Reason::QuotaExceeded
    } else {
        Reason::PodNotCreated
    };
    Trouble::new(reason, text)
}

fn of_container(pod: &Pod, container: &ContainerStatus) -> Option<Trouble> {
    let state = container.state.as_ref();
    let waiting = state.and_then(|state| state.waiting.as_ref());
    let (waits_for, said) = (
        words(waiting.and_then(|waiting| waiting.reason.as_ref())),
        words(waiting.and_then(|waiting| waiting.message.as_ref())),
    );
    match waits_for {
        "ImagePullBackOff"
        | "ErrImagePull"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ErrImageUnknown"
        | "RegistryUnavailable"
        | "ImageInspectError"
        | "SignatureValidationFailed" => {
            let image = &container.image;
            let cause = cause_of_pull(said);
            let message = match cause {
                "" => format!("image {image:?} cannot be pulled"),
                cause => format!("image {image:?} cannot be pulled: {cause}"),
            };
            return Trouble::new(Reason::ImagePullBackOff, message);
        }
        "" | "ContainerCreating" | "PodInitializing" | "CrashLoopBackOff" => {}
        other => return Trouble::new(Reason::ContainerNotStarted, format!("{other}: {said}")),
    }
    let ended = state.and_then(|state| state.terminated.as_ref());
    let before = container
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    // Between two ends it runs for a moment, and has not passed its startup probe.
    let is_starting_again = container.restart_count >= 2 && container.started != Some(true) && !container.ready;
    let loops = waits_for == "CrashLoopBackOff" || (is_starting_again && ended.or(before).is_some());
    if !loops {
        return None;
    }
    let how = ended.or(before).map_or_else(String::new, |end| {
        let reason = words(end.reason.as_ref());
        format!(" with code {} ({reason})", end.exit_code)
    });
    let (namespace, name) = (
        words(pod.metadata.namespace.as_ref()),
        words(pod.metadata.name.as_ref()),
    );
    let message = format!(
        "container {:?} ends{how} and is started again and again; kubectl -n {namespace} logs {name} --previous",
        container.name
    );
    Trouble::new(Reason::CrashLoopBackOff, message)
}

/// Kubelet says the cause at every attempt, and between two attempts the cause behind words of its own.
fn cause_of_pull(said: &str) -> &str {
    if !said.starts_with("Back-off pulling image") {
        return said;
    }
    said.split_once(": ErrImagePull: ").map_or("", |(_, cause)| cause)
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}

fn words(text: Option<&String>) -> &str {
    text.map(|text| text.trim()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: &Value) -> Pod {
        let metadata = json!({"name": "orders-firehose-1", "namespace": "shop"});
        serde_json::from_value(
            json!({"metadata": metadata, "spec": {"nodeName": "node-7", "containers": []},
            "status": status}),
        )
        .unwrap()
    }

    fn container(state: &Value, restarts: i32, last: &Value) -> Pod {
        pod(&json!({"containerStatuses": [{
            "name": "proxy", "image": "registry.example/proxy:9", "imageID": "", "ready": false, "started": false,
            "restartCount": restarts, "state": state, "lastState": last,
        }]}))
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({"waiting": {"reason": reason, "message": message}})
    }

    fn found(pod: &Pod) -> (Reason, String) {
        let trouble = trouble(pod).unwrap();
        (trouble.reason, trouble.message)
    }

    #[test]
    fn a_pod_that_starts_or_runs_has_no_trouble() {
        for status in [
            json!({}),
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]}),
            json!({"conditions": [
                {"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
                {"type": "ContainersReady", "status": "False", "reason": "ContainersNotReady"},
            ]}),
            json!({"conditions": [
                {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"},
                {"type": "ContainersReady", "status": "True"},
            ]}),
        ] {
            assert_eq!(trouble(&pod(&status)), None, "{status}");
        }
        assert_eq!(
            trouble(&container(&waiting("ContainerCreating", ""), 0, &json!({}))),
            None
        );
        assert_eq!(trouble(&container(&json!({"running": {}}), 1, &json!({}))), None);
    }

    #[test]
    fn each_trouble_is_named_with_what_it_is_about() {
        let back_off = waiting(
            "ImagePullBackOff",
            "Back-off pulling image \"registry.example/proxy:9\": ErrImagePull: not found",
        );
        let exited = json!({"terminated": {"exitCode": 2, "reason": "Error"}});
        let unschedulable = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/2 nodes are available: 2 Insufficient cpu."});
        let lost = json!([
            {"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"},
        ]);
        for (pod, reason, part) in [
            (
                container(&back_off, 0, &json!({})),
                Reason::ImagePullBackOff,
                "\"registry.example/proxy:9\" cannot be pulled: not found",
            ),
            (
                container(&waiting("CreateContainerConfigError", "no such user"), 0, &json!({})),
                Reason::ContainerNotStarted,
                "CreateContainerConfigError: no such user",
            ),
            (
                container(&waiting("CrashLoopBackOff", "back-off 40s"), 3, &exited),
                Reason::CrashLoopBackOff,
                "code 2 (Error)",
            ),
            (
                pod(&json!({"conditions": [unschedulable]})),
                Reason::Unschedulable,
                "2 Insufficient cpu",
            ),
            (pod(&json!({"conditions": lost})), Reason::NodeLost, "\"node-7\""),
            (
                pod(&json!({"phase": "Failed", "reason": "Evicted", "message": "low on disk"})),
                Reason::PodFailed,
                "Evicted low on disk",
            ),
        ] {
            let (found, message) = found(&pod);
            assert_eq!(found, reason);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn what_is_said_does_not_change_from_attempt_to_attempt() {
        let pulls = [
            waiting("ErrImagePull", "not found"),
            waiting(
                "ImagePullBackOff",
                "Back-off pulling image \"x\": ErrImagePull: not found",
            ),
        ];
        let pulls = pulls.map(|state| found(&container(&state, 0, &json!({}))));
        assert_eq!(pulls[0], pulls[1]);
        let exited = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
        let crashes = [
            (waiting("CrashLoopBackOff", "back-off 10s"), exited.clone(), 2),
            (json!({"running": {"startedAt": null}}), exited.clone(), 3),
            (exited.clone(), exited.clone(), 4),
            (waiting("CrashLoopBackOff", "back-off 5m0s"), exited, 9),
        ];
        let crashes = crashes.map(|(state, last, restarts)| found(&container(&state, restarts, &last)));
        assert!(crashes.iter().all(|one| *one == crashes[0]), "{crashes:?}");
    }

    #[test]
    fn a_pod_that_its_lost_node_cannot_confirm_gone_is_lost_too() {
        let mut pod = pod(&json!({"conditions": [
            {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"},
        ]}));
        assert!(!is_on_a_lost_node(&pod));
        pod.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
        assert!(is_on_a_lost_node(&pod));
    }

    #[test]
    fn why_a_pod_is_not_made_is_the_last_that_was_said_of_it() {
        let event = |text: &str, minute: u32| -> Event {
            serde_json::from_value(json!({
                "metadata": {}, "involvedObject": {}, "reason": "FailedCreate", "message": text,
                "lastTimestamp": format!("2026-01-01T00:{minute:02}:00Z"),
            }))
            .unwrap()
        };
        let failed = |pod: &str, why: &str| format!("create Pod {pod} in StatefulSet orders failed error: {why}");
        let quota = "pods \"orders-1\" is forbidden: exceeded quota: small, requested: pods=1";
        let events = [
            event(&failed("orders-1", "the old cause"), 1),
            event(&failed("orders-1", quota), 9),
            event(&failed("orders-10", "violates PodSecurity"), 10),
        ];
        let found = not_made("orders-1", &events).unwrap();
        assert_eq!((found.reason, found.message.as_str()), (Reason::QuotaExceeded, quota));
        assert_eq!(not_made("orders-10", &events).unwrap().reason, Reason::PodNotCreated);
        assert_eq!(not_made("orders-2", &events), None);
    }
}
