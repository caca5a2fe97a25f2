//! What the plan refuses and the schema cannot see.

use firehose_operator::plan::{children, unchangeable, validate};
use firehose_operator_api::Reason;
use serde_json::{Value, json};

use crate::{allowed, destination, installation, refusals};

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
        let message = validate(&destination(&json!({"mappings": mappings})), &allowed()).unwrap_err()[0].to_string();
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
fn a_row_of_a_source_that_is_not_there_is_refused_by_its_number() {
    let source = json!({"name": "web", "writeKeys": {"secretKeyRef": {"name": "web", "key": "writeKeys"}}});
    let spec = json!({
        "mappings": [
            {"event": "page", "deliveryStreamName": "a", "source": "web"},
            {"event": "page", "deliveryStreamName": "b", "source": "wbe"},
        ],
        "ingest": {"authentication": {"type": "WriteKeys"}, "sources": [source], "sourceField": "context.source"},
    });
    assert_eq!(
        refusals(&spec),
        [("spec.mappings[1].source".to_owned(), Reason::Invalid)]
    );
    let message = validate(&destination(&spec), &allowed()).unwrap_err()[0].to_string();
    assert!(message.contains("row 1") && message.contains("\"wbe\""), "{message}");
}

#[test]
fn a_source_is_not_written_where_the_proxy_writes_something_else() {
    for (field, is_refused) in [
        ("messageId", true),
        ("timestamp.source", true),
        ("context.messageId", false),
        ("source", false),
    ] {
        let spec = json!({"ingest": {"sourceField": field}});
        let expected: &[_] = match is_refused {
            true => &[("spec.ingest.sourceField".to_owned(), Reason::Invalid)],
            false => &[],
        };
        assert_eq!(refusals(&spec), expected, "{field}");
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

#[test]
fn a_claim_of_another_size_is_refused_because_running_ones_are_not_resized() {
    let workload = |storage: &str| {
        let claim = json!({"template": {"spec": {"resources": {"requests": {"storage": storage}}}}});
        let spec = json!({"spool": {"type": "PersistentVolumeClaim", "persistentVolumeClaim": claim}});
        children(&validate(&destination(&spec), &allowed()).unwrap(), &installation()).stateful_set
    };
    let ephemeral = children(
        &validate(&destination(&json!({})), &allowed()).unwrap(),
        &installation(),
    )
    .stateful_set;
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

#[test]
fn limits_below_what_a_destination_needs_are_refused_with_the_figure() {
    let limited = |limits: Value, size: &str| {
        let spec = json!({"proxy": {"resources": {"limits": limits}}, "spool": {"maxSize": size}});
        let rejections = validate(&destination(&spec), &allowed()).err().unwrap_or_default();
        rejections
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let memory = limited(json!({"memory": "329Mi"}), "64Mi");
    assert!(memory.contains("spec.proxy.resources.limits.memory"), "{memory}");
    assert!(memory.contains("330Mi"), "{memory}");
    assert_eq!(limited(json!({"memory": "330Mi"}), "64Mi"), "");
    assert!(limited(json!({"memory": "330Mi"}), "256Mi").contains("570Mi"));
    let disk = limited(json!({"ephemeral-storage": "300Mi"}), "64Mi");
    assert!(disk.contains("ephemeral-storage") && disk.contains("384Mi"), "{disk}");
    assert_eq!(limited(json!({"cpu": "100m"}), "64Mi"), "");
}
