//! How far one destination is, as its StatefulSet says. Pure.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Container, PodTemplateSpec},
};
use kube::ResourceExt as _;

/// Annotation of a StatefulSet whose pods are being replaced for the installation: the image that they get. It goes
/// when all of them are available.
pub const MARK: &str = "firehose-operator.dev/rollout";

/// Pods of the newest template: there, ready, available.
pub(super) type Progress = (i32, i32, i32);

/// How far a destination is with what the installation wants its pods to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It has it, or has no pods.
    Current,
    /// It is paused without it, or on the way to it.
    Paused,
    /// It waits for its turn.
    Waiting,
    /// It waits, and some of its pods are not available as they are.
    NotWhole,
    /// It waits, and its pods were being replaced by something that is not wanted any more.
    Interrupted,
    /// Its pods are being replaced.
    Rolling,
    /// Its pods are being replaced, and do not become available.
    Failed,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Current,
        Self::Paused,
        Self::Waiting,
        Self::NotWhole,
        Self::Interrupted,
        Self::Rolling,
        Self::Failed,
    ];

    /// Its name, for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "Current",
            Self::Paused => "Paused",
            Self::Waiting => "Waiting",
            Self::NotWhole => "NotWhole",
            Self::Interrupted => "Interrupted",
            Self::Rolling => "Rolling",
            Self::Failed => "Failed",
        }
    }
}

/// How far the destination with this StatefulSet is on its way to the image. `has_to_wait`: its round has found that
/// its pods would have to be replaced.
pub(super) fn stage(workload: &StatefulSet, wanted_image: &str, has_to_wait: bool, is_paused: bool) -> Stage {
    let (is_marked, is_finished) = (workload.annotations().contains_key(MARK), is_finished(workload));
    let has_it = image(workload) == Some(wanted_image) && !has_to_wait;
    match (has_it, is_marked, is_finished) {
        (true, false, _) | (true, true, true) => Stage::Current,
        _ if is_paused => Stage::Paused,
        (true, true, false) => Stage::Rolling,
        (false, true, _) => Stage::Interrupted,
        (false, false, true) => Stage::Waiting,
        (false, false, false) => Stage::NotWhole,
    }
}

/// Whether every pod is of the newest template and available.
pub(super) fn is_finished(workload: &StatefulSet) -> bool {
    let Some(status) = &workload.status else {
        return false;
    };
    let wanted = workload.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let (updated, _, available) = progress(workload);
    // The controller counts updated pods only while there are two templates.
    let is_updated = status.current_revision == status.update_revision || updated >= wanted;
    status.observed_generation >= workload.metadata.generation && is_updated && available >= wanted
}

/// How far the pods are.
pub(super) fn progress(workload: &StatefulSet) -> Progress {
    let status = workload.status.as_ref();
    let count = |of: Option<i32>| of.unwrap_or(0);
    (
        count(status.and_then(|status| status.updated_replicas)),
        count(status.and_then(|status| status.ready_replicas)),
        count(status.and_then(|status| status.available_replicas)),
    )
}

/// The image of a StatefulSet's pods.
pub fn image(workload: &StatefulSet) -> Option<&str> {
    container(&workload.spec.as_ref()?.template)?.image.as_deref()
}

pub(super) fn container(template: &PodTemplateSpec) -> Option<&Container> {
    template.spec.as_ref()?.containers.first()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn workload(image: &str, mark: Option<&str>, status: &Value) -> StatefulSet {
        let annotations = mark.map(|mark| json!({MARK: mark}));
        let container = json!({"name": "proxy", "image": image});
        let object = json!({
            "metadata": {"generation": 2, "annotations": annotations},
            "spec": {
                "replicas": 2, "serviceName": "pods", "selector": {},
                "template": {"spec": {"containers": [container]}},
            },
            "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    fn available(pods: i32) -> Value {
        json!({
            "replicas": 2, "observedGeneration": 2, "availableReplicas": pods,
            "currentRevision": "a", "updateRevision": "a",
        })
    }

    #[test]
    fn the_stage_is_read_from_image_mark_and_pods() {
        use Stage::{Current, Interrupted, NotWhole, Paused, Rolling, Waiting};
        let whole = available(2);
        for (image, mark, status, has_to_wait, is_paused, expected) in [
            ("p:2", None, &available(0), false, false, Current),
            ("p:2", Some("p:2"), &whole, false, false, Current),
            ("p:2", Some("p:2"), &available(1), false, false, Rolling),
            ("p:2", Some("p:2"), &available(1), false, true, Paused),
            ("p:1", None, &whole, false, false, Waiting),
            ("p:1", None, &available(1), false, false, NotWhole),
            ("p:1", Some("p:1"), &available(1), false, false, Interrupted),
            ("p:1", None, &whole, false, true, Paused),
            ("p:2", None, &whole, true, false, Waiting),
        ] {
            let found = stage(&workload(image, mark, status), "p:2", has_to_wait, is_paused);
            assert_eq!(found, expected, "{image} {mark:?} {status}");
        }
    }

    #[test]
    fn it_is_finished_when_every_pod_is_of_the_newest_template_and_available() {
        let status = |changed: &str, value: Value| {
            let mut status = available(2);
            status[changed] = value;
            is_finished(&workload("p:2", None, &status))
        };
        assert!(status("replicas", json!(2)));
        assert!(!status("availableReplicas", json!(1)));
        assert!(!status("observedGeneration", json!(1)));
        assert!(!status("updateRevision", json!("b")));
    }
}
