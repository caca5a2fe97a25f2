//! The write keys in force: read from a mounted Secret, read anew whenever it changes, compared in constant time.
//!
//! Fails closed. A destination that names write keys which cannot be read lets nobody in; nothing here decides that a
//! missing file means that no key is needed.
//!
//! One thing goes on open: a process that served without keys, and is told of keys that its pod has no directory for.
//! Its pod was made before the keys were asked for and is about to be replaced; to refuse everything until then would
//! make an outage of the switch. A process that starts like that lets nobody in.

use std::{
    fs::File,
    hint::black_box,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use arc_swap::ArcSwapOption;
use firehose_proxy_config::{
    WriteKeys,
    report::{MAX_DETAIL_CHARS, WriteKeysReport, WriteKeysState},
    secret_revision,
};
use tokio::{sync::watch, task::spawn_blocking};
use tracing::{info, warn};

use crate::{
    config::{self, Mounted, Snapshot},
    descriptors::{is_shortage, say_shortage},
};

/// Write keys by the directory that a configuration names. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Arc<ArcSwapOption<Rule>>);

/// What is followed; nothing before the first configuration.
#[derive(Debug)]
enum Rule {
    /// No key is needed.
    Open,
    /// Keys are asked for, and there is no directory for them in a pod that served without.
    StillOpen,
    /// Those of this directory.
    Watched(Watched),
}

#[derive(Debug)]
struct Watched {
    directory: String,
    keys: Slot,
}

/// Where the watch of one directory leaves what it reads; empty before the first look. Each watch has its own, so that
/// the last look of a watch that has ended overwrites nothing.
type Slot = Arc<ArcSwapOption<Look>>;

/// What a look at the file found.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Loaded { keys: Keys, revision: String },
    Missing,
    Unusable(String),
}

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
    /// No key is needed yet.
    StillOpen,
}

/// Largest file of write keys.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// Longest write key. A comparison takes as long as one of this length.
const MAX_KEY_BYTES: usize = 256;

impl KeyRing {
    /// Judges a key by the file in the directory that the configuration of a request names.
    pub(super) fn judge(&self, named: &WriteKeys, key: &str) -> Verdict {
        let rule = self.0.load();
        let watched = match rule.as_deref() {
            None => return Verdict::NoKeys,
            // The keys that were asked for a moment ago are not looked for yet.
            Some(Rule::Open | Rule::StillOpen) => return Verdict::StillOpen,
            Some(Rule::Watched(watched)) if watched.directory == named.directory => watched,
            Some(Rule::Watched(_)) => return Verdict::NoKeys,
        };
        match watched.keys.load().as_deref() {
            Some(Look::Loaded { keys, .. }) if keys.contain(key) => Verdict::Known,
            Some(Look::Loaded { .. }) => Verdict::Unknown,
            _ => Verdict::NoKeys,
        }
    }

    /// How the keys are, for the report.
    pub(crate) fn report(&self) -> WriteKeysReport {
        let plain = |state| WriteKeysReport {
            state,
            ..WriteKeysReport::default()
        };
        let rule = self.0.load();
        let watched = match rule.as_deref() {
            None => return WriteKeysReport::default(),
            Some(Rule::Open) => return plain(WriteKeysState::NotRequired),
            Some(Rule::StillOpen) => return plain(WriteKeysState::Open),
            Some(Rule::Watched(watched)) => watched,
        };
        match watched.keys.load().as_deref() {
            None => plain(WriteKeysState::Unknown),
            Some(Look::Missing) => plain(WriteKeysState::Missing),
            Some(Look::Unusable(why)) => WriteKeysReport {
                detail: Some(why.chars().take(MAX_DETAIL_CHARS).collect()),
                ..plain(WriteKeysState::Incomplete)
            },
            Some(Look::Loaded { revision, .. }) => WriteKeysReport {
                revision: Some(revision.clone()),
                ..plain(WriteKeysState::Loaded)
            },
        }
    }

    /// Watches the directory that the configuration in force names, for ever.
    pub(super) async fn follow(&self, mut changes: watch::Receiver<Option<Arc<Snapshot>>>) {
        let mut watching: Option<(String, Option<Mounted>)> = None;
        loop {
            let snapshot = changes.borrow_and_update().clone();
            let named = snapshot.as_ref().and_then(|snapshot| {
                let keys = snapshot.document.ingest.write_keys.as_ref()?;
                Some(keys.directory.clone())
            });
            match named {
                None if snapshot.is_none() => {}
                None => {
                    self.0.store(Some(Arc::new(Rule::Open)));
                    watching = None;
                }
                Some(directory) if watching.as_ref().is_some_and(|(watched, _)| *watched == directory) => {}
                Some(directory) if self.is_open() && !is_there(&directory).await => {
                    warn!(
                        directory,
                        "write keys are asked for, and this pod was made without: it stays open until it is replaced"
                    );
                    self.0.store(Some(Arc::new(Rule::StillOpen)));
                }
                Some(directory) => watching = Some((directory.clone(), self.watch(directory).await)),
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await; // the configuration is final
            }
        }
    }

    /// Whether this process has been serving without keys.
    fn is_open(&self) -> bool {
        matches!(self.0.load().as_deref(), Some(Rule::Open | Rule::StillOpen))
    }

    async fn watch(&self, directory: String) -> Option<Mounted> {
        let keys = Slot::default();
        self.0.store(Some(Arc::new(Rule::Watched(Watched {
            directory: directory.clone(),
            keys: Arc::clone(&keys),
        }))));
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

/// Whether there is such a directory, asked off the runtime's threads: a volume may hang. One that cannot be told to be
/// absent is there.
async fn is_there(directory: &str) -> bool {
    let directory = directory.to_owned();
    let absent = spawn_blocking(move || matches!(Path::new(&directory).try_exists(), Ok(false)));
    !absent.await.unwrap_or(false)
}

/// Reads the file and, if it says something else than before, puts that in force.
fn look(path: &Path, slot: &Slot) {
    let found = match read(path) {
        Ok(keys) => {
            let parts: Vec<&str> = keys.0.iter().map(String::as_str).collect();
            let revision = secret_revision(&parts);
            Look::Loaded { keys, revision }
        }
        // They are as good as before, and the next look is a second away.
        Err(error) if is_shortage(&error) => return say_shortage("reading the write keys", &error),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Look::Missing,
        Err(error) => Look::Unusable(error.to_string()),
    };
    if slot.load().as_deref() == Some(&found) {
        return;
    }
    match &found {
        Look::Loaded { keys, .. } => info!(keys = keys.0.len(), "write keys loaded"),
        Look::Missing => warn!("there are no write keys: no request is accepted until the Secret has them"),
        Look::Unusable(error) => warn!(%error, "the write keys cannot be used: no request is accepted"),
    }
    slot.store(Some(Arc::new(found)));
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

    use firehose_tests::document::DocumentText;

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

    fn configured(more: &str) -> Arc<Snapshot> {
        let document = DocumentText::everything_to("orders").more(more).to_string();
        Arc::new(Snapshot::unrouted(firehose_proxy_config::parse(&document).unwrap()))
    }

    fn with_keys(directory: &Path) -> Arc<Snapshot> {
        configured(&format!(
            "ingest: {{ writeKeys: {{ directory: {:?} }} }}",
            directory.display()
        ))
    }

    async fn until(ring: &KeyRing, state: WriteKeysState) {
        let reported = async {
            while ring.report().state != state {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let reported = tokio::time::timeout(std::time::Duration::from_secs(20), reported).await;
        reported.unwrap_or_else(|_| panic!("{state:?} is not reported, but {:?}", ring.report()));
    }

    #[tokio::test]
    async fn a_process_that_served_without_keys_stays_open_while_its_pod_has_no_place_for_them() {
        let pod = tempfile::tempdir().unwrap();
        let mount = pod.path().join("write-keys");
        let named = WriteKeys {
            directory: mount.display().to_string(),
        };
        let (configure, configuration) = watch::channel(Some(configured("")));
        let ring = KeyRing::default();
        let followed = ring.clone();
        tokio::spawn(async move { followed.follow(configuration).await });
        until(&ring, WriteKeysState::NotRequired).await;

        configure.send_replace(Some(with_keys(&mount)));
        until(&ring, WriteKeysState::Open).await;
        assert_eq!(ring.judge(&named, ""), Verdict::StillOpen);

        // A pod with a place for them refuses, whatever it did before.
        fs::create_dir(&mount).unwrap();
        configure.send_replace(Some(with_keys(&mount)));
        until(&ring, WriteKeysState::Missing).await;
        assert_eq!(ring.judge(&named, "one"), Verdict::NoKeys);
        fs::write(mount.join(WriteKeys::FILE), "one\n").unwrap();
        until(&ring, WriteKeysState::Loaded).await;
        assert_eq!(ring.judge(&named, "one"), Verdict::Known);
        let revision = ring.report().revision.unwrap();
        assert!(!revision.contains("one") && revision.len() == 16, "{revision}");
        fs::write(mount.join(WriteKeys::FILE), "\n").unwrap();
        until(&ring, WriteKeysState::Incomplete).await;
        assert!(ring.report().detail.is_some());
    }

    #[tokio::test]
    async fn a_process_that_starts_without_a_place_for_its_keys_lets_nobody_in() {
        let pod = tempfile::tempdir().unwrap();
        let mount = pod.path().join("write-keys");
        let (_configure, configuration) = watch::channel(Some(with_keys(&mount)));
        let ring = KeyRing::default();
        let followed = ring.clone();
        tokio::spawn(async move { followed.follow(configuration).await });
        until(&ring, WriteKeysState::Missing).await;
        let named = WriteKeys {
            directory: mount.display().to_string(),
        };
        assert_eq!(ring.judge(&named, ""), Verdict::NoKeys);
    }
}
