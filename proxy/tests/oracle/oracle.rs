//! What the event module should do with a body, worked out slowly by serde_json, and checked against what it did.
//!
//! Shared with the fuzz targets. Each function panics where the two disagree. Where serde_json cannot say (a number no
//! float holds, half a character, nesting that it refuses to recurse into), only what can be said is checked.

use std::sync::LazyLock;

use firehose_proxy::{
    event::{self, Admission, Context, Invalid, Malformed, Timestamp},
    routing::Table,
    stream::Streams,
};
use firehose_proxy_config::{Mapping, RecordDelimiter};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// 2026-01-02T03:04:05.678Z.
const RECEIVED_AT: i64 = 1_767_323_045_678;
const KEY: &str = "Amazon Kinesis Firehose";
pub(crate) const OWNED: [&str; 9] = [
    "type",
    "messageId",
    "rudderId",
    "receivedAt",
    "request_ip",
    "originalTimestamp",
    "sentAt",
    "timestamp",
    "unreadTimes",
];

/// Everything goes to one stream.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let row = Mapping {
        event: "*".to_owned(),
        delivery_stream_name: "all".to_owned(),
        source: None,
    };
    Table::new(&[row], &Streams::default()).unwrap()
});

/// What should become of one event.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Routed,
    Withheld,
    NotAnObject,
    NoIdentity,
    /// The oracle does not know which characters can be seen.
    RoutedOrNoIdentity,
}

pub(crate) fn with_context<T>(act: impl FnOnce(&mut Context<'_>) -> T) -> T {
    act(&mut Context {
        table: &TABLE,
        delimiter: RecordDelimiter::Newline,
        received_at: Timestamp::from_unix_milliseconds(RECEIVED_AT).unwrap(),
        request_ip: "192.0.2.1",
        privacy: None,
        max_frame_bytes: 64 * 1024 * 1024,
        sender: Default::default(),
        identity_key: None,
        random: &mut || [7; 16],
    })
}

/// The scanner takes what is JSON and nothing else, down to 512 levels.
pub(crate) fn check_scanner(body: &[u8]) {
    let taken = with_context(|context| event::single(body, "track", context));
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let is_json = std::str::from_utf8(body).is_ok() && serde_json::from_slice::<IgnoredAny>(body).is_ok();
    assert_eq!(taken.is_ok(), is_json && depth(body) <= 512, "{taken:?}");
}

/// The record of an event says what the event said, with the proxy's fields put in, in one line.
pub(crate) fn check_splicer(body: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let admission = with_context(|context| event::single(body, "track", context)).expect("serde_json takes it");
    check(&admission, &[event], true);
}

/// A batch is split into its events, and each is what it would be alone.
pub(crate) fn check_splitter(body: &[u8]) {
    let split = with_context(|context| event::batch(body, context));
    let Ok(mut envelope) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let events = match envelope.get_mut("batch").map(Value::take) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(events)) => events,
        Some(alone) => vec![alone],
    };
    if events.is_empty() {
        assert_eq!(split.unwrap_err(), Malformed::EmptyBatch);
    } else {
        check(&split.expect("serde_json takes it"), &events, false);
    }
}

/// The text of an event inside a string, as a client that knows JSON writes it there.
const PLANTED: &str = r#"},{\"event\":\"planted\",\"userId\":\"p\"},{\"a\":\""#;

/// An event that is damaged costs itself: what a string of it holds is never taken for another event, its neighbours
/// are read, and how many elements there are is what JSON's lexical rules say.
///
/// The first byte of `damage` chooses the strings that hold the planted event, the rest comes in threes: what is done,
/// where, and with which byte.
pub(crate) fn check_planted(damage: &[u8]) {
    let (strings, damage) = damage.split_first().unwrap_or((&0, &[]));
    let held = |bit: u8| if strings >> bit & 1 == 1 { PLANTED } else { "x" };
    let mut element = format!(
        r#"{{"event":"damaged","userId":"{}","{}":1,"list":["{}",{{"a":"{}"}},[2,"{}"]],"n":-1.5e3,"t":true,"{}":"{}"}}"#,
        held(0), held(1), held(2), held(3), held(4), held(5), held(6),
    )
    .into_bytes();
    let edits = damage.as_chunks::<4>().0;
    for [what, high, low, byte] in edits {
        let at = usize::from(u16::from_be_bytes([*high, *low])) % element.len();
        match what % 4 {
            0 => element[at] = *byte,
            1 => element.insert(at, *byte),
            2 => drop(element.remove(at)),
            _ => element.truncate(at + 1),
        }
        if element.is_empty() {
            return;
        }
    }
    let (before, behind) = (
        r#"{"batch":[{"event":"first","userId":"u"},"#,
        r#",{"event":"last","userId":"u"}]}"#,
    );
    let body = [before.as_bytes(), &element, behind.as_bytes()].concat();
    let split = with_context(|context| event::batch(&body, context));
    let expected = elements(&body[r#"{"batch":["#.len()..]);
    assert_eq!(split.is_ok(), expected.is_some(), "{}", String::from_utf8_lossy(&body));
    let (Ok(admission), Some(expected)) = (split, expected) else {
        return;
    };
    let counts = &admission.counts;
    let broken = expected.iter().filter(|element| !is_json(element)).count();
    assert_eq!(
        counts.total() as usize,
        expected.len(),
        "{}",
        String::from_utf8_lossy(&body)
    );
    assert_eq!(
        counts.invalid[Invalid::NotJson as usize] as usize,
        broken,
        "{}",
        String::from_utf8_lossy(&body)
    );
    for (refused, element) in admission
        .refused
        .iter()
        .filter(|refused| refused.reason == Invalid::NotJson)
        .zip(expected.iter().filter(|element| !is_json(element)))
    {
        assert_eq!(
            refused.bytes(&body),
            *element,
            "what is set aside is the client's bytes"
        );
    }
    // Few edits cannot undo the many escapes of what was planted.
    if edits.len() <= 3 {
        for entry in admission.batch.entries() {
            assert!(
                !entry.record.starts_with(br#"{"event":"planted""#),
                "{}",
                String::from_utf8_lossy(&body)
            );
        }
    }
}

fn is_json(element: &[u8]) -> bool {
    std::str::from_utf8(element).is_ok() && serde_json::from_slice::<IgnoredAny>(element).is_ok()
}

/// The elements of a list by JSON's lexical rules, if it ends and what follows is the rest of an object; written anew,
/// slowly.
fn elements(text: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut open, mut elements, mut start) = (Vec::new(), Vec::new(), 0);
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'"' => {
                at += 1;
                while *text.get(at)? != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            end @ (b',' | b']') if open.is_empty() => {
                let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
                let behind = text[start..at].iter().rposition(|byte| !is_space(byte))? + start + 1;
                let from = text[start..at].iter().position(|byte| !is_space(byte))? + start;
                elements.push(&text[from..behind]);
                start = at + 1;
                if end == b']' {
                    let rest = [br#"{"x":0"#, &text[start..]].concat();
                    return is_json(&rest).then_some(elements);
                }
            }
            closing @ (b'}' | b']') if open.pop() != Some(closing) => return None,
            _ => {}
        }
        at += 1;
    }
}

fn check(admission: &Admission, events: &[Value], sets_type: bool) {
    let counts = &admission.counts;
    assert_eq!(counts.total() as usize, events.len());
    assert_eq!(counts.unmapped, 0);
    let fates: Vec<_> = events.iter().map(|event| fate(event, sets_type)).collect();
    let count = |fate: &Fate| fates.iter().filter(|other| *other == fate).count();
    assert_eq!(
        counts.invalid[Invalid::NotAnObject as usize] as usize,
        count(&Fate::NotAnObject)
    );
    if count(&Fate::RoutedOrNoIdentity) > 0 {
        return;
    }
    assert_eq!(
        counts.invalid[Invalid::NoIdentity as usize] as usize,
        count(&Fate::NoIdentity)
    );
    assert_eq!(counts.withheld as usize, count(&Fate::Withheld));
    assert_eq!(counts.routed as usize, count(&Fate::Routed));
    let routed = events.iter().zip(fates).filter(|(_, fate)| *fate == Fate::Routed);
    for (entry, (event, _)) in admission.batch.entries().zip(routed) {
        check_record(
            entry.record,
            event.as_object().expect("only objects are routed"),
            sets_type,
        );
    }
}

fn fate(event: &Value, sets_type: bool) -> Fate {
    let Some(event) = event.as_object() else {
        return Fate::NotAnObject;
    };
    let kind = event
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_lowercase();
    let needs_identity = sets_type || !matches!(kind.as_str(), "extract" | "record");
    let parts = ["userId", "anonymousId"].map(|key| match event.get(key) {
        None | Some(Value::Null) => Some(false),
        Some(Value::String(text)) if text.is_ascii() => Some(text.bytes().any(|byte| byte.is_ascii_graphic())),
        Some(Value::String(_)) => None,
        Some(_) => Some(true),
    });
    let withheld = event
        .get("integrations")
        .and_then(Value::as_object)
        .is_some_and(|integrations| match integrations.get(KEY) {
            Some(Value::Bool(sends)) => !sends,
            Some(Value::Object(_)) => false,
            _ => integrations.get("All") == Some(&Value::Bool(false)),
        });
    match parts {
        [Some(false), Some(false)] if needs_identity => Fate::NoIdentity,
        [Some(true), _] | [_, Some(true)] => {
            if withheld {
                Fate::Withheld
            } else {
                Fate::Routed
            }
        }
        _ if !needs_identity => {
            if withheld {
                Fate::Withheld
            } else {
                Fate::Routed
            }
        }
        _ => Fate::RoutedOrNoIdentity,
    }
}

fn check_record(record: &[u8], event: &Map<String, Value>, sets_type: bool) {
    let line = record.strip_suffix(b"\n").expect("a record ends with its delimiter");
    assert!(
        !line.iter().any(|byte| matches!(byte, b'\n' | b'\r')),
        "a record is one line"
    );
    let mut sent: Map<String, Value> = serde_json::from_slice(line).expect("a record is a JSON object");
    let mut said = event.clone();
    let [
        kind,
        message_id,
        rudder_id,
        received_at,
        request_ip,
        original,
        sent_at,
        timestamp,
        unread,
    ] = OWNED.map(|key| (sent.remove(key), said.remove(key)));
    assert_eq!(sent, said, "fields that the proxy does not own");

    if sets_type {
        assert_eq!(kind.0, Some("track".into()));
    } else {
        assert_eq!(kind.0, kind.1);
    }
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    let id = text(message_id.0).expect("a record has a messageId");
    assert!(!id.trim().is_empty());
    match text(message_id.1).filter(|said| said.is_ascii()) {
        Some(said) if said.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !said.trim().is_empty() => {
            assert_eq!(id, said);
        }
        Some(said) if said.bytes().any(|byte| byte.is_ascii_graphic()) => assert!(id.len() < said.len()),
        Some(_) => assert_eq!(id, "07070707-0707-4707-8707-070707070707"),
        None => {}
    }
    let rudder_id = text(rudder_id.0).expect("a record has a rudderId");
    assert!(rudder_id.len() == 36 && rudder_id.as_bytes()[14] == b'4', "{rudder_id}");
    assert_eq!(text(received_at.0).unwrap(), "2026-01-02T03:04:05.678Z");
    let said = text(request_ip.1).filter(|ip| !ip.is_empty());
    assert_eq!(text(request_ip.0), Some(said.unwrap_or_else(|| "192.0.2.1".to_owned())));
    let kept = unread.0.unwrap_or_default();
    let times = [original, sent_at, timestamp];
    for (key, (_, said)) in OWNED[5..].iter().zip(&times) {
        if let (Some(kept), Some(said)) = (
            kept.get(key),
            said.as_ref().filter(|said| !said.is_null() && *said != ""),
        ) {
            assert_eq!(kept, said, "what cannot be read is kept");
        }
    }
    let [original, sent, _] = times.map(|(sent, said)| {
        let sent = text(sent).expect("a record has all times");
        assert_eq!(sent.len(), 24, "{sent}");
        let instant: jiff::Timestamp = sent.parse().expect("a time is RFC 3339");
        let stated = text(said).and_then(|said| said.parse::<jiff::Timestamp>().ok());
        (instant.as_millisecond(), stated.map(jiff::Timestamp::as_millisecond))
    });
    for (written, stated) in [original, sent] {
        // A finer fraction than milliseconds may be cut either way before 1970.
        let as_stated = stated.is_some_and(|stated| (stated - written).abs() <= 1);
        let looks_unread = written == RECEIVED_AT || stated.is_none();
        assert!(as_stated || looks_unread, "{written} {stated:?}");
    }
}

/// Levels of nesting of what is known to be JSON.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
