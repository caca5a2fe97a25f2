//! Names of Secrets. The object names them and never holds what is in them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::formats;

/// A Secret of the destination's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct SecretRef {
    /// Name of the Secret, in the namespace of the destination.
    #[schemars(schema_with = "formats::object_name")]
    pub name: String,
}

/// One key of a Secret of the destination's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct SecretKeyRef {
    /// Name of the Secret, in the namespace of the destination.
    #[schemars(schema_with = "formats::object_name")]
    pub name: String,

    /// Key of the Secret.
    #[schemars(schema_with = "formats::secret_key")]
    pub key: String,
}
