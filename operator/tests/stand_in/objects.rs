//! What the stand-in keeps: objects by path, and the events that watches are told of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Where an object is: its collection, for example `/api/v1/configmaps`, its namespace and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) collection: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Address {
    /// From a request's path. The name is empty where the path is a collection's.
    pub(crate) fn parse(path: &str) -> (Self, bool) {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let prefix = if segments[0] == "api" { 2 } else { 3 };
        let (namespace, rest) = match &segments[prefix..] {
            ["namespaces", namespace, rest @ ..] => (*namespace, rest),
            rest => ("", rest),
        };
        let address = Self {
            collection: format!("/{}/{}", segments[..prefix].join("/"), rest[0]),
            namespace: namespace.to_owned(),
            name: rest.get(1).copied().unwrap_or_default().to_owned(),
        };
        (address, rest.get(2) == Some(&"status"))
    }
}

/// Every object, and every change of one.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    version: u64,
    stored: BTreeMap<Address, Value>,
    /// Version, collection, and the line that a watch shows.
    events: Vec<(u64, String, String)>,
}

impl Objects {
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn get(&self, address: &Address) -> Option<&Value> {
        self.stored.get(address)
    }

    pub(crate) fn list(&self, collection: &str) -> Vec<&Value> {
        let found = self.stored.iter().filter(|(at, _)| at.collection == collection);
        found.map(|(_, object)| object).collect()
    }

    /// What a watch of `collection` has to show after `version`, and the version it is then at.
    pub(crate) fn events_after(&self, collection: &str, version: u64) -> (String, u64) {
        let new = self
            .events
            .iter()
            .filter(|(at, of, _)| *at > version && of == collection);
        (new.map(|(_, _, line)| line.as_str()).collect(), self.version)
    }

    /// Merges `patch` into the object, or makes it; of the status subresource only the status. Refused with a conflict
    /// when it names another version or UID. Changes nothing, and tells no watch, when the object is so already.
    pub(crate) fn patch(&mut self, address: &Address, patch: &Value, is_status: bool) -> Result<Value, &'static str> {
        let before = self.stored.get(address).cloned();
        for precondition in ["uid", "resourceVersion"] {
            let wanted = &patch["metadata"][precondition];
            let found = before
                .as_ref()
                .map_or(&Value::Null, |before| &before["metadata"][precondition]);
            if !wanted.is_null() && wanted != found {
                return Err("the object is another one, or a newer one");
            }
        }
        let mut object = before.clone().unwrap_or_else(|| json!({"metadata": {}}));
        if is_status {
            merge(&mut object["status"], &patch["status"]);
            merge(
                &mut object["metadata"]["annotations"],
                &patch["metadata"]["annotations"],
            );
        } else {
            merge(&mut object, patch);
        }
        if before.as_ref() == Some(&object) {
            return Ok(object);
        }
        self.version += 1;
        let metadata = &mut object["metadata"];
        metadata["namespace"] = json!(address.namespace);
        metadata["name"] = json!(address.name);
        metadata["resourceVersion"] = json!(self.version.to_string());
        if metadata["uid"].is_null() {
            metadata["uid"] = json!(format!("uid-{}", self.version));
        }
        let generation = metadata["generation"].as_i64().unwrap_or(0);
        if before.as_ref().is_none_or(|before| before["spec"] != object["spec"]) {
            object["metadata"]["generation"] = json!(generation + 1);
        }
        let event = if before.is_some() { "MODIFIED" } else { "ADDED" };
        self.tell(event, address, &object);
        self.stored.insert(address.clone(), object.clone());
        Ok(object)
    }

    /// Removes an object, and tells watches.
    pub(crate) fn delete(&mut self, address: &Address) -> Option<Value> {
        let object = self.stored.remove(address)?;
        self.version += 1;
        self.tell("DELETED", address, &object);
        Some(object)
    }

    fn tell(&mut self, event: &str, address: &Address, object: &Value) {
        let line = format!("{}\n", json!({"type": event, "object": object}));
        self.events.push((self.version, address.collection.clone(), line));
    }
}

/// As a JSON merge patch, without removals: maps are merged, everything else is replaced.
fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (_, Value::Null) => {}
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, patch) => into.clone_from(patch),
    }
}
