//! Which objects a document stands for: itself, or the items of a list. As kubectl's builder decides it.

use serde_json::{Map, Value};

use super::unreadable::Unreadable;

/// Adds the objects of a document that begins at `line`. Nothing is no object and no mistake.
///
/// # Errors
///
/// When it is, or holds, something without a kind.
pub(super) fn take_apart(document: Value, line: usize, found: &mut Vec<Value>) -> Result<(), Unreadable> {
    let mut object = match document {
        Value::Null => return Ok(()),
        Value::Object(object) => object,
        _ => return Err(Unreadable::new(line, "the document is no object")),
    };
    let heading = Heading::of(&object, line)?;
    if heading.kind.is_empty() {
        return Err(Unreadable::new(line, "the object has no kind"));
    }
    let items = match object.remove("items") {
        None => {
            found.push(Value::Object(object));
            return Ok(());
        }
        Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(Unreadable::new(line, "the items of a list are no list")),
    };
    for (number, item) in items.into_iter().enumerate() {
        let refuse = |what: &str| Unreadable::new(line, format!("items[{number}] {what}"));
        let Value::Object(mut item) = item else {
            return Err(refuse("is no object"));
        };
        let mut own = Heading::of(&item, line)?;
        if own.kind.is_empty() && own.api_version.is_empty() {
            own = heading.of_items();
            item.insert("kind".to_owned(), own.kind.clone().into());
            item.insert("apiVersion".to_owned(), own.api_version.clone().into());
        }
        if own.kind.is_empty() || own.api_version.is_empty() {
            return Err(refuse("has no kind or no apiVersion"));
        }
        if item.contains_key("items") {
            return Err(refuse("is a list of its own"));
        }
        found.push(Value::Object(item));
    }
    Ok(())
}

/// What an object says that it is.
struct Heading {
    api_version: String,
    kind: String,
}

impl Heading {
    fn of(object: &Map<String, Value>, line: usize) -> Result<Self, Unreadable> {
        let text = |field: &str| match object.get(field) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(Unreadable::new(line, format!("{field} is no text, write it in quotes"))),
        };
        Ok(Self {
            api_version: text("apiVersion")?,
            kind: text("kind")?,
        })
    }

    /// What items are that do not say it themselves.
    fn of_items(&self) -> Self {
        Self {
            api_version: self.api_version.clone(),
            kind: self.kind.strip_suffix("List").unwrap_or(&self.kind).to_owned(),
        }
    }
}
