//! The rules of the definition, run offline by the crate that the operator's local path uses.

use crate::cases::{set, smallest};
use firehose_operator_api::{CredentialsType, FirehoseDestination, SpoolType};
use firehose_operator_api::{
    admission::{FieldError, admit},
    manifests::objects,
};
use serde_json::{Value, json};

/// The smallest manifest with one value set, by JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut manifest = smallest();
    set(&mut manifest, pointer, value);
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
fn a_null_is_as_good_as_an_absent_field() {
    assert!(admit(&with("/spec/className", Value::Null)).is_ok());
    assert_eq!(admit(&with("/spec/replicas", Value::Null)).unwrap().spec.replicas, 2);
}

#[test]
fn what_stands_above_the_spec_is_checked_too() {
    for (pointer, value, field) in [
        ("/kind", json!("Destination"), "kind"),
        ("/apiVersion", json!("v1"), "apiVersion"),
        ("/extra", json!(1), "extra"),
    ] {
        let errors = field_errors(&with(pointer, value));
        assert_eq!(errors[0].field, field, "{errors:?}");
    }
}

#[test]
fn an_object_of_an_earlier_shape_is_refused_with_the_line_to_change() {
    let cases = [
        (
            "/spec/endpointURL",
            json!("https://a.example"),
            "spec.endpointURL",
            "unknown field; write spec.endpoints.firehose: {type: Custom, custom: {url: …}}",
        ),
        (
            "/spec/credentials",
            json!({"type": "Static", "static": {"secretName": "aws", "secretRef": {"name": "aws"}}}),
            "spec.credentials.static.secretName",
            "unknown field; write spec.credentials.static.secretRef.name",
        ),
        (
            "/spec/streams",
            json!([{"deliveryStreamName": "a"}, {"name": "b", "deliveryStreamName": "b"}]),
            "spec.streams[1].name",
            "unknown field; write spec.streams[].deliveryStreamName",
        ),
    ];
    for (pointer, value, field, message) in cases {
        let errors = field_errors(&with(pointer, value));
        let errors: Vec<_> = errors
            .iter()
            .map(|error| (error.field.as_str(), error.message.as_str()))
            .collect();
        assert_eq!(errors, [(field, message)]);
    }
}

#[test]
fn a_number_is_read_as_kubectl_sends_it() {
    let text = "apiVersion: firehose-operator.dev/v1alpha1\nkind: FirehoseDestination\nmetadata: {name: a}\nspec:\n  \
                region: eu-west-1\n  mappings: [{event: a, deliveryStreamName: a}]\n  ingest: {maxRequestSize: 1e6}\n";
    let destination = admit(&objects(text).unwrap()[0]).unwrap();
    assert_eq!(destination.spec.ingest.max_request_size.bytes(), Some(1_000_000));
}

#[test]
fn a_quantity_that_nobody_could_compute_with_is_refused_like_any_other() {
    for text in [
        "1e99",
        "9e-99",
        "999999999999999999999999Ei",
        "1e999999999",
        " 5Mi",
        "5 Mi",
        "NaN",
        "",
    ] {
        let errors = field_errors(&with("/spec/ingest/maxRequestSize", json!(text)));
        assert_eq!(errors.len(), 1, "{text:?}: {errors:?}");
        assert_eq!(errors[0].field, "spec.ingest.maxRequestSize");
    }
}

#[test]
fn a_message_shows_a_part_of_a_value_that_is_too_large_to_show() {
    let large = "é".repeat(100_000);
    for (pointer, value) in [
        ("/kind", json!(large)),
        ("/spec/replicas", json!(large)),
        ("/spec/region", json!(large)),
        ("/spec/reconciliation", json!(large)),
        ("/spec/mappings", json!({"a": large})),
    ] {
        for error in field_errors(&with(pointer, value)) {
            assert!(
                (1..300).contains(&error.message.chars().count()),
                "{pointer}: {}",
                error.message.len()
            );
        }
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
fn a_file_may_hold_several_documents() {
    let found = objects("# empty\n---\nkind: Secret\n---\nkind: FirehoseDestination\n").unwrap();
    assert_eq!(found.len(), 2);
    assert!(objects("kind: [").is_err());
}
