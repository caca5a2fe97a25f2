//! The commands for people, as functions: policies and streams of a destination, and how it stands.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

mod import;
mod policies;
#[cfg(feature = "controller")]
mod standing;
mod streams;

use firehose_operator::cli::destination;
use firehose_operator_api::FirehoseDestination;

/// A destination in a region with these rows and these lines of its spec.
pub(crate) fn of(region: &str, streams: &[&str], spec: &str) -> FirehoseDestination {
    let mut text = format!(
        "apiVersion: firehose-operator.dev/v1alpha1\nkind: FirehoseDestination\n\
         metadata: {{name: orders, namespace: analytics}}\nspec:\n  region: {region}\n  mappings:\n"
    );
    for (number, stream) in streams.iter().enumerate() {
        text.push_str(&format!("    - {{event: 'e{number}', deliveryStreamName: {stream}}}\n"));
    }
    text.push_str(spec);
    destination(&text).unwrap()
}

#[test]
fn exactly_one_valid_destination_is_asked_for() {
    let one = include_str!("../../../examples/orders.yaml");
    for (text, says) in [
        ("kind: Secret\n".to_owned(), "the file holds no FirehoseDestination"),
        (format!("{one}---\n{one}"), "holds 2 FirehoseDestination objects"),
        (one.replace("eu-west-1", "Ireland"), "orders: spec.region: "),
        ("kind: [".to_owned(), "line 1: "),
    ] {
        let refused = destination(&text).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}
