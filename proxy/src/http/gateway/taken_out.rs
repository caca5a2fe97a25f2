//! The privacy rules of a configuration, with the key of hashes if they need one.

use std::{io, path::Path, sync::Arc};

use firehose_proxy_config as document;

use super::held::{Held, Kind, read_file};
use crate::{
    config::Snapshot,
    http::reply::{Refusal, Unavailable},
    privacy::{HashKey, Privacy},
};

/// Longest key of hashes. Longer ones are no better: they are hashed themselves.
const MAX_KEY_BYTES: u64 = 4096;

/// What is held.
pub(super) const HASH_KEY: &Kind<Key> = &Kind {
    name: "key of hashes",
    directories: |document| {
        let privacy = document.ingest.privacy.as_ref()?;
        Some(vec![privacy.hash_key.as_ref()?.directory.clone()])
    },
    read,
};

/// A key of hashes.
#[derive(Debug)]
pub(super) struct Key {
    hashes: HashKey,
    /// To tell a new key from the old one.
    bytes: Box<[u8]>,
}

/// What is taken out of the events of a request.
#[derive(Debug)]
pub(super) struct TakenOut {
    configuration: Arc<Snapshot>,
    key: Option<Arc<Key>>,
}

impl TakenOut {
    /// What a configuration takes out; `None` for nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`] while the key is not there that its rules need.
    pub(super) fn under(configuration: &Arc<Snapshot>, keys: &Held<Key>) -> Result<Option<Self>, Refusal> {
        let no_key = Refusal::unavailable(Unavailable::NoHashKey);
        let Some(rules) = configuration.privacy.as_ref().map_err(|_| no_key)? else {
            return Ok(None);
        };
        let named = configuration.document.ingest.privacy.as_ref();
        let named = named.and_then(|privacy| privacy.hash_key.as_ref());
        let key = named.and_then(|named| keys.of(&named.directory));
        if rules.needs_key() && key.is_none() {
            return Err(no_key);
        }
        Ok(Some(Self {
            configuration: Arc::clone(configuration),
            key,
        }))
    }

    /// The rules and the key.
    pub(super) fn privacy(&self) -> Option<Privacy<'_>> {
        Some(Privacy {
            rules: self.configuration.privacy.as_ref().ok()?.as_ref()?,
            key: self.key.as_ref().map(|key| &key.hashes),
        })
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

fn read(directories: &[String]) -> io::Result<Key> {
    let directory = Path::new(&directories[0]);
    let bytes = read_file(&directory.join(document::HashKey::FILE), MAX_KEY_BYTES)?;
    if bytes.is_empty() {
        return Err(io::Error::other("the file of the key of hashes is empty"));
    }
    Ok(Key {
        hashes: HashKey::new(&bytes),
        bytes: bytes.into(),
    })
}
