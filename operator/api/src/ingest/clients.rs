//! Which pods of the cluster may reach the endpoint.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::selector::LabelSelector;

/// Which pods a network policy lets in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedClients {
    /// The namespaces that clients are in.
    pub namespaces: AllowedNamespaces,
}

/// Namespaces that clients are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.from == 'Selector' ? has(self.selector) : !has(self.selector)").message("selector must be set when from is Selector, and only then").field_path(".selector").reason(Reason::FieldValueInvalid))]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespaces {
    /// All: every namespace. Same: that of the destination. Selector: those whose labels match. What the installation
    /// allows may only be narrowed.
    pub from: NamespacesFrom,

    /// Labels of the namespaces. Required when from is Selector, forbidden otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// Which namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// Every one.
    All,
    /// The destination's.
    Same,
    /// Those with certain labels.
    Selector,
}
