//! A mounted directory whose files change while the process runs: a ConfigMap or a Secret volume.
//!
//! Says when it is worth looking again and leaves the reading to whoever owns the files. The directory is watched and
//! not its files, because kubelet swaps the `..data` symbolic link and never writes a file in place; it is also looked
//! at once a second, because a watch can be lost (the directory replaced, no inotify handles left) without a word.

use std::{
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use notify::{RecursiveMode, Watcher as _};
use tracing::warn;

/// How long a change may go unnoticed when the watch is of no use.
pub const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A directory under watch; dropping it ends the watch and its thread.
#[derive(Debug)]
pub struct Mounted {
    /// Closing the channel ends the thread.
    _alive: mpsc::Sender<()>,
}

/// Calls `look` once now, in the calling thread, and from then on in a thread of its own: on every change in
/// `directory` and at least every [`POLL_INTERVAL`]. `look` may block on the file system and decides itself whether
/// anything is new.
///
/// # Errors
///
/// When the thread cannot be started. A directory that cannot be watched (yet) is polled.
pub fn watch(directory: &Path, mut look: impl FnMut() + Send + 'static) -> std::io::Result<Mounted> {
    let (sender, receiver) = mpsc::channel();
    let on_event = {
        let sender = sender.clone();
        move |event: notify::Result<notify::Event>| {
            // Reading is an event too, and looking again because of one's own look would never end.
            if event.is_ok_and(|event| event.kind.is_access()) {
                return;
            }
            // An error means that the thread is gone, and with it the need.
            let _ = sender.send(());
        }
    };
    // Watching begins before the first look, so that no change falls between the two.
    let watcher = notify::recommended_watcher(on_event).and_then(|mut watcher| {
        watcher.watch(directory, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    if let Err(error) = &watcher {
        warn!(directory = %directory.display(), %error, "failed to watch the directory, polling it instead");
    }
    look();
    let (alive, ended) = mpsc::channel::<()>();
    thread::Builder::new().name("mounted".to_owned()).spawn(move || {
        let _watcher = watcher;
        let _keep_open = sender; // without a watcher nobody else holds the channel open
        loop {
            match receiver.recv_timeout(POLL_INTERVAL) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while receiver.try_recv().is_ok() {} // one swap is many events
            if matches!(ended.try_recv(), Err(mpsc::TryRecvError::Disconnected)) {
                return;
            }
            look();
        }
    })?;
    Ok(Mounted { _alive: alive })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::PathBuf};

    use super::*;

    /// Replaces the content as kubelet does: a new directory, and one rename of `..data`.
    fn swap(directory: &Path, generation: u32, content: &str) {
        let target = directory.join(format!("..{generation}"));
        fs::create_dir(&target).unwrap();
        fs::write(target.join("file"), content).unwrap();
        let link = directory.join("..data_tmp");
        symlink(&target, &link).unwrap();
        fs::rename(link, directory.join("..data")).unwrap();
    }

    fn reading(file: PathBuf) -> (impl FnMut() + Send + 'static, mpsc::Receiver<String>) {
        let (seen, receiver) = mpsc::channel();
        let look = move || {
            let _ = seen.send(fs::read_to_string(&file).unwrap_or_default());
        };
        (look, receiver)
    }

    #[test]
    fn a_swap_of_the_data_link_is_seen_before_the_next_poll() {
        let directory = tempfile::tempdir().unwrap();
        swap(directory.path(), 1, "first");
        symlink("..data/file", directory.path().join("file")).unwrap();
        let (look, seen) = reading(directory.path().join("file"));
        let _mounted = watch(directory.path(), look).unwrap();
        assert_eq!(seen.try_recv().unwrap(), "first");
        swap(directory.path(), 2, "second");
        let next = std::iter::from_fn(|| seen.recv_timeout(POLL_INTERVAL).ok()).find(|content| content == "second");
        assert_eq!(next.as_deref(), Some("second"));
    }

    #[test]
    fn a_directory_that_appears_later_is_polled() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("later");
        let (look, seen) = reading(directory.join("file"));
        let _mounted = watch(&directory, look).unwrap();
        assert_eq!(seen.try_recv().unwrap(), "");
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("file"), "here").unwrap();
        let found = std::iter::from_fn(|| seen.recv_timeout(5 * POLL_INTERVAL).ok()).find(|content| content == "here");
        assert_eq!(found.as_deref(), Some("here"));
    }

    #[test]
    fn reading_the_files_is_no_reason_to_look_again() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "same").unwrap();
        let (look, seen) = reading(directory.path().join("file"));
        let _mounted = watch(directory.path(), look).unwrap();
        thread::sleep(2 * POLL_INTERVAL + POLL_INTERVAL / 2);
        let looks = seen.try_iter().count();
        assert!((1..=3).contains(&looks), "{looks} looks in two and a half intervals");
    }

    #[test]
    fn dropping_the_handle_ends_the_thread() {
        let directory = tempfile::tempdir().unwrap();
        let (look, seen) = reading(directory.path().join("file"));
        drop(watch(directory.path(), look).unwrap());
        let deadline = std::time::Instant::now() + 5 * POLL_INTERVAL;
        while !matches!(seen.recv_timeout(POLL_INTERVAL), Err(RecvTimeoutError::Disconnected)) {
            assert!(std::time::Instant::now() < deadline, "the thread still looks");
        }
    }
}
