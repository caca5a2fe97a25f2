//! The members of an event that matter to the proxy: which they are and where they stand. Judges none of them.

use crate::event::json::{
    scan::{Cursor, Syntax, Value},
    text::Text,
};

/// A member of an event's top level that the proxy reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) enum Field {
    /// Read: who.
    UserId,
    /// Read: who.
    AnonymousId,
    /// Read: what, the first half of the routing key.
    Event,
    /// Read: which destinations are meant.
    Integrations,
    /// Owned: what, the second half of the routing key; set by the endpoints for one event.
    Type,
    /// Owned.
    MessageId,
    /// Owned.
    RudderId,
    /// Owned.
    ReceivedAt,
    /// Owned.
    RequestIp,
    /// Owned.
    OriginalTimestamp,
    /// Owned.
    SentAt,
    /// Owned.
    Timestamp,
    /// Owned: what was sent as one of the three before and cannot be read.
    UnreadTimes,
}

/// The fields that hold points in time the client states, in the order of [`Unread`].
pub(in crate::event) const STATED_TIMES: [Field; 3] = [Field::OriginalTimestamp, Field::SentAt, Field::Timestamp];

/// What an event, or the envelope around it, states as [`STATED_TIMES`] and cannot be read, as it was written.
pub(in crate::event) type Unread<'a> = [Option<Value<'a>>; STATED_TIMES.len()];

/// One event as the client wrote it.
#[derive(Debug)]
pub(in crate::event) struct Event<'a> {
    /// From its opening to its closing brace.
    pub(in crate::event) text: &'a str,
    /// Whether raw line breaks stand between its tokens.
    pub(in crate::event) line_breaks: bool,
    /// Whether it has any member.
    pub(in crate::event) has_members: bool,
    /// Each field's last value; positions count from the beginning of `text`.
    values: [Option<Value<'a>>; Field::COUNT],
}

impl Field {
    const COUNT: usize = Self::UnreadTimes as usize + 1;

    /// The member's key.
    pub(in crate::event) const fn key(self) -> &'static str {
        match self {
            Self::UserId => "userId",
            Self::AnonymousId => "anonymousId",
            Self::Event => "event",
            Self::Integrations => "integrations",
            Self::Type => "type",
            Self::MessageId => "messageId",
            Self::RudderId => "rudderId",
            Self::ReceivedAt => "receivedAt",
            Self::RequestIp => "request_ip",
            Self::OriginalTimestamp => "originalTimestamp",
            Self::SentAt => "sentAt",
            Self::Timestamp => "timestamp",
            Self::UnreadTimes => "unreadTimes",
        }
    }

    /// The field with this key, written with or without escapes.
    fn of(key: Text<'_>) -> Option<Self> {
        const LONGEST: usize = Field::OriginalTimestamp.key().len();
        if let Some(plain) = key.plain() {
            return Self::of_bytes(plain.as_bytes());
        }
        // Every field's key is ASCII, so a key with another character, or with half of one, is not a field's.
        let (mut bytes, mut length) = ([0; LONGEST], 0);
        for character in key.characters() {
            *bytes.get_mut(length)? = u8::try_from(character).ok()?;
            length += 1;
        }
        Self::of_bytes(&bytes[..length])
    }

    fn of_bytes(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"userId" => Self::UserId,
            b"anonymousId" => Self::AnonymousId,
            b"event" => Self::Event,
            b"integrations" => Self::Integrations,
            b"type" => Self::Type,
            b"messageId" => Self::MessageId,
            b"rudderId" => Self::RudderId,
            b"receivedAt" => Self::ReceivedAt,
            b"request_ip" => Self::RequestIp,
            b"originalTimestamp" => Self::OriginalTimestamp,
            b"sentAt" => Self::SentAt,
            b"timestamp" => Self::Timestamp,
            b"unreadTimes" => Self::UnreadTimes,
            _ => return None,
        })
    }
}

impl<'a> Event<'a> {
    /// Reads an event, whose opening brace is next. A key that occurs twice counts with its last value.
    pub(in crate::event) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        cursor.take_line_breaks();
        let start = cursor.at();
        let mut values = [None; Field::COUNT];
        let has_members = cursor.object(|cursor, key| {
            let value = cursor.value(1)?;
            if let Some(field) = Field::of(key) {
                values[field as usize] = Some(Value {
                    start: value.start - start,
                    ..value
                });
            }
            Ok(())
        })?;
        Ok(Self {
            text: cursor.since(start),
            line_breaks: cursor.take_line_breaks(),
            has_members,
            values,
        })
    }

    /// A field's value, as written.
    pub(in crate::event) fn value(&self, field: Field) -> Option<Value<'a>> {
        self.values[field as usize]
    }

    /// The text before a field's value and behind it; all of it and nothing when it has none.
    pub(in crate::event) fn around(&self, field: Field) -> [&'a str; 2] {
        match self.value(field) {
            Some(value) => [&self.text[..value.start], &self.text[value.end()..]],
            None => [self.text, ""],
        }
    }

    /// A field's value when it is a string.
    pub(in crate::event) fn text_of(&self, field: Field) -> Option<Text<'a>> {
        self.value(field)?.as_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Event<'_> {
        Event::read(&mut Cursor::new(text)).unwrap()
    }

    #[test]
    fn the_last_of_equal_keys_counts_however_they_are_written() {
        let event = read(r#"{"event":"a","ev\u0065nt":"b","\u0065\u0076\u0065\u006e\u0074":"c","even":"d"}"#);
        assert_eq!(event.value(Field::Event).unwrap().text, r#""c""#);
    }

    #[test]
    fn only_the_top_level_has_fields() {
        let event = read(r#"{"context":{"userId":"u"},"list":[{"type":"t"}]}"#);
        assert!(event.values.iter().all(Option::is_none));
    }

    #[test]
    fn every_field_is_found_by_its_key() {
        for text in [
            "userId",
            "anonymousId",
            "event",
            "integrations",
            "type",
            "messageId",
            "rudderId",
        ]
        .into_iter()
        .chain([
            "receivedAt",
            "request_ip",
            "originalTimestamp",
            "sentAt",
            "timestamp",
            "unreadTimes",
        ]) {
            assert_eq!(Field::of(Text::new(text)).unwrap().key(), text);
        }
        for text in [
            "",
            "userid",
            "userId ",
            r"originalTimestamp\u0020",
            r"\ud800",
            r"typ\u00e9",
            "originalTimestampX",
        ] {
            assert_eq!(Field::of(Text::new(text)), None, "{text}");
        }
    }
}
