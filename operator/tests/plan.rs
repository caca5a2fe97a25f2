//! The plan, from manifests to golden files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

use std::path::Path;

use firehose_operator::plan::{
    Installation, Paths, Rejection, Validated, children, document, effective, unchangeable, validate,
};
use firehose_operator_api::{
    FirehoseDestination, Reason,
    admission::{admit, documents},
    schema,
};
use firehose_proxy_config::Toggle;
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
            assert_eq!(destination.spec.endpoints.firehose.url(), None, "{file:?}");
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
        of(&json!({"endpoints": {"firehose": {"type": "Custom", "custom": {"url": "https://vpce.example"}}}}))
            .as_deref(),
        Some("https://vpce.example")
    );
    assert_eq!(of(&json!({"endpoints": {"firehose": {"type": "FIPS"}}})), None);
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
        let message = validate(&destination(&json!({"mappings": mappings}))).unwrap_err()[0].to_string();
        assert!(message.contains("row 2") && message.contains("row 0"), "{message}");
    }
}

#[test]
fn the_same_event_of_two_sources_is_no_duplicate() {
    let row = |source: Option<&str>| json!({"event": "page", "deliveryStreamName": "a", "source": source});
    let mappings = json!([row(Some("web")), row(Some("app")), row(None), row(Some("web"))]);
    let duplicates: Vec<_> = refusals(&json!({"mappings": mappings}))
        .into_iter()
        .filter(|(_, reason)| *reason == Reason::DuplicateEvent)
        .collect();
    assert_eq!(
        duplicates,
        [("spec.mappings[3].event".to_owned(), Reason::DuplicateEvent)]
    );
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
            json!({"streams": [{"deliveryStreamName": "a", "quota": {"bytesPerSecond": "1000"}}]}),
            "spec.streams[0].quota.bytesPerSecond",
        ),
        (
            json!({"streams": [{"deliveryStreamName": "a", "packing": {"maxRecordSize": "5000"}}]}),
            "spec.streams[0].packing.maxRecordSize",
        ),
        (
            json!({"streams": [{"deliveryStreamName": "a", "packing": {"maxRecordSize": "ten"}}]}),
            "spec.streams[0].packing.maxRecordSize",
        ),
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

/// The words for it in the comment of a field, which `kubectl explain` prints.
const NOT_IMPLEMENTED: &str = "ot implemented in this version";

#[test]
fn what_is_not_implemented_is_refused_by_its_field_and_its_comment_says_so() {
    let refused = refusals(&everything());
    let fields: Vec<&str> = refused.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.ingest.sources",
            "spec.ingest.sourceField",
            "spec.ingest.allowedClients",
            "spec.ingest.requestIP",
            "spec.ingest.privacy",
            "spec.ingest.deduplication",
            "spec.ingest.connections",
            "spec.ingest.tls",
            "spec.delivery.undeliverable",
            "spec.spool.persistentVolumeClaim.template.metadata",
            "spec.spool.persistentVolumeClaim.template.spec.volumeAttributesClassName",
            "spec.spool.persistentVolumeClaim.retentionPolicy.whenScaled",
            "spec.deletion.type",
            "spec.proxy.serviceAccountName",
            "spec.proxy.service.annotations",
            "spec.mappings[1].source",
            "spec.credentials.assumeRoles[1]",
            "spec.credentials.assumeRoles[1].sessionTags",
            "spec.streams[0].billing",
        ]
    );
    for (spec, field) in [
        (json!({"reconciliation": "Paused"}), "spec.reconciliation"),
        (json!({"credentials": {"type": "PodIdentity"}}), "spec.credentials.type"),
        (
            json!({"credentials": {"type": "InstanceProfile"}}),
            "spec.credentials.type",
        ),
        (
            json!({"credentials": {"type": "WebIdentity", "webIdentity": {"roleARN": "arn:aws:iam::123456789012:role/a"}}}),
            "spec.credentials.type",
        ),
        (json!({"endpoints": {"sts": {"type": "FIPS"}}}), "spec.endpoints.sts"),
        (
            json!({"endpoints": {"sts": {"type": "Custom", "custom": {"url": "https://sts.example"}}}}),
            "spec.endpoints.sts",
        ),
        (json!({"ingest": {"requestIP": "Omitted"}}), "spec.ingest.requestIP"),
        (json!({"ingest": {"deduplication": {}}}), "spec.ingest.deduplication"),
    ] {
        assert_eq!(refusals(&spec), [(field.to_owned(), Reason::NotImplemented)], "{spec}");
        assert!(comment(field).contains(NOT_IMPLEMENTED), "{field}: {}", comment(field));
    }
    for (field, reason) in &refused {
        assert_eq!(*reason, Reason::NotImplemented, "{field}");
        assert!(comment(field).contains(NOT_IMPLEMENTED), "{field}: {}", comment(field));
    }
}

/// The spec of the object that has every field.
fn everything() -> Value {
    documents(include_str!("../api/tests/admitted/everything.yaml")).unwrap()[0]["spec"].take()
}

/// What `kubectl explain` prints about a field.
fn comment(field: &str) -> String {
    let mut node = &schema();
    for name in field.split('.') {
        let (name, is_item) = name.split_once('[').map_or((name, false), |(name, _)| (name, true));
        node = &node["properties"][name];
        if is_item && node["items"]["properties"].is_object() && !field.ends_with(']') {
            node = &node["items"];
        }
    }
    node["description"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_comment_that_says_not_implemented_belongs_to_a_field_that_is_refused() {
    fn walk(node: &Value, path: &str, found: &mut Vec<String>) {
        if node["description"]
            .as_str()
            .is_some_and(|text| text.contains(NOT_IMPLEMENTED))
        {
            found.push(path.to_owned());
        }
        for (name, inner) in node["properties"].as_object().into_iter().flatten() {
            walk(inner, &format!("{path}.{name}"), found);
        }
        walk_items(&node["items"], path, found);
    }
    fn walk_items(items: &Value, path: &str, found: &mut Vec<String>) {
        if items.is_object() {
            walk(items, &format!("{path}[]"), found);
        }
    }
    let mut commented = Vec::new();
    walk(&schema()["properties"]["spec"], "spec", &mut commented);
    let refused: Vec<String> = refusals(&everything())
        .into_iter()
        .map(|(field, _)| field.replace("[0]", "[]").replace("[1]", "[]"))
        .collect();
    let elsewhere = [
        "spec.reconciliation",
        "spec.credentials.type",
        "spec.credentials.webIdentity",
        "spec.endpoints.sts",
        "spec.deletion.drain",
        "spec.credentials.assumeRoles",
        "spec.spool.persistentVolumeClaim.template.spec.resources.requests.storage",
    ];
    commented.retain(|field| !refused.contains(field) && !elsewhere.contains(&field.as_str()));
    assert_eq!(commented, Vec::<String>::new());
}

#[test]
fn what_is_implemented_of_the_shape_is_in_the_document_and_the_children() {
    let spec = json!({
        "credentials": {
            "type": "Static",
            "static": {"secretRef": {"name": "aws"}, "keys": {"accessKeyID": "id"}},
            "assumeRoles": [{"roleARN": "arn:aws:iam::123456789012:role/events", "externalID": "analytics"}],
        },
        "endpoints": {
            "firehose": {"type": "FIPSDualStack"},
            "sts": {"type": "Custom", "custom": {"url": "https://sts.example"}},
        },
        "ingest": {"authentication": {"type": "WriteKeys", "writeKeys": {"secretKeyRef": {"name": "keys", "key": "mine"}}}},
        "delivery": {"quota": {"bytesPerSecond": "5Mi", "recordsPerSecond": 1001}},
        "spool": {
            "type": "PersistentVolumeClaim",
            "persistentVolumeClaim": {
                "template": {"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "4Gi"}}}},
                "retentionPolicy": {"whenDeleted": "Delete"},
            },
        },
        "proxy": {
            "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "shop"}}},
            ]}},
            "service": {"trafficDistribution": "PreferClose", "ipFamilyPolicy": "PreferDualStack"},
            "shutdown": {"drainDelaySeconds": 10, "timeoutSeconds": 90},
        },
    });
    let validated = validate(&destination(&spec)).unwrap();
    let effective = effective(&validated, &installation());
    assert_eq!(
        effective.identity.as_deref(),
        Some("Static aws, arn:aws:iam::123456789012:role/events")
    );
    assert_eq!(effective.max_size.as_deref(), Some("3Gi"));
    let quota = effective.quota_per_pod.unwrap();
    assert_eq!(
        (
            quota.bytes_per_second.as_deref(),
            quota.records_per_second,
            quota.requests_per_second
        ),
        (Some("2560Ki"), Some(500), None)
    );
    assert_eq!(effective.endpoints.unwrap().sts.as_deref(), Some("https://sts.example"));
    let document = document(&validated, &Paths::default());
    assert_eq!(document.use_fips, Toggle::Enabled);
    assert_eq!(document.use_dual_stack, Toggle::Enabled);
    let role = document.credentials.assume_role.unwrap();
    assert_eq!(role.endpoint_url.as_deref(), Some("https://sts.example"));

    let children = children(&validated, &installation());
    let service = children.service.spec.unwrap();
    assert_eq!(service.traffic_distribution.as_deref(), Some("PreferClose"));
    assert_eq!(service.ip_family_policy.as_deref(), Some("PreferDualStack"));
    let workload = children.stateful_set.spec.unwrap();
    let retention = workload.persistent_volume_claim_retention_policy.unwrap();
    assert_eq!(retention.when_deleted.as_deref(), Some("Delete"));
    assert_eq!(retention.when_scaled.as_deref(), Some("Retain"));
    let pod = workload.template.spec.unwrap();
    assert_eq!(pod.termination_grace_period_seconds, Some(135));
    let affinity = serde_json::to_value(&pod.affinity).unwrap();
    assert_eq!(affinity, spec["proxy"]["affinity"]);
    let arguments = pod.containers[0].args.clone().unwrap();
    assert!(arguments.contains(&"--drain-delay=10".to_owned()), "{arguments:?}");
    let volumes = serde_json::to_string(&pod.volumes).unwrap();
    assert!(volumes.contains(r#"{"key":"mine","path":"writeKeys"}"#), "{volumes}");
    assert!(volumes.contains(r#"{"key":"id","path":"accessKeyID"}"#), "{volumes}");
}

#[test]
fn a_claim_of_another_size_is_refused_because_running_ones_are_not_resized() {
    let workload = |storage: &str| {
        let claim = json!({"template": {"spec": {"resources": {"requests": {"storage": storage}}}}});
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
        "spec.spool.persistentVolumeClaim.template.spec.resources.requests.storage: the claims of the pods have 1Gi and \
         are not resized in this version"
    );
}
