//! Every bound of the schema, tried from both sides. The examples are made from the schema, so a field that is added is
//! tried too.

use std::{collections::BTreeSet, fs, path::Path};

use crate::cases::set;
use firehose_operator_api::{admission::admit, manifests::objects, schema};
use serde_json::{Map, Value, json};

/// The objects of `admitted/` with the file each is in.
fn admitted() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admitted");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let objects = objects(&fs::read_to_string(&path).unwrap()).unwrap();
            found.extend(objects.into_iter().map(|object| (name.clone(), object)));
        }
    }
    found
}

#[test]
fn what_was_ever_admitted_is_admitted_and_means_the_same_when_it_is_read_back() {
    let objects = admitted();
    assert!(objects.len() >= 7, "{}", objects.len());
    for (file, object) in objects {
        let destination = admit(&object).unwrap_or_else(|errors| panic!("{file}: {errors:?}"));
        let written = serde_json::to_value(&destination).unwrap();
        assert_eq!(admit(&written).unwrap(), destination, "{file}");
    }
}

/// A field of the object that has every field: where it is, what the schema says about it, whether it must be there.
struct Field {
    pointer: String,
    path: String,
    schema: Value,
    value: Value,
}

fn everything() -> Value {
    let (_, object) = admitted()
        .into_iter()
        .find(|(file, _)| file == "everything.yaml")
        .unwrap();
    object
}

/// Every value below the spec of `object`, in the company of its schema.
fn fields(object: &Value) -> Vec<Field> {
    fn walk(schema: &Value, value: &Value, pointer: &str, path: &str, found: &mut Vec<Field>) {
        found.push(Field {
            pointer: pointer.to_owned(),
            path: path.to_owned(),
            schema: schema.clone(),
            value: value.clone(),
        });
        for (name, inner) in value.as_object().into_iter().flatten() {
            if let Some(schema) = schema["properties"].get(name) {
                walk(
                    schema,
                    inner,
                    &format!("{pointer}/{name}"),
                    &format!("{path}.{name}"),
                    found,
                );
            }
        }
        for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
            walk(
                &schema["items"],
                inner,
                &format!("{pointer}/{index}"),
                &format!("{path}[{index}]"),
                found,
            );
        }
    }
    let mut found = Vec::new();
    walk(
        &schema()["properties"]["spec"],
        &object["spec"],
        "/spec",
        "spec",
        &mut found,
    );
    found
}

/// The names of fields, without the positions in lists.
fn names(fields: &[Field]) -> BTreeSet<String> {
    let plain = |path: &str| {
        let parts = path
            .split('[')
            .map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
        parts.collect::<Vec<_>>().join("[]")
    };
    fields.iter().map(|field| plain(&field.path)).collect()
}

#[test]
fn the_object_with_everything_has_every_field_that_does_not_exclude_another() {
    fn walk(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        found.insert(path.to_owned());
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            walk(inner, &format!("{path}.{name}"), found);
        }
        if schema["items"].is_object() {
            walk(&schema["items"], &format!("{path}[]"), found);
        }
    }
    let mut known = BTreeSet::new();
    walk(&schema()["properties"]["spec"], "spec", &mut known);
    let tried = names(&fields(&everything()));
    let mut missing: Vec<&String> = known.difference(&tried).collect();
    // The other side of a union, and of a choice between two accounts; parts of a selector that is had elsewhere whole.
    missing.retain(|path| {
        let excluded = [
            "spec.credentials.webIdentity",
            "spec.proxy.serviceAccount",
            "spec.proxy.affinity",
        ];
        !excluded.iter().any(|excluded| path.starts_with(excluded))
    });
    assert_eq!(missing, Vec::<&String>::new());
}

/// A bound of whole numbers, which the definition keeps as a number with a fraction.
fn whole(bound: &Value) -> i64 {
    bound.as_f64().unwrap().to_string().parse().unwrap()
}

/// What is wrong with a value just beyond each bound of its schema, with what the bound is.
fn beyond(schema: &Value, value: &Value) -> Vec<(&'static str, Value)> {
    let mut wrong = Vec::new();
    let number = |keyword: &str| schema[keyword].as_u64().and_then(|bound| usize::try_from(bound).ok());
    match schema["type"].as_str() {
        Some("string") => {
            wrong.push(("type", json!(5)));
            if schema["enum"].is_array() {
                wrong.push(("enum", json!("Neither")));
            }
            if let Some(most) = number("maxLength") {
                wrong.push(("maxLength", json!("a".repeat(most + 1))));
            }
            if let Some(least) = number("minLength").filter(|least| *least > 0) {
                wrong.push(("minLength", json!("a".repeat(least - 1))));
            }
        }
        Some("integer") => {
            wrong.push(("type", json!("five")));
            wrong.push(("minimum", json!(whole(&schema["minimum"]) - 1)));
            wrong.push(("maximum", json!(whole(&schema["maximum"]) + 1)));
        }
        Some("array") => {
            wrong.push(("type", json!({})));
            if let Some(most) = number("maxItems") {
                wrong.push(("maxItems", json!(vec![&value[0]; most + 1])));
            }
            if number("minItems").is_some_and(|least| least > 0) {
                wrong.push(("minItems", json!([])));
            }
        }
        Some("object") => {
            wrong.push(("type", json!([])));
            if let Some(most) = number("maxProperties") {
                let many: Map<String, Value> = (0..=most).map(|number| (format!("k{number}"), json!("v"))).collect();
                wrong.push(("maxProperties", json!(many)));
            }
        }
        other => {
            assert_eq!(other, None, "a quantity has no type");
            wrong.push(("type", json!([])));
            wrong.push(("maxLength", json!("1".repeat(27))));
        }
    }
    wrong
}

#[test]
fn a_value_beyond_a_bound_is_refused_by_its_field() {
    let everything = everything();
    let mut tried = 0;
    for field in fields(&everything).into_iter().filter(|field| field.path != "spec") {
        for (bound, value) in beyond(&field.schema, &field.value) {
            let mut object = everything.clone();
            set(&mut object, &field.pointer, value.clone());
            let errors = admit(&object).err().unwrap_or_default();
            assert!(
                errors
                    .iter()
                    .any(|error| error.field == field.path && !error.message.is_empty()),
                "{bound} of {}: {errors:?}",
                field.path
            );
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried}");
}

#[test]
fn what_is_required_is_missed_and_what_is_unknown_is_refused() {
    let everything = everything();
    for field in fields(&everything) {
        for name in field.schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let mut object = everything.clone();
            object
                .pointer_mut(&field.pointer)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(name);
            let errors = admit(&object).unwrap_err();
            let expected = format!("{}.{name}", field.path);
            assert!(
                errors.iter().any(|error| error.field == expected),
                "{expected}: {errors:?}"
            );
        }
        if field.schema["properties"].is_object() {
            let mut object = everything.clone();
            set(&mut object, &format!("{}/unheardOf", field.pointer), json!(1));
            let errors = admit(&object).unwrap_err();
            assert_eq!(errors[0].field, format!("{}.unheardOf", field.path));
            assert_eq!(errors[0].message, "unknown field");
        }
    }
}

#[test]
fn a_number_on_its_bound_is_admitted() {
    let everything = everything();
    let mut tried = 0;
    for field in fields(&everything) {
        if field.schema["type"] == "integer" {
            for bound in ["minimum", "maximum"] {
                let mut object = everything.clone();
                set(&mut object, &field.pointer, json!(whole(&field.schema[bound])));
                if let Err(errors) = admit(&object) {
                    panic!("{bound} of {}: {errors:?}", field.path);
                }
                tried += 1;
            }
        }
    }
    assert!(tried >= 20, "{tried}");
}

#[test]
fn a_choice_is_admitted_with_each_of_its_words_or_refused_for_what_the_word_needs() {
    let everything = everything();
    for field in fields(&everything) {
        for word in field.schema["enum"].as_array().into_iter().flatten() {
            let mut object = everything.clone();
            set(&mut object, &field.pointer, word.clone());
            for error in admit(&object).err().unwrap_or_default() {
                // A union's member that is missing or too many: the word itself is known.
                assert!(
                    !error.message.contains("is not supported"),
                    "{} = {word}: {error}",
                    field.path
                );
            }
        }
    }
}

#[test]
fn an_item_that_is_there_twice_is_refused_where_items_are_told_apart() {
    let everything = everything();
    let mut tried = Vec::new();
    for field in fields(&everything) {
        if ["map", "set"].contains(&field.schema["x-kubernetes-list-type"].as_str().unwrap_or_default()) {
            let mut object = everything.clone();
            set(&mut object, &field.pointer, json!([field.value[0], field.value[0]]));
            let errors = admit(&object).unwrap_err();
            assert_eq!(errors[0].field, format!("{}[1]", field.path), "{errors:?}");
            tried.push(field.path);
        }
    }
    assert!(tried.len() >= 6, "{tried:?}");
}
