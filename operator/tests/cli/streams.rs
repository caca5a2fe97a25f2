//! The mapped streams in the words of three tools: each names exactly those, whatever characters are in them.

use std::collections::BTreeSet;

use firehose_operator::cli::{HttpDestination, ack, cloud_formation, list, terraform};
use firehose_operator_api::FirehoseDestination;

use crate::of;

/// Names that become one label, begin with a digit, or hold nothing that a label may have.
const NAMES: &[&str] = &[
    "orders-prod",
    "orders.prod",
    "orders_prod",
    "0-events",
    "...",
    "Orders-Prod",
    "ordersprod",
    "_",
];

fn destination() -> FirehoseDestination {
    let twice: Vec<&str> = NAMES.iter().chain(NAMES).copied().collect();
    of("eu-west-1", &twice, "")
}

fn names() -> BTreeSet<String> {
    NAMES.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_list_has_each_stream_once() {
    let list = list(&destination());
    assert_eq!(list.lines().collect::<Vec<_>>(), NAMES);
}

#[test]
fn terraform_is_read_by_a_parser_and_names_exactly_the_streams() {
    let body = hcl::parse(&terraform(&destination())).unwrap();
    let resources: Vec<&hcl::Block> = body.blocks().filter(|block| block.identifier() == "resource").collect();
    let labels: BTreeSet<&str> = resources.iter().map(|block| block.labels()[1].as_str()).collect();
    assert_eq!(labels.len(), NAMES.len(), "{labels:?}");
    let is_identifier = |label: &&str| {
        label.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    assert!(labels.iter().all(is_identifier), "{labels:?}");
    let found = resources.iter().map(|block| {
        let name = block
            .body()
            .attributes()
            .find(|attribute| attribute.key() == "name")
            .unwrap();
        match name.expr() {
            hcl::Expression::String(name) => name.clone(),
            other => panic!("{other:?}"),
        }
    });
    assert_eq!(found.collect::<BTreeSet<_>>(), names());
}

#[test]
fn cloud_formation_names_exactly_the_streams_under_letters_and_digits() {
    let template = cloud_formation(&destination());
    let resources = template["Resources"].as_object().unwrap();
    assert!(
        resources
            .keys()
            .all(|label| label.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    );
    let found = resources
        .values()
        .map(|stream| stream["Properties"]["DeliveryStreamName"].as_str().unwrap().to_owned());
    assert_eq!(found.collect::<BTreeSet<_>>(), names());
    assert_eq!(resources.len(), NAMES.len());
}

#[test]
fn ack_names_exactly_the_streams_under_names_of_kubernetes() {
    let http = HttpDestination {
        url: "https://events.example",
        bucket_arn: "arn:aws:s3:::b",
        role_arn: "arn:aws:iam::123456789012:role/firehose",
    };
    let objects = ack(&destination(), &http);
    let labels: BTreeSet<&str> = objects
        .iter()
        .map(|object| object["metadata"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(labels.len(), NAMES.len(), "{labels:?}");
    for label in labels {
        assert!(
            !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'),
            "{label}"
        );
        assert!(
            label
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')),
            "{label}"
        );
    }
    let found = objects
        .iter()
        .map(|object| object["spec"]["deliveryStreamName"].as_str().unwrap().to_owned());
    assert_eq!(found.collect::<BTreeSet<_>>(), names());
    assert_eq!(
        objects[0]["metadata"]["annotations"]["services.k8s.aws/region"],
        "eu-west-1"
    );
}
