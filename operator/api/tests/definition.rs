//! The shape of the definition: sizes, names, bounds.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use firehose_operator_api::{crd, schema};
use serde_json::Value;

/// Calls `visit` with every schema node and its path.
fn walk(node: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, node);
    for (name, inner) in node["properties"].as_object().into_iter().flatten() {
        walk(inner, &format!("{path}.{name}"), visit);
    }
    for keyword in ["items", "additionalProperties"] {
        if node[keyword].is_object() {
            walk(&node[keyword], &format!("{path}[]"), visit);
        }
    }
}

#[test]
fn every_list_string_number_and_map_is_bounded() {
    let mut unbounded = Vec::new();
    for part in ["spec", "status"] {
        walk(&schema()["properties"][part], part, &mut |path, node| {
            let bounded = match node["type"].as_str() {
                Some("array") => node["maxItems"].is_u64(),
                Some("string") => node["maxLength"].is_u64() || node["enum"].is_array(),
                Some("integer") => !node["minimum"].is_null() && (part == "status" || !node["maximum"].is_null()),
                Some("object") => node["properties"].is_object() || node["maxProperties"].is_u64(),
                Some(_) => true,
                None => node["maxLength"].is_u64() && !node["maximum"].is_null(),
            };
            if !bounded {
                unbounded.push(format!("{path}: {node}"));
            }
        });
    }
    assert!(unbounded.is_empty(), "{}", unbounded.join("\n"));
}

#[test]
fn every_field_is_explained_and_none_is_nullable() {
    walk(&schema()["properties"]["spec"], "spec", &mut |path, node| {
        assert!(
            path.ends_with("[]") || node["description"].is_string(),
            "{path} has no description"
        );
        assert!(node["nullable"].is_null(), "{path} is nullable");
    });
}

#[test]
fn it_goes_by_the_names_that_people_type() {
    let definition = crd();
    let names = &definition.spec.names;
    assert_eq!(
        definition.metadata.name.as_deref(),
        Some("firehosedestinations.firehose-operator.dev")
    );
    assert_eq!(names.short_names.as_deref(), Some(&["fhd".to_owned()][..]));
    assert_eq!(names.categories.as_deref(), Some(&["firehose".to_owned()][..]));
    let version = &definition.spec.versions[0];
    let columns: Vec<&str> = version
        .additional_printer_columns
        .iter()
        .flatten()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(columns, ["Region", "Mappings", "Proxies", "Ready", "Reason", "Age"]);
    let scale = version.subresources.as_ref().unwrap().scale.as_ref().unwrap();
    assert_eq!(scale.spec_replicas_path, ".spec.replicas");
}
