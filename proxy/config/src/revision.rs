//! The revision: a short name for a document's content, the same wherever it is computed.

use sha2::{Digest, Sha256};

use crate::Document;

/// First 16 hexadecimal digits of the SHA-256 of the rendered document with an empty `revision`.
///
/// # Errors
///
/// Never for a document made of this crate's types; the serializer's signature says otherwise.
pub fn revision(document: &Document) -> Result<String, serde_yaml::Error> {
    let mut unstamped = document.clone();
    unstamped.revision = String::new();
    let digest = Sha256::digest(serde_yaml::to_string(&unstamped)?.as_bytes());
    Ok(digest[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// First 16 hexadecimal digits of a SHA-256 of the parts of a Secret, to tell which of its versions is in use. The
/// parts cannot be had back from it; who knows that there are few possible values could try them all.
pub fn secret_revision(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
