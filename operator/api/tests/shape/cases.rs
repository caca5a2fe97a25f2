//! The examples of `rules.yaml`, for the tests offline and for those against an API server.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What a rule refuses and what it admits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The field that the refusal names.
    pub(crate) field: String,
    /// What the refusal says.
    pub(crate) says: String,
    /// The object before an update; absent for a rule about a new object.
    pub(crate) from: Option<Map<String, Value>>,
    /// Changes of the smallest object that are refused.
    pub(crate) refuse: Map<String, Value>,
    /// Changes of the smallest object that are admitted.
    pub(crate) accept: Map<String, Value>,
}

/// Every example.
pub(crate) fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_yaml::from_str(include_str!("../rules.yaml")).unwrap();
    assert!(!cases.is_empty());
    cases
}

/// The smallest object that is admitted.
pub(crate) fn smallest() -> Value {
    json!({
        "apiVersion": "firehose-operator.dev/v1alpha1",
        "kind": "FirehoseDestination",
        "metadata": {"name": "orders"},
        "spec": {
            "region": "eu-west-1",
            "mappings": [{"event": "*", "deliveryStreamName": "everything"}],
        },
    })
}

/// The smallest object with these values, by JSON pointer.
pub(crate) fn object(changes: &Map<String, Value>) -> Value {
    let mut object = smallest();
    for (pointer, value) in changes {
        set(&mut object, pointer, value.clone());
    }
    object
}

/// Sets the value at a JSON pointer; objects on the way are made.
pub(crate) fn set(object: &mut Value, pointer: &str, value: Value) {
    let (parents, name) = pointer.rsplit_once('/').unwrap();
    let mut node = object;
    for parent in parents.split('/').skip(1) {
        node = match node {
            Value::Array(items) => &mut items[parent.parse::<usize>().unwrap()],
            other => other
                .as_object_mut()
                .unwrap()
                .entry(parent)
                .or_insert_with(|| json!({})),
        };
    }
    match node {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        other => other[name] = value,
    }
}
