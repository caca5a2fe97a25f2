//! JSON as JSON: escapes, halves of surrogate pairs as Go reads them, and no key twice.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{scalar, unreadable::Unreadable};

/// Begins the message of a key that is there twice; no message of the library does.
const TWICE: &str = "twice:";

/// Why there is no first value.
pub(super) enum Refused {
    /// It is no JSON, and may be YAML.
    Syntax(Unreadable),
    /// It is JSON, and wrong.
    Value(Unreadable),
}

/// The first value of a text, and how many bytes it takes with the white space before it; nothing for white space.
///
/// # Errors
///
/// See [`Refused`]. Nesting is bounded by the library, at 128.
pub(super) fn first(text: &str) -> Result<Option<(Value, usize)>, Refused> {
    let text = whole_surrogates(text);
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Read>();
    match values.next() {
        None => Ok(None),
        Some(Ok(Read(value))) => Ok(Some((value, values.byte_offset()))),
        Some(Err(error)) => {
            let message = error.to_string();
            match message.strip_prefix(TWICE) {
                Some(key) => {
                    let key = key.rsplit_once(" at line ").map_or(key, |(key, _)| key);
                    Err(Refused::Value(Unreadable::twice(error.line(), key)))
                }
                None if message.starts_with("number out of range") => {
                    Err(Refused::Value(Unreadable::new(error.line(), "the number is too large")))
                }
                None => Err(Refused::Syntax(Unreadable::new(error.line(), message))),
            }
        }
    }
}

/// Half a surrogate pair is written as U+FFFD, which takes as many bytes.
fn whole_surrogates(text: &str) -> Cow<'_, str> {
    let mut changed = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        at += found;
        at += match (escaped(text, at), escaped(text, at + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                changed.push_str(&text[copied..at]);
                changed.push_str("\\ufffd");
                copied = at + 6;
                6
            }
            // The backslash and what it escapes, which may be a character of several bytes.
            _ => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    changed.push_str(&text[copied..]);
    Cow::Owned(changed)
}

/// The unit of UTF-16 that an escape at this place stands for.
fn escaped(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16)
        .ok()
        .filter(|_| !digits.starts_with('+'))
}

/// A value in which no key is there twice.
struct Read(Value);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Read)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(scalar::unsigned(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        scalar::fraction(value).ok_or_else(|| E::custom("the number is too large"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Read(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{TWICE}{name}")));
            }
            let Read(value) = fields.next_value()?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}
