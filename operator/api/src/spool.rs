//! Where accepted events wait until they are delivered.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    formats,
    quantity::{self, ByteSize},
};

/// Where accepted events wait until they are delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.type == 'PersistentVolumeClaim' ? has(self.persistentVolumeClaim) : !has(self.persistentVolumeClaim)").message("persistentVolumeClaim must be set when type is PersistentVolumeClaim, and only then").field_path(".persistentVolumeClaim").reason(Reason::FieldValueInvalid),
    validation = Rule::new("self.type == oldSelf.type").message("type cannot be changed; create another destination").field_path(".type").reason(Reason::FieldValueForbidden),
)]
#[serde(rename_all = "camelCase")]
pub struct Spool {
    /// PersistentVolumeClaim: a volume for each pod, which outlives it. Ephemeral (default): a volume that goes with
    /// its pod. It cannot be changed.
    #[serde(rename = "type", default)]
    pub kind: SpoolType,

    /// Most bytes of accepted events that may wait in one pod; above it, events are answered 503. At least 16Mi, and
    /// half as much again as ingest.maxRequestSize. Default: 256Mi when Ephemeral, three quarters of the volume with a
    /// PersistentVolumeClaim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity::spool_size")]
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
    /// Most bytes that dead letters may take in one pod, beside spool.maxSize; at least 8Mi. Above it, events that
    /// cannot be delivered stay where they wait and hold up their stream. Default: 64Mi, or an eighth of the volume
    /// when that is less.
    #[schemars(schema_with = "quantity::dead_letters_size")]
    pub max_size: ByteSize,
}

/// The persistent volume claim of each pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeClaim {
    /// The claim as it is made for each pod.
    pub template: ClaimTemplate,

    /// What becomes of claims that no pod uses any more.
    #[serde(default)]
    pub retention_policy: RetentionPolicy,
}

/// A claim as it is made for each pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimTemplate {
    /// Labels and annotations of the claims, beside the operator's own. Not implemented in this version, and refused.
    #[serde(default, skip_serializing_if = "ClaimMetadata::is_default")]
    pub metadata: ClaimMetadata,

    /// What the claims ask for.
    pub spec: ClaimSpec,
}

/// Labels and annotations of claims.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimMetadata {
    /// Labels of the claims, for example for a backup.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "formats::labels")]
    pub labels: BTreeMap<String, String>,

    /// Annotations of the claims.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "formats::annotations")]
    pub annotations: BTreeMap<String, String>,
}

impl ClaimMetadata {
    fn is_default(&self) -> bool {
        self == &Self::default()
    }
}

/// What a claim asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.storageClassName) ? has(oldSelf.storageClassName) && self.storageClassName == oldSelf.storageClassName : !has(oldSelf.storageClassName)").message("storageClassName cannot be changed; create another destination").field_path(".storageClassName").reason(Reason::FieldValueForbidden))]
#[serde(rename_all = "camelCase")]
pub struct ClaimSpec {
    /// Storage class. Absent: the cluster's default. It cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::object_name")]
    pub storage_class_name: Option<String>,

    /// Volume attributes class, with which a volume's speed can be changed later. Not implemented in this version, and
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::object_name")]
    pub volume_attributes_class_name: Option<String>,

    /// How much of which resource a claim asks for.
    pub resources: VolumeResources,
}

/// How much of which resource a claim asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeResources {
    /// What a claim gets at least.
    pub requests: VolumeRequests,
}

/// What a claim gets at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeRequests {
    /// Size of the volume, at least 64Mi. It never shrinks. To grow it is not implemented in this version, and
    /// refused.
    #[schemars(schema_with = "quantity::storage")]
    pub storage: ByteSize,
}

/// What becomes of claims that no pod uses any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionPolicy {
    /// When the destination is deleted. Retain (default): the claims stay, with the events that are in them. Delete:
    /// they go.
    #[serde(default)]
    pub when_deleted: Retention,

    /// When there are fewer replicas. A pod delivers what it has before it goes. Retain (default): its claim stays,
    /// with the dead letters that are in it, which status.retainedClaims then names. Delete: its claim goes, and
    /// so the pod waits until its dead letters were sent again or dropped.
    #[serde(default)]
    pub when_scaled: Retention,
}

/// Whether claims stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Retention {
    /// They stay.
    #[default]
    Retain,
    /// They go.
    Delete,
}
