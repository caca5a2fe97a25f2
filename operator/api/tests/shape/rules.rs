//! Every rule of the definition, with what it refuses and what it admits.

use std::collections::BTreeSet;

use crate::cases::{Case, cases, object};
use firehose_operator_api::{
    FirehoseDestination,
    admission::{FieldError, admit, admit_change},
    schema,
};
use serde_json::{Map, Value};

fn judge(case: &Case, changes: &Map<String, Value>) -> Result<FirehoseDestination, Vec<FieldError>> {
    match &case.from {
        None => admit(&object(changes)),
        Some(from) => admit_change(&object(changes), &admit(&object(from)).unwrap()),
    }
}

#[test]
fn a_rule_refuses_by_its_field_with_its_sentence() {
    for case in cases() {
        let errors = judge(&case, &case.refuse).err().unwrap_or_default();
        let errors: Vec<(&str, &str)> = errors
            .iter()
            .map(|error| (error.field.as_str(), error.message.as_str()))
            .collect();
        assert_eq!(errors, [(case.field.as_str(), case.says.as_str())], "{:?}", case.refuse);
    }
}

#[test]
fn a_rule_admits_what_is_right() {
    for case in cases() {
        if let Err(errors) = judge(&case, &case.accept) {
            panic!("{:?}: {errors:?}", case.accept);
        }
    }
}

#[test]
fn every_rule_has_an_example() {
    fn sentences(node: &Value, found: &mut BTreeSet<String>) {
        match node {
            Value::Object(fields) => {
                for rule in fields
                    .get("x-kubernetes-validations")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    found.insert(rule["message"].as_str().unwrap().to_owned());
                }
                fields.values().for_each(|inner| sentences(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| sentences(inner, found)),
            _ => {}
        }
    }
    let mut rules = BTreeSet::new();
    sentences(&schema(), &mut rules);
    let examples: BTreeSet<String> = cases().into_iter().map(|case| case.says).collect();
    assert!(rules.len() > 20);
    assert_eq!(examples, rules);
}
