//! Finds the end of what is not JSON. Knows JSON's lexical rules and nothing of its grammar.

use super::scan::{Cursor, Syntax};

/// The brackets that are open in what is not JSON, as many as there are. Takes memory in the one case that it is nested
/// deeply, a bit for each.
#[derive(Debug, Default)]
struct Brackets {
    objects: Vec<u64>,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// Passes over something that is not JSON, from where it begins to the byte that ends it in its container: a comma
    /// or `closing` outside of strings and brackets. Returns it without the white space around it.
    ///
    /// Knows JSON's lexical rules and nothing else: a string begins and ends with a double quote, a backslash in it
    /// takes the next byte with it, brackets outside of strings come in pairs of a kind. What obeys them has one end,
    /// whatever else is wrong with it, so that nothing in it is ever taken for what stands behind it. What does not has
    /// no end.
    pub(in crate::event) fn skim(&mut self, closing: u8) -> Result<&'a str, Syntax> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut open = Brackets::default();
        loop {
            let next = bytes[self.at..].iter().position(|byte| b"\"{}[],".contains(byte));
            self.at += next.ok_or(Syntax)?;
            match bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    self.skim_string()?;
                    continue;
                }
                b'{' => open.push(true),
                b'[' => open.push(false),
                end if open.is_empty() && (end == b',' || end == closing) => {
                    let text = self.text[start..self.at].trim_matches([' ', '\t', '\n', '\r']);
                    return if text.is_empty() { Err(Syntax) } else { Ok(text) };
                }
                b',' => {}
                b'}' if open.pop() == Some(true) => {}
                b']' if open.pop() == Some(false) => {}
                _ => return Err(Syntax),
            }
            self.at += 1;
        }
    }

    /// Passes the rest of a string behind its opening quote, whatever is in it.
    fn skim_string(&mut self) -> Result<(), Syntax> {
        let bytes = self.text.as_bytes();
        loop {
            let interesting = memchr::memchr2(b'"', b'\\', &bytes[self.at..]).ok_or(Syntax)?;
            self.at += interesting + 1;
            if bytes[self.at - 1] == b'"' {
                return Ok(());
            }
            // A character behind a backslash goes with it. What is left of one of several bytes is neither of the two.
            self.at = (self.at + 1).min(bytes.len());
        }
    }
}

impl Brackets {
    fn is_empty(&self) -> bool {
        self.depth == 0
    }

    fn push(&mut self, object: bool) {
        let (word, bit) = (self.depth / 64, 1 << (self.depth % 64));
        if word == self.objects.len() {
            self.objects.push(0);
        }
        self.objects[word] = if object {
            self.objects[word] | bit
        } else {
            self.objects[word] & !bit
        };
        self.depth += 1;
    }

    /// Whether the bracket opened last is an object's; `None` when none is open.
    fn pop(&mut self) -> Option<bool> {
        self.depth = self.depth.checked_sub(1)?;
        Some(self.objects[self.depth / 64] >> (self.depth % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_ends_where_its_strings_and_brackets_say() {
        for (text, end) in [
            ("NaN,", Some(3)),
            ("NaN ]", Some(4)),
            (r#"{"a":NaN},{"b":1}]"#, Some(9)),
            (r#"{"a":"},{\"event\":1}",x},1]"#, Some(25)),
            (r#"{"a":"\\","b":'x'}]"#, Some(18)),
            ("[1,2 3],4]", Some(7)),
            ("{\"a\":\"\n,]\"},4]", Some(11)),
            ("{'a':'},'", Some(7)),
            ("", None),
            (" ,", None),
            ("x", None),
            ("x}", None),
            (r#"{"a":"b,]"#, None),
            (r#"{"a":"b\"},]"#, None),
            ("{[}],]", None),
            ("{]", None),
            ("]]", None),
            ("\"\\", None),
        ] {
            let mut cursor = Cursor::new(text);
            let skimmed = cursor.skim(b']');
            assert_eq!(skimmed.is_ok().then(|| cursor.at()), end, "{text:?}");
            assert!(
                skimmed.is_err() || text[..cursor.at()].trim() == skimmed.unwrap(),
                "{text:?}"
            );
        }
        let deep = format!("{}{}", r#"[{"a":"#.repeat(100_000), "}]".repeat(100_000));
        assert_eq!(Cursor::new(&format!("{deep}]")).skim(b']'), Ok(&*deep));
        assert_eq!(Cursor::new(&format!("{deep}}}]")).skim(b']'), Err(Syntax));
    }
}
