//! A dead letter: an event that was given up, with everything a person needs to judge it, and its exact bytes.
//!
//! Stored as an event whose record is one line of JSON (reason, detail, time) in front of the bytes of the dead event.

use serde::{Deserialize, Serialize};

use crate::{
    spool::{Frame, FrameTooLarge, KeyRef, log::Position},
    stream::{StreamId, StreamName},
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
    /// Why.
    pub reason: String,
    /// More about why.
    pub detail: String,
    /// Bytes of the event.
    pub bytes: usize,
}

/// The line in front of the event.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    reason: String,
    detail: String,
    time: String,
}

/// Stream that letters without one are filed under. AWS allows the name, so a destination could have it; such a letter is then
/// taken for one that cannot be sent, which loses nothing.
const NO_STREAM: &str = "__no_stream__";

/// What a letter is filed under.
pub(super) fn filed_under(letter: &Letter) -> StreamName {
    let stream = letter.stream.clone();
    stream.unwrap_or_else(|| StreamName::try_from(NO_STREAM).expect("a valid name"))
}

/// A letter as a frame of one event.
pub(in crate::spool) fn to_frame(letter: &Letter, stream: StreamId, time: String) -> Result<Frame, FrameTooLarge> {
    let line = Line {
        reason: letter.reason.clone(),
        detail: letter.detail.clone(),
        time,
    };
    let key = KeyRef {
        event: &letter.event,
        r#type: &letter.r#type,
    };
    let mut frame = Frame::with_capacity(letter.bytes.len() + 256, 1);
    frame.push(stream, key, |out| {
        let line = serde_json::to_vec(&line).expect("three strings are JSON");
        out.extend_from_slice(&line);
        out.push(b'\n');
        out.extend_from_slice(&letter.bytes);
        Ok::<(), FrameTooLarge>(())
    })?;
    Ok(frame)
}

/// The letter in a frame, or `None` when it is none.
pub(in crate::spool) fn from_frame(
    position: Position,
    stream: &StreamName,
    frame: &Frame,
) -> Option<(Summary, Letter)> {
    let entry = frame.entry(0)?;
    let end = memchr::memchr(b'\n', entry.record)?;
    let line: Line = serde_json::from_slice(&entry.record[..end]).ok()?;
    let bytes = entry.record[end + 1..].to_vec();
    let stream = (stream.as_str() != NO_STREAM).then(|| stream.clone());
    let summary = Summary {
        id: format!("{}-{}", position.segment, position.ordinal),
        time: line.time,
        stream: stream.as_ref().map(ToString::to_string),
        event: entry.key.event.to_owned(),
        reason: line.reason.clone(),
        detail: line.detail.clone(),
        bytes: bytes.len(),
    };
    let letter = Letter {
        stream,
        event: entry.key.event.to_owned(),
        r#type: entry.key.r#type.to_owned(),
        reason: line.reason,
        detail: line.detail,
        bytes,
    };
    Some((summary, letter))
}

/// The place behind an id.
pub(super) fn position(id: &str) -> Option<Position> {
    let (segment, ordinal) = id.split_once('-')?;
    Some(Position {
        segment: segment.parse().ok()?,
        ordinal: ordinal.parse().ok()?,
    })
}
