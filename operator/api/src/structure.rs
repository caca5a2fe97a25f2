//! Checks a JSON value against a structural schema, as far as this crate's definition uses one.
//!
//! Not a general JSON Schema validator: it knows the keywords that the definition has, and a test fails when the
//! definition gains one that it does not know. Unlike the API server's default it refuses unknown fields, as `kubectl
//! apply` does. Recursion is bounded by the schema, which has no cycles: a value deeper than the schema is an unknown
//! field.

use regex::Regex;
use serde_json::{Map, Value};

use crate::{field_error::FieldError, quantity::COMPUTABLE, retired};

/// The keywords that [`check`] enforces or may ignore.
#[cfg(test)]
pub(crate) const KNOWN_KEYWORDS: &[&str] = &[
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "title",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
];

/// Adds to `errors` whatever in `value` the schema does not allow. `path` names the value, for example
/// `spec.mappings[3]`.
pub(crate) fn check(schema: &Value, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let mut refuse = |message: String| errors.push(FieldError::new(path, message));
    let expected = schema["type"].as_str().unwrap_or("int-or-string");
    let fits = match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "int-or-string" => value.is_string() || value.is_i64(),
        _ => false,
    };
    if !fits {
        refuse(format!("must be of type {expected}, not {}", shown(&value.to_string())));
        return;
    }
    match value {
        Value::String(text) if expected == "int-or-string" => check_quantity(schema, text, &mut refuse),
        Value::String(text) => check_text(schema, text, &mut refuse),
        Value::Number(_) => check_number(schema, value, &mut refuse),
        Value::Array(items) => check_items(schema, items, path, errors),
        Value::Object(fields) => check_fields(schema, fields, path, errors),
        Value::Null | Value::Bool(_) => {}
    }
}

fn check_text(schema: &Value, text: &str, refuse: &mut impl FnMut(String)) {
    if let Some(allowed) = schema["enum"].as_array() {
        if !allowed.iter().any(|name| name == text) {
            let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
            refuse(format!(
                "{:?} is not supported; supported are {}",
                shown(text),
                allowed.join(", ")
            ));
        }
        return;
    }
    let length = text.chars().count() as u64;
    if let Some(limit) = schema["maxLength"].as_u64().filter(|limit| length > *limit) {
        refuse(format!("must have at most {limit} characters, not {length}"));
        return;
    }
    if let Some(limit) = schema["minLength"].as_u64().filter(|limit| length < *limit) {
        refuse(format!("must have at least {limit} characters, not {length}"));
        return;
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let expression = Regex::new(pattern).expect("the definition's patterns are regular expressions");
        if !expression.is_match(text) {
            refuse(format!("{:?} must match {pattern}", shown(text)));
        }
    }
}

/// What a message shows of a value, which may be megabytes.
pub(crate) fn shown(value: &str) -> String {
    const MAX_CHARS: usize = 80;
    match value.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// In the words of the quantity's own rule, which offline can only be asked about quantities that it can compute with.
fn check_quantity(schema: &Value, text: &str, refuse: &mut impl FnMut(String)) {
    let sentence = schema["x-kubernetes-validations"][0]["message"].as_str();
    let computable = Regex::new(COMPUTABLE).expect("our own pattern is a regular expression");
    match sentence {
        Some(sentence) if !computable.is_match(text) => refuse(sentence.to_owned()),
        _ => check_text(schema, text, refuse),
    }
}

fn check_number(schema: &Value, value: &Value, refuse: &mut impl FnMut(String)) {
    let Some(number) = value.as_f64() else { return };
    if let Some(limit) = schema["maximum"].as_f64().filter(|limit| number > *limit) {
        refuse(format!("must be at most {limit}, not {value}"));
    }
    if let Some(limit) = schema["minimum"].as_f64().filter(|limit| number < *limit) {
        refuse(format!("must be at least {limit}, not {value}"));
    }
}

fn check_items(schema: &Value, items: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let count = items.len() as u64;
    if let Some(limit) = schema["maxItems"].as_u64().filter(|limit| count > *limit) {
        errors.push(FieldError::new(
            path,
            format!("must have at most {limit} items, not {count}"),
        ));
        return;
    }
    if let Some(limit) = schema["minItems"].as_u64().filter(|limit| count < *limit) {
        errors.push(FieldError::new(
            path,
            format!("must have at least {limit} items, not {count}"),
        ));
    }
    if let Some(identities) = identities(schema, items) {
        for (index, identity) in identities.iter().enumerate() {
            if identities[..index].contains(identity) {
                errors.push(FieldError::new(format!("{path}[{index}]"), "is a duplicate".to_owned()));
            }
        }
    }
    for (index, item) in items.iter().enumerate() {
        check(&schema["items"], item, &format!("{path}[{index}]"), errors);
    }
}

/// What tells the items of a list apart: the keys of a map, the items of a set. `None` where nothing has to.
fn identities(schema: &Value, items: &[Value]) -> Option<Vec<Vec<Value>>> {
    match schema["x-kubernetes-list-type"].as_str()? {
        "set" => Some(items.iter().map(|item| vec![item.clone()]).collect()),
        "map" => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array()?;
            let value = |item: &Value, key: &str| {
                let default = &schema["items"]["properties"][key]["default"];
                item.get(key).unwrap_or(default).clone()
            };
            let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
            let of = |item| keys.iter().map(|key| value(item, key)).collect();
            Some(items.iter().map(of).collect())
        }
        _ => None,
    }
}

fn check_fields(schema: &Value, fields: &Map<String, Value>, path: &str, errors: &mut Vec<FieldError>) {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    for name in required
        .iter()
        .filter_map(Value::as_str)
        .filter(|name| !fields.contains_key(*name))
    {
        errors.push(FieldError::new(format!("{path}.{name}"), "is required".to_owned()));
    }
    let count = fields.len() as u64;
    if let Some(limit) = schema["maxProperties"].as_u64().filter(|limit| count > *limit) {
        errors.push(FieldError::new(
            path,
            format!("must have at most {limit} entries, not {count}"),
        ));
        return;
    }
    let others = schema.get("additionalProperties").filter(|schema| schema.is_object());
    for (name, value) in fields {
        let inner = format!("{path}.{name}");
        match schema["properties"].get(name).or(others) {
            Some(schema) => check(schema, value, &inner, errors),
            None => {
                let now = retired::successor(&inner).map_or_else(String::new, |now| format!("; write {now}"));
                errors.push(FieldError::new(inner, format!("unknown field{now}")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_uses_no_keyword_that_is_not_checked() {
        fn walk(node: &Value) {
            for keyword in node.as_object().into_iter().flat_map(Map::keys) {
                assert!(KNOWN_KEYWORDS.contains(&keyword.as_str()), "{keyword}");
            }
            node["properties"]
                .as_object()
                .into_iter()
                .flat_map(Map::values)
                .for_each(walk);
            for keyword in ["items", "additionalProperties"] {
                if node[keyword].is_object() {
                    walk(&node[keyword]);
                }
            }
        }
        walk(&crate::schema());
    }
}
