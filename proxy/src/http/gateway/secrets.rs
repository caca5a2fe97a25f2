//! The Secrets that the endpoint works with beside the write keys, and what the report says of them.

use firehose_proxy_config::{Document, report::SecretState};

use super::{certificates::Certificates, held::Held, taken_out::Key};

/// What the directories hold that the configuration in force names.
#[derive(Debug, Default)]
pub struct Secrets {
    /// The key of hashes.
    pub(super) hash_key: Held<Key>,
    /// The certificate of the endpoint, and the authorities of clients.
    pub(super) certificates: Held<Certificates>,
}

impl Secrets {
    /// How the key of hashes is under a document.
    pub(crate) fn hash_key(&self, document: &Document) -> SecretState {
        let privacy = document.ingest.privacy.as_ref();
        let named = privacy.and_then(|privacy| privacy.hash_key.as_ref());
        state(named.map(|named| self.hash_key.of(&named.directory).is_some()))
    }

    /// How the certificate is under a document.
    pub(crate) fn certificate(&self, document: &Document) -> SecretState {
        state(document.ingest.tls.as_ref().map(|tls| {
            let held = self.certificates.of(&tls.directory);
            held.is_some_and(|held| held.config(tls.client_certificates).is_some())
        }))
    }
}

fn state(is_there: Option<bool>) -> SecretState {
    match is_there {
        None => SecretState::NotRequired,
        Some(true) => SecretState::Loaded,
        Some(false) => SecretState::Missing,
    }
}
