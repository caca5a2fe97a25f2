//! What the custom resource has and this version does not do: refused by field, and said in the field's comment.

use firehose_operator_api::{Reason, manifests::objects, schema};
use serde_json::Value;

use crate::refusals;

/// The words for it in the comment of a field, which `kubectl explain` prints.
const NOT_IMPLEMENTED: &str = "ot implemented in this version";

#[test]
fn what_is_not_implemented_is_refused_by_its_field_and_its_comment_says_so() {
    let refused = refusals(&everything());
    let fields: Vec<&str> = refused.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.ingest.sources",
            "spec.ingest.sourceField",
            "spec.delivery.undeliverable",
            "spec.spool.persistentVolumeClaim.template.metadata",
            "spec.spool.persistentVolumeClaim.template.spec.volumeAttributesClassName",
            "spec.deletion.type",
            "spec.mappings[1].source",
            "spec.streams[0].billing",
        ]
    );
    for (field, reason) in &refused {
        assert_eq!(*reason, Reason::NotImplemented, "{field}");
        assert!(comment(field).contains(NOT_IMPLEMENTED), "{field}: {}", comment(field));
    }
}

/// The spec of the object that has every field.
fn everything() -> Value {
    objects(include_str!("../../api/tests/admitted/everything.yaml")).unwrap()[0]["spec"].take()
}

/// What `kubectl explain` prints about a field.
fn comment(field: &str) -> String {
    let mut node = &schema();
    for name in field.split('.') {
        let (name, is_item) = name.split_once('[').map_or((name, false), |(name, _)| (name, true));
        node = &node["properties"][name];
        if is_item && node["items"]["properties"].is_object() && !field.ends_with(']') {
            node = &node["items"];
        }
    }
    node["description"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_comment_that_says_not_implemented_belongs_to_a_field_that_is_refused() {
    fn walk(node: &Value, path: &str, found: &mut Vec<String>) {
        if node["description"]
            .as_str()
            .is_some_and(|text| text.contains(NOT_IMPLEMENTED))
        {
            found.push(path.to_owned());
        }
        for (name, inner) in node["properties"].as_object().into_iter().flatten() {
            walk(inner, &format!("{path}.{name}"), found);
        }
        walk_items(&node["items"], path, found);
    }
    fn walk_items(items: &Value, path: &str, found: &mut Vec<String>) {
        if items.is_object() {
            walk(items, &format!("{path}[]"), found);
        }
    }
    let mut commented = Vec::new();
    walk(&schema()["properties"]["spec"], "spec", &mut commented);
    let refused: Vec<String> = refusals(&everything())
        .into_iter()
        .map(|(field, _)| field.replace("[0]", "[]").replace("[1]", "[]"))
        .collect();
    let elsewhere = [
        "spec.deletion.drain",
        "spec.spool.persistentVolumeClaim.template.spec.resources.requests.storage",
    ];
    commented.retain(|field| !refused.contains(field) && !elsewhere.contains(&field.as_str()));
    assert_eq!(commented, Vec::<String>::new());
}
