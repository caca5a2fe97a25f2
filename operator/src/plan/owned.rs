//! What one manager has applied of an object, as the API server remembers it: what that manager may apply again without
//! taking anything that is somebody else's.

use k8s_openapi::{NamespaceResourceScope, Resource};
use kube::ResourceExt as _;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// Deeper than any field of ours is.
const MAX_DEPTH: usize = 32;

/// What `manager` has applied of an object; `None` when it has applied nothing. All of an object whose managers were
/// left out, which the API server never does by itself: more than that cannot be.
pub fn owned<K>(object: &K, manager: &str) -> Option<K>
where
    K: Resource<Scope = NamespaceResourceScope>
        + kube::Resource<DynamicType = ()>
        + Clone
        + Serialize
        + DeserializeOwned,
{
    if object.meta().managed_fields.is_none() {
        return Some(object.clone());
    }
    let entries = object.managed_fields();
    let entry = entries.iter().find(|entry| {
        let is_applied = entry.operation.as_deref() == Some("Apply");
        is_applied && entry.subresource.is_none() && entry.manager.as_deref() == Some(manager)
    })?;
    let fields = &entry.fields_v1.as_ref()?.0;
    let whole = serde_json::to_value(object).ok()?;
    let mut ours = extract(&whole, fields, 0);
    for (name, value) in [("apiVersion", K::API_VERSION), ("kind", K::KIND)] {
        ours[name] = json!(value);
    }
    for name in ["name", "namespace"] {
        ours["metadata"][name] = whole["metadata"][name].clone();
    }
    serde_json::from_value(ours).ok()
}

/// Source: [fieldsV1](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/): `f:name` is
/// a field, `k:{…}` an item of a list by its keys, `v:…` an item of a set, `.` the thing itself. One that has none of
/// them is a leaf, whatever it holds.
fn extract(value: &Value, fields: &Value, depth: usize) -> Value {
    let Some(fields) = fields.as_object().filter(|fields| !fields.is_empty()) else {
        return value.clone();
    };
    if depth > MAX_DEPTH {
        return value.clone();
    }
    match value {
        Value::Object(object) => {
            let mut ours = Map::new();
            for (field, inner) in fields {
                let name = field.strip_prefix("f:");
                if let Some((name, value)) = name.and_then(|name| Some((name, object.get(name)?))) {
                    ours.insert(name.to_owned(), extract(value, inner, depth + 1));
                }
            }
            Value::Object(ours)
        }
        Value::Array(items) => {
            let ours = items.iter().filter_map(|item| {
                let (_, inner) = fields.iter().find(|(field, _)| is_item(item, field))?;
                Some(extract(item, inner, depth + 1))
            });
            Value::Array(ours.collect())
        }
        other => other.clone(),
    }
}

/// Whether a key of the fields means this item.
fn is_item(item: &Value, field: &str) -> bool {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    if let Some(value) = field.strip_prefix("v:") {
        return parsed(value).as_ref() == Some(item);
    }
    let keys = field.strip_prefix("k:").and_then(parsed);
    let keys = keys.as_ref().and_then(Value::as_object);
    keys.is_some_and(|keys| keys.iter().all(|(key, value)| item.get(key) == Some(value)))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Service;

    use super::*;

    #[test]
    fn what_others_wrote_is_left_out_in_maps_and_in_lists() {
        let service: Service = serde_json::from_value(json!({
            "metadata": {
                "name": "a", "namespace": "b", "uid": "c",
                "annotations": {"ours": "1", "theirs": "2"},
                "managedFields": [
                    {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {"f:annotations": {"f:theirs": {}}}}},
                    {"manager": "us", "operation": "Apply", "subresource": "status", "fieldsV1": {}},
                    {"manager": "us", "operation": "Apply", "fieldsV1": {
                        "f:metadata": {"f:annotations": {"f:ours": {}}},
                        "f:spec": {
                            "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:protocol": {}}},
                            "f:selector": {},
                        },
                    }},
                ],
            },
            "spec": {
                "clusterIP": "10.0.0.1",
                "selector": {"app": "a"},
                "ports": [
                    {"port": 80, "protocol": "TCP", "nodePort": 30000},
                    {"port": 81, "protocol": "TCP"},
                ],
            },
        }))
        .unwrap();
        let ours = owned(&service, "us").unwrap();
        assert_eq!(
            serde_json::to_value(ours).unwrap(),
            json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "a", "namespace": "b", "annotations": {"ours": "1"}},
                "spec": {"selector": {"app": "a"}, "ports": [{"port": 80, "protocol": "TCP"}]},
            })
        );
        assert_eq!(owned(&service, "somebody else"), None);
    }
}
