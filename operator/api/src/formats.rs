//! Schemas of strings, lists and maps that several fields share.
//!
//! A string's form is a rule with a sentence and an example, and not a `pattern`, whose refusal would quote a regular
//! expression at people. Every string is bounded, which the API server also wants in order to estimate what a rule
//! costs.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// Longest name of an object in Kubernetes.
const MAX_OBJECT_NAME_LENGTH: u32 = 253;

/// Longest key and longest value of a label.
const MAX_LABEL_KEY_LENGTH: u32 = 317;
const MAX_LABEL_VALUE_LENGTH: u32 = 63;

/// A string of this form; `form` is a regular expression in the words of both RE2 and this project's offline checks.
fn string(lengths: std::ops::RangeInclusive<u32>, form: &str, sentence: &str) -> Schema {
    let mut schema = bounded(lengths);
    schema.insert(
        "x-kubernetes-validations".to_owned(),
        json!([rule(&matches(form), sentence)]),
    );
    schema
}

fn bounded(lengths: std::ops::RangeInclusive<u32>) -> Schema {
    let mut schema = json_schema!({"type": "string", "maxLength": lengths.end()});
    if *lengths.start() > 0 {
        schema.insert("minLength".to_owned(), json!(lengths.start()));
    }
    schema
}

fn matches(form: &str) -> String {
    format!("self.matches('{}')", form.replace('\\', "\\\\"))
}

/// One entry of `x-kubernetes-validations`.
pub(crate) fn rule(rule: &str, sentence: &str) -> Value {
    json!({"rule": rule, "message": sentence, "reason": "FieldValueInvalid"})
}

pub(crate) fn class_name(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=63,
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "must be lower-case letters, digits and '-', for example internal",
    )
}

pub(crate) fn region(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=40,
        "^[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$",
        "must be the code of an AWS region, for example eu-west-1",
    )
}

pub(crate) fn event(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=256,
        r"\S",
        "must be more than white space, for example product added",
    )
}

pub(crate) fn delivery_stream_name(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=64,
        "^[a-zA-Z0-9_.-]+$",
        "must be letters, digits, '_', '.' and '-', for example orders-prod",
    )
}

pub(crate) fn source_name(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=63,
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "must be lower-case letters, digits and '-', for example web",
    )
}

/// A place in an event: names with dots between them.
pub(crate) fn field_path(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=256,
        r"^[^.*]+(\.[^.*]+)*$",
        "must be names with dots between them, for example context.source",
    )
}

/// Places in an event: names with dots between them, `*` for every name of one level.
pub(crate) fn field_pattern(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=256,
        r"^([^.*]+|\*)(\.([^.*]+|\*))*$",
        "must be names, or '*' for every name of one level, with dots between them, for example traits.email",
    )
}

pub(crate) fn object_name(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=MAX_OBJECT_NAME_LENGTH,
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "must be the name of a Kubernetes object: lower-case letters, digits, '-' and '.', for example aws-firehose",
    )
}

pub(crate) fn secret_key(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=MAX_OBJECT_NAME_LENGTH,
        "^[-._a-zA-Z0-9]+$",
        "must be a key of a Secret: letters, digits, '-', '_' and '.', for example writeKeys",
    )
}

pub(crate) fn role_arn(_: &mut SchemaGenerator) -> Schema {
    string(
        20..=2048,
        r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+$",
        "must be the ARN of an IAM role, for example arn:aws:iam::123456789012:role/events",
    )
}

pub(crate) fn external_id(_: &mut SchemaGenerator) -> Schema {
    string(
        2..=1224,
        "^[a-zA-Z0-9_+=,.@:/-]+$",
        "must be letters, digits and the characters _+=,.@:/-, for example analytics",
    )
}

pub(crate) fn session_name(_: &mut SchemaGenerator) -> Schema {
    string(
        2..=64,
        "^[a-zA-Z0-9_+=,.@-]+$",
        "must be letters, digits and the characters _+=,.@-, for example orders",
    )
}

pub(crate) fn url(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=2048,
        r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        "must be an http or https URL without user, query and fragment, for example https://vpce-1.example",
    )
}

pub(crate) fn label_key(_: &mut SchemaGenerator) -> Schema {
    string(
        1..=MAX_LABEL_KEY_LENGTH,
        "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$",
        "must be the key of a label, for example topology.kubernetes.io/zone",
    )
}

/// Networks, a set.
pub(crate) fn networks(_: &mut SchemaGenerator) -> Schema {
    set(
        64,
        &string(
            1..=43,
            "^[0-9a-fA-F:.]+/[0-9]{1,3}$",
            "must be a network in CIDR notation, for example 10.0.0.0/8",
        ),
    )
}

/// Origins of browsers, a set.
pub(crate) fn origins(_: &mut SchemaGenerator) -> Schema {
    set(
        64,
        &string(
            1..=256,
            r"^(\*|[a-z][a-z0-9+.-]*://[^\s/?#]+)$",
            "must be an origin or '*', for example https://shop.example",
        ),
    )
}

fn set(most: u32, items: &Schema) -> Schema {
    json_schema!({"type": "array", "maxItems": most, "items": items, "x-kubernetes-list-type": "set"})
}

/// Labels of an object, or of nodes.
pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    map(MAX_LABEL_VALUE_LENGTH)
}

/// Annotations of an object.
pub(crate) fn annotations(_: &mut SchemaGenerator) -> Schema {
    map(4096)
}

fn map(longest_value: u32) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": longest_value},
    })
}

/// Values that a label may have.
pub(crate) fn label_values(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": {"type": "string", "maxLength": MAX_LABEL_VALUE_LENGTH},
        "x-kubernetes-list-type": "atomic",
    })
}

/// Keys of labels.
pub(crate) fn label_keys(generator: &mut SchemaGenerator) -> Schema {
    set(16, &label_key(generator))
}

/// Open in the schema, so that a new operator can write a new word under an old definition; closed in the code.
pub(crate) fn word(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z]+$"})
}

pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time", "maxLength": 64})
}

/// Text for a person: never empty.
pub(crate) fn message(_: &mut SchemaGenerator) -> Schema {
    bounded(1..=4096)
}
