//! Names of sources: who sends events, as the custom resource calls them.

use std::{fmt, sync::Arc};

/// Name of a source: 1 to 63 of `a-z 0-9 -`, with a letter or digit at both ends. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceName(Arc<str>);

/// A string that is not the name of a source.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not the name of a source: 1 to 63 lower-case letters, digits and '-', with no '-' at the ends")]
pub struct InvalidSourceName(String);

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
