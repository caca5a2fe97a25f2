//! What record de-aggregation makes of a record that packs several events. Looks at the bytes only.
//!
//! The service takes JSON objects one after the other or one a line, at most 500 of them, and never an array
//! (<https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-multirecord-deaggergation.html>). What it
//! cannot take apart fails at delivery, after the put has succeeded: the client never learns of it.

use serde_json::value::RawValue;

/// Events of one record at most.
const MAX_EVENTS_PER_RECORD: usize = 500;

/// The events of a record, or `None` when the service would give it up.
pub(crate) fn events(data: &[u8]) -> Option<Vec<&str>> {
    let mut events = Vec::new();
    for event in serde_json::Deserializer::from_slice(data).into_iter::<&RawValue>() {
        let event = event.ok()?.get();
        if !event.starts_with('{') || events.len() == MAX_EVENTS_PER_RECORD {
            return None;
        }
        events.push(event);
    }
    Some(events)
}

#[cfg(test)]
mod tests {
    use super::events;

    #[test]
    fn objects_are_taken_apart_however_they_are_separated() {
        for text in [
            "{\"a\":1}{\"b\":2}",
            "{\"a\":1}\n{\"b\":2}\n",
            " {\"a\":1} \r\n {\"b\":2}",
        ] {
            assert_eq!(events(text.as_bytes()), Some(vec!["{\"a\":1}", "{\"b\":2}"]), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_row_of_objects_is_given_up() {
        for text in [
            "[{\"a\":1}]",
            "{\"a\":1},{\"b\":2}",
            "{\"a\":1}{",
            "text",
            "{\"a\":1} 2",
        ] {
            assert_eq!(events(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_501st_event_loses_the_whole_record() {
        assert_eq!(
            events("{}\n".repeat(500).as_bytes()).map(|events| events.len()),
            Some(500)
        );
        assert_eq!(events("{}\n".repeat(501).as_bytes()), None);
    }
}
