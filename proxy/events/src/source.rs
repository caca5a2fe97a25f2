//! Sources: who sends events, as the custom resource calls them, and where a record says so.

use std::{fmt, sync::Arc};

/// Name of a source: 1 to 63 of `a-z 0-9 -`, with a letter or digit at both ends. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceName(Arc<str>);

/// A string that is not the name of a source.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not the name of a source: 1 to 63 lower-case letters, digits and '-', with no '-' at the ends")]
pub struct InvalidSourceName(String);

/// Who sends the events of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sender<'a> {
    /// Name of the source; empty when the sender has none.
    pub source: &'a str,
    /// Where its records say so.
    pub field: Option<&'a SourceField>,
}

/// The field of a record that the name of the source is written to: the names that lead there, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceField(Vec<String>);

/// A place that no field can have.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no field that the source can be written to: names with dots between them")]
pub struct InvalidSourceField(String);

impl SourceField {
    /// The names from the outermost to the innermost.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<&str> for SourceField {
    type Error = InvalidSourceField;

    fn try_from(path: &str) -> Result<Self, Self::Error> {
        let names: Vec<String> = path.split('.').map(str::to_owned).collect();
        if path.len() > MAX_FIELD_BYTES || names.iter().any(|name| name.is_empty() || name.contains('*')) {
            return Err(InvalidSourceField(path.chars().take(80).collect()));
        }
        Ok(Self(names))
    }
}

/// Most bytes of a field's names and the dots between them.
const MAX_FIELD_BYTES: usize = 256;
/// Most bytes of a name.
const MAX_BYTES: usize = 63;

impl SourceName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for SourceName {
    type Error = InvalidSourceName;

    fn try_from(name: &str) -> Result<Self, Self::Error> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let has_ends = !name.starts_with('-') && !name.ends_with('-');
        if name.is_empty() || name.len() > MAX_BYTES || !name.bytes().all(allowed) || !has_ends {
            return Err(InvalidSourceName(name.chars().take(80).collect()));
        }
        Ok(Self(Arc::from(name)))
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_custom_resource_takes() {
        for name in ["", "-", "-a", "a-", "A", "a b", "a.b", "ä", "a\"b", &"x".repeat(64)] {
            assert!(SourceName::try_from(name).is_err(), "{name:?}");
        }
        for name in ["a", "9", "web-shop-2", &"x".repeat(63)] {
            assert_eq!(SourceName::try_from(name).unwrap().as_str(), name);
        }
    }
}
