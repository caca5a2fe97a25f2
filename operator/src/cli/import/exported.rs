//! Finds Firehose destinations in a JSON export, whatever lies around them. Pure.
//!
//! RudderStack writes them in several shapes: a workspace with sources and their destinations, as its servers read it;
//! the same as its servers print it, with capital letters; an answer of its API; the configuration of one destination
//! alone. All have an object with a `config` that maps events.

use serde_json::{Map, Value};

/// Deeper than any of them is.
const MAX_DEPTH: usize = 32;

/// What RudderStack calls the destination.
const TYPE: &str = "FIREHOSE";

/// A Firehose destination in an export.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Exported<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) is_enabled: bool,
    pub(super) config: &'a Map<String, Value>,
    pub(super) transformations: usize,
    /// The sources that are connected to it, each once.
    pub(super) sources: Vec<Source<'a>>,
}

/// A source of events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) is_enabled: bool,
    pub(super) has_write_key: bool,
    /// Destinations of it that are not Firehose.
    pub(super) others: usize,
    pub(super) has_tracking_plan: bool,
}

/// A member by its name, whether its first letter is a capital one or not.
pub(super) fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let object = object.as_object()?;
    let is_same = |key: &&String| key.eq_ignore_ascii_case(name);
    let found = object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| is_same(key)).map(|(_, value)| value));
    found.filter(|value| !value.is_null())
}

/// Every Firehose destination, each once, in the order of the export.
pub(super) fn destinations(export: &Value) -> Vec<Exported<'_>> {
    let mut found: Vec<Exported<'_>> = Vec::new();
    let mut open = vec![(export, None, 0)];
    while let Some((value, source, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            continue;
        }
        if let Some(destination) = exported(value) {
            add(&mut found, destination, source);
            continue;
        }
        if is_other_destination(value) {
            continue;
        }
        match value {
            Value::Object(members) => {
                let is_source = member(value, "destinations").is_some_and(Value::is_array) && is_source(value);
                let source = if is_source { Some(value) } else { source };
                open.extend(members.values().rev().map(|inner| (inner, source, depth + 1)));
            }
            Value::Array(items) => open.extend(items.iter().rev().map(|inner| (inner, source, depth + 1))),
            _ => {}
        }
    }
    found
}

/// One that is connected to several sources occurs once for each.
fn add<'a>(found: &mut Vec<Exported<'a>>, destination: Exported<'a>, source: Option<&'a Value>) {
    let source = source.map(describe);
    let known = found
        .iter_mut()
        .find(|known| known.id.is_some() && known.id == destination.id);
    let known = match known {
        Some(known) => known,
        None => {
            found.push(destination);
            found.last_mut().expect("one was pushed")
        }
    };
    known
        .sources
        .extend(source.filter(|source| !known.sources.contains(source)));
}

fn exported(value: &Value) -> Option<Exported<'_>> {
    let text = |name: &str| member(value, name).and_then(Value::as_str);
    let (config, bare) = match member(value, "config").and_then(Value::as_object) {
        Some(config) => (config, false),
        // The configuration alone.
        None => (
            value.as_object().filter(|config| config.contains_key("mapEvents"))?,
            true,
        ),
    };
    let definition = member(value, "destinationDefinition").and_then(|definition| member(definition, "name"));
    let kind = definition.and_then(Value::as_str).or(text("type"));
    let is_firehose = match kind {
        Some(kind) => kind.eq_ignore_ascii_case(TYPE),
        // Kinesis has mappings of another name, and nothing else has any.
        None => bare || config.contains_key("mapEvents"),
    };
    is_firehose.then(|| Exported {
        id: text("id"),
        name: text("name").filter(|_| !bare),
        is_enabled: member(value, "enabled").and_then(Value::as_bool).unwrap_or(true),
        config,
        transformations: member(value, "transformations")
            .and_then(Value::as_array)
            .map_or(0, Vec::len),
        sources: Vec::new(),
    })
}

/// Of another kind: what is in its configuration is not ours to read.
fn is_other_destination(value: &Value) -> bool {
    let is_named = ["destinationDefinition", "type"]
        .iter()
        .any(|name| member(value, name).is_some());
    is_named && member(value, "config").is_some() && member(value, "destinations").is_none()
}

fn is_source(value: &Value) -> bool {
    ["writeKey", "sourceDefinition"]
        .iter()
        .any(|name| member(value, name).is_some())
}

fn describe(source: &Value) -> Source<'_> {
    let destinations = member(source, "destinations").and_then(Value::as_array);
    let others = destinations
        .into_iter()
        .flatten()
        .filter(|one| exported(one).is_none())
        .count();
    let plan = member(source, "dgSourceTrackingPlanConfig");
    Source {
        name: member(source, "name")
            .and_then(Value::as_str)
            .unwrap_or("(without a name)"),
        is_enabled: member(source, "enabled").and_then(Value::as_bool).unwrap_or(true),
        has_write_key: member(source, "writeKey").is_some(),
        others,
        has_tracking_plan: plan.and_then(|plan| member(plan, "trackingPlan")).is_some(),
    }
}
