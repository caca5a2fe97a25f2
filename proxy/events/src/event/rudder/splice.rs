//! Writes the record of an event: the client's bytes with the proxy's fields put in, by copying what lies between them.

use uuid::Uuid;

use super::{
    fields::{Event, Field, STATED_TIMES, Unread},
    timestamp::Timestamp,
};
use crate::event::json::text::{Text, is_visible, write_quoted};

/// How many fields the proxy may write into one event.
const MOST: usize = 9;
/// Bytes that the proxy's fields add when the client sent none of them, generously.
const ROOM: usize = 400;

/// What the proxy puts in a field's place.
#[derive(Debug, Clone, Copy)]
pub(in crate::event) enum New<'a> {
    /// Text from outside the event.
    Text(&'a str),
    /// A string of the event without the characters that nobody sees.
    Visible(Text<'a>),
    /// A UUID.
    Id(Uuid),
    /// A point in time.
    Time(Timestamp),
    /// [`Edits::keep_unread`].
    Unread,
}

/// The changes to one event, those to existing fields in the order of their position.
#[derive(Debug, Default)]
pub(in crate::event) struct Edits<'a> {
    replaced: List<'a>,
    added: List<'a>,
    unread: Unread<'a>,
}

#[derive(Debug, Default)]
struct List<'a> {
    items: [Option<(usize, Field, New<'a>)>; MOST],
    length: usize,
}

impl<'a> Edits<'a> {
    /// Gives a field a value, whether the event has it or not. Each field may be set once.
    pub(in crate::event) fn set(&mut self, event: &Event<'a>, field: Field, new: New<'a>) {
        match event.value(field) {
            Some(old) => self.replaced.insert(old.start, field, new),
            None => self.added.insert(usize::MAX, field, new),
        }
    }

    /// Keeps what the client states as points in time and cannot be read, in its bytes.
    pub(in crate::event) fn keep_unread(&mut self, event: &Event<'a>, unread: Unread<'a>) {
        self.unread = unread;
        self.set(event, Field::UnreadTimes, New::Unread);
    }

    /// Appends the record to `out`.
    pub(in crate::event) fn write(&self, event: &Event<'a>, delimiter: &[u8], out: &mut Vec<u8>) {
        out.reserve(event.text.len() + ROOM);
        let mut copied = 0;
        for (start, field, new) in self.replaced.iter() {
            copy(&event.text[copied..start], event.line_breaks, out);
            new.write(&self.unread, out);
            copied = event.value(field).expect("a replaced field has an old value").end();
        }
        let closing = event.text.len() - 1;
        copy(&event.text[copied..closing], event.line_breaks, out);
        let mut separate = event.has_members;
        for (_, field, new) in self.added.iter() {
            out.extend_from_slice(if separate { b",\"" } else { b"\"" });
            out.extend_from_slice(field.key().as_bytes());
            out.extend_from_slice(b"\":");
            new.write(&self.unread, out);
            separate = true;
        }
        out.push(b'}');
        out.extend_from_slice(delimiter);
    }
}

impl<'a> List<'a> {
    /// Keeps the order of positions; equal ones keep that of their insertion.
    fn insert(&mut self, start: usize, field: Field, new: New<'a>) {
        self.items[self.length] = Some((start, field, new));
        let mut at = self.length;
        while at > 0 && self.items[at - 1].is_some_and(|(before, ..)| before > start) {
            self.items.swap(at - 1, at);
            at -= 1;
        }
        self.length += 1;
    }

    fn iter(&self) -> impl Iterator<Item = (usize, Field, New<'a>)> {
        self.items[..self.length].iter().copied().flatten()
    }
}

impl New<'_> {
    fn write(self, unread: &Unread<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => write_quoted(text.chars(), out),
            Self::Visible(text) => write_quoted(text.characters().filter(|c| is_visible(*c)), out),
            Self::Id(id) => write_plain(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes(), out),
            Self::Time(time) => write_plain(&time.text(), out),
            Self::Unread => {
                let mut before = b'{';
                for (field, value) in STATED_TIMES.iter().zip(unread) {
                    let Some(value) = value else { continue };
                    out.push(before);
                    write_plain(field.key().as_bytes(), out);
                    out.push(b':');
                    copy(value.text, true, out); // it may stand in the envelope, and is short
                    before = b',';
                }
                out.push(b'}');
            }
        }
    }
}

/// Writes a string that needs no escapes.
fn write_plain(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// Copies the client's bytes. A record is one line: raw line breaks, which JSON allows between tokens only, become
/// spaces.
fn copy(text: &str, line_breaks: bool, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text.as_bytes());
    if line_breaks {
        for byte in &mut out[start..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::json::scan::Cursor;

    fn spliced(text: &str, set: &[(Field, New<'static>)]) -> String {
        let event = Event::read(&mut Cursor::new(text)).unwrap();
        let mut edits = Edits::default();
        for (field, new) in set {
            edits.set(&event, *field, *new);
        }
        let mut out = b"before".to_vec();
        edits.write(&event, b"\n", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_what_is_set_changes() {
        let both = [(Field::Type, New::Text("track")), (Field::SentAt, New::Text("now"))];
        for (text, expected) in [
            ("{}", r#"before{"type":"track","sentAt":"now"}"#),
            (r#"{"a": 1.50 }"#, r#"before{"a": 1.50 ,"type":"track","sentAt":"now"}"#),
            (
                r#"{"type":{"a":[]},"b":1}"#,
                r#"before{"type":"track","b":1,"sentAt":"now"}"#,
            ),
            (
                r#"{"sentAt":1,"b":2,"type":3}"#,
                r#"before{"sentAt":"now","b":2,"type":"track"}"#,
            ),
            (
                r#"{"type":1,"type":2}"#,
                r#"before{"type":1,"type":"track","sentAt":"now"}"#,
            ),
            (
                "{\r\n\"a\"\n:\"\\n\"\r}",
                r#"before{  "a" :"\n" ,"type":"track","sentAt":"now"}"#,
            ),
        ] {
            assert_eq!(spliced(text, &both), format!("{expected}\n"), "{text}");
        }
    }

    #[test]
    fn values_are_written_as_json() {
        let time = Timestamp::from_unix_milliseconds(0).unwrap();
        for (new, expected) in [
            (New::Text("a\"b"), r#""a\"b""#),
            (New::Visible(Text::new(r"\u200bm\u0000-1 ")), r#""m-1 ""#),
            (New::Id(Uuid::nil()), r#""00000000-0000-0000-0000-000000000000""#),
            (New::Time(time), r#""1970-01-01T00:00:00.000Z""#),
        ] {
            let record = spliced("{}", &[(Field::MessageId, new)]);
            assert_eq!(record, format!("before{{\"messageId\":{expected}}}\n"));
        }
    }
}
