//! The configuration in force, read by every request without a lock and replaced whole.

use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::{ArcSwapOption, Guard};
use firehose_proxy_config::Document;
use tokio::sync::watch;

use super::{KeyPlaces, TrustedProxies};
use crate::{
    privacy::{InvalidRule, Rules},
    routing::Table,
    source::{InvalidSourceField, SourceField},
};

/// One configuration, parsed and ready: what a request or a delivery uses from its beginning to its end.
#[derive(Debug)]
pub struct Snapshot {
    /// The document as the operator wrote it.
    pub document: Document,
    /// Its mappings as a table.
    pub table: Table,
    /// Its `trustedProxies` as networks.
    pub trusted_proxies: TrustedProxies,
    /// Where write keys are, `None` where nobody needs one.
    pub key_places: Option<Arc<KeyPlaces>>,
    /// Where records name their source, `None` where they do not.
    pub source_field: Option<SourceField>,
    /// Its privacy rules, `None` without any. A document whose rules cannot be followed is refused, not put in force.
    pub privacy: Result<Option<Rules>, InvalidRule>,
}

impl Snapshot {
    /// A document for tests of what does not look at its mappings.
    #[cfg(test)]
    pub(crate) fn unrouted(document: Document) -> Self {
        let table = Table::new(&[], &crate::stream::Streams::default()).expect("no name is an invalid one");
        Self::new(document, table)
    }

    /// A document with its mappings as a table. Sources that cannot be are for whoever reads the document to refuse.
    pub fn new(document: Document, table: Table) -> Self {
        Self {
            key_places: KeyPlaces::of(&document.ingest).unwrap_or_default(),
            source_field: source_field(&document).unwrap_or_default(),
            trusted_proxies: TrustedProxies::parse(&document.ingest.trusted_proxies),
            privacy: document
                .ingest
                .privacy
                .as_ref()
                .map_or(Ok(None), |privacy| Rules::parse(&privacy.rules)),
            document,
            table,
        }
    }
}

/// The field that a document has sources written to.
///
/// # Errors
///
/// When it can be none.
pub(super) fn source_field(document: &Document) -> Result<Option<SourceField>, InvalidSourceField> {
    let field = document.ingest.source_field.as_deref();
    field.map(SourceField::try_from).transpose()
}

/// The configuration in force. `None` until the first good document was read.
#[derive(Debug)]
pub struct Live {
    current: ArcSwapOption<Snapshot>,
    changes: watch::Sender<Option<Arc<Snapshot>>>,
    /// Why the newest document is not the one in force. Read by status reports only.
    refused: RwLock<Option<String>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            current: ArcSwapOption::empty(),
            changes: watch::Sender::new(None),
            refused: RwLock::new(None),
        }
    }
}

impl Live {
    /// The configuration now, for a request to hold on to.
    pub fn load(&self) -> Guard<Option<Arc<Snapshot>>> {
        self.current.load()
    }

    /// Puts a configuration in force: requests that start from now on use it.
    pub fn replace(&self, snapshot: Arc<Snapshot>) {
        self.current.store(Some(Arc::clone(&snapshot)));
        *self.refused.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.changes.send_replace(Some(snapshot));
    }

    /// Keeps the configuration in force and remembers why the newer one is not.
    pub fn refuse(&self, reason: String) {
        *self.refused.write().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// Takes a refusal back: what is in the directory is again what is in force.
    pub fn withdraw_refusal(&self) {
        *self.refused.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Why the newest document is not the one in force, or `None` when it is.
    pub fn refused(&self) -> Option<String> {
        self.refused.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells of every replacement, for those who keep state of their own (delivery, credentials).
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.changes.subscribe()
    }
}
