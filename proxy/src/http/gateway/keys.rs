//! The write keys in force, compared in constant time. What reads them, and anew, is [`super::held`].

use std::{hint::black_box, io, path::Path};

use firehose_proxy_config::WriteKeys;

use super::held::{Held, Kind, read_file};

/// Write keys by the directory that a configuration names.
#[derive(Debug, Default)]
pub(super) struct KeyRing(pub(super) Held<Keys>);

/// What is held.
pub(super) const WRITE_KEYS: &Kind<Keys> = &Kind {
    name: "write keys",
    directory: |document| Some(&document.ingest.write_keys.as_ref()?.directory),
    read,
};

/// Usable write keys: at least one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keys(Vec<String>);

/// What a write key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One of the keys.
    Known,
    /// None of them.
    Unknown,
    /// The keys are not there.
    NoKeys,
}

/// Largest file of write keys.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// Longest write key. A comparison takes as long as one of this length.
const MAX_KEY_BYTES: usize = 256;

impl KeyRing {
    /// Judges a key by the file in the directory that the configuration of a request names.
    pub(super) fn judge(&self, named: &WriteKeys, key: &str) -> Verdict {
        match self.0.of(&named.directory) {
            None => Verdict::NoKeys,
            Some(keys) if keys.contain(key) => Verdict::Known,
            Some(_) => Verdict::Unknown,
        }
    }
}

/// One key a line; blank lines and white space around a key do not count.
fn read(directory: &Path) -> io::Result<Keys> {
    let bytes = read_file(&directory.join(WriteKeys::FILE), MAX_FILE_BYTES)?;
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    let keys: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|key| !key.is_empty())
        .map(str::to_owned)
        .collect();
    if keys.is_empty() || keys.iter().any(|key| key.len() > MAX_KEY_BYTES) {
        return Err(io::Error::other(format!(
            "the file of write keys holds none, or one over {MAX_KEY_BYTES} bytes"
        )));
    }
    Ok(Keys(keys))
}

impl Keys {
    /// Takes equally long whichever key it is, how much of one matches, and whether any does.
    fn contain(&self, presented: &str) -> bool {
        let byte = |text: &str, index: usize| text.as_bytes().get(index).copied().unwrap_or(0);
        let differs = |key: &String| {
            let bytes = (0..MAX_KEY_BYTES).fold(0, |differs, index| {
                black_box(differs | byte(key, index) ^ byte(presented, index))
            });
            usize::from(bytes) | (key.len() ^ presented.len())
        };
        self.0
            .iter()
            .fold(false, |found, key| black_box(found | (differs(key) == 0)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_key_is_known_by_all_of_its_bytes() {
        let keys = Keys(vec!["alpha".to_owned(), "beta".to_owned()]);
        assert!(keys.contain("alpha") && keys.contain("beta"));
        for other in [
            "",
            "alph",
            "alphab",
            "Alpha",
            "alpha\0",
            "alpha\nbeta",
            &"a".repeat(1000),
        ] {
            assert!(!keys.contain(other), "{other:?}");
        }
    }

    #[test]
    fn a_file_has_one_key_a_line_and_at_least_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(WriteKeys::FILE);
        assert!(read(directory.path()).is_err());
        for (text, keys) in [
            ("one\n", vec!["one"]),
            (" one \r\n\n two", vec!["one", "two"]),
            ("", vec![]),
            ("\n \n", vec![]),
            (&"k".repeat(MAX_KEY_BYTES + 1), vec![]),
            (&"k\n".repeat(40_000), vec![]),
        ] {
            fs::write(&path, text).unwrap();
            let read = read(directory.path()).map_or(Vec::new(), |keys| keys.0);
            assert_eq!(read, keys, "{:?}", text.get(..20));
        }
    }
}
