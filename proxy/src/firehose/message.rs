//! What AWS says of a failure, for people: its own words, bounded, and nothing of a record among them.

use std::error::Error;

use firehose_proxy_config::report::MAX_DETAIL_CHARS as MOST;

/// Longer runs of base64's letters are taken for content. Names and identifiers of AWS are shorter, or have other
/// signs.
const LONGEST_WORD: usize = 64;

/// An error's code and its message.
pub(super) fn of(code: &str, said: Option<&str>) -> String {
    // What follows the first line may repeat the request, and with it a session token.
    let said = said.and_then(|said| said.lines().next()).map(str::trim);
    match said {
        Some(said) if !said.is_empty() => plain(&format!("{code}: {said}")),
        _ => plain(code),
    }
}

/// An error that is not AWS's, with what it came from.
pub(super) fn of_chain(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    // A chain is as long as somebody made it; what is cut off below need not be collected.
    while let Some(source) = next.filter(|_| text.len() < MOST) {
        let said = source.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        next = source.source();
    }
    plain(&text)
}

/// Without control characters, without a quoted value (AWS repeats what does not fit a constraint) and without what may
/// be a record's base64.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("Value '") {
        let (_, behind) = after.split_once("' at ").unwrap_or(("", ""));
        plain.push_str(before);
        plain.push_str("Value '…' at ");
        rest = behind;
    }
    plain.push_str(rest);
    let is_base64 = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=');
    let mut short = String::new();
    for word in plain.split_inclusive(|letter| !is_base64(letter)) {
        let letters = word.trim_end_matches(|letter| !is_base64(letter));
        if letters.len() > LONGEST_WORD {
            short.push('…');
            short.push_str(&word[letters.len()..]);
        } else {
            short.push_str(word);
        }
    }
    let visible = short
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    visible.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_awss_own_and_has_nothing_of_a_record() {
        let content = "eyJlbWFpbCI6ICJzb21lYm9keUBleGFtcGxlLmNvbSJ9".repeat(3);
        let arn = "arn:aws:sts::123456789012:assumed-role/events/firehose-proxy";
        for (said, expected) in [
            (
                "Firehose orders not found under account 1.".to_owned(),
                "C: Firehose orders not found under account 1.".to_owned(),
            ),
            (
                format!("User: {arn} is not authorized"),
                format!("C: User: {arn} is not authorized"),
            ),
            (
                "1 validation error detected: Value 'some text' at 'record.data' failed".to_owned(),
                "C: 1 validation error detected: Value '…' at 'record.data' failed".to_owned(),
            ),
            (format!("'{content}' is not valid"), "C: '…' is not valid".to_owned()),
            ("Value 'cut short".to_owned(), "C: Value '…' at ".to_owned()),
            ("two\nlines".to_owned(), "C: two".to_owned()),
            ("a\u{1b}b".to_owned(), "C: a b".to_owned()),
            (String::new(), "C".to_owned()),
        ] {
            assert_eq!(of("C", Some(&said)), expected);
        }
        assert_eq!(of("C", Some(&"ä ".repeat(1000))).chars().count(), MOST);
    }
}
