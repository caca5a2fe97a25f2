//! Where accepted events wait until they are delivered.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::ByteSize;

/// Where accepted events wait until they are delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.type == 'PersistentVolumeClaim' ? has(self.persistentVolumeClaim) : !has(self.persistentVolumeClaim)").message("persistentVolumeClaim must be set when type is PersistentVolumeClaim, and only then").field_path(".persistentVolumeClaim").reason(Reason::FieldValueInvalid),
    validation = Rule::new("self.type == oldSelf.type").message("type cannot be changed; create another destination").field_path(".type").reason(Reason::FieldValueForbidden),
)]
#[serde(rename_all = "camelCase")]
pub struct Spool {
    /// PersistentVolumeClaim: a volume for each pod, which outlives it. Ephemeral (default): a volume that goes with its pod.
    /// It cannot be changed.
    #[serde(rename = "type", default)]
    pub kind: SpoolType,

    /// Most bytes of accepted events that may wait in one pod; above it, events are answered 503. At least 16Mi, and half
    /// as much again as ingest.maxRequestSize. Default: 256Mi when Ephemeral, three quarters of the volume with a
    /// PersistentVolumeClaim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<ByteSize>,

    /// Events that cannot be delivered, kept apart so that they can be looked at and sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<DeadLetters>,

    /// The claim of each pod. Required when type is PersistentVolumeClaim, forbidden otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<PersistentVolumeClaim>,
}

/// Kind of volume that the spool is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SpoolType {
    /// Outlives the pod.
    PersistentVolumeClaim,
    /// Goes with the pod.
    #[default]
    Ephemeral,
}

/// Events that cannot be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetters {
    /// Most bytes that dead letters may take in one pod, beside spool.maxSize; at least 8Mi. Above it, events that cannot be delivered
    /// stay where they wait and hold up their stream. Default: 64Mi, or an eighth of the volume when that is less.
    pub max_size: ByteSize,
}

/// The persistent volume claim of each pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.storageClassName) ? has(oldSelf.storageClassName) && self.storageClassName == oldSelf.storageClassName : !has(oldSelf.storageClassName)").message("storageClassName cannot be changed; create another destination").field_path(".storageClassName").reason(Reason::FieldValueForbidden))]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeClaim {
    /// Storage class. Absent: the cluster's default. It cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"), length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,

    /// What the claim asks for.
    pub resources: VolumeResources,
}

/// What a claim asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeResources {
    /// What the claim asks for.
    pub requests: VolumeRequests,
}

/// What a claim asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeRequests {
    /// Size of the volume, at least 64Mi. It can grow where the storage class allows, and never shrinks.
    pub storage: ByteSize,
}
