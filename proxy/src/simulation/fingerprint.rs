//! One number for everything observable that a history did, in order: equal numbers mean that a change of the code
//! changed nothing that a disk, a client or Firehose could see.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher as _},
    io::Write as _,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// What a history has done so far. Clones share it, so that disks, clients and Firehose are recorded in one order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fingerprint(Arc<Mutex<DefaultHasher>>);

impl Fingerprint {
    /// Something observable happened. Long byte strings go in as their CRC32C.
    pub(crate) fn record(&self, what: impl Hash) {
        what.hash(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The number so far.
    pub(crate) fn value(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).finish()
    }
}

/// The fingerprints of many seeds, written to a file when an environment variable names one: a line a seed, in their
/// order. Written on the tree before a change and on the tree after it, `diff` says which histories are not the same.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints(BTreeMap<u64, u64>);

impl Fingerprints {
    pub(crate) fn put(&mut self, seed: u64, value: u64) {
        self.0.insert(seed, value);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// Whether anybody asked for them.
    pub(crate) fn are_wanted(variable: &str) -> bool {
        path(variable).is_some()
    }

    /// Writes the file that the variable names, if it names one.
    pub(crate) fn write(&self, variable: &str) {
        let Some(path) = path(variable) else { return };
        let mut text = Vec::new();
        for (seed, value) in &self.0 {
            writeln!(text, "{seed} {value:016x}").expect("writing to memory does not fail");
        }
        fs::write(&path, text).unwrap_or_else(|error| panic!("failed to write {path:?}: {error}"));
    }
}

fn path(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}
