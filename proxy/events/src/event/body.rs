//! A request's body as text, so that whatever is wrong with it stays where it is.

use std::borrow::Cow;

/// A request's body as text.
pub(super) struct Body<'a> {
    /// The text behind a byte order mark. A copy when it is not UTF-8: each byte that is not is a control character
    /// there, which JSON allows nowhere, so that whatever it stands in is not JSON, and all the rest stays in its
    /// place.
    pub(super) text: Cow<'a, str>,
    /// Bytes of the byte order mark.
    pub(super) skipped: usize,
}

impl<'a> Body<'a> {
    pub(super) fn of(body: &'a [u8]) -> Self {
        const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
        let bytes = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        let text = simdutf8::basic::from_utf8(bytes).map_or_else(|_| legible(bytes).into(), Cow::Borrowed);
        Self {
            text,
            skipped: body.len() - bytes.len(),
        }
    }
}

fn legible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{1}'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_become_control_characters_and_nothing_moves() {
        for (bytes, text, skipped) in [
            (&b"{}"[..], "{}", 0),
            (b"\xef\xbb\xbf{}", "{}", 3),
            (b"\xef\xbb{}", "\u{1}\u{1}{}", 0),
            (b"\"caf\xc3\"", "\"caf\u{1}\"", 0),
            (b"\xef\xbb\xbf\xff\xc3\xa9\xed\xa0\x80", "\u{1}é\u{1}\u{1}\u{1}", 3),
        ] {
            let body = Body::of(bytes);
            assert_eq!((&*body.text, body.skipped), (text, skipped), "{bytes:?}");
            assert_eq!(body.text.len() + skipped, bytes.len());
        }
    }
}
