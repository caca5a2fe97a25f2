//! What privacy rules take out is in no file, no dead letter, no line of the log and no record.

use std::{fs, path::Path};

use firehose_simulator::{ErrorCode, Fault, Rule, StreamSettings};

use crate::pod::{Place, until};

const RULES: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10, state: STATE}\n\
                     requires: [Privacy]\n\
                     ingest: {privacy: {hashKey: {directory: KEY}, rules: [{path: traits.email, action: Drop}, \
                     {path: anonymousId, action: Hash}, {path: properties.*, action: Redact}, \
                     {path: event, action: Hash}]}}\n";

/// Every byte below a directory.
fn bytes(directory: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(bytes(&path)),
            // A file may go at any time.
            false => all.extend(fs::read(&path).unwrap_or_default()),
        }
    }
    all
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_out_is_nowhere() {
    let place = Place::new("").await;
    let key = place.directory.path().join("hash-key");
    fs::create_dir(&key).unwrap();
    fs::write(key.join("hashKey"), "key of hashes").unwrap();
    let rules = |state: &str| RULES.replace("KEY", &key.display().to_string()).replace("STATE", state);
    place.configure("test", &rules("Paused"));
    place
        .firehose
        .configure(
            "all",
            StreamSettings {
                faults: vec![Rule::always(Fault::RejectContaining {
                    text: "poison".to_owned(),
                    error_code: ErrorCode::InvalidArgumentException,
                })],
                ..StreamSettings::default()
            },
        )
        .unwrap();
    let pod = place.start();
    let event = |id: &str| {
        format!(
            r#"{{"type":"track","event":"SECRET name","anonymousId":"SECRET-a","messageId":"{id}","traits":{{"em\u0061il":"SECRET","plan":"kept"}},"properties":{{"x":"SECRET","y":[{{"z":"SECRET"}}]}}}}"#
        )
    };
    let batch = |id: &str| {
        let elements = [
            event(id),
            // Not an event, no JSON, of nobody, over all bounds.
            r#""SECRET""#.to_owned(),
            r#"{"anonymousId":"a","traits":{"email":"SECRET"},"x":NaN}"#.to_owned(),
            r#"{"traits":{"email":"SECRET","plan":"nobody"}}"#.to_owned(),
            format!(
                r#"{{"anonymousId":"a","properties":[{}"SECRET"]}}"#,
                "\"SECRET\",".repeat(150_000)
            ),
        ];
        format!(r#"{{"batch":[{}]}}"#, elements.join(","))
    };
    for (path, body) in [
        ("/v1/track", event("first")),
        ("/v1/batch", batch("second")),
        ("/v1/track", event("poison")),
    ] {
        let answer = pod.post(path, body).await.unwrap();
        assert_eq!(answer.status, http::StatusCode::OK);
    }
    // No event at all, and no body: what is refused leaves nothing either.
    for body in [r#"{"traits":{"email":"SECRET"}}"#, r#"{"anonymousId":"SECRET","#] {
        let answer = pod.post("/v1/track", body.to_owned()).await.unwrap();
        assert_eq!(answer.status, http::StatusCode::BAD_REQUEST);
    }
    let spooled = bytes(&place.spool());
    assert!(holds(&spooled, "second"), "the events are on the disk");
    assert!(!holds(&spooled, "SECRET"));

    place.configure("test", &rules("Running"));
    until("the events have arrived and the poison is a dead letter", async || {
        let _ = pod.post("/v1/track", event("more")).await;
        let arrived = place.arrived();
        arrived.contains_key("first")
            && arrived.contains_key("second")
            && pod.metric("firehose_proxy_dead_letters").await >= 5
    })
    .await;
    let records = place.firehose.records("all", 0, usize::MAX).unwrap();
    assert!(records.iter().all(|record| !holds(&record.data, "SECRET")));
    assert!(records.iter().any(|record| holds(&record.data, r#""plan":"kept""#)));

    let list = place.dead_letters(&["list"]).unwrap();
    let mut shown = list.clone();
    for line in list.lines().skip(1) {
        let id = line.split(' ').next().unwrap();
        shown.push_str(&place.dead_letters(&["show", id]).unwrap());
    }
    for reason in ["NotJson", "NotAnObject", "NoIdentity", "TooLarge", "nobody", "poison"] {
        assert!(shown.contains(reason), "{reason}: {shown}");
    }
    assert!(!shown.contains("SECRET"), "{shown}");
    assert!(!holds(&bytes(&place.spool()), "SECRET"));
    for page in ["/metrics", "/status"] {
        assert!(!pod.admin(page).await.contains("SECRET"), "{page}");
    }
    let (_, log) = pod.terminate();
    assert!(!log.contains("SECRET"), "{log}");
    assert!(!holds(&bytes(&place.spool()), "SECRET"));
}
