//! What is checked and added, row by row: an event, and what its record says, whether the event is alone or one of a
//! batch.

use serde_json::{Value, json};

use crate::server::{NOW, Server};

/// What becomes of an event.
enum Fate {
    /// Its record has these members, among others.
    Says(Value),
    /// It is accepted and not sent.
    Withheld,
    /// It is refused.
    Refused,
}
use Fate::{Refused, Says, Withheld};

const RANDOM_ID: &str = "07070707-0707-4707-8707-070707070707";
const ID_OF_U1: &str = "5eff0fc3-0944-48fa-9c04-38f62e3890ca";
const ID_OF_ANON1: &str = "634f5689-4da6-4a63-ad93-95cc7cd2c335";

fn rows() -> Vec<(&'static str, &'static str, Fate)> {
    let now = json!(NOW);
    vec![
        // Identity.
        ("a user", r#"{"userId":"u1"}"#, Says(json!({"rudderId": ID_OF_U1}))),
        (
            "somebody anonymous",
            r#"{"anonymousId":"anon1"}"#,
            Says(json!({"rudderId": ID_OF_ANON1})),
        ),
        (
            "spaces and what nobody sees do not count",
            r#"{"userId":" \u200bu1\ufeff "}"#,
            Says(json!({"rudderId": ID_OF_U1})),
        ),
        ("a number", r#"{"userId":0}"#, Says(json!({"userId": 0}))),
        ("a boolean", r#"{"userId":false}"#, Says(json!({"userId": false}))),
        ("an object", r#"{"anonymousId":{}}"#, Says(json!({"anonymousId": {}}))),
        ("nobody", r#"{"event":"e"}"#, Refused),
        ("null", r#"{"userId":null,"anonymousId":null}"#, Refused),
        ("a blank", r#"{"userId":" \t\u200b"}"#, Refused),
        (
            "an extract needs nobody",
            r#"{"type":"extract"}"#,
            Says(json!({"type": "extract"})),
        ),
        (
            "nor does a record, in any case",
            r#"{"type":"Record"}"#,
            Says(json!({"type": "Record"})),
        ),
        // messageId.
        (
            "a messageId is kept",
            r#"{"userId":"u","messageId":"m 1"}"#,
            Says(json!({"messageId": "m 1"})),
        ),
        (
            "what nobody sees is removed",
            r#"{"userId":"u","messageId":"\u0007m\u200b1"}"#,
            Says(json!({"messageId": "m1"})),
        ),
        (
            "a blank one is replaced",
            r#"{"userId":"u","messageId":"  "}"#,
            Says(json!({"messageId": RANDOM_ID})),
        ),
        (
            "one that is no string is replaced",
            r#"{"userId":"u","messageId":5}"#,
            Says(json!({"messageId": RANDOM_ID})),
        ),
        (
            "a missing one is made",
            r#"{"userId":"u"}"#,
            Says(json!({"messageId": RANDOM_ID})),
        ),
        // Owned whatever the client says.
        (
            "rudderId",
            r#"{"userId":"u1","rudderId":"mine"}"#,
            Says(json!({"rudderId": ID_OF_U1})),
        ),
        (
            "receivedAt",
            r#"{"userId":"u","receivedAt":"2020-01-01T00:00:00.000Z"}"#,
            Says(json!({"receivedAt": now})),
        ),
        // request_ip.
        (
            "the sender's address",
            r#"{"userId":"u"}"#,
            Says(json!({"request_ip": "127.0.0.1"})),
        ),
        (
            "the event's own address",
            r#"{"userId":"u","request_ip":"192.0.2.7"}"#,
            Says(json!({"request_ip": "192.0.2.7"})),
        ),
        (
            "no address of its own",
            r#"{"userId":"u","request_ip":""}"#,
            Says(json!({"request_ip": "127.0.0.1"})),
        ),
        // Times.
        (
            "no time at all",
            r#"{"userId":"u"}"#,
            Says(json!({"originalTimestamp": now, "sentAt": now, "timestamp": now})),
        ),
        (
            "times in other forms",
            r#"{"userId":"u","originalTimestamp":"2026-01-02T04:00:00+01:00","sentAt":"2026-01-02 03:00:01"}"#,
            Says(json!({"originalTimestamp": "2026-01-02T03:00:00.000Z", "sentAt": "2026-01-02T03:00:01.000Z"})),
        ),
        (
            "times that are none",
            r#"{"userId":"u","originalTimestamp":"yesterday","sentAt":17,"timestamp":"2026-02-30"}"#,
            Says(json!({"originalTimestamp": now, "sentAt": now, "timestamp": now})),
        ),
        (
            "a timestamp of its own",
            r#"{"userId":"u","timestamp":"2026-01-01T00:00:00Z","originalTimestamp":"2026-01-02T00:00:00Z","sentAt":"2026-01-02T00:00:09Z"}"#,
            Says(json!({"timestamp": "2026-01-01T00:00:00.000Z"})),
        ),
        (
            "a clock that is wrong",
            r#"{"userId":"u","originalTimestamp":"2030-01-02T00:00:00Z","sentAt":"2030-01-02T00:00:02Z"}"#,
            Says(json!({"timestamp": "2026-01-02T03:04:03.678Z"})),
        ),
        // Everything else is kept.
        (
            "unknown members",
            r#"{"userId":"u","properties":{"price":1.50},"__proto__":{"a":[]},"x":null}"#,
            Says(json!({"properties": {"price": 1.5}, "__proto__": {"a": []}, "x": null})),
        ),
        (
            "the last of equal keys counts",
            r#"{"userId":"x","userId":"u1"}"#,
            Says(json!({"rudderId": ID_OF_U1})),
        ),
        (
            "a key in escapes",
            r#"{"\u0075serId":"u1"}"#,
            Says(json!({"rudderId": ID_OF_U1})),
        ),
        (
            "half a character that is read",
            r#"{"userId":"\ud800"}"#,
            Says(json!({})),
        ),
        (
            "half a character that is not",
            r#"{"userId":"u","x":"\ud800"}"#,
            Says(json!({"userId": "u"})),
        ),
        // The gate.
        (
            "not meant for here",
            r#"{"userId":"u","integrations":{"Amazon Kinesis Firehose":false}}"#,
            Withheld,
        ),
        (
            "meant for nobody",
            r#"{"userId":"u","integrations":{"All":false}}"#,
            Withheld,
        ),
        (
            "meant for here alone",
            r#"{"userId":"u","integrations":{"All":false,"Amazon Kinesis Firehose":true}}"#,
            Says(json!({"userId": "u"})),
        ),
        (
            "with options for here",
            r#"{"userId":"u","integrations":{"All":false,"Amazon Kinesis Firehose":{"a":1}}}"#,
            Says(json!({"userId": "u"})),
        ),
        (
            "the key is compared as it is",
            r#"{"userId":"u","integrations":{"amazon kinesis firehose":false}}"#,
            Says(json!({"userId": "u"})),
        ),
    ]
}

/// Whether a record has the members that it should.
fn check(what: &str, record: &str, expected: &Value) {
    // Half a character is nothing that serde_json reads; the row is about something else.
    let record: Value = serde_json::from_str(&record.replace(r"\ud800", "")).unwrap();
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(record.get(member), Some(value), "{what}: {member} in {record}");
    }
}

#[tokio::test]
async fn every_event_is_checked_and_completed_by_the_same_rules_alone_and_among_others() {
    let server = Server::start("").await;
    let rows = rows();
    for (what, event, fate) in &rows {
        let reply = server.post("/v1/batch", format!(r#"{{"batch":[{event}]}}"#)).await;
        let records = server.take_records();
        match fate {
            Says(expected) => {
                assert_eq!((reply.status, records.len()), (200, 1), "{what}");
                check(what, &records[0].1, expected);
            }
            Withheld => assert_eq!((reply.status, records.len()), (200, 0), "{what}"),
            Refused => assert_eq!((reply.status, records.len()), (400, 0), "{what}"),
        }
    }

    // Nothing of one event shows in another.
    let events: Vec<_> = rows.iter().map(|(_, event, _)| *event).collect();
    let reply = server
        .post("/v1/batch", format!(r#"{{"batch":[{}]}}"#, events.join(",")))
        .await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
    let mut records = server.take_records().into_iter();
    for (what, _, fate) in &rows {
        if let Says(expected) = fate {
            check(what, &records.next().unwrap().1, expected);
        }
    }
    assert_eq!(records.next(), None);
}
