//! The CustomResourceDefinition: what the types derive, brought into the form that users and the API server read best.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::Value;

use crate::FirehoseDestination;

/// The CustomResourceDefinition of [`FirehoseDestination`].
///
/// Beside what the types derive, a description's lines are joined (`kubectl explain` wraps them itself), and no field
/// is nullable: the API server then drops an explicit `null` and applies the default, instead of storing a null that
/// every rule would have to allow for.
pub fn crd() -> CustomResourceDefinition {
    let mut definition =
        serde_json::to_value(FirehoseDestination::crd()).expect("a definition made of plain data serializes");
    tidy(&mut definition);
    serde_json::from_value(definition).expect("a definition stays one without \"nullable\"")
}

/// The OpenAPI schema of the one served version, as JSON.
pub fn schema() -> Value {
    let definition = crd();
    let version = &definition.spec.versions[0];
    let schema = version
        .schema
        .as_ref()
        .and_then(|schema| schema.open_api_v3_schema.as_ref());
    serde_json::to_value(schema.expect("the derived definition has a schema")).expect("a schema serializes")
}

/// Recursion is bounded by the depth of our own types.
fn tidy(node: &mut Value) {
    match node {
        Value::Object(fields) => {
            if fields.get("nullable").is_some_and(Value::is_boolean) {
                fields.remove("nullable");
            }
            if let Some(Value::String(description)) = fields.get_mut("description") {
                *description = description
                    .replace("\n\n", "\u{0}")
                    .replace('\n', " ")
                    .replace('\u{0}', "\n\n");
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
