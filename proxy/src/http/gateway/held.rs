//! What a mounted Secret holds: read when the configuration names its directory, read anew whenever it changes.
//!
//! Fails closed. What a configuration names and cannot be read is not there; nothing here decides that a missing file
//! means that none is needed.

use std::{
    fs::File,
    future::pending,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

use arc_swap::ArcSwapOption;
use firehose_proxy_config::Document;
use tokio::{sync::watch, task::spawn_blocking};
use tracing::{error, info, warn};

use crate::{
    config::{self, Mounted, Snapshot},
    descriptors::{is_shortage, say_shortage},
};

/// What the directory holds that the configuration in force names.
#[derive(Debug)]
pub(super) struct Held<T>(ArcSwapOption<Watched<T>>);

#[derive(Debug)]
struct Watched<T> {
    directories: Vec<String>,
    content: Slot<T>,
}

/// Where the watch of one directory leaves what it reads; empty while there is nothing usable. Each watch has its own,
/// so that the last look of a watch that has ended overwrites nothing.
type Slot<T> = Arc<ArcSwapOption<T>>;

/// What is held, and how it is read.
#[derive(Debug)]
pub(super) struct Kind<T> {
    /// Its name in lines of the log.
    pub(super) name: &'static str,
    /// The directories that a document names for it. The first is watched, all of them are looked at once a second.
    pub(super) directories: fn(&Document) -> Option<Vec<String>>,
    /// Reads the directories.
    pub(super) read: fn(&[String]) -> io::Result<T>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self(ArcSwapOption::empty())
    }
}

impl<T: PartialEq + Send + Sync + 'static> Held<T> {
    /// What the directory holds that the configuration of a request names first; `None` while that cannot be used.
    pub(super) fn of(&self, directory: &str) -> Option<Arc<T>> {
        let watched = self.0.load();
        let watched = watched
            .as_ref()
            .filter(|watched| watched.directories.first().is_some_and(|first| first == directory))?;
        watched.content.load_full()
    }

    /// Watches the directory that the configuration in force names, for ever.
    pub(super) async fn follow(&self, kind: &'static Kind<T>, mut changes: watch::Receiver<Option<Arc<Snapshot>>>) {
        let mut watching: Option<(Vec<String>, Option<Mounted>)> = None;
        loop {
            let named = changes
                .borrow_and_update()
                .as_ref()
                .and_then(|snapshot| (kind.directories)(&snapshot.document));
            if named.as_ref() != watching.as_ref().map(|(directories, _)| directories) {
                watching = match named {
                    None => {
                        self.0.store(None);
                        None
                    }
                    Some(directories) => Some((directories.clone(), self.watch(kind, directories).await)),
                };
            }
            if changes.changed().await.is_err() {
                return pending().await; // the configuration is final
            }
        }
    }

    async fn watch(&self, kind: &'static Kind<T>, directories: Vec<String>) -> Option<Mounted> {
        let content = Slot::default();
        self.0.store(Some(Arc::new(Watched {
            directories: directories.clone(),
            content: Arc::clone(&content),
        })));
        let started = spawn_blocking(move || {
            let first = directories.first().cloned().unwrap_or_default();
            let mut problem = None;
            config::watch(Path::new(&first), move || {
                look(kind, &directories, &content, &mut problem);
            })
        });
        match started.await.map_err(io::Error::other).flatten() {
            Ok(mounted) => Some(mounted),
            Err(error) => {
                error!(what = kind.name, %error, "failed to watch a mounted Secret, no request is accepted");
                None
            }
        }
    }
}

/// Reads the directories and, if it says something else than before, puts that in force. One problem is one line.
fn look<T: PartialEq>(kind: &Kind<T>, directories: &[String], slot: &Slot<T>, problem: &mut Option<String>) {
    let before = slot.load_full();
    match (kind.read)(directories) {
        Ok(content) => {
            *problem = None;
            if before.as_deref() != Some(&content) {
                info!(what = kind.name, "a mounted Secret was loaded");
                slot.store(Some(Arc::new(content)));
            }
        }
        // It is as good as before, and the next look is a second away.
        Err(error) if is_shortage(&error) => say_shortage(kind.name, &error),
        Err(error) => {
            slot.store(None);
            let error = error.to_string();
            if problem.as_ref() != Some(&error) {
                warn!(
                    what = kind.name,
                    error, "a mounted Secret cannot be used, no request is accepted until it can"
                );
                *problem = Some(error);
            }
        }
    }
}

/// Reads a file of at most `most_bytes` bytes.
pub(super) fn read_file(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most_bytes {
        return Err(io::Error::other(format!("the file is over {most_bytes} bytes")));
    }
    Ok(bytes)
}
