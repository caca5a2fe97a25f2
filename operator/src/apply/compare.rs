//! Whether an object is as wanted, so that nothing is written that changes nothing. Pure.

use firehose_operator_api::ByteSize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Annotation with a hash of what was rendered. Without it, a field that is rendered no more would be taken for one
/// that somebody else decides.
pub(super) const RENDERED_ANNOTATION: &str = "firehose-operator.dev/rendered";

/// First 16 hexadecimal digits of the SHA-256 of an object as it was rendered.
pub(super) fn hash(rendered: &Value) -> String {
    let digest = Sha256::digest(rendered.to_string().as_bytes());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the API server takes as one value (`x-kubernetes-map-type: atomic`, and what lists of rules hold): a key that
/// somebody added makes another selector or rule of it, and an apply takes it out.
const WHOLE: &[&str] = &[
    "selector",
    "nodeSelector",
    "podSelector",
    "namespaceSelector",
    "ingress",
    "egress",
];

/// Whether `seen` has everything of `wanted`. What it has beside that (the API server's defaults, the numbers of an
/// autoscaler) is not looked at, but within [`WHOLE`]. An entry of a list that somebody added makes another list of it.
pub(crate) fn has_all(seen: &Value, wanted: &Value) -> bool {
    let mut open = vec![(false, seen, wanted)];
    while let Some((is_whole, seen, wanted)) = open.pop() {
        match (seen, wanted) {
            (Value::Object(seen), Value::Object(wanted)) => {
                for (name, wanted) in wanted {
                    match seen.get(name) {
                        Some(seen) => open.push((is_whole || WHOLE.contains(&name.as_str()), seen, wanted)),
                        None if is_empty(wanted) => {}
                        None => return false,
                    }
                }
                let is_added = |(name, value): (&String, &Value)| {
                    !wanted.contains_key(name) && !is_empty(value) && !is_default(name, value)
                };
                if is_whole && seen.iter().any(is_added) {
                    return false;
                }
            }
            (Value::Array(seen), Value::Array(wanted)) if seen.len() == wanted.len() => {
                open.extend(seen.iter().zip(wanted).map(|(seen, wanted)| (is_whole, seen, wanted)));
            }
            (seen, wanted) if seen == wanted || is_same_size(seen, wanted) => {}
            _ => return false,
        }
    }
    true
}

/// What the API server itself puts into a port of a rule.
fn is_default(name: &str, value: &Value) -> bool {
    name == "protocol" && value == "TCP"
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// The API server writes 1024Mi as 1Gi.
fn is_same_size(seen: &Value, wanted: &Value) -> bool {
    let bytes = |value: &Value| ByteSize::new(value.as_str()?).bytes();
    bytes(seen).is_some() && bytes(seen) == bytes(wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_and_a_rule_are_whole() {
        let wanted = json!({"spec": {
            "selector": {"app": "orders"},
            "podSelector": {"matchLabels": {"app": "orders"}},
            "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 8080}]}],
        }});
        let as_served = json!([{"from": [{"podSelector": {}}], "ports": [{"port": 8080, "protocol": "TCP"}]}]);
        let with = |field: &str, value: Value| {
            let mut seen = wanted.clone();
            seen["spec"][field] = value;
            has_all(&seen, &wanted)
        };
        assert!(has_all(&wanted, &wanted));
        assert!(with("ingress", as_served));
        assert!(!with("selector", json!({"app": "orders", "tier": "nobody"})));
        assert!(!with(
            "podSelector",
            json!({"matchLabels": {"app": "orders", "tier": "nobody"}})
        ));
        let expression = json!([{"key": "app", "operator": "Exists"}]);
        assert!(!with(
            "podSelector",
            json!({"matchLabels": {"app": "orders"}, "matchExpressions": expression})
        ));
        let wider = json!([{"from": [{"podSelector": {}, "namespaceSelector": {"matchLabels": {"a": "b"}}}],
            "ports": [{"port": 8080}]}]);
        assert!(!with("ingress", wider));
    }

    #[test]
    fn what_others_decide_is_not_compared_and_what_we_decide_is() {
        let wanted = json!({"spec": {"replicas": 2, "ports": [{"name": "events", "port": 8080}], "size": "1024Mi"}});
        for (seen, expected) in [
            (
                json!({"spec": {"replicas": 2, "size": "1Gi", "clusterIP": "10.0.0.1",
                "ports": [{"name": "events", "port": 8080, "protocol": "TCP"}]}, "status": {"replicas": 1}}),
                true,
            ),
            (
                json!({"spec": {"replicas": 2, "size": "2Gi", "ports": [{"name": "events", "port": 8080}]}}),
                false,
            ),
            (
                json!({"spec": {"replicas": 3, "size": "1Gi", "ports": [{"name": "events", "port": 8080}]}}),
                false,
            ),
            (
                json!({"spec": {"replicas": 2, "size": "1Gi", "ports": [{"name": "events", "port": 8081}]}}),
                false,
            ),
            (
                json!({"spec": {"replicas": 2, "size": "1Gi", "ports": [{"name": "events", "port": 8080}, {"port": 1}]}}),
                false,
            ),
            (json!({"spec": {"replicas": 2, "size": "1Gi"}}), false),
            (json!({}), false),
        ] {
            assert_eq!(has_all(&seen, &wanted), expected, "{seen}");
        }
    }
}
