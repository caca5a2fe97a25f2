//! What has arrived in delivery streams, and where each event was meant to go.

use std::collections::BTreeMap;

use serde_json::Value;

/// The events of each stream, in the order of arrival. Streams without an event are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrived(BTreeMap<String, Vec<Value>>);

/// What a test knows an event by: the key that a page gave it, since messageIds are the browser SDKs' own, else the
/// messageId.
///
/// # Panics
///
/// When it has neither.
pub fn name(event: &Value) -> &str {
    let places = ["/properties/key", "/traits/key", "/context/traits/key", "/messageId"];
    let name = places.iter().find_map(|place| event.pointer(place)?.as_str());
    name.unwrap_or_else(|| panic!("every record has a messageId: {event}"))
}

impl Arrived {
    /// Adds the events of one record: JSON values, one a line.
    ///
    /// # Panics
    ///
    /// When a line is not JSON: then the record is broken, whatever is being tested.
    pub fn add(&mut self, stream: &str, record: &[u8]) {
        for line in record.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event = serde_json::from_slice(line)
                .unwrap_or_else(|error| panic!("{stream}: {error}: {}", String::from_utf8_lossy(line)));
            self.0.entry(stream.to_owned()).or_default().push(event);
        }
    }

    /// Events in all streams.
    pub fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Names of the streams that have events.
    pub fn streams(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// The events of one stream.
    pub fn events(&self, stream: &str) -> &[Value] {
        self.0.get(stream).map_or(&[], Vec::as_slice)
    }

    /// The events of all streams.
    pub fn all(&self) -> impl Iterator<Item = &Value> {
        self.0.values().flatten()
    }

    /// Every event's [`name`] with each stream that it has been seen in: once for each time.
    pub fn places(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (stream, events) in &self.0 {
            for event in events {
                places.entry(name(event)).or_default().push(stream);
            }
        }
        places
    }

    /// Asserts that each event with these names is in its stream, once, and that there is nothing else anywhere.
    pub fn assert_exactly(&self, expected: &BTreeMap<String, String>) {
        let places = self.places();
        for (name, stream) in expected {
            let found = places.get(name.as_str());
            assert_eq!(found, Some(&vec![stream.as_str()]), "{name}");
        }
        let unexpected: Vec<_> = places.keys().filter(|name| !expected.contains_key(**name)).collect();
        assert!(unexpected.is_empty(), "nobody sent {unexpected:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(records: &[(&str, &str)]) -> Arrived {
        let mut arrived = Arrived::default();
        for (stream, record) in records {
            arrived.add(stream, record.as_bytes());
        }
        arrived
    }

    fn expected() -> BTreeMap<String, String> {
        BTreeMap::from([("1".into(), "a".into()), ("2".into(), "b".into())])
    }

    #[test]
    fn everything_in_its_place_is_fine() {
        arrived(&[("a", "{\"messageId\":\"1\"}\n"), ("b", "{\"messageId\":\"2\"}\n")]).assert_exactly(&expected());
    }

    #[test]
    fn what_is_lost_doubled_misplaced_or_foreign_is_noticed() {
        for (what, records) in [
            ("lost", vec![("a", r#"{"messageId":"1"}"#)]),
            (
                "doubled",
                vec![
                    ("a", "{\"messageId\":\"1\"}\n{\"messageId\":\"1\"}"),
                    ("b", r#"{"messageId":"2"}"#),
                ],
            ),
            ("misplaced", vec![("b", "{\"messageId\":\"1\"}\n{\"messageId\":\"2\"}")]),
            (
                "in two streams",
                vec![
                    ("a", r#"{"messageId":"1"}"#),
                    ("b", "{\"messageId\":\"1\"}\n{\"messageId\":\"2\"}"),
                ],
            ),
            (
                "foreign",
                vec![
                    ("a", r#"{"messageId":"1"}"#),
                    ("b", "{\"messageId\":\"2\"}\n{\"messageId\":\"3\"}"),
                ],
            ),
        ] {
            let arrived = arrived(&records);
            let noticed = std::panic::catch_unwind(|| arrived.assert_exactly(&expected()));
            assert!(noticed.is_err(), "{what} went unnoticed");
        }
    }
}
