//! Events as the address of an image: for mail and pages without scripts.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

use super::query;
use crate::http::reply::{Reply, content};

/// One transparent pixel, 43 bytes of GIF.
const GIF: &[u8; 43] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\
    \x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// Levels of nesting that a parameter's name may ask for.
const MAX_LEVELS: usize = 32;

/// The answer, whatever became of the event: nobody looks at the status of an image, and a broken one shows.
pub(super) fn reply() -> Reply {
    content(StatusCode::OK, "image/gif", Bytes::from_static(GIF))
}

/// The event that a query describes: each parameter is a member, a dot in its name a level (`properties.price=3`). All
/// values are text. The write key is not a part of the event.
pub(super) fn event(query: &str, path_type: &str) -> Vec<u8> {
    let mut event = Map::new();
    event.insert("channel".to_owned(), "web".into());
    if path_type == "page" {
        event.insert("name".to_owned(), "Unknown Page".into());
    }
    for (name, value) in query::pairs(query) {
        if name != "writeKey" {
            insert(&mut event, &name, value);
        }
    }
    serde_json::to_vec(&event).expect("text and nested text is JSON")
}

/// Sets the member that a dotted name leads to. A level that already holds something else gives way.
fn insert(event: &mut Map<String, Value>, name: &str, value: String) {
    let levels: Vec<_> = name.splitn(MAX_LEVELS, '.').collect();
    let (member, parents) = levels.split_last().expect("splitting yields at least one part");
    let mut object = event;
    for parent in parents {
        let level = object.entry(*parent).or_insert_with(|| Map::new().into());
        if !level.is_object() {
            *level = Map::new().into();
        }
        object = level.as_object_mut().expect("what is not an object was replaced");
    }
    object.insert((*member).to_owned(), value.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_members_and_dots_levels() {
        let shown = |query: &str, path_type| String::from_utf8(event(query, path_type)).unwrap();
        let query = "writeKey=k&anonymousId=a&event=Mail+opened&properties.price=3&properties.a.b=%22";
        let event: Value = serde_json::from_str(&shown(query, "track")).unwrap();
        let expected = serde_json::json!({
            "channel": "web", "anonymousId": "a", "event": "Mail opened",
            "properties": {"price": "3", "a": {"b": "\""}},
        });
        assert_eq!(event, expected);
        assert!(shown("", "page").contains(r#""name":"Unknown Page""#));
        assert!(shown("name=SliceOwner", "page").contains(r#""name":"SliceOwner""#));
        assert!(shown("a=1&a.b=2", "track").contains(r#""a":{"b":"2"}"#));
        let deep = shown(&format!("{}=1", "a.".repeat(10_000)), "track");
        assert_eq!(deep.matches('{').count(), MAX_LEVELS);
    }
}
