//! The content of a JSON string: as written, as meant, and as seen.

/// What stands between a string's quotes. Its escapes are well-formed; [`super::scan`] has seen to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::event) struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

/// The characters that a string means. An escape that is half of a surrogate pair without its other half means U+FFFD,
/// as Go's `encoding/json` reads it and RudderStack with it.
#[derive(Debug, Clone)]
pub(in crate::event) struct Characters<'a>(std::str::Chars<'a>);

impl<'a> Text<'a> {
    /// Content of a string of which nothing is known yet.
    #[cfg(test)]
    pub(in crate::event) fn new(raw: &'a str) -> Self {
        Self::known(raw, memchr::memchr(b'\\', raw.as_bytes()).is_some())
    }

    /// Content of a string of which it is known whether it has escapes.
    pub(in crate::event) fn known(raw: &'a str, escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// The content when it has no escapes, so that what is written is what is meant.
    pub(in crate::event) fn plain(self) -> Option<&'a str> {
        (!self.escaped).then_some(self.raw)
    }

    /// The content when it is printable ASCII without escapes, so that what is written is what is meant and seen.
    pub(in crate::event) fn printable(self) -> Option<&'a str> {
        // Looks at every byte, several at once; to stop at the first would be to look at one after the other.
        let all = |text: &&str| text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
        self.plain().filter(all)
    }

    /// Whether the string means `other`.
    pub(in crate::event) fn is(self, other: &str) -> bool {
        match self.plain() {
            Some(text) => text == other,
            None => self.characters().eq(other.chars()),
        }
    }

    /// The characters that the string means.
    pub(in crate::event) fn characters(self) -> Characters<'a> {
        Characters(self.raw.chars())
    }

    /// What the string means: borrowed when it has no escapes, else written to `buffer`, which is cleared first.
    pub(in crate::event) fn decode<'b>(self, buffer: &'b mut String) -> &'b str
    where
        'a: 'b,
    {
        if let Some(text) = self.plain() {
            return text;
        }
        buffer.clear();
        buffer.extend(self.characters());
        buffer
    }
}

impl Iterator for Characters<'_> {
    type Item = char;

    fn next(&mut self) -> Option<Self::Item> {
        let character = self.0.next()?;
        if character != '\\' {
            return Some(character);
        }
        Some(match self.0.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = code_unit(&mut self.0)?;
                self.character(unit)
            }
            itself => itself,
        })
    }
}

impl Characters<'_> {
    /// The character that begins with this UTF-16 code unit, its second half read if it has one.
    fn character(&mut self, unit: u16) -> char {
        if let Some(whole) = char::from_u32(unit.into()) {
            return whole;
        }
        let mut behind = self.0.clone();
        if let (Some('\\'), Some('u'), Some(second)) = (behind.next(), behind.next(), code_unit(&mut behind))
            && let Some(Ok(pair)) = char::decode_utf16([unit, second]).next()
        {
            self.0 = behind;
            return pair;
        }
        char::REPLACEMENT_CHARACTER
    }
}

/// The four hexadecimal digits of a `\u` escape.
fn code_unit(characters: &mut std::str::Chars<'_>) -> Option<u16> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = characters.next()?.to_digit(16)?;
        unit = unit << 4 | u16::try_from(digit).expect("a hexadecimal digit is below 16");
    }
    Some(unit)
}

/// Whether a person sees something where this character stands. A space counts as seen; whether it may stand at an end
/// is the caller's question.
///
/// Not seen are controls, white space other than the space, format characters (Unicode category Cf), private use, and
/// the letters and symbols that are drawn as nothing.
pub(in crate::event) fn is_visible(character: char) -> bool {
    match character {
        ' '..='~' => true,
        _ if character.is_control() || character.is_whitespace() => false,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' => false,
        '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' => false,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => false,
        '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' => false,
        '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => false,
        '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' => false,
        '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}' => false,
        _ => true,
    }
}

/// Appends a string in quotes, escaped as JSON asks.
pub(in crate::event) fn write_quoted(characters: impl Iterator<Item = char>, out: &mut Vec<u8>) {
    out.push(b'"');
    for character in characters {
        match character {
            '"' | '\\' => out.extend([b'\\', character as u8]),
            '\0'..='\u{1f}' => out.extend(format!("\\u{:04x}", u32::from(character)).bytes()),
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(raw: &str) -> String {
        Text::new(raw).characters().collect()
    }

    #[test]
    fn escapes_mean_what_rfc_8259_says() {
        for (raw, meant) in [
            ("plain", "plain"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"ev\u0065nt", "event"),
            (r"\u00E9\u00e9", "éé"),
            (r"\uD83D\uDE00!", "😀!"),
            (r"\u0000", "\0"),
        ] {
            assert_eq!(meaning(raw), meant, "{raw}");
            assert!(Text::new(raw).is(meant), "{raw}");
        }
    }

    #[test]
    fn half_a_character_means_the_replacement_character() {
        for (raw, meant) in [
            (r"\ud800", "\u{fffd}"),
            (r"\udc00", "\u{fffd}"),
            (r"\ud83d party", "\u{fffd} party"),
            (r"\ud800\n", "\u{fffd}\n"),
            (r"\ud800\u0041", "\u{fffd}A"),
            (r"\ud800\ud800", "\u{fffd}\u{fffd}"),
            (r"\ud800\ud83d\ude00", "\u{fffd}😀"),
            (r"\udc00\ud800", "\u{fffd}\u{fffd}"),
            (r"a\udfff", "a\u{fffd}"),
        ] {
            assert_eq!(meaning(raw), meant, "{raw}");
            assert!(Text::new(raw).is(meant), "{raw}");
        }
    }

    #[test]
    fn characters_that_nobody_sees_are_told_apart() {
        for character in ['a', ' ', 'é', '漢', '😀', '\u{301}'] {
            assert!(is_visible(character), "{character:?}");
        }
        for character in [
            '\0', '\n', '\u{7f}', '\u{a0}', '\u{ad}', '\u{200b}', '\u{2028}', '\u{3164}', '\u{feff}',
        ] {
            assert!(!is_visible(character), "{character:?}");
        }
    }

    #[test]
    fn a_quoted_string_is_json() {
        let mut out = Vec::new();
        write_quoted("a\"\\\n\0é".chars(), &mut out);
        assert_eq!(out, "\"a\\\"\\\\\\u000a\\u0000é\"".as_bytes());
    }
}
