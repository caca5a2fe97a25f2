//! Whose an object is, and how everything in it becomes ours to decide.
//!
//! An apply removes what its manager applied before and nothing else. What was written in another way, by the creation
//! of an object or by whoever had it before us, stays for ever unless it is first counted as applied by us.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, ObjectMeta};
use serde_json::{Map, Value};

use crate::plan::DESTINATION_LABEL;

/// Whose an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// Its controller is the destination.
    Ours,
    /// It carries the labels of the destination's children and nobody controls it: what a restored backup looks like,
    /// or a child whose destination was deleted without it.
    Orphaned,
    /// Somebody else's.
    Foreign,
}

impl Ownership {
    /// Whose `seen` is, where the destination with the UID `owner` wants `wanted` to be.
    pub(super) fn of(seen: &ObjectMeta, wanted: &ObjectMeta, owner: &str) -> Self {
        let owners = seen.owner_references.as_deref().unwrap_or_default();
        let controller = owners.iter().find(|reference| reference.controller == Some(true));
        let label = |metadata: &ObjectMeta, name: &str| metadata.labels.as_ref()?.get(name).cloned();
        let is_labelled = ["app.kubernetes.io/managed-by", DESTINATION_LABEL]
            .iter()
            .all(|name| label(wanted, name).is_some() && label(seen, name) == label(wanted, name));
        match controller {
            Some(controller) if controller.uid == owner => Self::Ours,
            None if is_labelled && seen.deletion_timestamp.is_none() => Self::Orphaned,
            _ => Self::Foreign,
        }
    }
}

/// The managers of an object's fields, with all that `manager` has written in any way counted as applied by it, and
/// with `everything` all that anybody has written. What belongs to a subresource stays as it is. `None` where nothing
/// is to be changed.
pub(super) fn claim(
    managed: &[ManagedFieldsEntry],
    manager: &str,
    everything: bool,
) -> Option<Vec<ManagedFieldsEntry>> {
    let is_applied = |one: &ManagedFieldsEntry| one.operation.as_deref() == Some("Apply");
    let is_ours = |one: &ManagedFieldsEntry| one.manager.as_deref() == Some(manager);
    let (taken, mut left): (Vec<_>, Vec<_>) = managed
        .iter()
        .cloned()
        .partition(|one| one.subresource.is_none() && (everything || is_ours(one)));
    if taken.iter().all(|one| is_ours(one) && is_applied(one)) {
        return None;
    }
    let mut fields = Value::Object(Map::new());
    for one in &taken {
        if let Some(FieldsV1(more)) = &one.fields_v1 {
            unite(&mut fields, more);
        }
    }
    let newest = taken
        .into_iter()
        .max_by_key(|one| one.time.as_ref().map(|time| time.0))?;
    left.push(ManagedFieldsEntry {
        manager: Some(manager.to_owned()),
        operation: Some("Apply".to_owned()),
        fields_v1: Some(FieldsV1(fields)),
        ..newest
    });
    Some(left)
}

/// Adds the fields of `more` to those of `into`. As deep as the API server lets fields be.
fn unite(into: &mut Value, more: &Value) {
    let mut open = vec![(Vec::new(), more)];
    while let Some((path, more)) = open.pop() {
        let Value::Object(fields) = more else { continue };
        let mut at = &mut *into;
        for name in &path {
            at = &mut at[*name];
        }
        for (name, inner) in fields {
            let is_known = at.get(name).is_some();
            if !is_known {
                at[name] = inner.clone();
                continue;
            }
            let mut path: Vec<&str> = path.clone();
            path.push(name);
            open.push((path, inner));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, operation: &str, fields: &Value) -> ManagedFieldsEntry {
        serde_json::from_value(json!({
            "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }))
        .unwrap()
    }

    #[test]
    fn what_was_created_counts_as_applied_and_what_others_wrote_stays_theirs() {
        let created = entry("us", "Update", &json!({"f:data": {".": {}, "f:a": {}}}));
        let theirs = entry("kubectl", "Update", &json!({"f:data": {"f:b": {}}}));
        let claimed = claim(&[created, theirs.clone()], "us", false).unwrap();
        assert_eq!(claimed[0], theirs);
        assert_eq!(claimed[1].operation.as_deref(), Some("Apply"));
        assert_eq!(claim(&claimed, "us", false), None, "it is done once");
    }

    #[test]
    fn of_an_orphan_everything_is_ours_but_the_status() {
        let status = ManagedFieldsEntry {
            subresource: Some("status".to_owned()),
            ..entry("controller", "Update", &json!({"f:status": {}}))
        };
        let found = [
            entry("us", "Apply", &json!({"f:data": {"f:a": {}}})),
            entry(
                "velero",
                "Update",
                &json!({"f:data": {"f:a": {}, "f:b": {}}, "f:spec": {"f:c": {}}}),
            ),
            status.clone(),
        ];
        let claimed = claim(&found, "us", true).unwrap();
        assert_eq!(claimed[0], status);
        let fields = json!({"f:data": {"f:a": {}, "f:b": {}}, "f:spec": {"f:c": {}}});
        assert_eq!(claimed[1].fields_v1.as_ref().unwrap().0, fields);
        assert_eq!(claimed.len(), 2);
    }

    #[test]
    fn an_object_is_ours_by_its_controller_and_an_orphan_by_its_labels() {
        let labels = json!({"app.kubernetes.io/managed-by": "firehose-operator", DESTINATION_LABEL: "orders"});
        let of = |metadata: Value| -> ObjectMeta { serde_json::from_value(metadata).unwrap() };
        let wanted = of(json!({"labels": labels}));
        let owner = |uid: &str, controller: bool| json!({"apiVersion": "v1", "kind": "K", "name": "n", "uid": uid, "controller": controller});
        for (seen, expected) in [
            (json!({"ownerReferences": [owner("u", true)]}), Ownership::Ours),
            (
                json!({"labels": labels, "ownerReferences": [owner("x", true)]}),
                Ownership::Foreign,
            ),
            (
                json!({"labels": labels, "ownerReferences": [owner("x", false)]}),
                Ownership::Orphaned,
            ),
            (json!({"labels": labels}), Ownership::Orphaned),
            (
                json!({"labels": labels, "deletionTimestamp": "2026-01-01T00:00:00Z"}),
                Ownership::Foreign,
            ),
            (
                json!({"labels": {"app.kubernetes.io/managed-by": "firehose-operator"}}),
                Ownership::Foreign,
            ),
            (json!({}), Ownership::Foreign),
        ] {
            assert_eq!(Ownership::of(&of(seen.clone()), &wanted, "u"), expected, "{seen}");
        }
    }
}
