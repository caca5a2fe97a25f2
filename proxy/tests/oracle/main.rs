//! Generated bodies, good and bad, against the oracle.

// All of it runs in tests: a panic is the report.
#![allow(clippy::unwrap_used)]

mod description;
mod oracle;
mod privacy;
mod redaction;
mod routing;

use proptest::{prelude::*, sample::select};

/// White space as JSON allows it between tokens.
fn space() -> impl Strategy<Value = &'static str> {
    select(&["", "", "", " ", "\n", "\r\n\t", "  "][..])
}

/// The text of a string, quotes included.
fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{0,12}",
        1 => "\\PC{0,4}".prop_map(|text| text.replace(['"', '\\'], "")),
        1 => select(&["\\n", "\\\"", "\\\\", "\\u0000", "\\u00e9", "\\ud83d\\ude00", "\\u200b", "\\/", " "][..])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => string(),
        1 => select(&["0", "-0", "1.50", "12345678901234567890123", "-1e-7", "1E+2", "true", "false", "null"][..])
            .prop_map(str::to_owned),
        1 => select(&["\"2026-01-02T03:04:05.678Z\"", "\"2020-02-29 23:59:59+14:00\"", "\"1969-12-31T23:59:59.1234Z\"", "\"2026-01-02\""][..])
            .prop_map(str::to_owned),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&[
            "\"userId\"", "\"anonymousId\"", "\"event\"", "\"type\"", "\"messageId\"", "\"rudderId\"", "\"receivedAt\"",
            "\"request_ip\"", "\"originalTimestamp\"", "\"sentAt\"", "\"timestamp\"", "\"integrations\"", "\"All\"",
            "\"Amazon Kinesis Firehose\"", "\"batch\"", "\"us\\u0065rId\"", "\"s\\u0065ntAt\"", "\"b\\u0061tch\"",
        ][..]).prop_map(str::to_owned),
        // Those of `redaction`.
        1 => select(&["\"a\"", "\"b\"", "\"c\"", "\"d\"", "\"e\"", "\"\\u0061\"", "\"ev\\u0065nt\""][..])
            .prop_map(str::to_owned),
        1 => string(),
    ]
}

fn list(of: impl Strategy<Value = String>, most: usize) -> impl Strategy<Value = String> {
    (prop::collection::vec((space(), of, space()), 0..most), space()).prop_map(|(elements, empty)| {
        let elements: Vec<_> = elements
            .into_iter()
            .map(|(before, element, after)| format!("{before}{element}{after}"))
            .collect();
        format!("[{empty}{}]", elements.join(","))
    })
}

fn object(of: impl Strategy<Value = String>, most: usize) -> impl Strategy<Value = String> {
    let member = (space(), key(), space(), space(), of, space())
        .prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"));
    (prop::collection::vec(member, 0..most), space())
        .prop_map(|(members, empty)| format!("{{{empty}{}}}", members.join(",")))
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(4, 48, 6, |inner| prop_oneof![list(inner.clone(), 5), object(inner, 6)])
}

fn event() -> impl Strategy<Value = String> {
    prop_oneof![6 => object(value(), 10), 1 => value()]
}

fn envelope() -> impl Strategy<Value = String> {
    let batch = prop_oneof![6 => list(event(), 5), 1 => event()];
    (prop::option::of(value()), batch, prop::option::of(scalar()), space()).prop_map(|(before, batch, sent_at, end)| {
        let before = before.map_or(String::new(), |value| format!("\"sentAt\":{value},"));
        let behind = sent_at.map_or(String::new(), |value| format!(",\"sentAt\":{value}"));
        format!("{{{before}\"batch\":{batch}{behind}}}{end}")
    })
}

/// One byte of a text changed, so that it is nearly JSON.
fn damaged(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![select(&b"{}[],:\"\\0.e\n\x00\xff"[..]), any::<u8>()];
    (text, any::<prop::sample::Index>(), byte).prop_map(|(text, index, byte)| {
        let mut bytes = text.into_bytes();
        let at = index.index(bytes.len());
        bytes[at] = byte;
        bytes
    })
}

/// Up to three edits of an event, of which some strings hold another. See [`oracle::check_planted`].
fn damage() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => select(&b"\"\"\"\\\\{}[],:'x0\n\x01\xff\xc3"[..]), 1 => any::<u8>()];
    let edit = (0_u8..4, any::<[u8; 2]>(), byte).prop_map(|(what, at, byte)| [what, at[0], at[1], byte]);
    (any::<u8>(), prop::collection::vec(edit, 0..=3))
        .prop_map(|(strings, edits)| std::iter::once(strings).chain(edits.concat()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_record_says_what_its_event_said(event in event()) {
        oracle::check_scanner(event.as_bytes());
        oracle::check_splicer(event.as_bytes());
        redaction::check(event.as_bytes());
    }

    #[test]
    fn a_batch_is_its_events(envelope in envelope()) {
        oracle::check_splitter(envelope.as_bytes());
    }

    #[test]
    fn what_is_nearly_json_is_judged_as_serde_json_does(event in damaged(event()), envelope in damaged(envelope())) {
        oracle::check_scanner(&event);
        oracle::check_splicer(&event);
        oracle::check_splitter(&envelope);
    }

    #[test]
    fn nothing_planted_in_a_damaged_event_is_taken_for_an_event(damage in damage()) {
        oracle::check_planted(&damage);
    }

    #[test]
    fn noise_is_refused_and_never_a_crash(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        oracle::check_scanner(&noise);
        oracle::check_splitter(&noise);
    }
}

/// JSON has four bytes of white space. Others are the damaged element's own.
#[test]
fn white_space_that_is_not_jsons_belongs_to_its_element() {
    const INSERT_AT_THE_START: [u8; 3] = [1, 0, 0];
    for byte in [b' ', b'\t', b'\n', b'\r', 0x0b, 0x0c, 0x1c, 0x85, 0xa0] {
        let [what, high, low] = INSERT_AT_THE_START;
        oracle::check_planted(&[0xff, what, high, low, byte]);
    }
}
