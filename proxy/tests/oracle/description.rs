//! The description of the endpoint says by a pattern which strings identify; the reader of events decides by itself.

use std::ops::RangeInclusive;

use firehose_proxy::event;
use serde_json::{Value, json};

use crate::oracle::with_context;

/// The ranges of a class such as `[^a-cx]`.
fn excluded(pattern: &str) -> Vec<RangeInclusive<char>> {
    let class = pattern
        .strip_prefix("[^")
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap();
    let mut ranges = Vec::new();
    let mut characters = class.chars().peekable();
    while let Some(first) = characters.next() {
        let last = characters.next_if_eq(&'-').and_then(|_| characters.next());
        ranges.push(first..=last.unwrap_or(first));
    }
    ranges
}

fn identifies(character: char) -> bool {
    let event = json!({"userId": character}).to_string();
    with_context(|context| event::single(event.as_bytes(), "track", context))
        .unwrap()
        .counts
        .valid()
        == 1
}

#[test]
fn the_description_s_pattern_is_what_identifies() {
    let description: Value = serde_json::from_str(include_str!("../../src/http/openapi.json")).unwrap();
    let pattern = description.pointer("/components/schemas/Identity/anyOf/1/pattern");
    let excluded = excluded(pattern.and_then(Value::as_str).unwrap());
    let edges = excluded.iter().flat_map(|range| {
        let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
        [first.wrapping_sub(1), first, last, last + 1]
            .into_iter()
            .filter_map(char::from_u32)
    });
    let beyond = ('\u{10000}'..=char::MAX).step_by(101);
    for character in ('\0'..='\u{ffff}').chain(beyond).chain(edges) {
        let is_excluded = excluded.iter().any(|range| range.contains(&character));
        assert_eq!(identifies(character), !is_excluded, "{character:?}");
    }
}
