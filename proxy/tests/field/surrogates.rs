//! mastra-ai/mastra#15573: programs cut text between the two halves of a surrogate pair.

use firehose_proxy::{
    event::{self, Context, Timestamp},
    routing::Table,
    stream::Streams,
};
use firehose_proxy_config::{Mapping, RecordDelimiter};

/// Stream and record of an event, alone and in a batch.
fn routed(event: &str) -> [(String, String); 2] {
    let rows = [("\u{fffd} party", "parties"), ("*", "others")].map(|(event, stream)| Mapping {
        event: event.to_owned(),
        delivery_stream_name: stream.to_owned(),
        source: None,
    });
    let streams = Streams::default();
    let table = Table::new(&rows, &streams).unwrap();
    let context = &mut Context {
        table: &table,
        delimiter: RecordDelimiter::None,
        received_at: Timestamp::from_unix_milliseconds(0).unwrap(),
        request_ip: "192.0.2.1",
        privacy: None,
        max_frame_bytes: 1024 * 1024,
        sender: Default::default(),
        identity_key: None,
        random: &mut || [7; 16],
    };
    let batch = format!(r#"{{"batch":[{event}]}}"#);
    let alone = event::single(event.as_bytes(), "track", context).unwrap();
    [alone, event::batch(batch.as_bytes(), context).unwrap()].map(|admission| {
        let entry = admission.batch.entries().next().expect("the event is accepted");
        let record = String::from_utf8(entry.record.to_vec()).unwrap();
        (streams.name(entry.stream).to_string(), record)
    })
}

#[test]
fn half_a_pair_routes_as_the_replacement_character_and_stays_as_it_was_written() {
    for (half, stream) in [
        (r"\ud83d party", "parties"),
        (r"\udc00 PARTY", "parties"),
        (r"\ud83d\ud83d party", "others"),
    ] {
        for (routed, record) in routed(&format!(r#"{{"type":"track","event":"{half}","anonymousId":"a"}}"#)) {
            assert_eq!(routed, stream, "{half}");
            assert!(record.contains(half), "{record}");
        }
    }
}

#[test]
fn half_a_pair_identifies_and_keeps_its_bytes_wherever_it_stands() {
    for field in [
        "userId",
        "anonymousId",
        "messageId",
        "type",
        "event",
        "\\ud800",
        "request_ip",
        "channel",
    ] {
        for half in [r"\ud800", r"\uDFFF", r"a\ud83d", r"\ud83dz"] {
            let event = format!(r#"{{"{field}":"{half}","type":"track","userId":"u\ud800"}}"#);
            for (_, record) in routed(&event) {
                let kept = format!(r#""{field}":"{half}""#);
                // An event of one type has the type of its path.
                assert!(field == "type" || record.contains(&kept), "{record}");
            }
        }
    }
}

#[test]
fn the_rudder_id_is_that_of_the_replacement_character() {
    let id = |user: &str| {
        let [(_, record), _] = routed(&format!(r#"{{"type":"track","userId":"{user}"}}"#));
        record.split_once(r#""rudderId":"#).unwrap().1[..38].to_owned()
    };
    assert_eq!(id(r"\ud83d"), id("\u{fffd}"));
    assert_ne!(id(r"\ud83d\ude00"), id("\u{fffd}"));
}
