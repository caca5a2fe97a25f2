//! A switch. Plain data.

use serde::{Deserialize, Serialize};

/// A switch with names instead of a boolean, as the Kubernetes API conventions advise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Toggle {
    /// On.
    Enabled,
    /// Off.
    #[default]
    Disabled,
}

impl Toggle {
    pub(crate) fn is_disabled(&self) -> bool {
        *self == Self::Disabled
    }
}
