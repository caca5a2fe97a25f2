//! The rules of the definition, run offline by the crate that the operator's local path uses.
#![cfg(feature = "admission")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use firehose_operator_api::admission::{FieldError, admit, admit_change, documents};
use firehose_operator_api::{CredentialsType, FirehoseDestination, SpoolType};
use serde_json::{Value, json};

fn smallest() -> Value {
    json!({
        "apiVersion": "firehose-operator.dev/v1alpha1",
        "kind": "FirehoseDestination",
        "metadata": {"name": "orders", "namespace": "analytics"},
        "spec": {
            "region": "eu-west-1",
            "mappings": [{"event": "*", "deliveryStreamName": "everything"}],
        },
    })
}

/// The smallest manifest with one value set, by JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut manifest = smallest();
    let (parents, name) = pointer.rsplit_once('/').unwrap();
    let mut node = &mut manifest;
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
    node[name] = value;
    manifest
}

fn field_errors(manifest: &Value) -> Vec<FieldError> {
    admit(manifest).err().unwrap_or_default()
}

#[test]
fn the_smallest_manifest_is_admitted_with_every_default() {
    let destination = admit(&smallest()).unwrap();
    assert_eq!(destination.spec.replicas, 2);
    assert_eq!(destination.spec.credentials.kind, CredentialsType::Ambient);
    assert_eq!(destination.spec.ingest.max_request_size.as_str(), "10Mi");
    assert_eq!(destination.spec.delivery.linger_milliseconds, 100);
    assert_eq!(destination.spec.delivery.acknowledge, None);
    assert_eq!(destination.spec.spool.kind, SpoolType::Ephemeral);
}

#[test]
fn the_types_and_the_schema_have_the_same_defaults() {
    let by_schema = admit(&smallest()).unwrap();
    let by_types: FirehoseDestination = serde_json::from_value(smallest()).unwrap();
    assert_eq!(by_types, by_schema);
}

#[test]
fn the_custom_resource_of_the_documentation_is_admitted() {
    let manifest = &documents(include_str!("full.yaml")).unwrap()[0];
    let destination = admit(manifest).unwrap();
    assert_eq!(destination.spec.streams[0].name, "orders-prod");
    let written = serde_json::to_value(&destination).unwrap();
    assert_eq!(
        admit(&written).unwrap(),
        destination,
        "what was admitted is admitted again unchanged"
    );
}

#[test]
fn a_null_is_as_good_as_an_absent_field() {
    assert!(admit(&with("/spec/endpointURL", Value::Null)).is_ok());
    assert_eq!(admit(&with("/spec/replicas", Value::Null)).unwrap().spec.replicas, 2);
}

#[test]
fn what_is_refused_is_refused_by_the_name_of_its_field() {
    let long = "x".repeat(300);
    let cases = [
        ("/kind", json!("Destination"), "kind"),
        ("/apiVersion", json!("v1"), "apiVersion"),
        ("/extra", json!(1), "extra"),
        (
            "/metadata/name",
            json!("a-name-that-is-longer-than-forty-letters-0"),
            "metadata.name",
        ),
        ("/metadata/name", json!("1st"), "metadata.name"),
        ("/metadata/name", json!("a.b"), "metadata.name"),
        ("/spec/region", json!("Ireland"), "spec.region"),
        ("/spec/region", json!(5), "spec.region"),
        ("/spec/mappings", json!([]), "spec.mappings"),
        ("/spec/mappings", json!({}), "spec.mappings"),
        ("/spec/mappings/0/event", json!(""), "spec.mappings[0].event"),
        ("/spec/mappings/0/event", json!(" \t"), "spec.mappings[0].event"),
        ("/spec/mappings/0/event", json!(long), "spec.mappings[0].event"),
        (
            "/spec/mappings/0/deliveryStreamName",
            json!("a b"),
            "spec.mappings[0].deliveryStreamName",
        ),
        (
            "/spec/mappings/0/deliveryStreamName",
            json!(""),
            "spec.mappings[0].deliveryStreamName",
        ),
        ("/spec/mappings/0/stream", json!("orders"), "spec.mappings[0].stream"),
        ("/spec/endpointURL", json!("ftp://example"), "spec.endpointURL"),
        (
            "/spec/endpointURL",
            json!("https://user:secret@example"),
            "spec.endpointURL",
        ),
        ("/spec/useFIPS", json!(true), "spec.useFIPS"),
        ("/spec/useFips", json!("Enabled"), "spec.useFips"),
        ("/spec/replicas", json!(0), "spec.replicas"),
        ("/spec/replicas", json!(101), "spec.replicas"),
        ("/spec/replicas", json!("two"), "spec.replicas"),
        ("/spec/credentials/type", json!("Static"), "spec.credentials.static"),
        (
            "/spec/credentials/static",
            json!({"secretName": "aws"}),
            "spec.credentials.static",
        ),
        (
            "/spec/credentials/static",
            json!({}),
            "spec.credentials.static.secretName",
        ),
        (
            "/spec/credentials/assumeRole",
            json!({"roleARN": "events"}),
            "spec.credentials.assumeRole.roleARN",
        ),
        ("/spec/ingest/state", json!("Off"), "spec.ingest.state"),
        (
            "/spec/ingest/maxRequestSize",
            json!("10 MB"),
            "spec.ingest.maxRequestSize",
        ),
        ("/spec/ingest/maxRequestSize", json!(0), "spec.ingest.maxRequestSize"),
        (
            "/spec/ingest/eventsPerSecondPerPod",
            json!(0),
            "spec.ingest.eventsPerSecondPerPod",
        ),
        (
            "/spec/ingest/trustedProxies",
            json!(["10.0.0.0"]),
            "spec.ingest.trustedProxies[0]",
        ),
        (
            "/spec/ingest/cors",
            json!({"allowedOrigins": ["shop.example"]}),
            "spec.ingest.cors.allowedOrigins[0]",
        ),
        (
            "/spec/delivery/lingerMilliseconds",
            json!(-1),
            "spec.delivery.lingerMilliseconds",
        ),
        ("/spec/delivery/maxAgeSeconds", json!(1), "spec.delivery.maxAgeSeconds"),
        (
            "/spec/streams",
            json!([{"name": "a"}, {"name": "a"}]),
            "spec.streams[1]",
        ),
        (
            "/spec/spool/type",
            json!("PersistentVolumeClaim"),
            "spec.spool.persistentVolumeClaim",
        ),
        ("/spec/deletionPolicy", json!("Delete"), "spec.deletionPolicy"),
        ("/spec/proxy/image", json!("mine"), "spec.proxy.image"),
        ("/spec/proxy/podLabels", json!({"a": long}), "spec.proxy.podLabels.a"),
    ];
    for (pointer, value, field) in cases {
        let refusals = field_errors(&with(pointer, value.clone()));
        let fields: Vec<&str> = refusals.iter().map(|refusal| refusal.field.as_str()).collect();
        assert_eq!(fields, [field], "{pointer} = {value}: {refusals:?}");
    }
}

#[test]
fn an_endpoint_of_ones_own_has_no_fips_variant() {
    for switch in ["useFIPS", "useDualStack"] {
        let mut manifest = with("/spec/endpointURL", json!("https://vpce.example"));
        assert!(admit(&manifest).is_ok());
        manifest["spec"][switch] = json!("Enabled");
        assert_eq!(field_errors(&manifest)[0].field, "spec.endpointURL", "{switch}");
    }
}

#[test]
fn everything_that_is_missing_is_named_at_once() {
    let manifest = json!({"apiVersion": "firehose-operator.dev/v1alpha1", "kind": "FirehoseDestination", "spec": {}});
    let fields: Vec<String> = field_errors(&manifest)
        .into_iter()
        .map(|refusal| refusal.field)
        .collect();
    assert_eq!(fields, ["metadata.name", "spec.mappings", "spec.region"]);
}

#[test]
fn a_spool_keeps_its_type_and_its_storage_class() {
    let claim = |class: &str| {
        with(
            "/spec/spool",
            json!({
                "type": "PersistentVolumeClaim",
                "persistentVolumeClaim": {"storageClassName": class, "resources": {"requests": {"storage": "5Gi"}}},
            }),
        )
    };
    let fast = admit(&claim("fast")).unwrap();
    assert!(admit_change(&claim("fast"), &fast).is_ok());
    let refusal = |manifest: &Value| admit_change(manifest, &fast).unwrap_err()[0].field.clone();
    assert_eq!(
        refusal(&claim("slow")),
        "spec.spool.persistentVolumeClaim.storageClassName"
    );
    assert_eq!(refusal(&smallest()), "spec.spool.type");
}

#[test]
fn a_file_may_hold_several_documents() {
    let found = documents("# empty\n---\nkind: Secret\n---\nkind: FirehoseDestination\n").unwrap();
    assert_eq!(found.len(), 2);
    assert!(documents("a: [").is_err());
    assert!(
        documents("a: 1\na: 2\n").is_err(),
        "a key that occurs twice is a mistake"
    );
}
