//! Where a configuration says that write keys are, and whose.

use std::{path::Path, path::PathBuf, sync::Arc};

use firehose_proxy_config::{Ingest, WriteKeys};

use crate::source::{InvalidSourceName, SourceName};

/// Files of write keys.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyPlaces {
    sources: Option<(String, Vec<SourceName>)>,
    /// Directory of the keys that are no source's.
    plain: Option<String>,
}

impl KeyPlaces {
    /// Those of a document; `None` when it asks for no key.
    ///
    /// # Errors
    ///
    /// When a name is none that a source can have: it would be the name of a file.
    pub fn of(ingest: &Ingest) -> Result<Option<Arc<Self>>, InvalidSourceName> {
        let sources = ingest.sources.as_ref().map(|sources| {
            let names = sources.names.iter().map(|name| SourceName::try_from(name.as_str()));
            Ok((sources.directory.clone(), names.collect::<Result<_, _>>()?))
        });
        let places = Self {
            sources: sources.transpose()?,
            plain: ingest.write_keys.as_ref().map(|keys| keys.directory.clone()),
        };
        let asks = places.sources.is_some() || places.plain.is_some();
        Ok(asks.then(|| Arc::new(places)))
    }

    /// The directories, each once.
    pub fn directories(&self) -> impl Iterator<Item = &str> {
        let sources = self.sources.as_ref().map(|(directory, _)| directory.as_str());
        let plain = self.plain.as_deref().filter(|plain| Some(*plain) != sources);
        sources.into_iter().chain(plain)
    }

    /// The files and whose keys they hold: those of sources in the order of the document, then those of nobody.
    pub fn files(&self) -> impl Iterator<Item = (Option<SourceName>, PathBuf)> {
        let of_sources = self.sources.iter().flat_map(|(directory, names)| {
            let file = |name: &SourceName| (Some(name.clone()), Path::new(directory).join(name.as_str()));
            names.iter().map(file)
        });
        let plain = self
            .plain
            .iter()
            .map(|directory| Path::new(directory).join(WriteKeys::FILE));
        of_sources.chain(plain.map(|file| (None, file)))
    }
}
