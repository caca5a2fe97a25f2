//! The write keys in force: read from a mounted Secret, read anew whenever it changes, compared in constant time.
//!
//! Fails closed. A destination that names write keys which cannot be read lets nobody in; nothing here decides that a
//! missing file means that no key is needed.

use std::{
    fs::File,
    hint::black_box,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use arc_swap::ArcSwapOption;
use firehose_proxy_config::WriteKeys;
use tokio::{sync::watch, task::spawn_blocking};
use tracing::{info, warn};

use crate::{
    config::{self, Mounted, Snapshot},
    descriptors::{is_shortage, say_shortage},
};

/// Write keys by the directory that a configuration names.
#[derive(Debug, Default)]
pub(super) struct KeyRing(ArcSwapOption<Watched>);

#[derive(Debug)]
struct Watched {
    directory: String,
    keys: Slot,
}

/// Where the watch of one directory leaves what it reads; empty while there is nothing usable. Each watch has its own,
/// so that the last look of a watch that has ended overwrites nothing.
type Slot = Arc<ArcSwapOption<Keys>>;

/// Usable write keys: at least one.
#[derive(Debug, PartialEq, Eq)]
struct Keys(Vec<String>);

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
        let watched = self.0.load();
        let Some(watched) = watched.as_ref().filter(|watched| watched.directory == named.directory) else {
            return Verdict::NoKeys;
        };
        match watched.keys.load().as_ref() {
            None => Verdict::NoKeys,
            Some(keys) if keys.contain(key) => Verdict::Known,
            Some(_) => Verdict::Unknown,
        }
    }

    /// Watches the directory that the configuration in force names, for ever.
    pub(super) async fn follow(&self, mut changes: watch::Receiver<Option<Arc<Snapshot>>>) {
        let mut watching: Option<(String, Option<Mounted>)> = None;
        loop {
            let named = changes.borrow_and_update().as_ref().and_then(|snapshot| {
                let keys = snapshot.document.ingest.write_keys.as_ref()?;
                Some(keys.directory.clone())
            });
            if named.as_ref() != watching.as_ref().map(|(directory, _)| directory) {
                watching = match named {
                    None => {
                        self.0.store(None);
                        None
                    }
                    Some(directory) => Some((directory.clone(), self.watch(directory).await)),
                };
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await; // the configuration is final
            }
        }
    }

    async fn watch(&self, directory: String) -> Option<Mounted> {
        let keys = Slot::default();
        self.0.store(Some(Arc::new(Watched {
            directory: directory.clone(),
            keys: Arc::clone(&keys),
        })));
        let started = spawn_blocking(move || {
            let path = Path::new(&directory).join(WriteKeys::FILE);
            config::watch(Path::new(&directory), move || look(&path, &keys))
        });
        match started.await.map_err(io::Error::other).flatten() {
            Ok(mounted) => Some(mounted),
            Err(error) => {
                tracing::error!(%error, "failed to watch the write keys, no request is accepted");
                None
            }
        }
    }
}

/// Reads the file and, if it says something else than before, puts that in force.
fn look(path: &Path, slot: &Slot) {
    let before = slot.load_full();
    match read(path) {
        Ok(keys) if before.as_deref() == Some(&keys) => {}
        Ok(keys) => {
            info!(keys = keys.0.len(), "write keys loaded");
            slot.store(Some(Arc::new(keys)));
        }
        // They are as good as before, and the next look is a second away.
        Err(error) if is_shortage(&error) => say_shortage("reading the write keys", &error),
        Err(error) => {
            if slot.swap(None).is_some() {
                warn!(%error, "the write keys are gone, no request is accepted until they are back");
            }
        }
    }
}

/// One key a line; blank lines and white space around a key do not count.
fn read(path: &Path) -> io::Result<Keys> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!(
            "the file of write keys is over {MAX_FILE_BYTES} bytes"
        )));
    }
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
        assert!(read(&path).is_err());
        for (text, keys) in [
            ("one\n", vec!["one"]),
            (" one \r\n\n two", vec!["one", "two"]),
            ("", vec![]),
            ("\n \n", vec![]),
            (&"k".repeat(MAX_KEY_BYTES + 1), vec![]),
            (&"k\n".repeat(40_000), vec![]),
        ] {
            fs::write(&path, text).unwrap();
            let read = read(&path).map_or(Vec::new(), |keys| keys.0);
            assert_eq!(read, keys, "{:?}", text.get(..20));
        }
    }
}
