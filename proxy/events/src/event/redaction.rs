//! Writes an event anew without what privacy rules take out of it. Every other byte stays as it was. No recursion: how
//! deep it goes is a matter of the rules, and of the event only as far as they lead.

use firehose_proxy_config::PrivacyAction;

use super::json::{
    scan::{Cursor, Syntax, Value},
    text::Text,
};
use crate::privacy::{HASH_LENGTH, HashKey, Open, Privacy};

/// What stands in the place of a value that is redacted.
const REDACTED: &str = "\"[redacted]\"";

/// What rules leave of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// All of it, as it was.
    All,
    /// Something else.
    Some,
    /// Nothing.
    Nothing,
}

impl Leaves {
    pub(super) fn unless(rules_in_force: bool) -> Self {
        if rules_in_force { Self::Nothing } else { Self::All }
    }
}

/// Applies the rules to an event that was read, whose text is from brace to brace. When they leave something else, it
/// is in `out`, whose old content is gone. An event that would grow by more than `most_growth` bytes is left nothing
/// of.
pub(super) fn redact(text: &str, privacy: Privacy<'_>, most_growth: usize, out: &mut String) -> Leaves {
    out.clear();
    let mut redaction = Redaction {
        text,
        privacy,
        copied: 0,
        limit: text.len().saturating_add(most_growth),
        out,
    };
    if let Err(stop) = redaction.run() {
        debug_assert!(stop == Stop::Overflow, "the event was read before");
        out.clear();
        return Leaves::Nothing;
    }
    let copied = redaction.copied;
    if copied == 0 {
        return Leaves::All;
    }
    out.push_str(&text[copied..]);
    Leaves::Some
}

struct Redaction<'a, 'o> {
    text: &'a str,
    privacy: Privacy<'a>,
    /// How much of the text is in `out`, or was left out.
    copied: usize,
    limit: usize,
    out: &'o mut String,
}

/// An open container that rules lead into.
struct Level {
    open: Open,
    is_object: bool,
    /// Whether it has anything left, in front of which there is then a comma.
    has_any: bool,
    /// Where the last comma is.
    comma: usize,
}

#[derive(PartialEq, Eq)]
enum Stop {
    Syntax,
    Overflow,
}

impl Redaction<'_, '_> {
    fn run(&mut self) -> Result<(), Stop> {
        let mut cursor = Cursor::new(self.text);
        let mut levels: Vec<Level> = Vec::new();
        if !self.enter(&mut cursor, self.privacy.rules.open(), &mut levels) {
            return Ok(());
        }
        while let Some(depth) = levels.len().checked_sub(1) {
            let level = &mut levels[depth];
            cursor.peek();
            let start = cursor.at();
            let (open, action) = if level.is_object {
                let key = cursor.key()?;
                self.privacy.rules.below(level.open, depth, |name| key.is(name))
            } else {
                self.privacy.rules.below(level.open, depth, |_| false)
            };
            let first = cursor.peek();
            match action {
                Some(PrivacyAction::Drop) => {
                    let value = cursor.value(0)?;
                    let from = if level.has_any { level.comma } else { start };
                    self.replace(from, value.end(), "")?;
                }
                Some(PrivacyAction::Redact) => {
                    let value = cursor.value(0)?;
                    self.replace(value.start, value.end(), REDACTED)?;
                    level.has_any = true;
                }
                Some(PrivacyAction::Hash) => {
                    let value = cursor.value(0)?;
                    self.hash(value)?;
                    level.has_any = true;
                }
                None => {
                    level.has_any = true;
                    let leads_on = !open.is_empty() && matches!(first, Some(b'{' | b'['));
                    if leads_on && self.enter(&mut cursor, open, &mut levels) {
                        continue;
                    }
                    if !leads_on {
                        cursor.value(0)?;
                    }
                }
            }
            self.leave(&mut cursor, &mut levels)?;
        }
        Ok(())
    }

    /// Goes into the container that is next, or over it if it is empty.
    fn enter(&self, cursor: &mut Cursor<'_>, open: Open, levels: &mut Vec<Level>) -> bool {
        let is_object = cursor.take(b'{');
        let closing = if is_object || !cursor.take(b'[') { b'}' } else { b']' };
        if cursor.take(closing) {
            return false;
        }
        levels.push(Level {
            open,
            is_object,
            has_any: false,
            comma: 0,
        });
        true
    }

    /// Behind a value: goes on to the next of its container, out of the containers that end here.
    fn leave(&mut self, cursor: &mut Cursor<'_>, levels: &mut Vec<Level>) -> Result<(), Stop> {
        while let Some(level) = levels.last_mut() {
            cursor.peek();
            let at = cursor.at();
            if cursor.take(b',') {
                level.comma = at;
                if !level.has_any {
                    self.replace(self.copied, at + 1, "")?;
                }
                return Ok(());
            }
            if !cursor.take(if level.is_object { b'}' } else { b']' }) {
                return Err(Stop::Syntax);
            }
            levels.pop();
        }
        Ok(())
    }

    fn hash(&mut self, value: Value<'_>) -> Result<(), Stop> {
        // They say nothing, and a hash would make something of them: a sender, for one.
        if matches!(value.text, "null" | "\"\"") {
            return Ok(());
        }
        let Some(key) = self.privacy.key else {
            return self.replace(value.start, value.end(), REDACTED);
        };
        let hash = hash_of(key, value);
        let mut quoted = [b'"'; HASH_LENGTH + 2];
        quoted[1..=HASH_LENGTH].copy_from_slice(&hash);
        let quoted = std::str::from_utf8(&quoted).expect("digits and quotes");
        self.replace(value.start, value.end(), quoted)
    }

    fn replace(&mut self, start: usize, end: usize, new: &str) -> Result<(), Stop> {
        self.out.push_str(&self.text[self.copied..start]);
        self.out.push_str(new);
        self.copied = end;
        if self.out.len() + self.text.len() - end > self.limit {
            return Err(Stop::Overflow);
        }
        Ok(())
    }
}

impl From<Syntax> for Stop {
    fn from(_: Syntax) -> Self {
        Self::Syntax
    }
}

/// A string counts as what it means, whichever escapes it is written with; every other value as its JSON text.
fn hash_of(key: &HashKey, value: Value<'_>) -> [u8; HASH_LENGTH] {
    match value.as_text().map(|text| (text, text.plain())) {
        None => key.hash([value.text]),
        Some((_, Some(plain))) => key.hash([plain]),
        Some((text, None)) => hash_of_characters(key, text),
    }
}

fn hash_of_characters(key: &HashKey, text: Text<'_>) -> [u8; HASH_LENGTH] {
    let mut decoded = String::new();
    key.hash([text.decode(&mut decoded)])
}

/// What rules leave of a text from outside an event that becomes its member `name`; empty when that is nothing.
pub(super) fn outside(name: &str, text: &str, privacy: Privacy<'_>) -> String {
    match (privacy.rules.action(name), privacy.key) {
        _ if text.is_empty() => String::new(),
        (None, _) => text.to_owned(),
        (Some(PrivacyAction::Drop), _) => String::new(),
        (Some(PrivacyAction::Hash), Some(key)) => String::from_utf8_lossy(&key.hash([text])).into_owned(),
        (Some(PrivacyAction::Hash), None) | (Some(PrivacyAction::Redact), _) => REDACTED.trim_matches('"').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use firehose_proxy_config::PrivacyRule;

    use super::*;
    use crate::privacy::Rules;

    fn redacted(rules: &[(&str, PrivacyAction)], text: &str) -> Option<String> {
        let rule = |(path, action): &(&str, PrivacyAction)| PrivacyRule {
            path: (*path).to_owned(),
            action: *action,
        };
        let rules = Rules::parse(&rules.iter().map(rule).collect::<Vec<_>>())
            .unwrap()
            .unwrap();
        let key = HashKey::new(b"Jefe");
        let privacy = Privacy {
            rules: &rules,
            key: Some(&key),
        };
        let mut out = "old".to_owned();
        (redact(text, privacy, 1000, &mut out) == Leaves::Some).then_some(out)
    }

    #[test]
    fn what_is_dropped_takes_one_comma_with_it_and_no_other_byte() {
        use PrivacyAction::Drop;
        for (text, expected) in [
            (r#"{"a":1}"#, Some("{}")),
            (r#"{ "a" : 1 }"#, Some("{  }")),
            (r#"{"a":1,"b": 2.50 }"#, Some(r#"{"b": 2.50 }"#)),
            (r#"{"b":2,"a":1}"#, Some(r#"{"b":2}"#)),
            (r#"{"b":2 , "a":1 ,"c":3}"#, Some(r#"{"b":2  ,"c":3}"#)),
            (r#"{"a":1,"a":2,"b":3,"a":4}"#, Some(r#"{"b":3}"#)),
            (r#"{"a":1 , "a":2}"#, Some(r#"{ }"#)),
            (r#"{"\u0061":{"x":[1,"a"]},"b":3}"#, Some(r#"{"b":3}"#)),
            (r#"{"b":{"a":1},"A":1,"aa":1}"#, None),
            (r#"{}"#, None),
        ] {
            assert_eq!(redacted(&[("a", Drop)], text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_star_is_every_name_of_one_level_and_every_element_of_a_list() {
        use PrivacyAction::{Drop, Redact};
        for (path, text, expected) in [
            ("*", r#"{"a":1,"b":[2]}"#, Some("{}")),
            (
                "a.*",
                r#"{"a":{"x":1,"y":{}},"b":{"x":1}}"#,
                Some(r#"{"a":{},"b":{"x":1}}"#),
            ),
            ("a.*", r#"{"a":[1,"x",[2],{}]}"#, Some(r#"{"a":[]}"#)),
            (
                "a.*.e",
                r#"{"a":[{"e":1,"f":2},3,{"e":4},[5]],"b":[{"e":1}]}"#,
                Some(r#"{"a":[{"f":2},3,{},[5]],"b":[{"e":1}]}"#),
            ),
            ("a.*.*", r#"{"a":[[1,2],{"x":3}]}"#, Some(r#"{"a":[[],{}]}"#)),
            (
                "*.e",
                r#"{"a":{"e":1},"b":[{"e":1}],"e":1}"#,
                Some(r#"{"a":{},"b":[{"e":1}],"e":1}"#),
            ),
            ("a.e", r#"{"a":[{"e":1}]}"#, None),
            ("a.e", r#"{"a":"e"}"#, None),
            ("a.*.e", r#"{"a":[]}"#, None),
            (
                "a.b.c",
                r#"{"a":{"b":1},"a":{"b":{"c":1}}}"#,
                Some(r#"{"a":{"b":1},"a":{"b":{}}}"#),
            ),
        ] {
            assert_eq!(redacted(&[(path, Drop)], text).as_deref(), expected, "{path} {text}");
        }
        assert_eq!(
            redacted(&[("a.*", Redact)], r#"{"a":[null,{"b":1}, "c" ]}"#).unwrap(),
            r#"{"a":["[redacted]","[redacted]", "[redacted]" ]}"#
        );
    }

    #[test]
    fn a_hash_is_of_what_a_string_means_and_of_the_text_of_everything_else() {
        let hash = |text: &str| {
            let hash = HashKey::new(b"Jefe").hash([text]);
            String::from_utf8(hash.to_vec()).unwrap()
        };
        for (value, hashed) in [
            (r#""what do ya want for nothing?""#, "what do ya want for nothing?"),
            (
                r#""\u0077hat do ya want for nothing\u003f""#,
                "what do ya want for nothing?",
            ),
            ("1.50", "1.50"),
            ("true", "true"),
            (r#"{"x": [1]}"#, r#"{"x": [1]}"#),
            (r#""\ud83d""#, "\u{fffd}"),
        ] {
            let expected = format!(r#"{{"a":"{}","b":1}}"#, hash(hashed));
            let text = format!(r#"{{"a":{value},"b":1}}"#);
            assert_eq!(
                redacted(&[("a", PrivacyAction::Hash)], &text).unwrap(),
                expected,
                "{value}"
            );
        }
        for nothing in ["null", "\"\""] {
            let text = format!(r#"{{"a":{nothing}}}"#);
            assert_eq!(redacted(&[("a", PrivacyAction::Hash)], &text), None);
        }
    }

    #[test]
    fn without_its_key_nothing_is_left_that_would_be_hashed() {
        let rule = PrivacyRule {
            path: "a".to_owned(),
            action: PrivacyAction::Hash,
        };
        let rules = Rules::parse(&[rule]).unwrap().unwrap();
        let privacy = Privacy {
            rules: &rules,
            key: None,
        };
        let mut out = String::new();
        assert_eq!(redact(r#"{"a":"secret"}"#, privacy, 100, &mut out), Leaves::Some);
        assert_eq!(out, r#"{"a":"[redacted]"}"#);
        assert_eq!(outside("a", "secret", privacy), "[redacted]");
        assert_eq!(outside("b", "secret", privacy), "secret");
        assert_eq!(outside("a", "", privacy), "");
    }

    #[test]
    fn growth_and_depth_are_bounded() {
        use PrivacyAction::{Drop, Redact};
        let rule = PrivacyRule {
            path: "*".to_owned(),
            action: Redact,
        };
        let rules = Rules::parse(&[rule]).unwrap().unwrap();
        let privacy = Privacy {
            rules: &rules,
            key: None,
        };
        let text = format!("{{{}\"a\":1}}", "\"a\":1,".repeat(10_000));
        let mut out = String::new();
        assert_eq!(redact(&text, privacy, 1000, &mut out), Leaves::Nothing);
        assert_eq!(out, "");
        let deep = vec!["*"; 128].join(".");
        let nested = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
        let expected = format!("{{\"a\":{}{}}}", "[".repeat(127), "]".repeat(127));
        assert_eq!(redacted(&[(&deep, Drop)], &nested).unwrap(), expected);
    }
}
