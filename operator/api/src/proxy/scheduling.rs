//! Where pods may run: taints that they tolerate, and how they are spread.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::formats;

/// A taint that the pods tolerate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.operator != 'Exists' || !has(self.value) || self.value == ''").message("value must not be set when operator is Exists").field_path(".value").reason(Reason::FieldValueInvalid),
    validation = Rule::new("has(self.key) || self.operator == 'Exists'").message("operator must be Exists where no key is given").field_path(".operator").reason(Reason::FieldValueInvalid),
    validation = Rule::new("!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')").message("effect must be NoExecute where tolerationSeconds is given").field_path(".effect").reason(Reason::FieldValueInvalid),
)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// Key of the taint. Absent: every key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::label_key")]
    pub key: Option<String>,
    /// Exists or Equal. Default: Equal.
    #[serde(default)]
    pub operator: TolerationOperator,
    /// Value of the taint, with operator Equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// NoSchedule, PreferNoSchedule or NoExecute. Absent: every effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
    /// How long a NoExecute taint is tolerated, in seconds. Absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub toleration_seconds: Option<i64>,
}

/// How a toleration's value is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// Any value.
    Exists,
    /// The same value.
    #[default]
    Equal,
}

// The comment of an enum in an optional field stands for the field's in `kubectl explain`.
/// NoSchedule, PreferNoSchedule or NoExecute. Absent: every effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// New pods stay away.
    NoSchedule,
    /// New pods stay away if they can.
    PreferNoSchedule,
    /// Running pods are evicted too.
    NoExecute,
}

/// How the pods are spread over a topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopologySpreadConstraint {
    /// Label of nodes whose values are the domains, for example topology.kubernetes.io/zone.
    #[schemars(schema_with = "formats::label_key")]
    pub topology_key: String,
    /// How many pods one domain may have more than another. Default: 1.
    #[serde(default = "default_max_skew")]
    #[schemars(range(min = 1, max = 100))]
    pub max_skew: i32,
    /// DoNotSchedule or ScheduleAnyway. Default: ScheduleAnyway.
    #[serde(default)]
    pub when_unsatisfiable: WhenUnsatisfiable,
}

/// What happens to a pod that would break a constraint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenUnsatisfiable {
    /// It waits.
    DoNotSchedule,
    /// It is placed where it breaks the constraint least.
    #[default]
    ScheduleAnyway,
}

fn default_max_skew() -> i32 {
    1
}
