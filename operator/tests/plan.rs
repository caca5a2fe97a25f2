//! The plan, from manifests to golden files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

use std::path::Path;

use firehose_operator::plan::{Installation, Paths, Rejection, Validated, children, document, unchangeable, validate};
use firehose_operator_api::{
    FirehoseDestination, Reason,
    admission::{admit, documents},
};
use serde_json::{Value, json};

fn installation() -> Installation {
    Installation {
        proxy_image: "registry.example/firehose-proxy:1.2.3".to_owned(),
        image_pull_policy: None,
    }
}

fn manifest(text: &str) -> FirehoseDestination {
    let mut destination = admit(&documents(text).unwrap()[0]).unwrap();
    destination.metadata.namespace = Some("analytics".to_owned());
    destination.metadata.uid = Some("0b5ef4a9-6a4c-4a6c-9d5c-7a3c3f1c0001".to_owned());
    destination.metadata.generation = Some(1);
    destination
}

fn destination(spec: &Value) -> FirehoseDestination {
    let mut manifest = json!({
        "apiVersion": "firehose-operator.dev/v1alpha1",
        "kind": "FirehoseDestination",
        "metadata": {"name": "orders"},
        "spec": {"region": "eu-west-1", "mappings": [{"event": "*", "deliveryStreamName": "everything"}]},
    });
    for (name, value) in spec.as_object().unwrap() {
        manifest["spec"][name] = value.clone();
    }
    admit(&manifest).unwrap_or_else(|refusals| panic!("{spec}: {refusals:?}"))
}

fn plan_of(text: &str) -> Validated {
    validate(&manifest(text)).unwrap()
}

fn refusals(spec: &Value) -> Vec<(String, Reason)> {
    let rejections: Vec<Rejection> = validate(&destination(spec)).err().unwrap_or_default();
    rejections
        .into_iter()
        .map(|rejection| (rejection.field, rejection.reason))
        .collect()
}

/// Each object as YAML, in the order they are applied in.
fn rendered(text: &str) -> String {
    let children = children(&plan_of(text), &installation());
    [
        serde_yaml::to_string(&children.config_map),
        serde_yaml::to_string(&children.service_account),
        serde_yaml::to_string(&children.headless_service),
        serde_yaml::to_string(&children.service),
        serde_yaml::to_string(&children.disruption_budget),
        serde_yaml::to_string(&children.stateful_set),
    ]
    .map(Result::unwrap)
    .join("---\n")
}

#[test]
fn the_children_of_the_examples() {
    insta::assert_snapshot!("orders", rendered(include_str!("../../examples/orders.yaml")));
    insta::assert_snapshot!(
        "static-credentials",
        rendered(include_str!("../../examples/static-credentials.yaml"))
    );
    insta::assert_snapshot!("role", rendered(include_str!("../../examples/role.yaml")));
}

#[test]
fn every_example_is_accepted_and_none_names_an_endpoint() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 3);
    for file in files {
        for found in documents(&std::fs::read_to_string(&file).unwrap()).unwrap() {
            let destination = admit(&found).unwrap_or_else(|refusals| panic!("{file:?}: {refusals:?}"));
            assert_eq!(destination.spec.endpoint_url, None, "{file:?}");
            validate(&destination).unwrap_or_else(|invalid| panic!("{file:?}: {invalid:?}"));
        }
    }
}

#[test]
fn the_revision_follows_the_configuration_and_the_pod_template_does_not() {
    let before = manifest(include_str!("../../examples/orders.yaml"));
    let mut after = before.clone();
    after.spec.mappings[0].delivery_stream_name = "another".to_owned();
    let [before, after] =
        [before, after].map(|destination| children(&validate(&destination).unwrap(), &installation()));
    assert_ne!(before.revision, after.revision);
    assert_ne!(before.config_map, after.config_map);
    assert_eq!(before.stateful_set, after.stateful_set);
}

#[test]
fn a_new_role_of_the_service_account_replaces_the_pods() {
    let before = manifest(include_str!("../../examples/role.yaml"));
    let mut after = before.clone();
    let annotations = &mut after.spec.proxy.service_account.annotations;
    annotations.insert(
        "eks.amazonaws.com/role-arn".to_owned(),
        "arn:aws:iam::123456789012:role/other".to_owned(),
    );
    let [before, after] =
        [before, after].map(|destination| children(&validate(&destination).unwrap(), &installation()));
    assert_ne!(before.stateful_set, after.stateful_set);
}

#[test]
fn the_local_path_mounts_nothing_and_names_its_own_directories() {
    let paths = Paths {
        credentials: "data/credentials".to_owned(),
        write_keys: "data/write-keys".to_owned(),
    };
    let document = document(&plan_of(include_str!("../../examples/static-credentials.yaml")), &paths);
    assert_eq!(document.credentials.static_.unwrap().directory, "data/credentials");
}

#[test]
fn a_default_endpoint_gives_way_to_the_destinations_own() {
    let of = |spec: &Value| {
        let validated = validate(&destination(spec))
            .unwrap()
            .with_default_endpoint(Some("http://simulator"));
        validated.endpoint_url().map(str::to_owned)
    };
    assert_eq!(of(&json!({})).as_deref(), Some("http://simulator"));
    assert_eq!(
        of(&json!({"endpointURL": "https://vpce.example"})).as_deref(),
        Some("https://vpce.example")
    );
}

#[test]
fn two_mappings_that_differ_only_in_case_are_refused_by_the_second_ones_field() {
    for (first, second) in [
        ("page", "Page"),
        ("straße", "STRAßE"),
        ("ΣΑΣ", "σας"),
        ("İ", "i\u{307}"),
    ] {
        let mappings = json!([
            {"event": first, "deliveryStreamName": "a"},
            {"event": "*", "deliveryStreamName": "b"},
            {"event": second, "deliveryStreamName": "c"},
        ]);
        assert_eq!(
            refusals(&json!({"mappings": mappings})),
            [("spec.mappings[2].event".to_owned(), Reason::DuplicateEvent)],
            "{first} and {second}"
        );
    }
}

#[test]
fn events_that_only_look_alike_are_different() {
    let mappings = json!([
        {"event": "page", "deliveryStreamName": "a"},
        {"event": "page ", "deliveryStreamName": "b"},
        {"event": "e\u{301}", "deliveryStreamName": "c"},
        {"event": "\u{e9}", "deliveryStreamName": "d"},
    ]);
    assert_eq!(refusals(&json!({"mappings": mappings})), []);
}

#[test]
fn a_document_that_no_config_map_could_hold_is_refused() {
    let row = |number: usize| json!({"event": format!("{number:04}{}", "𠀀".repeat(252)), "deliveryStreamName": "s".repeat(64)});
    let mappings = |count| json!({"mappings": (0..count).map(row).collect::<Vec<_>>()});
    assert_eq!(refusals(&mappings(700)), []);
    assert_eq!(
        refusals(&mappings(1000)),
        [("spec.mappings".to_owned(), Reason::TooLarge)]
    );
}

#[test]
fn what_the_schema_cannot_see_is_refused_by_field() {
    let cases = [
        (
            json!({"ingest": {"maxRequestSize": "1G"}}),
            "spec.ingest.maxRequestSize",
        ),
        (json!({"ingest": {"maxRequestSize": 100}}), "spec.ingest.maxRequestSize"),
        (json!({"spool": {"maxSize": "1Ki"}}), "spec.spool.maxSize"),
        (
            json!({"spool": {"maxSize": "32Mi"}, "ingest": {"maxRequestSize": "32Mi"}}),
            "spec.spool.maxSize",
        ),
        (
            json!({"proxy": {"podLabels": {"app.kubernetes.io/name": "mine"}}}),
            "spec.proxy.podLabels.app.kubernetes.io/name",
        ),
        (
            json!({"proxy": {"podLabels": {"team": "a b"}}}),
            "spec.proxy.podLabels.team",
        ),
        (
            json!({"proxy": {"podLabels": {"te am": "a"}}}),
            "spec.proxy.podLabels.te am",
        ),
        (
            json!({"proxy": {"podAnnotations": {"a/b/c": "x"}}}),
            "spec.proxy.podAnnotations.a/b/c",
        ),
        (
            json!({"proxy": {"nodeSelector": {"-": "x"}}}),
            "spec.proxy.nodeSelector.-",
        ),
    ];
    for (spec, field) in cases {
        assert_eq!(refusals(&spec), [(field.to_owned(), Reason::Invalid)], "{spec}");
    }
}

#[test]
fn what_is_not_built_yet_is_refused_and_never_ignored() {
    for (spec, field) in [
        (json!({"deletionPolicy": "Drain"}), "spec.deletionPolicy"),
        (json!({"drainTimeoutSeconds": 60}), "spec.drainTimeoutSeconds"),
    ] {
        assert_eq!(refusals(&spec), [(field.to_owned(), Reason::NotImplemented)], "{spec}");
    }
}

#[test]
fn a_claim_of_another_size_is_refused_because_running_ones_are_not_resized() {
    let workload = |storage: &str| {
        let claim = json!({"resources": {"requests": {"storage": storage}}});
        let spec = json!({"spool": {"type": "PersistentVolumeClaim", "persistentVolumeClaim": claim}});
        children(&validate(&destination(&spec)).unwrap(), &installation()).stateful_set
    };
    let ephemeral = children(&validate(&destination(&json!({}))).unwrap(), &installation()).stateful_set;
    assert_eq!(unchangeable(&workload("1Gi"), &workload("1024Mi")), None);
    assert_eq!(unchangeable(&ephemeral, &ephemeral), None);
    let refused = unchangeable(&workload("1Gi"), &workload("2Gi")).unwrap();
    assert_eq!(refused.reason, Reason::NotImplemented);
    assert_eq!(
        refused.to_string(),
        "spec.spool.persistentVolumeClaim.resources.requests.storage: the claims of the pods have 1Gi and are not resized \
         in this version"
    );
}
