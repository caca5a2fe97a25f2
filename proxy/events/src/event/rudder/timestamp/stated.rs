//! What a member of an event says about a point in time.

use super::{instant::Timestamp, read};
use crate::event::json::{scan::Value, text::Text};

/// What an event says in a member that holds a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) enum Stated<'a> {
    /// Nothing: there is no such member, or it is null or empty.
    Nothing,
    /// A point in time.
    Time(Timestamp),
    /// Something that cannot be read, here as it was written.
    Unread(Value<'a>),
}

/// Longest text without escapes that is read. The longest of the forms has the name of a zone in words behind it.
const MAX_BYTES: usize = 128;

impl<'a> Stated<'a> {
    /// Reads a member's value. A number counts as its text would.
    pub(in crate::event) fn of(value: Option<Value<'a>>) -> Self {
        let Some(value) = value.filter(|value| !matches!(value.text, "null" | "\"\"")) else {
            return Self::Nothing;
        };
        let time = match value.as_text() {
            Some(text) => read(text),
            None if value
                .text
                .starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) =>
            {
                bounded(value.text)
            }
            None => None,
        };
        time.map_or(Self::Unread(value), Self::Time)
    }

    /// What cannot be read, if there is something.
    pub(in crate::event) fn unread(self) -> Option<Value<'a>> {
        match self {
            Self::Unread(value) => Some(value),
            Self::Nothing | Self::Time(_) => None,
        }
    }

    /// The point in time, if one was read.
    pub(in crate::event) fn time(self) -> Option<Timestamp> {
        match self {
            Self::Time(time) => Some(time),
            Self::Nothing | Self::Unread(_) => None,
        }
    }
}

fn read(text: Text<'_>) -> Option<Timestamp> {
    if let Some(plain) = text.plain() {
        return bounded(plain);
    }
    // What .NET writes for `+`, among others.
    let (mut decoded, mut length) = ([0; MAX_BYTES], 0);
    for character in text.characters() {
        let room = decoded.get_mut(length..length + character.len_utf8())?;
        length += character.encode_utf8(room).len();
    }
    bounded(std::str::from_utf8(&decoded[..length]).ok()?)
}

fn bounded(text: &str) -> Option<Timestamp> {
    (text.len() <= MAX_BYTES).then(|| read::read(text))?
}
