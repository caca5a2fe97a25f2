//! Labels and annotations of the children: what the API server would refuse with the whole workload, refused here by
//! field.

use std::collections::BTreeMap;

use firehose_operator_api::{FirehoseDestinationSpec, Reason};

use crate::plan::{Rejection, names::is_own};

pub(super) fn check(spec: &FirehoseDestinationSpec, rejections: &mut Vec<Rejection>) {
    let proxy = &spec.proxy;
    let claims = spec.spool.persistent_volume_claim.as_ref();
    let claims = claims.map(|claim| claim.template.metadata.clone()).unwrap_or_default();
    let labels = [
        ("spec.proxy.podLabels", &proxy.pod_labels, Reserved::Yes),
        ("spec.proxy.nodeSelector", &proxy.node_selector, Reserved::No),
        (
            "spec.spool.persistentVolumeClaim.template.metadata.labels",
            &claims.labels,
            Reserved::Yes,
        ),
    ];
    let annotations = [
        ("spec.proxy.podAnnotations", &proxy.pod_annotations),
        (
            "spec.proxy.serviceAccount.annotations",
            &proxy.service_account.annotations,
        ),
        ("spec.proxy.service.annotations", &proxy.service.annotations),
        (
            "spec.spool.persistentVolumeClaim.template.metadata.annotations",
            &claims.annotations,
        ),
    ];
    let annotations = annotations.map(|(field, map)| (field, map, Reserved::Yes));
    for (field, map, reserved) in labels.into_iter().chain(annotations) {
        check_keys(field, map, reserved, rejections);
    }
    for (field, map, _) in labels {
        for (key, value) in map.iter().filter(|(_, value)| !is_label_value(value)) {
            let message = format!("{value:?} is not a label value: at most 63 letters, digits, '-', '_' or '.'");
            rejections.push(Rejection::new(format!("{field}.{key}"), Reason::Invalid, message));
        }
    }
}

/// Whether the operator's own prefixes are forbidden.
#[derive(Clone, Copy, PartialEq)]
enum Reserved {
    Yes,
    No,
}

fn check_keys(field: &str, map: &BTreeMap<String, String>, reserved: Reserved, rejections: &mut Vec<Rejection>) {
    for key in map.keys() {
        let message = if !is_qualified_name(key) {
            "is not a qualified name, for example team or example.com/team"
        } else if reserved == Reserved::Yes && is_own(key) {
            "is the operator's own"
        } else {
            continue;
        };
        rejections.push(Rejection::new(format!("{field}.{key}"), Reason::Invalid, message));
    }
}

/// Source:
/// [labels](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set).
fn is_qualified_name(key: &str) -> bool {
    let (prefix, name) = key
        .split_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_prefix = |prefix: &str| {
        let label = |label: &str| {
            is_bounded(label)
                && label
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        prefix.len() <= 253 && prefix.split('.').all(label)
    };
    prefix.is_none_or(is_prefix) && !name.is_empty() && is_label_value(name)
}

fn is_label_value(value: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    value.is_empty() || (value.len() <= 63 && is_bounded(value) && value.bytes().all(allowed))
}

/// Begins and ends with a letter or digit.
fn is_bounded(text: &str) -> bool {
    let bounds = (text.bytes().next(), text.bytes().next_back());
    matches!(bounds, (Some(first), Some(last)) if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
}
