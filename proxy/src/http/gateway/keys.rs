//! The write keys in force: read from a mounted Secret, read anew whenever it changes, compared in constant time.
//!
//! Fails closed. A destination that names write keys which cannot be read lets nobody in; nothing here decides that a
//! missing file means that no key is needed.
//!
//! One thing goes on open: a process that served without keys, and is told of keys that its pod has no directory for.
//! Its pod was made before the keys were asked for and is about to be replaced; to refuse everything until then would
//! make an outage of the switch. A process that starts like that lets nobody in.

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    hint::black_box,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwapOption;
use firehose_proxy_config::{
    report::{MAX_DETAIL_CHARS, SourceReport, WriteKeysReport, WriteKeysState},
    secret_revision,
};
use tokio::{sync::watch, task::spawn_blocking};
use tracing::{info, warn};

use crate::{
    config::{self, KeyPlaces, Mounted, Snapshot},
    descriptors::{is_shortage, say_shortage},
    source::SourceName,
};

/// Write keys by the directories that a configuration names. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Arc<ArcSwapOption<Rule>>);

/// What is followed; nothing before the first configuration.
#[derive(Debug)]
enum Rule {
    /// No key is needed.
    Open,
    /// Keys are asked for, and there is no directory for them in a pod that served without.
    StillOpen,
    /// Those of these places.
    Watched(Arc<Watched>),
}

#[derive(Debug)]
struct Watched {
    places: Arc<KeyPlaces>,
    lists: Vec<List>,
}

/// One file of keys.
#[derive(Debug, Clone)]
struct List {
    /// Whose they are; `None` of those that are nobody's.
    source: Option<SourceName>,
    file: PathBuf,
    keys: Slot,
}

/// Where a watch leaves what it reads of a file; empty before the first look.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// One of the keys, and whose.
    Known(Option<SourceName>),
    /// None of them.
    Unknown,
    /// It is none of those that are there, and others are not there.
    NoKeys,
    /// No key is needed yet.
    StillOpen,
}

/// Largest file of write keys.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// Longest write key. A comparison takes as long as one of this length.
const MAX_KEY_BYTES: usize = 256;

impl KeyRing {
    /// Judges a key by the files that the configuration of a request names. A key that stands in several is that of
    /// the source that the document names first.
    pub(super) fn judge(&self, named: &Arc<KeyPlaces>, key: &str) -> Verdict {
        let rule = self.0.load();
        let watched = match rule.as_deref() {
            None => return Verdict::NoKeys,
            // The keys that were asked for a moment ago are not looked for yet.
            Some(Rule::Open | Rule::StillOpen) => return Verdict::StillOpen,
            Some(Rule::Watched(watched)) if watched.places == *named => watched,
            Some(Rule::Watched(_)) => return Verdict::NoKeys,
        };
        let mut verdict = Verdict::Unknown;
        // All of them are compared with, so that the time tells nobody whose a key is.
        for list in &watched.lists {
            let of_list = match list.keys.load().as_deref() {
                Some(Look::Loaded { keys, .. }) if keys.contain(key) => Verdict::Known(list.source.clone()),
                Some(Look::Loaded { .. }) => Verdict::Unknown,
                _ => Verdict::NoKeys,
            };
            verdict = match (verdict, of_list) {
                (known @ Verdict::Known(_), _) | (Verdict::Unknown, known) => known,
                (_, known @ Verdict::Known(_)) => known,
                (other, _) => other,
            };
        }
        verdict
    }

    /// Whether any of the keys that the configuration of a request names are there, or none are needed yet.
    pub(super) fn has_any(&self, named: &Arc<KeyPlaces>) -> bool {
        match self.0.load().as_deref() {
            None => false,
            Some(Rule::Open | Rule::StillOpen) => true,
            Some(Rule::Watched(watched)) => {
                let is_loaded = |list: &List| matches!(list.keys.load().as_deref(), Some(Look::Loaded { .. }));
                watched.places == *named && watched.lists.iter().any(is_loaded)
            }
        }
    }

    /// How the keys are, for the report: all of them, then those of each source.
    pub(crate) fn report(&self) -> (WriteKeysReport, Vec<SourceReport>) {
        let plain = |state| WriteKeysReport {
            state,
            ..WriteKeysReport::default()
        };
        let rule = self.0.load();
        let watched = match rule.as_deref() {
            None => return Default::default(),
            Some(Rule::Open) => return (plain(WriteKeysState::NotRequired), Vec::new()),
            Some(Rule::StillOpen) => return (plain(WriteKeysState::Open), Vec::new()),
            Some(Rule::Watched(watched)) => watched,
        };
        let reports: Vec<_> = watched.lists.iter().map(|list| (list, list.report())).collect();
        let sources = reports.iter().filter_map(|(list, report)| {
            Some(SourceReport {
                name: list.source.as_ref()?.to_string(),
                write_keys: report.clone(),
            })
        });
        (worst(&reports), sources.collect())
    }

    /// Watches the directories that the configuration in force names, for ever.
    pub(super) async fn follow(&self, mut changes: watch::Receiver<Option<Arc<Snapshot>>>) {
        let mut watching: Option<(Arc<Watched>, Vec<Option<Mounted>>)> = None;
        loop {
            let snapshot = changes.borrow_and_update().clone();
            let named = snapshot.as_ref().and_then(|snapshot| snapshot.key_places.clone());
            match named {
                None if snapshot.is_none() => {}
                None => {
                    self.0.store(Some(Arc::new(Rule::Open)));
                    watching = None;
                }
                Some(places) if watching.as_ref().is_some_and(|(watched, _)| watched.places == places) => {}
                Some(places) if self.is_open() && !is_there(&places).await => {
                    warn!(
                        directories = ?places.directories().collect::<Vec<_>>(),
                        "write keys are asked for, and this pod was made without: it stays open until it is replaced"
                    );
                    self.0.store(Some(Arc::new(Rule::StillOpen)));
                }
                Some(places) => {
                    let before = watching.take();
                    let known = before.as_ref().map_or(&[][..], |(watched, _)| &watched.lists);
                    let watched = Arc::new(Watched::of(places, known));
                    self.0.store(Some(Arc::new(Rule::Watched(Arc::clone(&watched)))));
                    let mounted = watch(&watched).await;
                    watching = Some((watched, mounted));
                }
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
}

impl Watched {
    /// The lists of some places. Of a file that was watched before, what was read counts until it is looked at again.
    fn of(places: Arc<KeyPlaces>, known: &[List]) -> Self {
        let lists = places.files().map(|(source, file)| {
            let before = known.iter().find(|list| list.file == file && list.source == source);
            List {
                keys: before.map_or_else(Slot::default, |list| {
                    // Each watch has its own, so that the last look of a watch that has ended overwrites nothing.
                    Arc::new(ArcSwapOption::new(list.keys.load_full()))
                }),
                source,
                file,
            }
        });
        Self {
            lists: lists.collect(),
            places,
        }
    }
}

impl List {
    fn report(&self) -> WriteKeysReport {
        let plain = |state| WriteKeysReport {
            state,
            ..WriteKeysReport::default()
        };
        match self.keys.load().as_deref() {
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
}

/// What is said of all lists: what is the matter with the one that is worst off, and whose it is.
fn worst(reports: &[(&List, WriteKeysReport)]) -> WriteKeysReport {
    let badness = |report: &WriteKeysReport| match report.state {
        WriteKeysState::Missing => 3,
        WriteKeysState::Incomplete => 2,
        WriteKeysState::Unknown => 1,
        WriteKeysState::NotRequired | WriteKeysState::Open | WriteKeysState::Loaded => 0,
    };
    let Some((list, worst)) = reports.iter().rev().max_by_key(|(_, report)| badness(report)) else {
        return WriteKeysReport::default();
    };
    let mut worst = worst.clone();
    if let (Some(source), 2..) = (&list.source, badness(&worst)) {
        let why = worst.detail.as_deref().unwrap_or("there are none");
        worst.detail = Some(
            format!("source {source}: {why}")
                .chars()
                .take(MAX_DETAIL_CHARS)
                .collect(),
        );
    }
    if reports.len() > 1 {
        let revisions = reports.iter().map(|(_, report)| report.revision.as_deref());
        let revisions: Option<Vec<&str>> = revisions.collect();
        worst.revision = revisions.map(|revisions| secret_revision(&revisions));
    }
    worst
}

/// Watches the directories of some lists; the first look is over when it returns.
async fn watch(watched: &Arc<Watched>) -> Vec<Option<Mounted>> {
    let mut mounted = Vec::new();
    for directory in watched.places.directories() {
        let (directory, watched) = (PathBuf::from(directory), Arc::clone(watched));
        let started = spawn_blocking(move || {
            let within = directory.clone();
            config::watch(&directory, move || {
                let lists = watched.lists.iter();
                lists.filter(|list| list.file.parent() == Some(&within)).for_each(look);
            })
        });
        mounted.push(match started.await.map_err(io::Error::other).flatten() {
            Ok(mounted) => Some(mounted),
            Err(error) => {
                tracing::error!(%error, "failed to watch the write keys, no request is accepted");
                None
            }
        });
    }
    mounted
}

/// Whether any of the directories is there, asked off the runtime's threads: a volume may hang. One that cannot be told
/// to be absent is there.
async fn is_there(places: &KeyPlaces) -> bool {
    let directories: Vec<String> = places.directories().map(str::to_owned).collect();
    let absent = spawn_blocking(move || {
        let mut directories = directories.iter();
        directories.all(|directory| matches!(Path::new(directory).try_exists(), Ok(false)))
    });
    !absent.await.unwrap_or(false)
}

/// Reads the file and, if it says something else than before, puts that in force.
fn look(list: &List) {
    let List {
        source,
        file,
        keys: slot,
    } = list;
    let source = source.as_ref().map(SourceName::as_str);
    let found = match read(file) {
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
        Look::Loaded { keys, .. } => info!(source, keys = keys.0.len(), "write keys loaded"),
        Look::Missing => warn!(
            source,
            "there are no write keys: no request is accepted with one until the Secret has them"
        ),
        Look::Unusable(error) => {
            warn!(source, %error, "the write keys cannot be used: no request is accepted with one");
        }
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
