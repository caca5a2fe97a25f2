//! The shape of the definition: sizes, names, bounds.

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
                None => node["maxLength"].is_u64(),
            };
            if !bounded {
                unbounded.push(format!("{path}: {node}"));
            }
        });
    }
    assert!(unbounded.is_empty(), "{}", unbounded.join("\n"));
}

#[test]
fn every_field_is_explained_by_sentences_and_none_is_nullable() {
    for part in ["spec", "status"] {
        walk(&schema()["properties"][part], part, &mut |path, node| {
            assert!(node["nullable"].is_null(), "{path} is nullable");
            if path.ends_with("[]") {
                return;
            }
            let text = node["description"].as_str().unwrap_or_default();
            let first = text.chars().next();
            let is_sentence = text.ends_with('.') && first.is_some_and(|first| first.is_uppercase() || first == '"');
            assert!(is_sentence, "{path}: {text:?}");
        });
    }
}

#[test]
fn every_list_says_how_it_is_merged_and_what_tells_its_items_apart() {
    for part in ["spec", "status"] {
        walk(&schema()["properties"][part], part, &mut |path, node| {
            if node["type"] != "array" {
                return;
            }
            let items = &node["items"];
            match node["x-kubernetes-list-type"].as_str() {
                Some("atomic") => {}
                Some("set") => assert_eq!(items["type"], "string", "{path}"),
                Some("map") => {
                    let keys = node["x-kubernetes-list-map-keys"].as_array().unwrap();
                    for key in keys.iter().map(|key| key.as_str().unwrap()) {
                        let is_required = items["required"]
                            .as_array()
                            .is_some_and(|all| all.iter().any(|one| one == key));
                        let has_default = !items["properties"][key]["default"].is_null();
                        assert!(is_required || has_default, "{path}: {key} may be absent");
                    }
                }
                other => panic!("{path}: {other:?}"),
            }
        });
    }
    assert_eq!(
        schema()["properties"]["spec"]["properties"]["mappings"]["x-kubernetes-list-type"],
        "atomic"
    );
}

#[test]
fn every_rule_has_a_bounded_sentence_and_no_field_of_the_spec_a_bare_pattern() {
    walk(&schema()["properties"]["spec"], "spec", &mut |path, node| {
        assert!(node["pattern"].is_null(), "{path}: a pattern is no sentence");
        for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let message = rule["message"].as_str().unwrap_or_default();
            assert!((10..=200).contains(&message.len()), "{path}: {message:?}");
            assert!(!rule["reason"].is_null(), "{path}: {message:?}");
        }
    });
}

/// Before Kubernetes 1.34 the API server takes every quantity for 3 MB of text when it estimates what a rule costs: in
/// a list of a thousand that is more than it allows, and the definition would be refused.
#[test]
fn no_rule_compares_quantities_within_a_list() {
    walk(&schema()["properties"]["spec"], "spec", &mut |path, node| {
        let rules = node["x-kubernetes-validations"].as_array().into_iter().flatten();
        for rule in rules.map(|rule| rule["rule"].as_str().unwrap()) {
            assert!(!(path.contains("[]") && rule.contains("quantity(")), "{path}: {rule}");
        }
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
    assert_eq!(
        columns,
        [
            "Ready",
            "Reason",
            "Delivering",
            "Proxies",
            "Age",
            "Region",
            "Mappings",
            "Revision",
            "Address",
            "Identity",
            "Dead letters"
        ]
    );
    let wide = version.additional_printer_columns.iter().flatten();
    assert_eq!(wide.filter(|column| column.priority == Some(1)).count(), 6);
    let scale = version.subresources.as_ref().unwrap().scale.as_ref().unwrap();
    assert_eq!(scale.spec_replicas_path, ".spec.replicas");
}
