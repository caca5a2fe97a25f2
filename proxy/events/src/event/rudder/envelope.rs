//! The envelope around several events: `{"batch":[event,…],"sentAt":…}`. Finds the events; judges none of them.

use super::{fields::Event, timestamp::Stated};
use crate::event::json::scan::{Cursor, Syntax, Value};

/// What a reader of an envelope is told, in the order of the text.
pub(in crate::event) trait Elements<'a> {
    /// A `batch` member begins. Whatever an earlier one held does not count.
    fn begin(&mut self);
    /// The next element and its text.
    fn element(&mut self, element: Element<'a, '_>, text: &'a str);
}

/// One element of a batch.
#[derive(Debug, Clone, Copy)]
pub(in crate::event) enum Element<'a, 'e> {
    /// An object.
    Event(&'e Event<'a>),
    /// Another value.
    NoObject,
    /// Not JSON, but with an end.
    NoJson,
}

/// Reads an envelope to the end of its text and returns its own `sentAt`. A body that is JSON but not an object has no
/// events. On an error the cursor stands where the reader gave up.
pub(in crate::event) fn read<'a>(
    cursor: &mut Cursor<'a>,
    elements: &mut impl Elements<'a>,
) -> Result<Stated<'a>, Syntax> {
    let mut sent_at = Stated::Nothing;
    if cursor.peek() == Some(b'{') {
        cursor.object(|cursor, key| {
            if key.is("batch") {
                elements.begin();
                return members(cursor, elements);
            }
            let value = cursor.value(1)?;
            if key.is("sentAt") {
                sent_at = stated(value);
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
    match cursor.peek() {
        Some(b'[') => cursor.array(|cursor| element(cursor, elements)),
        Some(b'n') => cursor.value(1).map(|_null| ()),
        Some(b'{') => {
            let event = Event::read(cursor)?;
            elements.element(Element::Event(&event), event.text);
            Ok(())
        }
        _ => {
            let value = cursor.value(1)?;
            elements.element(Element::NoObject, value.text);
            Ok(())
        }
    }
}

/// Reads one element of a list. It counts as what it looks like only when the list goes on or ends behind it.
fn element<'a>(cursor: &mut Cursor<'a>, elements: &mut impl Elements<'a>) -> Result<(), Syntax> {
    let is_object = cursor.peek() == Some(b'{');
    let start = cursor.at();
    if is_object {
        if let Ok(event) = Event::read(cursor)
            && matches!(cursor.peek(), Some(b',' | b']'))
        {
            elements.element(Element::Event(&event), event.text);
            return Ok(());
        }
    } else if let Ok(value) = cursor.value(2)
        && matches!(cursor.peek(), Some(b',' | b']'))
    {
        elements.element(Element::NoObject, value.text);
        return Ok(());
    }
    cursor.go_back(start);
    let text = cursor.skim(b']')?;
    elements.element(Element::NoJson, text);
    Ok(())
}

/// The `writeKey` beside the members of the event or envelope that `text` is, or begins with: the last one in it.
/// `None` when there is none, or it is not a string, or empty. Reads as far as it can; what is wrong with the rest is
/// for others.
pub(in crate::event) fn write_key(text: &str) -> Option<String> {
    let mut cursor = Cursor::new(text);
    let mut write_key = None;
    if cursor.peek() == Some(b'{') {
        // An error is the end of the text, or of what can be understood of it.
        let _ = cursor.object(|cursor, key| {
            let is_key = key.is("writeKey");
            if is_key && cursor.peek() == Some(b'"') {
                write_key = cursor.value(1)?.as_text();
                return Ok(());
            }
            if is_key {
                write_key = None;
            }
            cursor.skim(b'}').map(|_value| ())
        });
    }
    let write_key: String = write_key?.characters().collect();
    (!write_key.is_empty()).then_some(write_key)
}

/// The `sentAt` that stands behind the last list of an envelope, where most SDKs write it. A guess, made without
/// reading the events: [`read`] tells the truth afterwards.
pub(in crate::event) fn guess_sent_at(text: &str) -> Stated<'_> {
    let value = || {
        let behind = &text[memchr::memrchr(b']', text.as_bytes())? + 1..];
        let value = behind
            .split_once("\"sentAt\"")?
            .1
            .trim_ascii_start()
            .strip_prefix(':')?;
        Cursor::new(value).value(0).ok()
    };
    value().map_or(Stated::Nothing, stated)
}

/// What an envelope's `sentAt` says to its events. Each of them that has none of its own gets what cannot be read, so
/// that something longer than any point in time is not kept that often.
fn stated(value: Value<'_>) -> Stated<'_> {
    const MAX_BYTES: usize = 128;
    match Stated::of(Some(value)) {
        Stated::Unread(value) if value.text.len() > MAX_BYTES => Stated::Nothing,
        // Where it stands does not matter, and two readings are compared.
        Stated::Unread(value) => Stated::Unread(Value { start: 0, ..value }),
        stated => stated,
    }
}
