//! Events that a client sends again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    quantity::{ByteSize, deduplication_memory},
    toggle::Toggle,
};

/// How events that a client sends again are recognized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deduplication {
    /// Enabled (default): an event with the message ID and content of one that is safe is confirmed and not delivered
    /// again. Disabled: every event is delivered.
    #[serde(default = "enabled")]
    pub state: Toggle,

    /// How long a pod remembers an event, in seconds.
    #[serde(default = "default_window_seconds")]
    #[schemars(range(min = 10, max = 86400))]
    pub window_seconds: i32,

    /// Most memory that a pod remembers events in, between 1Mi and 1Gi. What does not fit is forgotten, the oldest
    /// first.
    #[serde(default = "default_max_memory")]
    #[schemars(schema_with = "deduplication_memory")]
    pub max_memory: ByteSize,
}

fn enabled() -> Toggle {
    Toggle::Enabled
}

fn default_window_seconds() -> i32 {
    600
}

fn default_max_memory() -> ByteSize {
    ByteSize::new("32Mi")
}
