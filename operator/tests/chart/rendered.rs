//! The chart's admission policies, read as their template writes them and run by the CEL of the client library: what a
//! policy would say, without an API server.

use std::collections::HashMap;

use cel::{Context, Program, Value as CelValue};
use serde::Deserialize;
use serde_json::Value;

use crate::rights;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Policy {
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spec {
    pub(crate) failure_policy: String,
    pub(crate) match_constraints: Constraints,
    pub(crate) match_conditions: Vec<Rule>,
    #[serde(default)]
    variables: Vec<Rule>,
    validations: Vec<Validation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Constraints {
    pub(crate) resource_rules: Vec<Matched>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Matched {
    pub(crate) api_groups: Vec<String>,
    pub(crate) operations: Vec<String>,
    pub(crate) resources: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    name: String,
    pub(crate) expression: String,
}

#[derive(Debug, Deserialize)]
struct Validation {
    expression: String,
    message: String,
}

pub(crate) fn policies() -> Vec<Policy> {
    let texts = rights::admission_policies();
    texts.iter().map(|text| serde_yaml::from_str(text).unwrap()).collect()
}

pub(crate) fn policy(name: &str) -> Policy {
    let named = policies()
        .into_iter()
        .find(|policy| policy.metadata.name.ends_with(name));
    named.unwrap_or_else(|| panic!("no policy {name}"))
}

/// Numbers are signed, as those of the API's types are.
fn cel_of(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number.as_i64().unwrap().into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(cel_of).collect::<Vec<_>>().into(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), cel_of(value)));
            fields.collect::<HashMap<_, _>>().into()
        }
    }
}

impl Policy {
    /// What it says about a change; nothing is consent.
    pub(crate) fn refusals(&self, object: &Value, old: &Value) -> Vec<&str> {
        let mut context = Context::default();
        context.add_variable_from_value("object", cel_of(object));
        context.add_variable_from_value("oldObject", cel_of(old));
        let mut variables = HashMap::new();
        for rule in &self.spec.variables {
            let value = Program::compile(&rule.expression).unwrap().execute(&context).unwrap();
            variables.insert(rule.name.clone(), value);
        }
        context.add_variable_from_value("variables", variables);
        let refused = self.spec.validations.iter().filter(|validation| {
            // As failurePolicy Fail has it: an expression that cannot be evaluated refuses.
            let said = Program::compile(&validation.expression).unwrap().execute(&context);
            !matches!(said, Ok(CelValue::Bool(true)))
        });
        refused.map(|validation| validation.message.as_str()).collect()
    }
}
