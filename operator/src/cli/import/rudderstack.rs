//! RudderStack's Firehose destinations → manifests, each with what has no counterpart as comments above it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    exported::{Exported, destinations},
    rules::rows,
};
use crate::cli::destination;

/// Longest name of a destination.
const MAX_NAME: usize = 40;

/// What of a configuration is read, or says nothing.
const KNOWN: &[&str] = &[
    "region",
    "mapEvents",
    "roleBasedAuth",
    "iamRoleARN",
    "externalID",
    "accessKeyID",
    "accessKey",
];

/// What came of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Manifests with their notes as comments, ready to be read by a person and applied.
    pub manifests: String,
    /// How many manifests.
    pub count: usize,
    /// What could not be imported, or is not valid as it stands, a line each.
    pub complaints: Vec<String>,
}

/// Why an export cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NoImport {
    /// It is not JSON.
    #[error("the export is not JSON")]
    NotJson(#[from] serde_json::Error),
    /// There is nothing in it for us.
    #[error("the export holds no Firehose destination: no object with a configuration that has mapEvents")]
    None,
    /// It cannot be written as YAML.
    #[error("failed to write a manifest")]
    Yaml(#[from] serde_yaml::Error),
}

/// Makes a manifest of each Firehose destination of an export that is enabled.
///
/// # Errors
///
/// See [`NoImport`]. What cannot be imported of an export that has destinations is a complaint and no error.
pub fn rudderstack(text: &str) -> Result<Imported, NoImport> {
    let export: Value = serde_json::from_str(text)?;
    let found = destinations(&export);
    if found.is_empty() {
        return Err(NoImport::None);
    }
    let mut imported = Imported::default();
    let (mut taken, mut disabled) = (BTreeSet::new(), String::new());
    for exported in &found {
        let called = exported.name.or(exported.id).unwrap_or("(without a name)");
        if !exported.is_enabled {
            let note = format!("NOT IMPORTED: {called:?} is disabled, so that nothing is sent to it.");
            disabled.push_str(&comment(&note));
            continue;
        }
        let name = name(exported.name.unwrap_or("firehose"), &mut taken);
        let (spec, notes) = spec(exported, &name);
        let manifest = json!({
            "apiVersion": "firehose-operator.dev/v1alpha1",
            "kind": "FirehoseDestination",
            "metadata": {"name": name},
            "spec": spec,
        });
        let manifest = serde_yaml::to_string(&manifest)?;
        if let Err(refused) = destination(&manifest) {
            imported
                .complaints
                .push(format!("{called:?} is not valid as it stands: {refused}"));
        }
        if imported.count > 0 {
            imported.manifests.push_str("---\n");
        }
        imported
            .manifests
            .push_str(&comment(&format!("From RudderStack: {called:?}.")));
        for note in notes {
            imported.manifests.push_str(&comment(&format!("- {note}")));
        }
        imported.manifests.push_str(&manifest);
        imported.count += 1;
    }
    imported.manifests.push_str(&disabled);
    if imported.count == 0 {
        imported
            .complaints
            .push("nothing was imported: every Firehose destination of the export is disabled".to_owned());
    }
    Ok(imported)
}

/// On one line, whatever is in it.
fn comment(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# {text}\n")
}

/// The spec, and what of the export has no place in it.
fn spec(exported: &Exported<'_>, name: &str) -> (Value, Vec<String>) {
    let config = exported.config;
    let (rows, mut notes) = rows(config.get("mapEvents"));
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| json!({"event": row.event, "deliveryStreamName": row.stream}))
        .collect();
    let mut spec = json!({"region": text(config, "region").unwrap_or_default(), "mappings": rows});
    if let Some(credentials) = credentials(config, name, &mut notes) {
        spec["credentials"] = credentials;
    }
    notes.push(
        "records end with a line break here and did not there; delivery.recordDelimiter: None is as it was".to_owned(),
    );
    if exported.transformations > 0 {
        notes.push(format!(
            "{} transformations have NO COUNTERPART",
            exported.transformations
        ));
    }
    for source in &exported.sources {
        let mut about = Vec::new();
        if !source.is_enabled {
            about.push("it is disabled".to_owned());
        }
        if source.has_write_key {
            about.push("its write key is not checked; ingest.authentication would".to_owned());
        }
        if source.others > 0 {
            about.push(format!("its {} other destinations have NO COUNTERPART", source.others));
        }
        if source.has_tracking_plan {
            about.push("its tracking plan has NO COUNTERPART".to_owned());
        }
        notes.push(format!(
            "events came from the source {:?}: {}",
            source.name,
            about.join("; ")
        ));
    }
    for (key, value) in config {
        if !KNOWN.contains(&key.as_str()) && says_something(value) {
            notes.push(format!("config.{key} has NO COUNTERPART"));
        }
    }
    (spec, notes)
}

/// Whose keys: of a role, of a user, or whatever is found. Never the keys themselves.
fn credentials(config: &Map<String, Value>, name: &str, notes: &mut Vec<String>) -> Option<Value> {
    let by_role = config.get("roleBasedAuth").and_then(Value::as_bool);
    let role = text(config, "iamRoleARN").filter(|_| by_role != Some(false));
    if let Some(role) = role {
        let mut assumed = json!({"roleARN": role});
        if let Some(external_id) = text(config, "externalID") {
            assumed["externalID"] = json!(external_id);
        }
        notes.push(
            "the role trusts RudderStack's account and its workspace ID; it must trust the pods' own identity instead: \
             firehose-operator iam-policy --document trust"
                .to_owned(),
        );
        return Some(json!({"assumeRoles": [assumed]}));
    }
    let has_keys = ["accessKeyID", "accessKey"]
        .iter()
        .all(|key| text(config, key).is_some());
    if !has_keys {
        notes.push("no credentials were configured: whatever the pods have is used".to_owned());
        return None;
    }
    let secret = format!("{name}-aws");
    notes.push(format!(
        "the access key is not written here; it belongs into the Secret {secret}: kubectl create secret generic {secret} \
         --from-literal=AWS_ACCESS_KEY_ID=… --from-literal=AWS_SECRET_ACCESS_KEY=…"
    ));
    Some(json!({"type": "Static", "static": {"secretRef": {"name": secret}}}))
}

fn text<'a>(config: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    config
        .get(name)?
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// Whether a value that is not known would be missed.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(says_something),
        Value::Object(fields) => fields.values().any(says_something),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// A name that an object can have, and that no other of these has.
fn name(given: &str, taken: &mut BTreeSet<String>) -> String {
    let plain: String = given
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let plain = plain.trim_matches('-');
    let plain = match plain.starts_with(|first: char| first.is_ascii_lowercase()) {
        true => plain.to_owned(),
        false => format!("firehose-{plain}"),
    };
    let cut = |text: &str, most: usize| text[..text.len().min(most)].trim_end_matches('-').to_owned();
    let mut chosen = cut(&plain, MAX_NAME);
    let mut number = 2;
    while !taken.insert(chosen.clone()) {
        let end = format!("-{number}");
        chosen = format!("{}{end}", cut(&plain, MAX_NAME - end.len()));
        number += 1;
    }
    chosen
}
