//! The routing table: event name before event type before `*`, each compared in lower case, exactly one stream an
//! event.
//!
//! Lower case is Unicode's, with no trimming, no normalisation and no patterns, so a row matches exactly the events
//! that RudderStack's destination would match.

use std::collections::HashMap;

use firehose_proxy_config::Mapping;

use crate::stream::{InvalidStreamName, RoutingKey, StreamId, StreamName, Streams};

/// Which part of an event led to its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched {
    /// Its name.
    Event,
    /// Its type.
    Type,
    /// Neither; the row `*` takes what no other does.
    Wildcard,
}

/// An immutable table; a new configuration is a new table.
#[derive(Debug, Default)]
pub struct Table {
    streams: HashMap<String, Option<StreamId>>,
    wildcard: Option<StreamId>,
    /// Fingerprints of the names of its streams, by [`StreamId::index`]; 0 for others.
    fingerprints: Vec<u64>,
}

impl Table {
    /// Builds the table of a document's rows.
    ///
    /// A row with a blank event is skipped, a later row replaces an earlier one with the same lower-cased event, and a
    /// row without a stream erases what it replaces. The custom resource refuses such rows; a hand-written document may
    /// have them.
    ///
    /// # Errors
    ///
    /// When a stream's name is one that AWS cannot have.
    pub fn new(mappings: &[Mapping], streams: &Streams) -> Result<Self, InvalidStreamName> {
        let mut table = HashMap::with_capacity(mappings.len());
        let mut fingerprints = Vec::new();
        for row in mappings.iter().filter(|row| !row.event.trim().is_empty()) {
            let stream = match row.delivery_stream_name.as_str() {
                "" => None,
                name => {
                    let name = StreamName::try_from(name)?;
                    let stream = streams.intern(&name);
                    if fingerprints.len() <= stream.index() {
                        fingerprints.resize(stream.index() + 1, 0);
                    }
                    fingerprints[stream.index()] = name.fingerprint();
                    Some(stream)
                }
            };
            table.insert(row.event.to_lowercase(), stream);
        }
        let wildcard = table.get("*").copied().flatten();
        Ok(Self {
            streams: table,
            wildcard,
            fingerprints,
        })
    }

    /// The [fingerprint](StreamName::fingerprint) of a stream that this table leads to; 0 for another.
    pub fn fingerprint(&self, stream: StreamId) -> u64 {
        self.fingerprints.get(stream.index()).copied().unwrap_or(0)
    }

    /// Whether any event can go to `stream`.
    pub fn leads_to(&self, stream: StreamId) -> bool {
        self.streams.values().any(|mapped| *mapped == Some(stream))
    }

    /// The stream of an event with this (already lower-cased) key, or `None` when the event is not to be sent.
    pub fn stream(&self, key: RoutingKey<'_>) -> Option<StreamId> {
        self.find(key).map(|(stream, _)| stream)
    }

    /// The same, with the part of the event that led there.
    pub fn find(&self, key: RoutingKey<'_>) -> Option<(StreamId, Matched)> {
        let named = |name: &str| match name {
            "" => None,
            _ => self.streams.get(name).copied().flatten(),
        };
        let by_event = || Some((named(key.event)?, Matched::Event));
        let by_type = || Some((named(key.r#type)?, Matched::Type));
        let by_wildcard = || Some((self.wildcard?, Matched::Wildcard));
        by_event().or_else(by_type).or_else(by_wildcard)
    }
}

/// Appends the lower-case form of `text` to `buffer`. ASCII, nearly every event name there is, costs one
/// pass.
pub fn push_lowercase(text: &str, buffer: &mut String) {
    if text.is_ascii() {
        let start = buffer.len();
        buffer.push_str(text);
        buffer[start..].make_ascii_lowercase();
    } else {
        buffer.push_str(&text.to_lowercase()); // whole words: a final sigma depends on what stands before it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(event: &str, stream: &str) -> Mapping {
        Mapping {
            event: event.to_owned(),
            delivery_stream_name: stream.to_owned(),
        }
    }

    /// Routes an event with this name and type the way the endpoint does: keys lower-cased first.
    fn route(rows: &[Mapping], event: &str, r#type: &str) -> Option<String> {
        let streams = Streams::default();
        let table = Table::new(rows, &streams).unwrap();
        let (mut lower_event, mut lower_type) = (String::new(), String::new());
        push_lowercase(event, &mut lower_event);
        push_lowercase(r#type, &mut lower_type);
        let key = RoutingKey {
            event: &lower_event,
            r#type: &lower_type,
            source: "",
        };
        table.stream(key).map(|id| streams.name(id).to_string())
    }

    #[test]
    fn a_name_wins_over_a_type_and_a_type_over_the_wildcard_in_any_order() {
        let rows = [row("*", "w"), row("track", "t"), row("product added", "p")];
        for rows in [rows.clone(), [rows[2].clone(), rows[0].clone(), rows[1].clone()]] {
            assert_eq!(route(&rows, "Product Added", "track").as_deref(), Some("p"));
            assert_eq!(route(&rows, "other", "TRACK").as_deref(), Some("t"));
            assert_eq!(route(&rows, "other", "page").as_deref(), Some("w"));
        }
    }

    #[test]
    fn what_led_to_a_stream_is_known() {
        let table = Table::new(&[row("page", "p"), row("*", "w")], &Streams::default()).unwrap();
        let matched = |event, r#type| {
            table
                .find(RoutingKey {
                    event,
                    r#type,
                    source: "",
                })
                .map(|(_, matched)| matched)
        };
        assert_eq!(matched("page", "track"), Some(Matched::Event));
        assert_eq!(matched("", "page"), Some(Matched::Type));
        assert_eq!(matched("a", "track"), Some(Matched::Wildcard));
        assert_eq!(matched("*", "track"), Some(Matched::Event));
    }

    #[test]
    fn names_are_compared_in_full_unicode_lower_case_and_never_trimmed() {
        let rows = [row("ΟΔΟΣ", "greek"), row("STRASSE ", "space")];
        assert_eq!(route(&rows, "οδος", "").as_deref(), Some("greek"));
        assert_eq!(route(&rows, "strasse", ""), None);
        assert_eq!(route(&rows, "Strasse ", "").as_deref(), Some("space"));
    }

    #[test]
    fn a_later_row_replaces_and_a_row_without_a_stream_erases() {
        let rows = [
            row("page", "a"),
            row("PAGE", "b"),
            row("track", "c"),
            row("Track", ""),
            row(" ", "blank"),
        ];
        assert_eq!(route(&rows, "", "page").as_deref(), Some("b"));
        assert_eq!(route(&rows, "", "track"), None);
        assert_eq!(route(&rows, " ", " "), None);
    }

    #[test]
    fn a_table_leads_to_the_streams_of_its_rows_and_no_others() {
        let streams = Streams::default();
        let typo = streams.intern(&StreamName::try_from("ordrs").unwrap());
        let table = Table::new(&[row("page", "pages"), row("*", "all")], &streams).unwrap();
        let mapped = table.stream(RoutingKey::default()).unwrap();
        assert!(table.leads_to(mapped));
        assert!(!table.leads_to(typo));
    }

    #[test]
    fn names_that_are_special_elsewhere_are_ordinary_here() {
        let rows = [row("__proto__", "p"), row("constructor", "c"), row("*", "w")];
        assert_eq!(route(&rows, "__PROTO__", "").as_deref(), Some("p"));
        assert_eq!(route(&rows, "constructor", "").as_deref(), Some("c"));
        assert_eq!(route(&rows, "valueOf", "").as_deref(), Some("w"));
        assert_eq!(route(&rows, "*", "").as_deref(), Some("w"));
    }

    #[test]
    fn the_fast_path_of_lower_casing_agrees_with_unicode() {
        for text in ["", "Product Added", "ΑΣ", "İ", "ẞ", "aÄ"] {
            let mut lower = "x".to_owned();
            push_lowercase(text, &mut lower);
            assert_eq!(lower, format!("x{}", text.to_lowercase()));
        }
    }
}
