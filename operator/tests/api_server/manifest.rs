//! Destinations as `kubectl apply` would send them.

use firehose_operator_api::FirehoseDestination;
use kube::{
    Api,
    api::{Patch, PatchParams, ValidationDirective},
};
use serde_json::{Value, json};

/// The smallest destination with these fields of its spec.
pub(crate) fn destination(name: &str, spec: &Value) -> Value {
    let mut manifest = json!({
        "apiVersion": "firehose-operator.dev/v1alpha1",
        "kind": "FirehoseDestination",
        "metadata": {"name": name},
        "spec": {"region": "eu-west-1", "mappings": [{"event": "*", "deliveryStreamName": "everything"}]},
    });
    for (field, value) in spec.as_object().unwrap() {
        manifest["spec"][field] = value.clone();
    }
    manifest
}

/// One whose every event goes to `stream`.
pub(crate) fn to_stream(name: &str, stream: &str) -> Value {
    let mappings = json!([{"event": "*", "deliveryStreamName": stream}]);
    destination(name, &json!({"mappings": mappings}))
}

/// Applies it by the administrator's rights, with unknown fields refused, as kubectl does.
pub(crate) async fn apply(
    api: &Api<FirehoseDestination>,
    manifest: &Value,
) -> Result<FirehoseDestination, kube::Error> {
    let parameters = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("test").force()
    };
    let name = manifest["metadata"]["name"].as_str().unwrap();
    api.patch(name, &parameters, &Patch::Apply(manifest)).await
}

/// The reason of a condition of the newest generation; empty while there is none.
pub(crate) async fn reason(api: &Api<FirehoseDestination>, name: &str, condition: &str) -> String {
    let destination = api.get(name).await.unwrap();
    let status = destination.status.unwrap_or_default();
    if status.observed_generation != destination.metadata.generation {
        return String::new();
    }
    let found = status.conditions.iter().find(|one| one.kind.to_string() == condition);
    found.map(|one| one.reason.to_string()).unwrap_or_default()
}
