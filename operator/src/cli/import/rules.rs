//! The rules of RudderStack's Firehose destination for its mappings, as rows of ours. Pure.

use std::collections::HashMap;

use serde_json::Value;

/// One row that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) event: String,
    pub(super) stream: String,
}

/// The rows of `mapEvents` that decide anything, in their order, and what is said about the others.
///
/// A row with a blank event is none. Of rows whose events are the same in lower case, the last one counts, and when its
/// stream is empty none of them does.
pub(super) fn rows(map_events: Option<&Value>) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut notes): (Vec<Option<Row>>, _) = (Vec::new(), Vec::new());
    let mut places: HashMap<String, usize> = HashMap::new();
    for (number, pair) in map_events.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let text = |name: &str| pair.get(name).and_then(Value::as_str).unwrap_or_default();
        let (event, stream) = (text("from"), text("to"));
        rows.push(None);
        if event.trim().is_empty() {
            if !stream.is_empty() {
                notes.push(format!(
                    "mapEvents[{number}] to {stream:?} has a blank event and never matched anything"
                ));
            }
            continue;
        }
        if let Some(before) = places.insert(event.to_lowercase(), number)
            && rows[before].take().is_some()
        {
            notes.push(format!(
                "mapEvents[{before}] never counted: mapEvents[{number}] has the same event, {event:?}"
            ));
        }
        match stream {
            "" => notes.push(format!(
                "mapEvents[{number}], {event:?}, has no stream: its events go by type or *"
            )),
            _ if !is_stream_name(stream) => notes.push(format!(
                "mapEvents[{number}], {event:?}, leads to {stream:?}, which no delivery stream can be called: LEFT OUT"
            )),
            _ => {
                rows[number] = Some(Row {
                    event: event.to_owned(),
                    stream: stream.to_owned(),
                });
            }
        }
    }
    (rows.into_iter().flatten().collect(), notes)
}

fn is_stream_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_rows_with_the_same_event_the_last_one_counts_even_when_it_has_no_stream() {
        let map_events = json!([
            {"from": "Page", "to": "first"},
            {"from": "", "to": ""},
            {"from": "track", "to": "tracks"},
            {"from": "PAGE", "to": "second"},
            {"from": "Track", "to": ""},
            {"from": "  ", "to": "blank"},
            {"from": "*", "to": "no stream!"},
            {"from": 7, "to": "number"},
        ]);
        let (rows, notes) = rows(Some(&map_events));
        let expected = Row {
            event: "PAGE".to_owned(),
            stream: "second".to_owned(),
        };
        assert_eq!(rows, [expected]);
        let places: Vec<&str> = notes
            .iter()
            .map(|note| note.split([' ', ',']).next().unwrap())
            .collect();
        assert_eq!(
            places,
            [
                "mapEvents[0]",
                "mapEvents[2]",
                "mapEvents[4]",
                "mapEvents[5]",
                "mapEvents[6]",
                "mapEvents[7]"
            ]
        );
    }
}
