//! Every method finds the same marks, they are where a plain loop finds them, and a string that they end is one that
//! serde_json reads to the same byte.

#![no_main]

use firehose_proxy_marks::{Marks, Method};
use serde::de::IgnoredAny;
use serde_json::Deserializer;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // The first byte moves the rest in memory, and chooses where to begin.
    let Some((first, text)) = input.split_first() else {
        return;
    };
    let moved = [&vec![b'"'; usize::from(first % 64)], text, b"\"\\"].concat();
    let text = &moved[usize::from(first % 64)..][..text.len()];
    let is_mark = |at: &usize| matches!(text[*at], b'"' | b'\\' | 0..=0x1f);
    let expected: Vec<usize> = (0..text.len()).filter(is_mark).chain([text.len()]).collect();
    for method in Method::available() {
        let mut marks = Marks::by(method, text);
        let mut at = 0;
        for mark in &expected {
            assert_eq!(marks.next(at), *mark, "{method:?}");
            at = mark + 1;
        }
        let at = usize::from(*first) % (text.len() + 1);
        let behind = expected.iter().find(|mark| **mark >= at);
        assert_eq!(Some(&marks.next(at)), behind, "{method:?}, going back to {at}");
        string_ends(text, Marks::by(method, text));
    }
});

/// Reads `text` as the beginning of a string's content, by its marks and by serde_json.
fn string_ends(text: &[u8], mut marks: Marks<'_>) {
    let mut at = 0;
    let end = loop {
        at = marks.next(at);
        match text.get(at) {
            Some(b'"') => break Some(at + 1),
            // What stands behind a backslash is part of it, whatever it is.
            Some(b'\\') => at = (at + 2).min(text.len()),
            _ => break None,
        }
    };
    let quoted = [b"\"", text].concat();
    let mut read = Deserializer::from_slice(&quoted).into_iter::<IgnoredAny>();
    if read.next().is_some_and(|read| read.is_ok()) {
        assert_eq!(end.map(|end| end + 1), Some(read.byte_offset()));
    }
}
