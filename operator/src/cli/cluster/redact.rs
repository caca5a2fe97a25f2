//! What of an object may leave the cluster. Pure.
//!
//! Whatever a person or a webhook may have written freely is left out: values of annotations and of environment
//! variables, other containers' command lines, other entries of a ConfigMap. What is left is the operator's own and the
//! fields of the custom resource, but for external IDs, which some take for passwords.

use serde_json::{Map, Value, json};

/// Stands for what is left out.
pub(super) const LEFT_OUT: &str = "(left out)";

/// Annotations whose values say how something runs.
const KEPT_ANNOTATIONS: &[&str] = &[
    "firehose-operator.dev/",
    "eks.amazonaws.com/",
    "prometheus.io/",
    "kubernetes.io/",
];

/// The container whose command line and logs are ours.
pub(super) const OWN_CONTAINER: &str = "proxy";

/// Deeper than any object that the API server takes.
const MAX_DEPTH: usize = 64;

/// Key ids of AWS: these beginnings, and this many characters in all.
const ACCESS_KEYS: &[&str] = &["AKIA", "ASIA"];
const ACCESS_KEY_CHARS: usize = 20;

/// An object without what may hold a secret.
pub(super) fn object(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("binaryData");
        if let Some(data) = fields.get_mut("data").and_then(Value::as_object_mut) {
            redact_config_map(data);
        }
    }
    redact(&mut object, 0);
    object
}

/// Of a ConfigMap the document is kept, as a value, so that it is redacted like everything else.
fn redact_config_map(data: &mut Map<String, Value>) {
    for (name, value) in data {
        let document = (name == firehose_proxy_config::FILE_NAME).then(|| serde_yaml::from_str(value.as_str()?).ok());
        *value = document.flatten().unwrap_or_else(|| json!(LEFT_OUT));
    }
}

fn redact(value: &mut Value, depth: usize) {
    if depth > MAX_DEPTH {
        *value = json!(LEFT_OUT);
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "annotations" | "podAnnotations" => redact_annotations(value),
                    "env" => redact_environment(value),
                    "containers" | "initContainers" | "ephemeralContainers" => redact_containers(value),
                    "externalID" | "externalId" => *value = json!(LEFT_OUT),
                    _ => {}
                }
                redact(value, depth + 1);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, depth + 1)),
        Value::String(text) => *text = self::text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn redact_annotations(annotations: &mut Value) {
    for (key, value) in annotations.as_object_mut().into_iter().flatten() {
        let is_kept = KEPT_ANNOTATIONS.iter().any(|prefix| key.starts_with(prefix));
        if !is_kept {
            *value = json!(LEFT_OUT);
        }
    }
}

fn redact_environment(variables: &mut Value) {
    for variable in variables.as_array_mut().into_iter().flatten() {
        if variable.get("value").is_some() {
            variable["value"] = json!(LEFT_OUT);
        }
    }
}

fn redact_containers(containers: &mut Value) {
    for container in containers.as_array_mut().into_iter().flatten() {
        if container["name"] != OWN_CONTAINER {
            *container = json!({"name": container["name"], "image": container["image"], "rest": LEFT_OUT});
        }
    }
}

/// A text without key ids of AWS, and without names and passwords in addresses.
pub(super) fn text(text: &str) -> String {
    let text = without_access_keys(text);
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        clean.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || "/?#\"'".contains(c))
            .unwrap_or(after.len());
        let (authority, after) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => clean.extend([LEFT_OUT, "@", host]),
            None => clean.push_str(authority),
        }
        rest = after;
    }
    clean.push_str(rest);
    clean
}

fn without_access_keys(text: &str) -> String {
    let is_of_key = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    let words = text.split_inclusive(|c: char| !is_of_key(c));
    let clean = words.map(|word| {
        let key = word.trim_end_matches(|c: char| !is_of_key(c));
        let is_key = key.len() == ACCESS_KEY_CHARS && ACCESS_KEYS.iter().any(|start| key.starts_with(start));
        match is_key {
            true => format!("{LEFT_OUT}{}", &word[key.len()..]),
            false => word.to_owned(),
        }
    });
    clean.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a-secret-of-somebody";

    #[test]
    fn what_others_wrote_freely_is_left_out_and_what_is_ours_is_kept() {
        let redacted = object(json!({
            "metadata": {
                "name": "orders-firehose", "managedFields": [{"manager": SECRET}],
                "annotations": {"firehose-operator.dev/revision": "abc", "kubectl/last": SECRET},
            },
            "data": {"config.yaml": "credentials: {assumeRole: {externalID: a-secret-of-somebody}}\nrevision: abc\n", "other": SECRET},
            "binaryData": {"x": SECRET},
            "spec": {
                "credentials": {"assumeRoles": [{"roleARN": "arn", "externalID": SECRET}]},
                "proxy": {"podAnnotations": {"team": SECRET}},
                "endpoints": {"url": "https://user:a-secret-of-somebody@firehose.example/path"},
                "template": {"spec": {"containers": [
                    {"name": "proxy", "args": ["--log-format=json"], "env": [{"name": "A", "value": SECRET}, {"name": "B"}]},
                    {"name": "sidecar", "image": "i", "args": [SECRET], "env": [{"name": "C", "value": SECRET}]},
                ]}},
            },
        }));
        let written = redacted.to_string();
        assert!(!written.contains(SECRET), "{written}");
        for kept in [
            "\"revision\":\"abc\"",
            "--log-format=json",
            "\"name\":\"B\"",
            "firehose.example/path",
            "\"image\":\"i\"",
            "\"firehose-operator.dev/revision\":\"abc\"",
        ] {
            assert!(written.contains(kept), "{kept} in {written}");
        }
    }

    #[test]
    fn key_ids_and_passwords_in_addresses_are_taken_out_of_texts() {
        for (given, expected) in [
            ("key AKIAIOSFODNN7EXAMPLE is not taken", "key (left out) is not taken"),
            ("\"ASIAIOSFODNN7EXAMPLE\"", "\"(left out)\""),
            ("AKIAIOSFODNN7EXAMPLEX AKIA", "AKIAIOSFODNN7EXAMPLEX AKIA"),
            ("http://a:b@h/p@q and x://y", "http://(left out)@h/p@q and x://y"),
            ("mail@example.com", "mail@example.com"),
        ] {
            assert_eq!(text(given), expected);
        }
    }

    #[test]
    fn nothing_is_too_deep() {
        let mut deep = json!(SECRET);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        assert!(!object(deep).to_string().contains(SECRET));
    }
}
