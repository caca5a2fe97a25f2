//! A destination as it is stored, whatever is stored: one that cannot be read must not stop the others, and a status
//! that another version wrote must not stop its own.

use std::borrow::Cow;

use firehose_operator_api::{FirehoseDestination, FirehoseDestinationStatus};
use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

/// A destination, or what can be read of the stored object.
#[derive(Debug, Clone)]
pub struct Guarded(pub Result<Box<FirehoseDestination>, Box<Unreadable>>);

/// What can be read of an object that is no destination of this version.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Whether it names a class, and with it another installation.
    pub has_class: bool,
    /// Its status, as far as it can be read.
    pub status: FirehoseDestinationStatus,
    /// Why it cannot be read.
    pub error: String,
}

impl<'de> Deserialize<'de> for Guarded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Map::deserialize(deserializer)?;
        let status = object.remove("status").map(lenient);
        let object = Value::Object(object);
        let error = match FirehoseDestination::deserialize(&object) {
            Ok(destination) => return Ok(Self(Ok(Box::new(FirehoseDestination { status, ..destination })))),
            Err(error) => error.to_string(),
        };
        let metadata = ObjectMeta::deserialize(&object["metadata"]).map_err(D::Error::custom)?;
        Ok(Self(Err(Box::new(Unreadable {
            metadata,
            has_class: !object["spec"]["className"].is_null(),
            status: status.unwrap_or_default(),
            error,
        }))))
    }
}

/// The status without the fields, and the entries of lists, that have words of another version in them.
fn lenient(status: Value) -> FirehoseDestinationStatus {
    if let Ok(status) = FirehoseDestinationStatus::deserialize(&status) {
        return status;
    }
    let Value::Object(fields) = status else {
        return FirehoseDestinationStatus::default();
    };
    let known: Map<String, Value> = fields
        .into_iter()
        .filter_map(|(name, value)| {
            let value = match value {
                Value::Array(entries) => {
                    let known = |entry: &Value| is_readable(&name, Value::from(vec![entry.clone()]));
                    Value::Array(entries.into_iter().filter(known).collect())
                }
                value => value,
            };
            is_readable(&name, value.clone()).then_some((name, value))
        })
        .collect();
    FirehoseDestinationStatus::deserialize(Value::Object(known)).unwrap_or_default()
}

fn is_readable(field: &str, value: Value) -> bool {
    let alone = Map::from_iter([(field.to_owned(), value)]);
    FirehoseDestinationStatus::deserialize(Value::Object(alone)).is_ok()
}

impl Resource for Guarded {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        FirehoseDestination::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        FirehoseDestination::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        FirehoseDestination::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        FirehoseDestination::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        self.0
            .as_ref()
            .map_or_else(|unreadable| &unreadable.metadata, |destination| &destination.metadata)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(destination) => &mut destination.metadata,
            Err(unreadable) => &mut unreadable.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(spec: &Value, status: &Value) -> Guarded {
        let object = json!({
            "apiVersion": "firehose-operator.dev/v1alpha1",
            "kind": "FirehoseDestination",
            "metadata": {"name": "orders", "generation": 7},
            "spec": spec,
            "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn unknown_words_of_a_status_cost_their_own_entry_and_no_more() {
        let spec = json!({"region": "eu-west-1", "mappings": [{"event": "*", "deliveryStreamName": "orders"}]});
        let stream =
            |name: &str, state: &str| json!({"deliveryStreamName": name, "state": state, "reason": "Succeeded"});
        let status = json!({
            "revision": "abc",
            "effective": {"acknowledge": "WhenFramed"},
            "streams": [stream("orders", "Delivering"), stream("pages", "Simmering")],
            "fromTheFuture": true,
        });
        let status = read(&spec, &status).0.unwrap().status.unwrap();
        assert_eq!(status.revision.as_deref(), Some("abc"));
        assert_eq!(status.effective, None);
        let streams: Vec<_> = status
            .streams
            .iter()
            .map(|one| one.delivery_stream_name.as_str())
            .collect();
        assert_eq!(streams, ["orders"]);
    }

    #[test]
    fn of_an_unreadable_spec_metadata_and_status_are_kept() {
        let read = read(
            &json!({"className": "other", "mappings": "all"}),
            &json!({"revision": "abc"}),
        );
        let unreadable = read.0.unwrap_err();
        assert_eq!(unreadable.metadata.generation, Some(7));
        assert_eq!(unreadable.status.revision.as_deref(), Some("abc"));
        assert!(unreadable.has_class && !unreadable.error.is_empty());
    }
}
