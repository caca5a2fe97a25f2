//! RudderStack's exports, in three shapes: they become manifests that route every event as RudderStack would.

use std::collections::HashMap;

use firehose_operator::{
    cli::{Arrival, Explainer, destinations, rudderstack},
    plan::{Allowed, NodeRole},
};
use serde_json::{Value, json};

/// A workspace as the servers read it; the same as they print it; the API's answer about one destination; and its
/// configuration alone.
fn exports() -> [(&'static str, String, &'static str); 4] {
    let destination = include_str!("exports/destination.json");
    let alone = serde_json::from_str::<Value>(destination).unwrap()["destination"]["config"].to_string();
    [
        (
            "workspace",
            include_str!("../../../examples/rudderstack-workspace.json").to_owned(),
            "/sources/0/destinations/0/config",
        ),
        (
            "server",
            include_str!("exports/server.json").to_owned(),
            "/w-1/Sources/0/Destinations/0/Config",
        ),
        ("destination", destination.to_owned(), "/destination/config"),
        ("configuration", alone, ""),
    ]
}

/// The rules of the original, written down once more: the table in the order of its rows, then name, type, `*`.
fn original(config: &Value, event: &Value) -> Option<String> {
    let mut table: HashMap<String, String> = HashMap::new();
    for row in config["mapEvents"].as_array().unwrap() {
        let (from, to) = (row["from"].as_str().unwrap(), row["to"].as_str().unwrap());
        if !from.trim().is_empty() {
            table.insert(from.to_lowercase(), to.to_owned());
        }
    }
    let find = |key: Option<&str>| {
        let key = key.filter(|key| !key.is_empty())?;
        table
            .get(&key.to_lowercase())
            .filter(|stream| !stream.is_empty())
            .cloned()
    };
    find(event["event"].as_str())
        .or_else(|| find(event["type"].as_str()))
        .or_else(|| find(Some("*")))
}

/// A thousand events about the names that the export has, and some others.
fn events(config: &Value) -> Vec<Value> {
    let rows = config["mapEvents"].as_array().unwrap();
    let mut names: Vec<Value> = Vec::new();
    for row in rows {
        let from = row["from"].as_str().unwrap();
        for name in [
            from.to_owned(),
            from.to_uppercase(),
            from.to_lowercase(),
            format!("{from} "),
            format!(" {from}"),
        ] {
            names.push(json!(name));
        }
    }
    names.extend([
        json!(null),
        json!(7),
        json!({"a": 1}),
        json!(""),
        json!("*"),
        json!("never heard of"),
    ]);
    let types = [
        json!("track"),
        json!("PAGE"),
        json!("screen"),
        json!("identify"),
        json!("custom"),
        json!(3),
    ];
    (0..1_000)
        .map(|number| {
            let (name, kind) = (&names[number % names.len()], &types[number / names.len() % types.len()]);
            json!({"event": name, "type": kind, "userId": "u", "messageId": number.to_string()})
        })
        .collect()
}

#[test]
fn a_thousand_events_go_where_the_original_would_have_sent_them() {
    let allowed = Allowed {
        node_role: NodeRole::Allowed,
        ..Allowed::default()
    };
    for (shape, export, place) in exports() {
        let export_value: Value = serde_json::from_str(&export).unwrap();
        let config = export_value.pointer(place).unwrap();
        let imported = rudderstack(&export).unwrap();
        assert_eq!(imported.count, 1, "{shape}: {imported:?}");
        let destination = destinations(&imported.manifests).unwrap().remove(0);
        let explainer = Explainer::of_destination(&destination, &allowed, None).unwrap();
        let mut streams = HashMap::new();
        for event in events(config) {
            let mut arrival = Arrival {
                milliseconds: 0,
                random: &mut || [0; 16],
            };
            let explained = explainer.explain(event.to_string().as_bytes(), &mut arrival);
            assert_eq!(explained.stream, original(config, &event), "{shape}: {event}");
            *streams.entry(explained.stream).or_insert(0) += 1;
        }
        assert!(streams.len() >= 3, "{shape}: {streams:?}");
    }
}

#[test]
fn what_has_no_counterpart_is_listed_and_a_key_is_not_repeated() {
    let [workspace, server, destination, alone] = exports().map(|(_, export, _)| rudderstack(&export).unwrap());
    for (imported, parts) in [
        (
            &workspace,
            &[
                "# From RudderStack: \"Orders to Firehose\".\n",
                "# - mapEvents[1] never counted: mapEvents[3] has the same event, \"PAGE\"\n",
                "# - 1 transformations have NO COUNTERPART\n",
                "# - events came from the source \"Web shop\": its write key is not checked; ingest.authentication would; \
                 its 1 other destinations have NO COUNTERPART\n",
                "# - config.eventFilteringOption has NO COUNTERPART\n",
                "# - config.oneTrustCookieCategories has NO COUNTERPART\n",
                "name: orders-to-firehose\n",
                "roleARN: arn:aws:iam::123456789012:role/rudderstack-firehose\n",
            ][..],
        ),
        (
            &server,
            &[
                "# - mapEvents[3] never counted: mapEvents[4] has the same event, \"Order Completed\"\n",
                "its tracking plan has NO COUNTERPART",
                "it belongs into the Secret firehose-9-streams--eu-aws:",
                "type: Static\n",
            ],
        ),
        (
            &destination,
            &[
                "# - no credentials were configured: whatever the pods have is used\n",
                "name: firehose\n",
            ],
        ),
        (&alone, &["region: us-east-1\n"]),
    ] {
        for part in parts {
            assert!(imported.manifests.contains(part), "{part} in {}", imported.manifests);
        }
        for secret in ["write-key-of", "AKIAIOSFODNN7EXAMPLE", "secret-of-the-export"] {
            assert!(
                !imported.manifests.contains(secret),
                "{secret} in {}",
                imported.manifests
            );
        }
    }
    assert!(
        workspace
            .manifests
            .ends_with("# NOT IMPORTED: \"Old one\" is disabled, so that nothing is sent to it.\n")
    );
    assert_eq!(workspace.complaints, Vec::<String>::new());
    assert_eq!(server.complaints, Vec::<String>::new());
}

#[test]
fn what_is_no_export_or_not_valid_is_said() {
    for (text, says) in [
        ("{", "the export is not JSON"),
        ("{\"sources\": []}", "the export holds no Firehose destination"),
        (
            r#"{"type": "KINESIS", "config": {"mapEvents": [], "region": "eu-west-1"}}"#,
            "the export holds no Firehose destination",
        ),
    ] {
        let refused = rudderstack(text).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
    let bad = rudderstack(r#"{"mapEvents": [{"from": "a", "to": "b"}], "region": "Ireland"}"#).unwrap();
    assert_eq!(bad.count, 1);
    assert!(bad.complaints[0].contains("spec.region"), "{:?}", bad.complaints);
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert!(rudderstack(&deep).is_err(), "and it ends");
}
