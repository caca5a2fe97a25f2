//! The envelope around several events: `{"batch":[event,…],"sentAt":…}`. Finds the events; judges none of them.

use super::{fields::Event, timestamp::Timestamp};
use crate::event::json::scan::{Cursor, Syntax, Value};

/// What a reader of an envelope is told, in the order of the text.
pub(in crate::event) trait Elements<'a> {
    /// A `batch` member begins. Whatever an earlier one held does not count.
    fn begin(&mut self);
    /// The next element: an event, or `None` for an element that is not an object; and its text.
    fn element(&mut self, event: Option<Event<'a>>, text: &'a str);
}

/// Reads an envelope to the end of its text and returns its own `sentAt`. A body that is JSON but not an object has no events.
pub(in crate::event) fn read<'a>(text: &'a str, elements: &mut impl Elements<'a>) -> Result<Option<Timestamp>, Syntax> {
    let mut cursor = Cursor::new(text);
    let mut sent_at = None;
    if cursor.peek() == Some(b'{') {
        cursor.object(|cursor, key| {
            if key.is("batch") {
                elements.begin();
                return members(cursor, elements);
            }
            let value = cursor.value(1)?;
            if key.is("sentAt") {
                sent_at = time(value);
            }
            Ok(())
        })?;
    } else {
        cursor.value(0)?;
    }
    cursor.end()?;
    Ok(sent_at)
}

/// Reads the value of `batch`: a list of events, or one event without a list around it.
fn members<'a>(cursor: &mut Cursor<'a>, elements: &mut impl Elements<'a>) -> Result<(), Syntax> {
    if cursor.peek() == Some(b'[') {
        return cursor.array(|cursor| element(cursor, elements));
    }
    if cursor.peek() == Some(b'n') {
        return cursor.value(1).map(|_null| ());
    }
    element(cursor, elements)
}

fn element<'a>(cursor: &mut Cursor<'a>, elements: &mut impl Elements<'a>) -> Result<(), Syntax> {
    if cursor.peek() == Some(b'{') {
        let event = Event::read(cursor)?;
        let text = event.text;
        elements.element(Some(event), text);
    } else {
        let value = cursor.value(2)?;
        elements.element(None, value.text);
    }
    Ok(())
}

/// The `writeKey` beside the members of the event or envelope that is a whole text. `None` when there is none, or it is
/// not a string, or not one that a write key can be.
pub(in crate::event) fn write_key(text: &str) -> Result<Option<String>, Syntax> {
    let mut cursor = Cursor::new(text);
    let mut write_key = None;
    if cursor.peek() == Some(b'{') {
        cursor.object(|cursor, key| {
            let value = cursor.value(1)?;
            if key.is("writeKey") {
                write_key = value.as_text();
            }
            Ok(())
        })?;
    }
    Ok(write_key.and_then(|text| text.characters().collect::<Result<_, _>>().ok()))
}

/// The `sentAt` that stands behind the last list of an envelope, where most SDKs write it. A guess, made without reading
/// the events: [`read`] tells the truth afterwards.
pub(in crate::event) fn guess_sent_at(text: &str) -> Option<Timestamp> {
    let behind = &text[memchr::memrchr(b']', text.as_bytes())? + 1..];
    let value = behind
        .split_once("\"sentAt\"")?
        .1
        .trim_ascii_start()
        .strip_prefix(':')?;
    time(Cursor::new(value).value(0).ok()?)
}

fn time(value: Value<'_>) -> Option<Timestamp> {
    Timestamp::parse(value.as_text()?.plain()?)
}
