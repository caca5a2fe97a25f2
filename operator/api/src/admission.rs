//! What the API server does with a manifest, without an API server: schema, unknown fields, defaults, CEL rules.
//!
//! For the local path, for `firehose-operator check`, and for the tests of the rules themselves. The rules are those of
//! the definition; there is no second copy of them here. Not a client, and no judge of what only the plan can see.

use std::sync::LazyLock;

use kube::core::cel::{Validator, apply_defaults};
use serde_json::Value;

use crate::{
    FirehoseDestination,
    crd::schema,
    structure::{self, shown},
};

pub use crate::field_error::FieldError;

const API_VERSION: &str = "firehose-operator.dev/v1alpha1";
const KIND: &str = "FirehoseDestination";

/// Derived once: the types do not change while a program runs.
static SCHEMA: LazyLock<Value> = LazyLock::new(schema);

/// Whether a document says that it is a `FirehoseDestination`, of any version.
pub fn is_destination(document: &Value) -> bool {
    document["kind"] == KIND
}

/// Admits a manifest as the API server would admit a new object.
///
/// # Errors
///
/// Everything that is wrong with it, by field.
pub fn admit(manifest: &Value) -> Result<FirehoseDestination, Vec<FieldError>> {
    admit_after(manifest, None)
}

/// Admits a manifest as the API server would admit a change of `old`, which has been admitted before.
///
/// # Errors
///
/// Everything that is wrong with it, by field.
pub fn admit_change(manifest: &Value, old: &FirehoseDestination) -> Result<FirehoseDestination, Vec<FieldError>> {
    let old = serde_json::to_value(old).expect("an admitted object serializes");
    admit_after(manifest, Some(&old))
}

fn admit_after(manifest: &Value, old: Option<&Value>) -> Result<FirehoseDestination, Vec<FieldError>> {
    let mut errors = check_head(manifest);
    let mut object = manifest.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status"); // the API server takes it from the status subresource only
        if let Some(spec) = fields.get_mut("spec") {
            drop_nulls(spec, 0);
        }
    }
    match object.get("spec") {
        Some(spec) => structure::check(&SCHEMA["properties"]["spec"], spec, "spec", &mut errors),
        None => errors.push(FieldError::new("spec", "is required")),
    }
    for name in object.as_object().into_iter().flat_map(serde_json::Map::keys) {
        if !["apiVersion", "kind", "metadata", "spec"].contains(&name.as_str()) {
            errors.push(FieldError::new(name, "unknown field"));
        }
    }
    if !errors.is_empty() {
        return Err(errors); // the rules are only for values of the right shape
    }
    let object = apply_defaults(&SCHEMA, &object);
    if let Err(broken) = Validator::new().validate(&SCHEMA, &object, old) {
        let broken = broken.into_vec().into_iter();
        return Err(broken
            .map(|error| FieldError::new(field_of(&error.field_path), error.message))
            .collect());
    }
    serde_json::from_value(object).map_err(|error| vec![FieldError::new("spec", error.to_string())])
}

/// What stands above the spec.
fn check_head(manifest: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (field, expected) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        if manifest[field] != expected {
            errors.push(FieldError::new(
                field,
                format!("must be {expected}, not {}", shown(&manifest[field].to_string())),
            ));
        }
    }
    if !manifest["metadata"]["name"].is_string() {
        errors.push(FieldError::new("metadata.name", "is required"));
    }
    errors
}

/// A rule about the whole object is about its name.
fn field_of(path: &str) -> String {
    match path.trim_start_matches('.') {
        "" => "metadata.name".to_owned(),
        path => path.to_owned(),
    }
}

/// The API server drops a null where the schema does not allow one, and the default takes its place.
fn drop_nulls(value: &mut Value, depth: usize) {
    const MAX_SCHEMA_DEPTH: usize = 16;
    if depth > MAX_SCHEMA_DEPTH {
        return;
    }
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(|value| drop_nulls(value, depth + 1));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| drop_nulls(value, depth + 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
