//! The query of a request's address: names and values in the order they were written; and what a path spells likewise.

use std::borrow::Cow;

/// The pairs of a query. What is not UTF-8 when decoded is shown with replacement characters.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name, b' '), decode(value, b' '))
    })
}

/// A segment of a path, in which `+` is itself.
pub(super) fn segment(text: &str) -> String {
    decode(text, b'+')
}

/// A path in which repeated slashes are one and a trailing one is gone, as clients mean them that put together an
/// address and a path. Nothing is decoded and no dots are resolved.
pub(super) fn plain_path(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && (path.len() == 1 || !path.ends_with('/')) {
        return path.into();
    }
    let mut plain = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        plain.push('/');
        plain.push_str(segment);
    }
    if plain.is_empty() {
        plain.push('/');
    }
    plain.into()
}

/// The first value of a name.
pub(super) fn value(query: Option<&str>, name: &str) -> Option<String> {
    pairs(query?).find(|(found, _)| found == name).map(|(_, value)| value)
}

/// Undoes the encoding of forms and paths: `+` is what is given, `%` and two hexadecimal digits a byte; anything else
/// is itself.
fn decode(text: &str, plus: u8) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match first {
            b'+' => plus,
            b'%' => match hexadecimal(behind) {
                Some(byte) => {
                    rest = &behind[2..];
                    byte
                }
                None => b'%',
            },
            other => *other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(text: &[u8]) -> Option<u8> {
    let digits = text
        .get(..2)
        .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_count_once_and_not_at_the_end() {
        for (path, plain) in [
            ("/", "/"),
            ("//", "/"),
            ("", ""),
            ("/v1/batch", "/v1/batch"),
            ("//v1///batch", "/v1/batch"),
            ("/v1/batch/", "/v1/batch"),
            ("/v1/batch//", "/v1/batch"),
            ("/v1/./batch", "/v1/./batch"),
            ("/v1/%2Fbatch", "/v1/%2Fbatch"),
        ] {
            assert_eq!(plain_path(path), plain, "{path}");
        }
    }

    #[test]
    fn a_query_is_read_as_forms_write_it() {
        let read: Vec<_> = pairs("a=1&b=x+y%20z&&c&d=%C3%A9&e=%zz%4&f=a=b&%61=2").collect();
        let expected = [
            ("a", "1"),
            ("b", "x y z"),
            ("c", ""),
            ("d", "é"),
            ("e", "%zz%4"),
            ("f", "a=b"),
            ("a", "2"),
        ];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(value(Some("a=1&a=2"), "a").as_deref(), Some("1"));
        assert_eq!(value(None, "a"), None);
        assert_eq!(segment("a+b%2Fc%3D"), "a+b/c=");
    }
}
