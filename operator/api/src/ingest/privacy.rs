//! What is taken out of events at the door.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{formats, reference::SecretKeyRef};

/// What is taken out of events before anything of them is stored, logged or delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.hashKey) == self.rules.exists(rule, rule.action == 'Hash')").message("hashKey must be set when the action of a rule is Hash, and only then").field_path(".hashKey").reason(Reason::FieldValueInvalid))]
#[serde(rename_all = "camelCase")]
pub struct Privacy {
    /// The key of hashes (HMAC-SHA-256): every byte of the Secret's key, at most 4096. Required when the action of a
    /// rule is Hash, forbidden otherwise. While it is missing or empty, no event is accepted (503).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_key: Option<PrivacyHashKey>,

    /// Which values, and what becomes of them. Where several rules meet at a value, Drop goes before Redact before
    /// Hash; what is said of an object or a list is said of all that is in it.
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["path"]))]
    pub rules: Vec<PrivacyRule>,
}

/// The key of hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivacyHashKey {
    /// The Secret's key that holds it.
    pub secret_key_ref: SecretKeyRef,
}

/// What becomes of the values at a place in events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivacyRule {
    /// Names with dots between them, "*" for every name of one level and every element of a list, for example
    /// traits.email or products.*.coupon. Names are compared as they are, escapes decoded.
    #[schemars(schema_with = "formats::field_pattern")]
    pub path: String,

    /// Drop takes the field out. Hash puts a keyed hash, 64 hexadecimal digits, in the place of its value: of a
    /// string's characters, of any other value's JSON text; null and the empty string stay. Redact puts
    /// `"[redacted]"` there.
    pub action: PrivacyAction,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PrivacyAction {
    /// It is gone, and its name too.
    Drop,
    /// A keyed hash takes its place.
    Hash,
    /// A fixed text takes its place.
    Redact,
}
