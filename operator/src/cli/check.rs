//! `firehose-operator check`: what API server and operator would say about manifests, without either.

use std::fmt;

use firehose_operator_api::{
    admission::{admit, is_destination},
    manifests::{self, Unreadable},
};

use crate::plan::{self, Allowed};

/// What was found in one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Number of destinations in it.
    pub destinations: usize,
    /// What is wrong with them, a line each: name of the object, field, what is wrong.
    pub complaints: Vec<String>,
}

/// Checks every destination in a file as it would be checked when it is applied for the first time to an installation
/// that allows this. Other objects are skipped.
///
/// # Errors
///
/// When the text is no file of manifests, with the line.
pub fn check(text: &str, allowed: &Allowed) -> Result<Checked, Unreadable> {
    let mut checked = Checked::default();
    for manifest in manifests::objects(text)?.into_iter().filter(is_destination) {
        checked.destinations += 1;
        let name = manifest["metadata"]["name"].as_str().unwrap_or("(without a name)");
        let complaints = match admit(&manifest) {
            Err(errors) => lines(name, &errors),
            Ok(destination) => lines(name, &plan::validate(&destination, allowed).err().unwrap_or_default()),
        };
        checked.complaints.extend(complaints);
    }
    Ok(checked)
}

fn lines(name: &str, errors: &[impl fmt::Display]) -> Vec<String> {
    errors.iter().map(|error| format!("{name}: {error}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
apiVersion: firehose-operator.dev/v1alpha1
kind: FirehoseDestination
metadata: {name: orders}
spec:
  region: eu-west-1
  mappings: [{event: '*', deliveryStreamName: all}]
";

    #[test]
    fn every_destination_of_a_file_is_checked_and_other_objects_are_skipped() {
        let text = format!("kind: Secret\n---{GOOD}---{GOOD}");
        let two = Checked {
            destinations: 2,
            complaints: Vec::new(),
        };
        assert_eq!(check(&text, &Allowed::default()).unwrap(), two);
    }

    #[test]
    fn a_complaint_names_the_object_and_the_field_whoever_would_have_it() {
        let by_schema = GOOD.replace("eu-west-1", "Ireland");
        let by_plan = GOOD.replace(
            "mappings: [",
            "mappings: [{event: A, deliveryStreamName: a}, {event: a, deliveryStreamName: b}, ",
        );
        let not_implemented = format!("{GOOD}  streams: [{{deliveryStreamName: all, billing: PerByte}}]\n");
        let text = format!("{by_schema}---{by_plan}---{not_implemented}");
        assert_eq!(
            check(&text, &Allowed::default()).unwrap().complaints,
            [
                "orders: spec.region: must be the code of an AWS region, for example eu-west-1",
                "orders: spec.mappings[1].event: row 1 has the same event and source as row 0: \"a\" and \"A\", upper and lower \
                 case not told apart",
                "orders: spec.streams[0].billing: is not implemented in this version",
            ]
        );
    }
}
