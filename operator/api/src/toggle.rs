//! A switch with words instead of a boolean, as the Kubernetes API conventions advise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Enabled or Disabled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Toggle {
    /// On.
    Enabled,
    /// Off.
    #[default]
    Disabled,
}
