//! Points in time in every form that clients write them: rudderlabs/rudder-server#477 (what a gateway reads),
//! dotnet/runtime#35281 (a plus sign as a JSON escape), segmentio/segment-import#2 (milliseconds as a number).
//!
//! What is right is what RudderStack's own date parser says; `reference/` asks it. `timestamps.tsv` holds its answers.

use std::collections::HashMap;

use firehose_proxy::{
    event::{self, Admission, Context, Counts, Timestamp},
    routing::Table,
    stream::Streams,
};
use firehose_proxy_config::{Mapping, RecordDelimiter};
use proptest::prelude::*;
use serde_json::{Value, json};

const REFERENCE: &str = include_str!("timestamps.tsv");
const DEPARTURES: &str = include_str!("departures.tsv");
const RECEIVED_AT: &str = "2026-01-02T03:04:05.678Z";

fn judge(body: &str, act: impl FnOnce(&[u8], &mut Context<'_>) -> Admission) -> (Vec<Value>, Counts) {
    let row = Mapping {
        event: "*".to_owned(),
        delivery_stream_name: "all".to_owned(),
        source: None,
    };
    let admission = act(
        body.as_bytes(),
        &mut Context {
            table: &Table::new(&[row], &Streams::default()).unwrap(),
            delimiter: RecordDelimiter::Newline,
            received_at: Timestamp::from_unix_milliseconds(1_767_323_045_678).unwrap(),
            request_ip: "192.0.2.1",
            privacy: None,
            max_frame_bytes: 64 * 1024 * 1024,
            sender: Default::default(),
            identity_key: None,
            random: &mut || [7; 16],
        },
    );
    let records = admission.batch.entries();
    let records = records.map(|entry| serde_json::from_slice(entry.record).unwrap());
    (records.collect(), admission.counts)
}

/// The record of an event whose members are `members`, and what was counted.
fn record(members: &str) -> (Value, Counts) {
    let body = format!(r#"{{"anonymousId":"a",{members}}}"#);
    let (mut records, counts) = judge(&body, |body, context| event::single(body, "track", context).unwrap());
    (records.pop().unwrap(), counts)
}

/// What a `timestamp` is read as; `None` when it was not read, in which case it is in the record all the same.
fn read(written: &str) -> Option<String> {
    let (record, counts) = record(&format!(r#""timestamp":{written}"#));
    let kept = &record["unreadTimes"]["timestamp"];
    if kept.is_null() {
        assert_eq!(counts.unread_times, [0; 3]);
        return Some(record["timestamp"].as_str().unwrap().to_owned());
    }
    assert_eq!(*kept, serde_json::from_str::<Value>(written).unwrap());
    assert_eq!(counts.unread_times, [0, 0, 1]);
    assert_eq!(record["timestamp"], RECEIVED_AT);
    None
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().map(|line| line.split('\t').collect())
}

#[test]
fn every_form_means_what_it_means_to_rudderstack() {
    let departures: HashMap<_, _> = rows(DEPARTURES).map(|row| (row[0], row[1])).collect();
    let mut wrong = Vec::new();
    let mut departed = 0;
    for row in rows(REFERENCE) {
        let [text, reference] = row[..] else { panic!("{row:?}") };
        let answer = read(&json!(text).to_string());
        let answer = answer.as_deref().unwrap_or("-");
        if departures.contains_key(text) {
            departed += 1;
        }
        if answer != *departures.get(text).unwrap_or(&reference) {
            wrong.push(format!("{text}\t{answer}\treference: {reference}"));
        }
    }
    assert!(wrong.is_empty(), "{} answers:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(departed, departures.len(), "each departure is from a row of the table");
}

#[test]
fn escapes_of_json_are_not_a_part_of_the_time() {
    for written in [
        r#""2024-03-05T08:07:08\u002B02:00""#,
        r#""2024-03-05T06:07:08\u005a""#,
        r#""\u0032024-03-05 06:07:08 UTC""#,
        r#""03\/05\/2024 06:07:08""#,
        r#""\u0031\u0037\u0030\u0039\u0036\u0031\u0038\u0038\u0032\u0038""#,
    ] {
        assert_eq!(read(written).as_deref(), Some("2024-03-05T06:07:08.000Z"), "{written}");
    }
}

#[test]
fn numbers_are_read_as_their_text_would_be() {
    for (written, answer) in [
        ("1709618828123", Some("2024-03-05T06:07:08.123Z")),
        ("1709618828", Some("2024-03-05T06:07:08.000Z")),
        ("1709618828123456", Some("2024-03-05T06:07:08.123Z")),
        ("1709618828123456789", Some("2024-03-05T06:07:08.123Z")),
        ("20240305", Some("2024-03-05T00:00:00.000Z")),
        ("20240305060708", Some("2024-03-05T06:07:08.000Z")),
        ("2024", Some("2024-01-01T00:00:00.000Z")),
        ("2024.03", Some("2024-03-01T00:00:00.000Z")),
        ("0", None),
        ("-1709618828", None),
        ("1709618828.5", None),
        ("1.7e9", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(read(written).as_deref(), answer, "{written}");
    }
}

#[test]
fn what_cannot_be_read_is_counted_and_kept_in_its_bytes() {
    for written in [
        r#""yesterday""#,
        "true",
        "false",
        "[1,2]",
        r#"{"a":1}"#,
        r#"" ""#,
        r#""2024-02-30""#,
        &json!("2024-03-05T06:07:08Z".repeat(20)).to_string(),
    ] {
        let body = format!(r#"{{"anonymousId":"a","timestamp":{written},"sentAt":1.50}}"#);
        let admission = |body: &[u8], context: &mut Context<'_>| event::single(body, "track", context).unwrap();
        let mut bytes = String::new();
        let (records, counts) = judge(&body, |body, context| {
            let admission = admission(body, context);
            bytes = String::from_utf8(admission.batch.entries().next().unwrap().record.to_vec()).unwrap();
            admission
        });
        assert!(
            bytes.contains(&format!(r#""unreadTimes":{{"sentAt":1.50,"timestamp":{written}}}"#)),
            "{bytes}"
        );
        assert_eq!(records[0]["timestamp"], RECEIVED_AT);
        assert_eq!(counts.unread_times, [0, 1, 1]);
    }
}

#[test]
fn nothing_that_was_said_is_nothing_unread() {
    for written in ["null", r#""""#, r#""2024-03-05T06:07:08Z""#] {
        let (record, counts) = record(&format!(r#""timestamp":{written},"unreadTimes":"the client's own""#));
        assert_eq!(record["unreadTimes"], "the client's own", "{written}");
        assert_eq!(counts.unread_times, [0; 3]);
    }
}

#[test]
fn a_time_that_a_batch_states_for_its_events_is_read_and_kept_alike() {
    for (sent_at, answer, kept) in [
        ("1709618828123", "2024-03-05T06:07:08.123Z", Value::Null),
        (
            r#""Tue, 05 Mar 2024 06:07:08 GMT""#,
            "2024-03-05T06:07:08.000Z",
            Value::Null,
        ),
        (r#""yesterday""#, RECEIVED_AT, json!("yesterday")),
    ] {
        for body in [
            format!(r#"{{"batch":[{{"userId":"u"}},{{"userId":"v","sentAt":"2020"}}],"sentAt":{sent_at}}}"#),
            format!(r#"{{"sentAt":{sent_at},"batch":[{{"userId":"u"}},{{"userId":"v","sentAt":"2020"}}]}}"#),
        ] {
            let (records, counts) = judge(&body, |body, context| event::batch(body, context).unwrap());
            assert_eq!(records[0]["sentAt"], answer, "{body}");
            assert_eq!(records[0]["unreadTimes"]["sentAt"], kept, "{body}");
            assert_eq!(records[1]["sentAt"], "2020-01-01T00:00:00.000Z", "{body}");
            assert_eq!(counts.unread_times, [0, u32::from(!kept.is_null()), 0]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// RFC 3339 and RFC 9110's dates are read by jiff as well.
    #[test]
    fn what_jiff_reads_too_is_the_same_instant(
        milliseconds in -62_135_596_800_000_i64..253_402_207_200_000,
        (hours, minutes) in (-13_i8..=13, 0_i8..60),
        digits in 0_usize..=9,
    ) {
        let instant = jiff::Timestamp::from_millisecond(milliseconds).unwrap();
        let offset = jiff::tz::Offset::from_seconds((i32::from(hours) * 60 + i32::from(minutes)) * 60).unwrap();
        let local = offset.to_datetime(instant);
        let day = local.strftime("%Y-%m-%d");
        let clock = local.strftime("%H:%M:%S");
        let fraction = format!(".{:09}", local.subsec_nanosecond());
        let fraction = if digits == 0 { "" } else { &fraction[..=digits] };
        let zone = local.to_zoned(jiff::tz::TimeZone::fixed(offset)).unwrap();
        for text in [
            format!("{day}T{clock}{fraction}{}", zone.strftime("%:z")),
            format!("{day} {clock}{fraction}{}", zone.strftime("%z")),
            format!("{day}T{}{}", local.strftime("%H:%M"), zone.strftime("%:z")),
        ] {
            let theirs: jiff::Timestamp = text.parse().unwrap();
            let theirs = theirs.as_millisecond().max(-62_167_219_200_000);
            let ours = read(&json!(text).to_string()).unwrap();
            prop_assert_eq!(ours.parse::<jiff::Timestamp>().unwrap().as_millisecond(), theirs, "{}", text);
        }
        let text = zone.strftime("%a, %d %b %Y %H:%M:%S %z").to_string();
        let theirs = jiff::fmt::rfc2822::parse(&text).unwrap().timestamp().as_millisecond();
        let ours = read(&json!(text).to_string()).unwrap();
        prop_assert_eq!(ours.parse::<jiff::Timestamp>().unwrap().as_millisecond(), theirs, "{}", text);
    }

    /// No text makes the parser panic or loop, and an answer can be read again.
    #[test]
    fn any_text_has_an_answer(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::sample::select(rows(REFERENCE).map(|row| row[0]).collect::<Vec<_>>()).prop_map(str::to_owned),
                "[0-9]{1,5}",
                prop::sample::select(&["-", "/", ":", ".", " ", ",", "T", "Z", "+", "(", "[", "m=+", "年", "at", "'"][..])
                    .prop_map(str::to_owned),
                "\\PC{0,3}",
            ],
            0..8,
        ),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text = pieces.concat();
        let mut at = cut.index(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.truncate(at);
        if let Some(answer) = read(&json!(text).to_string()).filter(|_| !text.is_empty()) {
            prop_assert_eq!(read(&json!(answer).to_string()), Some(answer));
        }
    }
}
