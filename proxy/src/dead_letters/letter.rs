//! A dead letter: an event that was given up, with everything a person needs to judge it, and its exact bytes.
//!
//! Stored as an event whose record is one line of JSON (reason, detail, time) in front of the bytes of the dead event.

use serde::{Deserialize, Serialize};

use crate::{
    queue::{BatchTooLarge, EventBatch, Position},
    stream::{RoutingKey, StreamId, StreamName},
};

/// An event that is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Where it should have gone; `None` when it never got that far.
    pub stream: Option<StreamName>,
    /// Lower-cased event name, empty when absent.
    pub event: String,
    /// Lower-cased type, empty when absent.
    pub r#type: String,
    /// Name of the source that sent it, empty without one.
    pub source: String,
    /// Why, from a closed set of words.
    pub reason: String,
    /// What a person may want to know beside the reason: a message, a limit and what exceeded it.
    pub detail: String,
    /// The bytes that Firehose did not get, or the client's bytes when there never was a record.
    pub bytes: Vec<u8>,
}

/// A letter as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// What to name it by.
    pub id: String,
    /// When it was given up, RFC 3339.
    pub time: String,
    /// Where it should have gone.
    pub stream: Option<String>,
    /// Its event name, lower-cased.
    pub event: String,
    /// The source that sent it, empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Why.
    pub reason: String,
    /// More about why.
    pub detail: String,
    /// Bytes of the event.
    pub bytes: usize,
}

/// The line in front of the event. The source stands here and not in the spool's table, so that it is kept in every
/// version of the spool's format.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    reason: String,
    detail: String,
    time: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    source: String,
}

/// Stream that letters without one are filed under. AWS allows the name, so a destination could have it; such a letter
/// is then taken for one that cannot be sent, which loses nothing.
const NO_STREAM: &str = "__no_stream__";

/// What a letter is filed under.
pub(crate) fn filed_under(letter: &Letter) -> StreamName {
    let stream = letter.stream.clone();
    stream.unwrap_or_else(|| StreamName::try_from(NO_STREAM).expect("a valid name"))
}

/// A letter as a batch of one event.
pub(crate) fn to_batch(letter: &Letter, stream: StreamId, time: String) -> Result<EventBatch, BatchTooLarge> {
    let line = Line {
        reason: letter.reason.clone(),
        detail: letter.detail.clone(),
        time,
        source: letter.source.clone(),
    };
    let key = RoutingKey {
        event: &letter.event,
        r#type: &letter.r#type,
        source: "",
    };
    let mut batch = EventBatch::with_capacity(letter.bytes.len() + 256, 1);
    batch.push(stream, key, |out| {
        let line = serde_json::to_vec(&line).expect("three strings are JSON");
        out.extend_from_slice(&line);
        out.push(b'\n');
        out.extend_from_slice(&letter.bytes);
        Ok::<(), BatchTooLarge>(())
    })?;
    Ok(batch)
}

/// The letter in a batch, or `None` when it is none.
pub(crate) fn from_batch(position: Position, stream: &StreamName, batch: &EventBatch) -> Option<(Summary, Letter)> {
    let entry = batch.entry(0)?;
    let end = memchr::memchr(b'\n', entry.record)?;
    let line: Line = serde_json::from_slice(&entry.record[..end]).ok()?;
    let bytes = entry.record[end + 1..].to_vec();
    let stream = (stream.as_str() != NO_STREAM).then(|| stream.clone());
    let summary = Summary {
        id: format!("{}-{}", position.segment, position.ordinal),
        time: line.time,
        stream: stream.as_ref().map(ToString::to_string),
        event: entry.key.event.to_owned(),
        source: line.source.clone(),
        reason: line.reason.clone(),
        detail: line.detail.clone(),
        bytes: bytes.len(),
    };
    let letter = Letter {
        stream,
        event: entry.key.event.to_owned(),
        r#type: entry.key.r#type.to_owned(),
        source: line.source,
        reason: line.reason,
        detail: line.detail,
        bytes,
    };
    Some((summary, letter))
}

/// The place that an id stands for.
pub(crate) fn position(id: &str) -> Option<Position> {
    let (segment, ordinal) = id.split_once('-')?;
    Some(Position {
        segment: segment.parse().ok()?,
        ordinal: ordinal.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Streams;

    /// The record of a letter in the files of format version 1, `tests/spool/v1`: what is on a disk stays readable.
    const RECORD: &[u8] = concat!(
        r#"{"reason":"RecordRefused","detail":"two\nlines","time":"2026-01-01T00:00:00.123456789Z"}"#,
        "\nnot even\0 JSON"
    )
    .as_bytes();

    #[test]
    fn a_letter_is_one_line_of_json_in_front_of_the_event_s_bytes() {
        let letter = Letter {
            stream: None,
            event: "product added".to_owned(),
            r#type: "track".to_owned(),
            source: String::new(),
            reason: "RecordRefused".to_owned(),
            detail: "two\nlines".to_owned(),
            bytes: b"not even\0 JSON".to_vec(),
        };
        let name = filed_under(&letter);
        let stream = Streams::default().intern(&name);
        let batch = to_batch(&letter, stream, "2026-01-01T00:00:00.123456789Z".to_owned()).unwrap();
        assert_eq!(batch.entry(0).unwrap().record, RECORD);
        let position = Position { segment: 1, ordinal: 3 };
        let (summary, again) = from_batch(position, &name, &batch).unwrap();
        assert_eq!(again, letter);
        assert_eq!(
            (summary.id.as_str(), summary.time.as_str()),
            ("1-3", "2026-01-01T00:00:00.123456789Z")
        );
        let of_a_source = Letter {
            source: "web".to_owned(),
            ..letter
        };
        let batch = to_batch(&of_a_source, stream, String::new()).unwrap();
        let (summary, again) = from_batch(position, &name, &batch).unwrap();
        assert_eq!((again, summary.source.as_str()), (of_a_source, "web"));
    }
}
