//! Bad input: each kind has one answer, and the process lives.

use std::{fs, path::Path};

use firehose_tests::{
    http::{self, Answer},
    local_path::{self, LocalPath},
    program::Program,
    wait::{SOON, until},
};

use crate::manifest::{Manifest, with_rows};

#[test]
fn an_invalid_manifest_is_refused_at_start_with_the_field_and_the_reason() {
    let valid = with_rows(&[("*", "everything")]);
    for (what, text, says) in [
        ("no YAML", "spec: [".to_owned(), "line 1: unclosed bracket"),
        ("nothing", String::new(), "holds 0 FirehoseDestination objects"),
        (
            "two",
            format!("{valid}---\n{valid}"),
            "holds 2 FirehoseDestination objects",
        ),
        ("no region", valid.replace("  region: eu-west-1\n", ""), "spec.region"),
        ("no mappings", with_rows(&[]), "spec.mappings"),
        (
            "a bad stream name",
            with_rows(&[("*", "a b")]),
            "spec.mappings[0].deliveryStreamName",
        ),
        (
            "one event twice",
            with_rows(&[("Page", "a"), ("page", "b")]),
            "spec.mappings[1].event",
        ),
        ("an unknown field", format!("{valid}  regoin: x\n"), "regoin"),
    ] {
        let manifest = Manifest::new(&[]);
        manifest.save(&text);
        let mut program = Program::start(&mut local_path::command(&manifest.path()));
        let status = program.ends(SOON);
        assert!(!status.success(), "{what}: {status}");
        program.says(says, SOON);
    }
}

#[test]
fn a_missing_manifest_is_named() {
    let mut program = Program::start(&mut local_path::command(Path::new("no/such/manifest.yaml")));
    assert!(!program.ends(SOON).success());
    program.says("no/such/manifest.yaml", SOON);
}

#[test]
fn a_broken_configuration_document_is_refused_and_the_last_good_one_stays() {
    let manifest = Manifest::new(&[("*", "everything")]);
    let data = manifest.folder().join("data");
    let local = LocalPath::start_with(&manifest.path(), &["--data-dir", data.to_str().unwrap()]);
    let document = data.join("config/config.yaml");
    let good = fs::read_to_string(&document).unwrap();

    for (number, bad) in [
        "formatVersion: [".to_owned(),
        good.replace("formatVersion: 1", "formatVersion: 999"),
        good.replace("everything", "elsewhere\u{1}"),
        format!("requires: [something-from-the-future]\n{good}"),
    ]
    .iter()
    .enumerate()
    {
        assert_ne!(*bad, good, "the test does not break the document");
        // In one step, as kubelet does: a look at half a document would be a refusal of its own.
        let new = document.with_extension("new");
        fs::write(&new, bad).unwrap();
        fs::rename(&new, &document).unwrap();
        let refused = format!("firehose_proxy_config_refused_total {}", number + 1);
        until(&refused, SOON, || {
            let metrics = page(&local, "/metrics");
            if metrics.lines().any(|line| line == refused) {
                Ok(())
            } else {
                Err(metrics)
            }
        });
        let status: serde_json::Value = serde_json::from_str(&page(&local, "/status")).unwrap();
        assert!(status["configError"].is_string(), "{status}");
        assert_eq!(track(&local, r#"{"userId":"u","event":"x"}"#).status, 200);
    }
    let arrived = local.simulator().arrived();
    assert_eq!(arrived.streams(), ["everything"]);
    assert_eq!(arrived.count(), 4);
}

#[test]
fn malformed_requests_get_their_answer_and_leave_nothing_behind() {
    let manifest = Manifest::new(&[("*", "everything")]);
    let mut local = LocalPath::start(&manifest.path());
    let too_large = format!(
        r#"{{"userId":"u","event":"x","properties":"{}"}}"#,
        "x".repeat(1_024_000)
    );
    for (what, path, body, status, text) in [
        ("empty", "track", "", 400, "invalid json"),
        ("not JSON", "track", "{\"userId\":", 400, "invalid json"),
        ("100,000 [", "track", &*"[".repeat(100_000), 400, "invalid json"),
        (
            "100,000 [ as a field",
            "track",
            &*format!("{{\"userId\":\"u\",\"x\":{}", "[".repeat(100_000)),
            400,
            "invalid json",
        ),
        ("an array", "track", "[1]", 400, "event is not a valid rudder event"),
        (
            "no identity",
            "track",
            "{\"event\":\"x\"}",
            400,
            "request neither has anonymousId nor userId",
        ),
        ("no batch", "batch", "{}", 400, "empty batch payload"),
        ("an empty batch", "batch", "{\"batch\":[]}", 400, "empty batch payload"),
        (
            "100,000 [ as a batch",
            "batch",
            &*format!("{{\"batch\":{}", "[".repeat(100_000)),
            400,
            "invalid json",
        ),
        (
            "over 1,000 KiB",
            "track",
            too_large.as_str(),
            413,
            "request size exceeds max limit",
        ),
    ] {
        let answer = http::post(&format!("{}/v1/{path}", local.events), body).unwrap();
        assert_eq!((answer.status, answer.body.trim_end()), (status, text), "{what}");
    }
    assert!(local.program.runs());
    assert_eq!(local.simulator().arrived().count(), 0);
}

#[test]
fn an_event_that_nothing_maps_is_counted_and_answered_200() {
    let manifest = Manifest::new(&[("page", "pages")]);
    let local = LocalPath::start(&manifest.path());
    let answer = track(&local, r#"{"userId":"u","event":"nobody asked for this"}"#);
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    let metrics = page(&local, "/metrics");
    let counted = "firehose_proxy_events_total{outcome=\"Unmapped\"} 1";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
    assert_eq!(local.simulator().arrived().count(), 0);
}

#[test]
fn being_told_to_end_is_no_failure() {
    let manifest = Manifest::new(&[("*", "everything")]);
    let mut local = LocalPath::start(&manifest.path());
    assert_eq!(track(&local, r#"{"userId":"u","event":"x"}"#).status, 200);
    assert!(local.program.terminate(SOON).success(), "{}", local.program.errors());
}

fn track(local: &LocalPath, body: &str) -> Answer {
    http::post(&format!("{}/v1/track", local.events), body).unwrap()
}

fn page(local: &LocalPath, path: &str) -> String {
    let answer = http::get(&format!("{}{path}", local.admin)).unwrap();
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}
