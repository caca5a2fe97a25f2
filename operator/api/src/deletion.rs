//! What happens when a destination is deleted.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens when a destination is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.type == 'Drain' ? has(self.drain) : !has(self.drain)").message("drain must be set when type is Drain, and only then").field_path(".drain").reason(Reason::FieldValueInvalid))]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// Immediate (default): the pods go at once; what becomes of spooled events is decided by
    /// spool.persistentVolumeClaim.retentionPolicy. Drain: the pods take no more events and deliver what waits in them
    /// first; a claim that is to be deleted is deleted when its pod says that it is empty. A finalizer holds the
    /// object until then, unless its namespace is deleted.
    #[serde(rename = "type", default)]
    pub kind: DeletionType,

    /// How to drain. Required when type is Drain, forbidden otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
}

/// How a destination is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionType {
    /// At once.
    #[default]
    Immediate,
    /// After what waits is delivered.
    Drain,
}

/// How to drain before a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drain {
    /// How long the deletion may wait for deliveries, in seconds. After that the pods go; what is left stays in their
    /// claims, whatever the retention policy says, and without claims it is gone.
    #[serde(default = "default_timeout_seconds")]
    #[schemars(range(min = 1, max = 86400))]
    pub timeout_seconds: i32,
}

fn default_timeout_seconds() -> i32 {
    300
}
