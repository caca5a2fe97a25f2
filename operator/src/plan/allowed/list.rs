//! A list of what an installation allows, as people write it.

use std::{fmt, str::FromStr};

/// Most entries that a refusal repeats.
const MAX_SHOWN: usize = 8;

/// What an installation allows of one kind: names one by one, all of a prefix, or anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// `*`
    Anything,
    /// `example.com/*`, kept with its slash.
    Under(String),
    /// `team`
    One(String),
}

/// Why something is no entry of such a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no entry of a list: write a whole name, a prefix as in example.com/*, or * for anything")]
pub struct NoEntry(String);

impl AllowList {
    /// Whatever there is.
    pub fn anything() -> Self {
        Self(vec![Entry::Anything])
    }

    /// The entries of a list as they are written on a command line. Empty ones stand for none, so that an empty list
    /// can be said.
    ///
    /// # Errors
    ///
    /// When one is none.
    pub fn of(entries: &[String]) -> Result<Self, NoEntry> {
        let entries = entries.iter().map(|entry| entry.trim());
        let entries = entries.filter(|entry| !entry.is_empty()).map(str::parse);
        Ok(Self(entries.collect::<Result<_, _>>()?))
    }

    /// Whether this is allowed.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::Anything => true,
            Entry::Under(prefix) => name.len() > prefix.len() && name.starts_with(prefix),
            Entry::One(one) => one == name,
        })
    }

    /// Whether this is allowed by its own name, and not with others.
    pub fn names(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|entry| matches!(entry, Entry::One(one) if one == name))
    }

    /// Whether anything is allowed.
    pub fn is_anything(&self) -> bool {
        self.0.contains(&Entry::Anything)
    }
}

impl FromStr for Entry {
    type Err = NoEntry;

    fn from_str(text: &str) -> Result<Self, NoEntry> {
        if text == "*" {
            return Ok(Self::Anything);
        }
        let prefix = text
            .strip_suffix('*')
            .filter(|prefix| prefix.len() > 1 && prefix.ends_with('/'));
        let whole = prefix.unwrap_or(text);
        if whole.contains('*') || whole.chars().any(char::is_whitespace) {
            return Err(NoEntry(text.to_owned()));
        }
        Ok(match prefix {
            Some(prefix) => Self::Under(prefix.to_owned()),
            None => Self::One(text.to_owned()),
        })
    }
}

impl fmt::Display for AllowList {
    /// For a refusal: what is allowed instead.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("none is");
        }
        for (index, entry) in self.0.iter().take(MAX_SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            match entry {
                Entry::Anything => write!(formatter, "{separator}*")?,
                Entry::Under(prefix) => write!(formatter, "{separator}{prefix}*")?,
                Entry::One(one) => write!(formatter, "{separator}{one}")?,
            }
        }
        match self.0.len().saturating_sub(MAX_SHOWN) {
            0 => formatter.write_str(if self.0.len() == 1 { " is" } else { " are" }),
            more => write!(formatter, " and {more} more are"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> AllowList {
        AllowList::of(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn an_entry_is_a_whole_name_or_a_prefix_that_ends_with_its_slash() {
        let list = list(&["team", "example.com/*"]);
        for allowed in ["team", "example.com/owner"] {
            assert!(list.has(allowed), "{allowed}");
        }
        for refused in [
            "",
            "tea",
            "teams",
            "a.example.com/owner",
            "example.com",
            "example.com/",
            "example.community/a",
        ] {
            assert!(!list.has(refused), "{refused}");
        }
        assert!(list.names("team") && !list.names("example.com/owner"));
    }

    #[test]
    fn what_would_read_like_another_pattern_is_no_entry() {
        for wrong in ["te*", "*/team", "a*/b", "example.com/**", "/*", "a b"] {
            assert_eq!(AllowList::of(&[wrong.to_owned()]), Err(NoEntry(wrong.to_owned())));
        }
    }

    #[test]
    fn an_empty_list_can_be_said_and_a_long_one_is_cut_short() {
        assert_eq!(list(&[""]), AllowList::default());
        assert_eq!(AllowList::default().to_string(), "none is");
        assert_eq!(list(&["a"]).to_string(), "a is");
        assert_eq!(list(&["a", "b/*"]).to_string(), "a, b/* are");
        let many = list(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
        assert!(many.to_string().ends_with(", h and 2 more are"), "{many}");
    }
}
