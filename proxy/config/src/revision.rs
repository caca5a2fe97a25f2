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
