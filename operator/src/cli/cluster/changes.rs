//! What differs between two values, field by field. Pure.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 200;

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where, for example `spec.template.spec.containers[name=proxy].image`.
    pub field: String,
    /// What is there; `None` when nothing is.
    pub before: Option<Value>,
    /// What will be there; `None` when nothing will.
    pub after: Option<Value>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, before, after } = self;
        match (before, after) {
            (Some(before), Some(after)) => write!(f, "~ {field}: {} -> {}", shown(before), shown(after)),
            (Some(before), None) => write!(f, "- {field}: {}", shown(before)),
            (None, Some(after)) => write!(f, "+ {field}: {}", shown(after)),
            (None, None) => write!(f, "  {field}"),
        }
    }
}

/// On one line, whatever is in it, and not too much of it.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Fields by which the items of a list are told apart, in the order in which they are tried. Lists without one are
/// compared by place.
const KEYS: &[&[&str]] = &[
    &["name"],
    &["event", "source"],
    &["event"],
    &["deliveryStreamName"],
    &["mountPath"],
    &["topologyKey"],
    &["port", "protocol"],
];

/// The fields that differ, by name. A field that is absent, null, or an empty map or list on both sides is none.
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), Some(before), Some(after))];
    while let Some((field, before, after)) = open.pop() {
        let (before, after) = (
            before.filter(|value| !is_empty(value)),
            after.filter(|value| !is_empty(value)),
        );
        match (before, after) {
            (Some(before), Some(after)) if before == after => {}
            (None, None) => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                for name in names {
                    let inner = if field.is_empty() {
                        name.clone()
                    } else {
                        format!("{field}.{name}")
                    };
                    open.push((inner, before.get(name), after.get(name)));
                }
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => match key(before, after) {
                Some(key) => {
                    let names: BTreeSet<String> = before.iter().chain(after).map(|item| named(item, key)).collect();
                    for name in names {
                        let find = |items: &'_ [Value]| items.iter().position(|item| named(item, key) == name);
                        let (old, new) = (find(before), find(after));
                        let inner = format!("{field}[{name}]");
                        open.push((inner, old.map(|place| &before[place]), new.map(|place| &after[place])));
                    }
                    let order =
                        |items: &[Value]| -> Vec<String> { items.iter().map(|item| named(item, key)).collect() };
                    let (old, new) = (order(before), order(after));
                    let same: BTreeSet<&String> = old.iter().collect();
                    if old != new && same == new.iter().collect() {
                        found.push(Change {
                            field: format!("{field} (order)"),
                            before: Some(old.into()),
                            after: Some(new.into()),
                        });
                    }
                }
                None => {
                    for place in 0..before.len().max(after.len()) {
                        open.push((format!("{field}[{place}]"), before.get(place), after.get(place)));
                    }
                }
            },
            (before, after) => found.push(Change {
                field,
                before: before.cloned(),
                after: after.cloned(),
            }),
        }
    }
    found.sort_by(|one, other| one.field.cmp(&other.field));
    found
}

/// What tells the items of both lists apart.
fn key(before: &[Value], after: &[Value]) -> Option<&'static [&'static str]> {
    let tells_apart = |items: &[Value], key: &[&str]| {
        let mut seen = BTreeSet::new();
        items.iter().all(|item| {
            let has = key
                .iter()
                .any(|field| item.get(field).is_some_and(|value| !value.is_object()));
            has && seen.insert(named(item, key))
        })
    };
    KEYS.iter()
        .copied()
        .find(|key| tells_apart(before, key) && tells_apart(after, key))
}

/// An item by its key: `name=proxy`.
fn named(item: &Value, key: &[&str]) -> String {
    let parts = key.iter().filter_map(|field| match item.get(field)? {
        Value::String(text) => Some(format!("{field}={text}")),
        other => Some(format!("{field}={other}")),
    });
    parts.collect::<Vec<_>>().join(",")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(before: &Value, after: &Value) -> Vec<String> {
        changes(before, after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn items_of_a_list_are_told_apart_by_their_key_and_not_by_their_place() {
        let before = json!({"mappings": [
            {"event": "a", "deliveryStreamName": "one"},
            {"event": "b", "deliveryStreamName": "two"},
            {"event": "*", "deliveryStreamName": "rest"},
        ]});
        let after = json!({"mappings": [
            {"event": "b", "deliveryStreamName": "two"},
            {"event": "*", "deliveryStreamName": "others"},
            {"event": "c", "deliveryStreamName": "three"},
        ]});
        assert_eq!(
            lines(&before, &after),
            [
                "~ mappings[event=*].deliveryStreamName: \"rest\" -> \"others\"",
                "- mappings[event=a]: {\"deliveryStreamName\":\"one\",\"event\":\"a\"}",
                "+ mappings[event=c]: {\"deliveryStreamName\":\"three\",\"event\":\"c\"}",
            ]
        );
    }

    #[test]
    fn what_has_no_key_is_compared_by_place_and_nothing_is_no_change() {
        for (before, after, expected) in [
            (json!({"a": null}), json!({"b": {}, "c": []}), &[][..]),
            (
                json!({"args": ["x", "y"]}),
                json!({"args": ["x", "z", "w"]}),
                &["~ args[1]: \"y\" -> \"z\"", "+ args[2]: \"w\""],
            ),
            (json!({"a": {"b": 1}}), json!({"a": 1}), &["~ a: {\"b\":1} -> 1"]),
            (
                json!({"l": [{"name": "x"}, {"name": "y"}]}),
                json!({"l": [{"name": "y"}, {"name": "x"}]}),
                &["~ l (order): [\"name=x\",\"name=y\"] -> [\"name=y\",\"name=x\"]"],
            ),
            (
                json!({"l": [{"name": "x"}, {"name": "x"}]}),
                json!({"l": [{"name": "x"}]}),
                &["- l[1]: {\"name\":\"x\"}"],
            ),
        ] {
            assert_eq!(lines(&before, &after), expected, "{before} {after}");
        }
    }

    #[test]
    fn a_value_is_shown_on_one_line_and_not_all_of_it() {
        let change = Change {
            field: "a".to_owned(),
            before: None,
            after: Some(json!(format!("x\n{}", "ü".repeat(1_000)))),
        };
        let line = change.to_string();
        assert!(line.starts_with("+ a: \"x\\nü") && line.ends_with("ü…"), "{line}");
        assert_eq!(line.chars().count(), "+ a: ".len() + SHOWN_CHARS + 1);
    }
}
