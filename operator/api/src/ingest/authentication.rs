//! Who may send events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{formats, reference::SecretKeyRef};

/// Who may send events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// None (default): whoever reaches the endpoint. WriteKeys: whoever presents a write key.
    #[serde(rename = "type", default)]
    pub kind: AuthenticationType,

    /// The write keys. Required when type is WriteKeys and there are no sources, forbidden when it is None.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_keys: Option<WriteKeys>,
}

/// How senders are told apart from strangers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AuthenticationType {
    /// Not at all.
    #[default]
    None,
    /// By a write key.
    WriteKeys,
}

/// Write keys in a Secret of the destination's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WriteKeys {
    /// The Secret's key that holds the write keys, one a line, so that an old and a new one can be valid together.
    /// While it is missing, no event is accepted.
    pub secret_key_ref: SecretKeyRef,
}

/// A named sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Name of the source, which metrics, logs and rows of mappings use.
    #[schemars(schema_with = "formats::source_name")]
    pub name: String,

    /// The write keys that are this source's.
    pub write_keys: WriteKeys,
}
