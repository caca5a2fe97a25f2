//! The streams by name. Knows no protocol.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use thiserror::Error;

use crate::stream::{DeliveryStream, Summary};

/// Streams an account may have; the service's default is the same for its larger regions.
const MAX_STREAMS: usize = 5_000;

/// A stream behind its lock. The lock is never held across an await.
pub(crate) type Shared = Arc<Mutex<DeliveryStream>>;

/// A name that the service would not take: `[a-zA-Z0-9_.-]{1,64}`.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("stream name \"{0}\" is not 1 to 64 of the characters a-z, A-Z, 0-9, _, . and -")]
pub struct InvalidStreamName(pub String);

/// The account is full.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("there are {MAX_STREAMS} streams already")]
pub struct TooManyStreams;

#[derive(Debug)]
pub(crate) struct Registry {
    streams: RwLock<BTreeMap<String, Shared>>,
    keep_bytes: usize,
    seed: u64,
}

pub(crate) fn valid_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// The guard even when a test panicked while it held the lock: the state is counters and a queue, valid after each
/// step.
pub(crate) fn lock(stream: &Shared) -> MutexGuard<'_, DeliveryStream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    pub(crate) fn new(keep_bytes: usize, seed: u64) -> Self {
        Self {
            streams: RwLock::default(),
            keep_bytes,
            seed,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Shared> {
        self.streams
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .map(Arc::clone)
    }

    /// The stream, and whether it is new. The caller has checked the name.
    pub(crate) fn get_or_create(&self, name: &str) -> Result<(Shared, bool), TooManyStreams> {
        if let Some(stream) = self.get(name) {
            return Ok((stream, false));
        }
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = streams.get(name) {
            return Ok((Arc::clone(stream), false));
        }
        if streams.len() >= MAX_STREAMS {
            return Err(TooManyStreams);
        }
        let stream = Arc::new(Mutex::new(DeliveryStream::new(name, self.keep_bytes, self.seed)));
        streams.insert(name.to_owned(), Arc::clone(&stream));
        Ok((stream, true))
    }

    pub(crate) fn remove(&self, name: &str) -> bool {
        self.streams
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name)
            .is_some()
    }

    pub(crate) fn clear(&self) {
        self.streams.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// In the order of their names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.streams
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .cloned()
            .collect()
    }

    /// In the order of their names.
    pub(crate) fn summaries(&self) -> Vec<Summary> {
        let streams: Vec<_> = self
            .streams
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .map(Arc::clone)
            .collect();
        streams.iter().map(|stream| lock(stream).summary.clone()).collect()
    }
}
