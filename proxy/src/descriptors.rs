//! File descriptors, which run out: how many the process may have, who gets how many, and what it means when there is
//! none.
//!
//! Being short of them, or of the kernel's memory, is nobody's fault and passes. So it means "full" where something is
//! made and "later" where something is read; never that a disk is bad or that what is on it is damaged.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// Who may have how many of the process's descriptors. What is left over are the files and sockets that are always
/// there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// Connections of clients.
    pub clients: usize,
    /// Connections of probes, Prometheus, the operator and people.
    pub admin: usize,
    /// Calls of Firehose at a time. Each has a connection, and now and then one more that is about to be closed.
    pub calls: usize,
}

/// What the process has always open, with some to spare: standard streams, the runtime, listeners, watches, and the
/// directories and files of two logs.
const OWN: usize = 26;
/// Most connections of clients, however many descriptors there are.
const MOST_CLIENTS: usize = 10_000;
/// Most connections of the admin endpoint.
const MOST_ADMIN: usize = 256;
/// Most calls at a time.
const MOST_CALLS: usize = 1024;

/// How often the log says that the process is short of descriptors or memory.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Raises the limit on descriptors as far as the process may, and shares them out.
pub fn raise() -> Descriptors {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "failed to raise the limit on file descriptors, the process goes on with what it has");
    }
    let allowed = getrlimit(Resource::Nofile).current;
    let allowed = allowed.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap_or(usize::MAX));
    let shares = Descriptors::of(allowed);
    if shares.clients < MOST_CLIENTS {
        let Descriptors { clients, calls, .. } = shares;
        tracing::info!(
            allowed,
            clients,
            calls,
            "the limit on file descriptors bounds connections and calls"
        );
    }
    shares
}

impl Descriptors {
    /// Shares out `allowed` descriptors: an eighth of what is not always open is the admin endpoint's, a quarter is
    /// Firehose's, the rest is the clients'. Nobody gets less than one.
    pub fn of(allowed: usize) -> Self {
        let left = allowed.saturating_sub(OWN);
        let admin = (left / 8).clamp(1, MOST_ADMIN);
        let calls = (left / 8).clamp(1, MOST_CALLS);
        Self {
            // One more connection than there are places is accepted at each listener.
            clients: left.saturating_sub(admin + 2 * calls + 2).clamp(1, MOST_CLIENTS),
            admin,
            calls,
        }
    }
}

/// Whether an error says that the process or the kernel is short of descriptors or memory.
pub fn is_shortage(error: &io::Error) -> bool {
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    Errno::from_io_error(error).is_some_and(|errno| short.contains(&errno))
}

/// Says in the log, at most once in ten seconds, that something has to wait for a descriptor or for memory.
pub fn say_shortage(what: &str, error: &io::Error) {
    static SAID: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let (now, said) = (since.as_secs(), SAID.load(Ordering::Relaxed));
    let is_due = now.abs_diff(said) >= SAY_EVERY.as_secs();
    if is_due
        && SAID
            .compare_exchange(said, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    {
        tracing::warn!(what, %error, "short of file descriptors or memory; it is tried again, new work may be refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_share_however_few_there_are() {
        for (allowed, clients, admin, calls) in [
            (0, 1, 1, 1),
            (64, 24, 4, 4),
            (1024, 624, 124, 124),
            (4096, 2796, 256, 508),
            (1 << 20, 10_000, 256, 1024),
            (usize::MAX, 10_000, 256, 1024),
        ] {
            let expected = Descriptors { clients, admin, calls };
            assert_eq!(Descriptors::of(allowed), expected, "{allowed}");
            let taken = OWN + clients + admin + 2 * calls + 2;
            assert!(allowed < OWN + 8 || taken <= allowed, "{allowed}: {taken}");
        }
    }

    #[test]
    fn a_shortage_is_told_from_what_is_broken() {
        for (errno, is_short) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::NOMEM, true),
            (Errno::IO, false),
            (Errno::NOENT, false),
            (Errno::NOSPC, false),
        ] {
            assert_eq!(is_shortage(&errno.into()), is_short, "{errno:?}");
        }
        assert!(!is_shortage(&io::Error::other("failed")));
    }
}
