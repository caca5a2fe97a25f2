//! Writes the name of the source into a record, in the place of whatever its client has written there. No recursion:
//! how deep it goes is a matter of the configuration.

use super::json::{
    scan::{Cursor, Syntax},
    text::write_quoted,
};
use crate::source::SourceField;

/// Names the source in the record that begins at `start` and ends with the buffer; without a source, nothing of the
/// field is left to its client.
///
/// Where a name is written twice, both are ours, so that every reader finds the same; where something else than an
/// object stands in the way, it goes.
pub(super) fn name_source(out: &mut Vec<u8>, start: usize, field: &SourceField, source: &str) {
    let record = out.split_off(start);
    let text = std::str::from_utf8(&record).expect("a record is made of text");
    if write(text, field.names(), source, out).is_err() {
        debug_assert!(false, "the event was read before");
        out.truncate(start);
        out.extend_from_slice(&record);
    }
}

/// An open object on the way to the field.
#[derive(Default)]
struct Level {
    has_members: bool,
    /// Whether the next name on the way was in it.
    is_named: bool,
}

fn write(text: &str, names: &[String], source: &str, out: &mut Vec<u8>) -> Result<(), Syntax> {
    let mut cursor = Cursor::new(text);
    let mut copied = 0;
    let mut levels = Vec::new();
    if cursor.take(b'{') {
        levels.push(Level::default());
    }
    while let Some(depth) = levels.len().checked_sub(1) {
        let level = &mut levels[depth];
        if cursor.take(b'}') {
            let Level { has_members, is_named } = *level;
            if !is_named {
                let brace = cursor.at() - 1;
                out.extend_from_slice(&text.as_bytes()[copied..brace]);
                out.extend_from_slice(if has_members { b"," } else { b"" });
                member(&names[depth..], source, out);
                copied = brace;
            }
            levels.pop();
        } else {
            level.has_members = true;
            let is_on_the_way = cursor.key()?.is(&names[depth]);
            level.is_named |= is_on_the_way;
            if is_on_the_way && depth + 1 < names.len() && cursor.take(b'{') {
                levels.push(Level::default());
                continue;
            }
            let value = cursor.value(0)?;
            if is_on_the_way {
                out.extend_from_slice(&text.as_bytes()[copied..value.start]);
                inside(&names[depth + 1..], source, out);
                copied = value.end();
            }
        }
        cursor.take(b',');
    }
    out.extend_from_slice(&text.as_bytes()[copied..]);
    Ok(())
}

/// Writes a member whose value ends, by these names, in the source.
fn member(names: &[String], source: &str, out: &mut Vec<u8>) {
    if let Some((name, inner)) = names.split_first() {
        write_quoted(name.chars(), out);
        out.push(b':');
        inside(inner, source, out);
    }
}

/// Writes a value that ends, by these names, in the source; `null` where there is none.
fn inside(names: &[String], source: &str, out: &mut Vec<u8>) {
    for name in names {
        out.push(b'{');
        write_quoted(name.chars(), out);
        out.push(b':');
    }
    match source {
        "" => out.extend_from_slice(b"null"),
        source => write_quoted(source.chars(), out),
    }
    out.resize(out.len() + names.len(), b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str, source: &str, record: &str) -> String {
        let mut out = format!("before{record}").into_bytes();
        let start = "before".len();
        name_source(&mut out, start, &SourceField::try_from(path).unwrap(), source);
        String::from_utf8(out).unwrap().split_off(start)
    }

    #[test]
    fn the_source_stands_in_its_field_whatever_stood_there() {
        for (path, record, expected) in [
            ("source", "{}", r#"{"source":"web"}"#),
            ("source", r#"{"a": 1.50 }"#, r#"{"a": 1.50 ,"source":"web"}"#),
            ("source", r#"{"source":{"a":[1]},"b":2}"#, r#"{"source":"web","b":2}"#),
            (
                "source",
                r#"{"source":"mine","sourc\u0065":"again"}"#,
                r#"{"source":"web","sourc\u0065":"web"}"#,
            ),
            ("context.source", "{}", r#"{"context":{"source":"web"}}"#),
            ("context.source", r#"{"context":{}}"#, r#"{"context":{"source":"web"}}"#),
            (
                "context.source",
                r#"{"a":{"source":1},"context":{"ip":"::1","source":"mine"},"b":0}"#,
                r#"{"a":{"source":1},"context":{"ip":"::1","source":"web"},"b":0}"#,
            ),
            (
                "context.source",
                r#"{"context":[{"source":1}]}"#,
                r#"{"context":{"source":"web"}}"#,
            ),
            (
                "context.source",
                r#"{"context":{"source":1},"context":{},"context":null}"#,
                r#"{"context":{"source":"web"},"context":{"source":"web"},"context":{"source":"web"}}"#,
            ),
            (
                "a.b.c",
                r#"{"a":{"b":{"c":{"c":1}},"c":2}}"#,
                r#"{"a":{"b":{"c":"web"},"c":2}}"#,
            ),
            ("a\"b", "{}", r#"{"a\"b":"web"}"#),
        ] {
            assert_eq!(named(path, "web", record), expected, "{path} in {record}");
        }
    }

    /// A client without a source cannot say that it is one.
    #[test]
    fn without_a_source_the_field_says_so() {
        let record = r#"{"context":{"source":"shop"}}"#;
        assert_eq!(named("context.source", "", record), r#"{"context":{"source":null}}"#);
    }
}
