//! JSON's grammar ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)), read strictly, in one pass and without
//! recursion.
//!
//! Finds where values begin and end. Converts nothing: numbers, escapes and key order stay text.

use firehose_proxy_marks::Marks;

use super::text::Text;

/// Deepest nesting that is read; an event's own braces are the first level. Deeper input is refused, so that no reader
/// behind Firehose that recurses (most do) meets it.
pub(in crate::event) const MAX_DEPTH: usize = 512;

/// The text is not JSON, or is nested deeper than [`MAX_DEPTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) struct Syntax;

/// A position in a text.
#[derive(Debug)]
pub(in crate::event) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    line_breaks: bool,
    /// Where strings may end.
    marks: Marks<'a>,
}

/// One complete value and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) struct Value<'a> {
    /// The value as it was written, without white space around it.
    pub(in crate::event) text: &'a str,
    /// Its first byte's offset in the text of the cursor that read it.
    pub(in crate::event) start: usize,
    /// Whether it is a string that has escapes.
    pub(in crate::event) is_escaped: bool,
}

/// Which kind of container each open level is.
#[derive(Debug, Default)]
struct Levels {
    /// One bit a level, set for an object.
    objects: [u64; MAX_DEPTH / 64],
    depth: usize,
}

impl<'a> Value<'a> {
    /// The content of a string; `None` for every other kind of value.
    pub(in crate::event) fn as_text(self) -> Option<Text<'a>> {
        let content = self.text.strip_prefix('"')?.strip_suffix('"')?;
        Some(Text::known(content, self.is_escaped))
    }

    /// Whether the value is an object.
    pub(in crate::event) fn is_object(self) -> bool {
        self.text.starts_with('{')
    }

    /// Where the value ends in the text of its cursor.
    pub(in crate::event) fn end(self) -> usize {
        self.start + self.text.len()
    }
}

impl<'a> Cursor<'a> {
    /// The beginning of `text`.
    pub(in crate::event) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line_breaks: false,
            marks: Marks::of(text.as_bytes()),
        }
    }

    /// The position.
    pub(in crate::event) fn at(&self) -> usize {
        self.at
    }

    /// What was read between an earlier position and now.
    pub(in crate::event) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// Whether a raw line feed or carriage return was passed since the last call.
    pub(in crate::event) fn take_line_breaks(&mut self) -> bool {
        std::mem::take(&mut self.line_breaks)
    }

    /// The next byte, which is not white space, or `None` at the end.
    // Several times for each member of an event, and nearly always there is nothing to pass.
    #[inline(always)]
    pub(in crate::event) fn peek(&mut self) -> Option<u8> {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.pass_white_space(),
        }
    }

    #[inline(never)]
    fn pass_white_space(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\t') => {}
                Some(b'\n' | b'\r') => self.line_breaks = true,
                other => return other.copied(),
            }
            self.at += 1;
        }
    }

    /// Passes `byte` if it is next.
    pub(in crate::event) fn take(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    /// Requires that nothing but white space is left.
    pub(in crate::event) fn end(&mut self) -> Result<(), Syntax> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Syntax),
        }
    }

    /// Reads an object, whose opening brace is next. For each member, `member` is given the key and must read the
    /// value. Returns whether there was a member.
    pub(in crate::event) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Text<'a>) -> Result<(), Syntax>,
    ) -> Result<bool, Syntax> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Ok(false);
        }
        loop {
            let key = self.key()?;
            member(self, key)?;
            if !self.take(b',') {
                self.expect(b'}')?;
                return Ok(true);
            }
        }
    }

    /// Reads an array, whose opening bracket is next. `element` must read one element at each call.
    pub(in crate::event) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Syntax>,
    ) -> Result<(), Syntax> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.take(b',') {
                return self.expect(b']');
            }
        }
    }

    /// Goes back to an earlier position.
    pub(in crate::event) fn go_back(&mut self, at: usize) {
        self.at = at;
    }

    /// Reads any value that stands inside `outer` open levels.
    pub(in crate::event) fn value(&mut self, outer: usize) -> Result<Value<'a>, Syntax> {
        let first = self.peek();
        let start = self.at;
        let mut is_escaped = false;
        match first {
            Some(b'"') => {
                self.at += 1;
                is_escaped = self.string()?;
            }
            Some(b'{' | b'[') => self.container(outer)?,
            _ => self.scalar()?,
        }
        Ok(Value {
            text: self.since(start),
            start,
            is_escaped,
        })
    }

    /// Reads a whole object or array, the depth kept in a bit set instead of the call stack.
    fn container(&mut self, outer: usize) -> Result<(), Syntax> {
        let mut levels = Levels {
            depth: outer,
            ..Levels::default()
        };
        loop {
            // A value begins here.
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                Some(b'{') => {
                    self.at += 1;
                    levels.open(true)?;
                    if !self.take(b'}') {
                        self.pass_key()?;
                        continue;
                    }
                    levels.depth -= 1;
                }
                Some(b'[') => {
                    self.at += 1;
                    levels.open(false)?;
                    if !self.take(b']') {
                        continue;
                    }
                    levels.depth -= 1;
                }
                _ => self.scalar()?,
            }
            // A value has ended: so may the containers around it.
            loop {
                if levels.depth == outer {
                    return Ok(());
                }
                let object = levels.innermost_is_object();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if object {
                            self.pass_key()?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    _ => return Err(Syntax),
                }
                self.at += 1;
                levels.depth -= 1;
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Syntax> {
        if self.take(byte) { Ok(()) } else { Err(Syntax) }
    }

    /// Reads a member's key and the colon behind it.
    pub(in crate::event) fn key(&mut self) -> Result<Text<'a>, Syntax> {
        self.expect(b'"')?;
        let start = self.at;
        let escaped = self.string()?;
        let content = &self.text[start..self.at - 1];
        self.expect(b':')?;
        Ok(Text::known(content, escaped))
    }

    /// Passes over a key that nobody asks for.
    // As `string`.
    #[inline(always)]
    fn pass_key(&mut self) -> Result<(), Syntax> {
        self.expect(b'"')?;
        self.string()?;
        self.expect(b':')
    }

    /// Reads the rest of a string behind its opening quote. Returns whether it has escapes.
    // Twice for each member of an event.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, Syntax> {
        self.at = self.marks.next(self.at);
        if self.text.as_bytes().get(self.at) == Some(&b'"') {
            self.at += 1;
            return Ok(false);
        }
        self.interrupted_string()
    }

    /// Reads the rest of a string from what interrupts it, which must be an escape. Returns that it has one.
    #[inline(never)]
    fn interrupted_string(&mut self) -> Result<bool, Syntax> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += escape_length(&bytes[self.at + 1..])? + 1;
                }
                _ => return Err(Syntax), // a raw control character, or the end
            }
            self.at = self.marks.next(self.at);
        }
    }

    /// Reads a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Result<(), Syntax> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = match rest.first() {
            Some(b'-' | b'0'..=b'9') => number_length(rest)?,
            Some(b't') if rest.starts_with(b"true") => 4,
            Some(b'f') if rest.starts_with(b"false") => 5,
            Some(b'n') if rest.starts_with(b"null") => 4,
            _ => return Err(Syntax),
        };
        self.at += length;
        Ok(())
    }
}

impl Levels {
    fn open(&mut self, object: bool) -> Result<(), Syntax> {
        let word = self.objects.get_mut(self.depth / 64).ok_or(Syntax)?;
        let bit = 1 << (self.depth % 64);
        *word = if object { *word | bit } else { *word & !bit };
        self.depth += 1;
        Ok(())
    }

    fn innermost_is_object(&self) -> bool {
        let level = self.depth - 1;
        self.objects[level / 64] >> (level % 64) & 1 == 1
    }
}

/// Length of an escape behind its backslash.
fn escape_length(bytes: &[u8]) -> Result<usize, Syntax> {
    match bytes.first() {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(1),
        Some(b'u') if bytes.len() > 4 && bytes[1..5].iter().all(u8::is_ascii_hexdigit) => Ok(5),
        _ => Err(Syntax),
    }
}

/// Length of a number: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
fn number_length(bytes: &[u8]) -> Result<usize, Syntax> {
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes[0] == b'-');
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes[at] == b'0') {
        return Err(Syntax);
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return Err(Syntax);
        }
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 {
            return Err(Syntax);
        }
        at += exponent;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<&str, Syntax> {
        let mut cursor = Cursor::new(text);
        let value = cursor.value(0)?;
        cursor.end()?;
        Ok(value.text)
    }

    #[test]
    fn json_is_read_to_its_end() {
        for text in [
            "0",
            "-0",
            "1.50",
            "12345678901234567890123",
            "1e999",
            "-1.5E+10",
            "true",
            "false",
            "null",
            r#""""#,
            r#""a\"b\\\/\b\f\n\r\t\u00e9\ud800""#,
            "[]",
            "{}",
            "[[],{},[{}],1]",
            r#"{"a":{"b":[1,{"c":null}]},"a":2}"#,
            "[ 1 ,\t2\r\n, 3 ]",
        ] {
            assert_eq!(whole(text), Ok(text));
            assert_eq!(whole(&format!(" \n{text}\t")), Ok(text));
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "NaN",
            "tru",
            "truee",
            "'a'",
            r#"""#,
            r#""a"#,
            r#""\"#,
            r#""\x""#,
            r#""\u12g4""#,
            r#""\u12"#,
            "\"a\nb\"",
            "\"\0\"",
            "[",
            "]",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "{",
            "{]",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1]"#,
            r#"{a:1}"#,
            r#"{1:1}"#,
            "{} {}",
            "\u{feff}{}",
            "\u{a0}1",
        ] {
            assert_eq!(whole(text), Err(Syntax), "{text:?}");
        }
    }

    #[test]
    fn nesting_is_read_down_to_the_limit_and_never_by_recursion() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(whole(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(whole(&nested(MAX_DEPTH + 1)), Err(Syntax));
        assert_eq!(whole(&"[".repeat(100_000)), Err(Syntax));
        assert_eq!(whole(&r#"{"a":"#.repeat(100_000)), Err(Syntax));
    }

    #[test]
    fn a_string_ends_at_the_same_byte_wherever_it_stands() {
        for before in 0..70 {
            for length in 0..40 {
                let begun = format!("{}\"{}", " ".repeat(before), "é~".repeat(length));
                let text = format!("{begun}\"\"\"");
                assert_eq!(Cursor::new(&text).value(0).unwrap().end(), begun.len() + 1, "{text}");
                for broken in ["", "\\", "\u{1f}\"", "\0\"", "\\x\""] {
                    let text = format!("{begun}{broken}");
                    assert_eq!(Cursor::new(&text).value(0), Err(Syntax), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_string_is_known_to_have_escapes_by_its_own() {
        let mut cursor = Cursor::new(r#"["a\n","b","\\",{"\t":"c"}]"#);
        let mut escaped = Vec::new();
        let read = cursor.array(|cursor| cursor.value(1).map(|value| escaped.push(value.is_escaped)));
        assert_eq!((read, escaped), (Ok(()), vec![true, false, true, false]));
    }
}
