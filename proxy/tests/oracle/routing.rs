//! Routing against its definition, written a second time as it is read: rows and events of every shape, and the stream
//! that the events come out at.

use std::collections::HashMap;

use firehose_proxy::{
    event::{self, Context, Timestamp},
    routing::Table,
    stream::Streams,
};
use firehose_proxy_config::{Mapping, RecordDelimiter};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

/// A row: event, stream.
type Row = (String, String);

/// Names that are something else somewhere, or look like each other: two hits are likelier than with noise.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "", " ", "*", "track", "TRACK", "Track", "track ", " track", "page", "product*", "Product Added", "product added",
    "__proto__", "__PROTO__", "constructor", "toString", "null", "0", "ΟΔΟΣ", "οδος", "οδοσ", "İ", "i\u{307}", "ı", "I",
    "ẞ", "ß", "SS", "ǅ", "ǆ", "é", "É", "e\u{301}", "\u{200b}", "\u{0}", "\"\\\n", "😀", "Ꭰ", "ꭰ", "\u{212a}", "k",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(NAMES).prop_map(str::to_owned), 1 => "\\PC{0,4}"]
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let stream = select(&["", "a", "A", "b", "c"][..]).prop_map(str::to_owned);
    prop::collection::vec((name(), stream), 0..12)
}

/// A member of an event: most often a name.
fn member() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        6 => name().prop_map(|name| Some(name.into())),
        1 => select(vec![None, Some(Value::Null), Some(json!(true)), Some(json!(1.5)), Some(json!(["track"])), Some(json!({"track": 1}))]),
    ]
}

fn event() -> impl Strategy<Value = Value> {
    (member(), member(), member()).prop_map(|(event, kind, name)| {
        let mut object = json!({"userId": "u"});
        for (key, value) in [("event", event), ("type", kind), ("name", name)] {
            if let Some(value) = value {
                object[key] = value;
            }
        }
        object
    })
}

/// Where the proxy sends an event, or `None` when it does not.
fn routed(rows: &[Row], event: &Value) -> Option<String> {
    let mappings: Vec<_> = rows
        .iter()
        .map(|(event, stream)| Mapping {
            event: event.clone(),
            delivery_stream_name: stream.clone(),
            source: None,
        })
        .collect();
    let streams = Streams::default();
    let mut context = Context {
        table: &Table::new(&mappings, &streams).unwrap(),
        delimiter: RecordDelimiter::Newline,
        received_at: Timestamp::from_unix_milliseconds(0).unwrap(),
        request_ip: "",
        privacy: None,
        max_frame_bytes: 1 << 20,
        sender: Default::default(),
        identity_key: None,
        random: &mut || [7; 16],
    };
    let admission = event::batch(json!({"batch": [event]}).to_string().as_bytes(), &mut context).unwrap();
    assert_eq!(admission.counts.valid(), 1, "{event}");
    let mut entries = admission.batch.entries();
    let stream = entries.next().map(|entry| streams.name(entry.stream).to_string());
    assert!(entries.next().is_none(), "one event is in one stream");
    assert_eq!(stream.is_none(), admission.counts.unmapped == 1, "{event}");
    stream
}

/// Where it should.
fn defined(rows: &[Row], event: &Value) -> Option<String> {
    let mut table = HashMap::new();
    for (event, stream) in rows {
        if !event.trim().is_empty() {
            table.insert(event.to_lowercase(), stream.clone());
        }
    }
    let stream = |key: &str| {
        table
            .get(&key.to_lowercase())
            .filter(|stream| !stream.is_empty())
            .cloned()
    };
    let by = |member: &str| event[member].as_str().filter(|key| !key.is_empty()).and_then(stream);
    by("event").or_else(|| by("type")).or_else(|| stream("*"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_event_goes_where_the_definition_says(rows in rows(), event in event()) {
        prop_assert_eq!(routed(&rows, &event), defined(&rows, &event));
    }

    #[test]
    fn the_case_of_a_name_makes_no_difference(rows in rows(), name in name(), kind in name()) {
        let of = |name: &str, kind: &str| routed(&rows, &json!({"userId": "u", "event": name, "type": kind}));
        prop_assert_eq!(of(&name, &kind), of(&name.to_lowercase(), &kind.to_lowercase()));
        let in_lower_case: Vec<_> = rows.iter().map(|(event, stream)| (event.to_lowercase(), stream.clone())).collect();
        prop_assert_eq!(of(&name, &kind), routed(&in_lower_case, &json!({"userId": "u", "event": name, "type": kind})));
    }

    #[test]
    fn rows_of_different_names_may_stand_in_any_order(
        (rows, shuffled) in rows().prop_flat_map(|mut rows| {
            let mut seen = std::collections::HashSet::new();
            rows.retain(|(event, _)| seen.insert(event.to_lowercase()));
            (Just(rows.clone()), Just(rows).prop_shuffle())
        }),
        event in event(),
    ) {
        prop_assert_eq!(routed(&rows, &event), routed(&shuffled, &event));
    }

    #[test]
    fn what_is_not_a_string_is_as_good_as_absent(rows in rows(), name in name(), other in select(vec![json!(null), json!(0), json!([]), json!({})])) {
        let absent = json!({"userId": "u", "type": name});
        let odd = json!({"userId": "u", "type": name, "event": other});
        prop_assert_eq!(routed(&rows, &odd), routed(&rows, &absent));
        let absent = json!({"userId": "u", "event": name});
        let odd = json!({"userId": "u", "event": name, "type": other});
        prop_assert_eq!(routed(&rows, &odd), routed(&rows, &absent));
    }
}
