//! Who an event is about: whether it says so at all, and the `rudderId` that follows from it.

use md5::{Digest as _, Md5};
use uuid::{Builder, Uuid};

use super::fields::{Event, Field};
use crate::event::json::{scan::Value, text::is_visible};

/// What `userId` and `anonymousId` of an event come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) struct Identity {
    /// MD5 of `userId:anonymousId` as a UUID of version 4; the same pair gives the same one everywhere.
    pub(in crate::event) rudder_id: Uuid,
    /// Whether at least one of the two is there.
    pub(in crate::event) is_known: bool,
}

impl Identity {
    /// Reads both fields of an event.
    pub(in crate::event) fn of(event: &Event<'_>) -> Self {
        let mut hash = Md5::new();
        let user = feed(event.value(Field::UserId), &mut hash);
        hash.update(b":");
        let anonymous = feed(event.value(Field::AnonymousId), &mut hash);
        Self {
            rudder_id: Builder::from_random_bytes(hash.finalize().into()).into_uuid(),
            is_known: user || anonymous,
        }
    }
}

/// Hashes the visible part of a value without white space at its ends. Returns whether there was any.
///
/// A number, a boolean, an array or an object counts as the JSON text that the client wrote; null as nothing.
fn feed(value: Option<Value<'_>>, hash: &mut Md5) -> bool {
    let Some(value) = value else { return false };
    let Some(text) = value.as_text() else {
        let counts = value.text != "null";
        if counts {
            hash.update(value.text);
        }
        return counts;
    };
    if let Some(printable) = text.printable() {
        let trimmed = printable.trim_matches(' ');
        hash.update(trimmed);
        return !trimmed.is_empty();
    }
    let (mut found, mut spaces) = (false, 0);
    for character in text.characters() {
        match character {
            ' ' => spaces += 1,
            visible if is_visible(visible) => {
                // Spaces before the first character are an end's, those behind one are inside once another follows.
                for _ in 0..if found { spaces } else { 0 } {
                    hash.update(b" ");
                }
                hash.update(visible.encode_utf8(&mut [0; 4]).as_bytes());
                (found, spaces) = (true, 0);
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::json::scan::Cursor;

    fn identity(text: &str) -> Identity {
        Identity::of(&Event::read(&mut Cursor::new(text)).unwrap())
    }

    #[test]
    fn the_rudder_id_is_the_one_that_rudderstack_computes() {
        for (event, expected) in [
            (r#"{"userId":"u1"}"#, "5eff0fc3-0944-48fa-9c04-38f62e3890ca"),
            (r#"{"anonymousId":"anon1"}"#, "634f5689-4da6-4a63-ad93-95cc7cd2c335"),
            (
                r#"{"userId":" u1\u200b ","anonymousId":null}"#,
                "5eff0fc3-0944-48fa-9c04-38f62e3890ca",
            ),
        ] {
            assert_eq!(identity(event).rudder_id.to_string(), expected, "{event}");
        }
    }

    #[test]
    fn anything_but_null_and_blank_is_an_identity() {
        for known in [
            r#""u""#,
            "1",
            "0",
            "false",
            "{}",
            "[]",
            r#""\u0041""#,
            r#"" é ""#,
            r#""\ud800""#,
        ] {
            assert!(identity(&format!(r#"{{"userId":{known}}}"#)).is_known, "{known}");
            assert!(identity(&format!(r#"{{"anonymousId":{known}}}"#)).is_known, "{known}");
        }
        for unknown in [
            "null",
            r#""""#,
            r#""  ""#,
            r#""\t\n""#,
            r#""\u0000""#,
            "\"\u{200b}\u{feff}\"",
            "\"\u{a0}\"",
        ] {
            assert!(!identity(&format!(r#"{{"userId":{unknown}}}"#)).is_known, "{unknown:?}");
        }
        assert!(!identity("{}").is_known);
    }

    #[test]
    fn spaces_inside_count_and_spaces_around_do_not() {
        let spaced = identity(r#"{"userId":"  é \u0020 b  "}"#);
        assert_eq!(spaced, identity(r#"{"userId":"é   b"}"#));
        assert_ne!(spaced, identity(r#"{"userId":"éb"}"#));
    }
}
