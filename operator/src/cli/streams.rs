//! `firehose-operator streams`: the delivery streams that mappings name, as a list or in the words of what creates
//! them. Buckets and roles are parameters there: a destination does not know where Firehose delivers to.

use std::collections::HashSet;

use firehose_operator_api::FirehoseDestination;
use serde_json::{Value, json};

use super::destinations::stream_names;

/// What ACK's streams need, because its objects have no parameters.
#[derive(Debug, Clone)]
pub struct HttpDestination<'a> {
    /// Where Firehose delivers to: ACK's DeliveryStream knows HTTP endpoints only.
    pub url: &'a str,
    /// The bucket that keeps what the endpoint refuses.
    pub bucket_arn: &'a str,
    /// The role by which Firehose writes.
    pub role_arn: &'a str,
}

/// A name a line.
pub fn list(destination: &FirehoseDestination) -> String {
    stream_names(destination)
        .iter()
        .map(|name| format!("{name}\n"))
        .collect()
}

/// Resources of Terraform's AWS provider.
pub fn terraform(destination: &FirehoseDestination) -> String {
    // The names come from a pattern in which no character means anything inside quotes.
    let mut text = format!(
        "# Delivery streams in {}: the provider that applies this must be of that region.\n\n\
         variable \"firehose_bucket_arn\" {{\n  type        = string\n  description = \"Bucket that Firehose writes to.\"\n}}\n\n\
         variable \"firehose_role_arn\" {{\n  type        = string\n  description = \"Role by which Firehose writes.\"\n}}\n",
        destination.spec.region
    );
    for (label, name) in labelled(destination, |name| {
        let label = replaced(name, '_');
        match label.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            true => label,
            false => format!("_{label}"),
        }
    }) {
        text.push_str(&format!(
            "\nresource \"aws_kinesis_firehose_delivery_stream\" \"{label}\" {{\n  name        = \"{name}\"\n  \
             destination = \"extended_s3\"\n\n  extended_s3_configuration {{\n    \
             bucket_arn = var.firehose_bucket_arn\n    role_arn   = var.firehose_role_arn\n    \
             prefix     = \"{name}/\"\n  }}\n}}\n"
        ));
    }
    text
}

/// A template of CloudFormation.
pub fn cloud_formation(destination: &FirehoseDestination) -> Value {
    let resources: serde_json::Map<String, Value> = labelled(destination, |name| {
        let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        format!("Stream{letters}")
    })
    .into_iter()
    .map(|(label, name)| {
        let stream = json!({
            "Type": "AWS::KinesisFirehose::DeliveryStream",
            "Properties": {
                "DeliveryStreamName": name,
                "DeliveryStreamType": "DirectPut",
                "ExtendedS3DestinationConfiguration": {
                    "BucketARN": {"Ref": "BucketArn"},
                    "RoleARN": {"Ref": "RoleArn"},
                    "Prefix": format!("{name}/"),
                },
            },
        });
        (label, stream)
    })
    .collect();
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Delivery streams in {}.", destination.spec.region),
        "Parameters": {
            "BucketArn": {"Type": "String", "Description": "Bucket that Firehose writes to."},
            "RoleArn": {"Type": "String", "Description": "Role by which Firehose writes."},
        },
        "Resources": resources,
    })
}

/// Objects of AWS Controllers for Kubernetes, version v1alpha1 of its Firehose controller.
pub fn ack(destination: &FirehoseDestination, http: &HttpDestination<'_>) -> Vec<Value> {
    labelled(destination, |name| {
        let label = replaced(name, '-').replace('_', "-").to_lowercase();
        let label = label.trim_matches('-');
        if label.is_empty() {
            "stream".to_owned()
        } else {
            label.to_owned()
        }
    })
    .into_iter()
    .map(|(label, name)| {
        json!({
            "apiVersion": "firehose.services.k8s.aws/v1alpha1",
            "kind": "DeliveryStream",
            "metadata": {
                "name": label,
                "annotations": {"services.k8s.aws/region": destination.spec.region},
            },
            "spec": {
                "deliveryStreamName": name,
                "deliveryStreamType": "DirectPut",
                "httpEndpointDestinationConfiguration": {
                    "endpointConfiguration": {"name": name, "url": http.url},
                    "roleARN": http.role_arn,
                    "s3BackupMode": "FailedDataOnly",
                    "s3Configuration": {
                        "bucketARN": http.bucket_arn,
                        "roleARN": http.role_arn,
                        "prefix": format!("{name}/"),
                    },
                },
            },
        })
    })
    .collect()
}

/// Every stream with a label of its own. Two names may be the same label; the later one gets a number.
fn labelled(destination: &FirehoseDestination, label: impl Fn(&str) -> String) -> Vec<(String, &str)> {
    let mut taken = HashSet::new();
    let mut labelled = Vec::new();
    for name in stream_names(destination) {
        let plain = label(name);
        let mut chosen = plain.clone();
        let mut number = 2;
        while !taken.insert(chosen.clone()) {
            chosen = format!("{plain}{number}");
            number += 1;
        }
        labelled.push((chosen, name));
    }
    labelled
}

/// A stream's name without what a label cannot have.
fn replaced(name: &str, by: char) -> String {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.chars().map(|c| if is_good(c) { c } else { by }).collect()
}
