//! What of a pod matters to this operator.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    net::IpAddr,
};

use k8s_openapi::api::core::v1::{Pod, PodSpec, Volume};

use super::trouble::trouble;
use crate::plan::{SOURCES_VOLUME, WRITE_KEYS_VOLUME};

/// Drops what nobody here reads, because every proxy of the cluster is kept in memory.
pub(super) fn trim(pod: &mut Pod) {
    pod.metadata.managed_fields = None;
    pod.metadata.annotations = None;
    pod.spec = pod.spec.take().map(|spec| PodSpec {
        node_name: spec.node_name,
        volumes: spec.volumes.and_then(|volumes| {
            let name = volumes.into_iter().find(is_of_write_keys)?.name;
            Some(vec![Volume {
                name,
                ..Volume::default()
            }])
        }),
        ..PodSpec::default()
    });
}

/// Whether the pod has a place for write keys. One that has lets nobody in without.
pub fn has_write_keys(pod: &Pod) -> bool {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref());
    let mut volumes = volumes.unwrap_or_default().iter();
    volumes.any(is_of_write_keys)
}

fn is_of_write_keys(volume: &Volume) -> bool {
    [WRITE_KEYS_VOLUME, SOURCES_VOLUME].contains(&volume.name.as_str())
}

/// Changes when something changes that a reconcile looks at. Annotations do not count: our own pokes are annotations.
pub(super) fn matters(pod: &Pod) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    pod.metadata.uid.hash(&mut hasher);
    pod.metadata.deletion_timestamp.is_some().hash(&mut hasher);
    address(pod).hash(&mut hasher);
    is_ready(pod).hash(&mut hasher);
    trouble(pod).hash(&mut hasher);
    Some(hasher.finish())
}

/// Whether kubelet sees the pod ready.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    conditions
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The pod's address, once it has one.
pub fn address(pod: &Pod) -> Option<IpAddr> {
    pod.status.as_ref()?.pod_ip.as_deref()?.parse().ok()
}
