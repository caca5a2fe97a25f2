//! The configuration document of a destination. It names the directories that Secrets are mounted in, never their
//! content.

use firehose_proxy_config::{ClientAuthorities, Document, HashKey, StaticCredentials, Tls, WriteKeys};

use super::{Validated, validated::Certificates};

/// Directories as the proxy sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Holds the files of [`StaticCredentials`].
    pub credentials: String,
    /// Holds the file of [`WriteKeys`].
    pub write_keys: String,
    /// The token that is exchanged for a role; a file.
    pub identity_token: String,
    /// Holds the file of [`HashKey`].
    pub hash_key: String,
    /// Holds the files of [`Tls`].
    pub certificate: String,
    /// Holds the file of [`ClientAuthorities`].
    pub client_authorities: String,
}

impl Paths {
    /// Where a pod mounts the configuration document.
    pub const CONFIG: &str = "/etc/firehose/config";
    /// Where a pod mounts static credentials.
    pub const CREDENTIALS: &str = "/etc/firehose/credentials";
    /// Where a pod mounts the token that AWS exchanges for credentials.
    pub const IDENTITY_TOKEN: &str = "/etc/firehose/aws/token";
    /// Where a pod mounts write keys.
    pub const WRITE_KEYS: &str = "/etc/firehose/write-keys";
    /// Where a pod mounts the key of hashes.
    pub const HASH_KEY: &str = "/etc/firehose/hash-key";
    /// Where a pod mounts its certificate.
    pub const CERTIFICATE: &str = "/etc/firehose/certificate";
    /// Where a pod mounts the authorities of clients' certificates.
    pub const CLIENT_AUTHORITIES: &str = "/etc/firehose/client-authorities";
    /// Where a pod mounts the installation's certificates.
    pub const TRUST: &str = "/etc/firehose/trust";
    /// Where a pod mounts its spool.
    pub const SPOOL: &str = "/var/lib/firehose/spool";
}

impl Default for Paths {
    /// Those of a pod.
    fn default() -> Self {
        Self {
            credentials: Self::CREDENTIALS.to_owned(),
            write_keys: Self::WRITE_KEYS.to_owned(),
            identity_token: Self::IDENTITY_TOKEN.to_owned(),
            hash_key: Self::HASH_KEY.to_owned(),
            certificate: Self::CERTIFICATE.to_owned(),
            client_authorities: Self::CLIENT_AUTHORITIES.to_owned(),
        }
    }
}

/// The document of a destination, with its revision.
pub fn document(validated: &Validated, paths: &Paths) -> Document {
    let mut document = validated.settings.clone();
    document.credentials.static_ = validated.credentials_secret.as_ref().map(|_| StaticCredentials {
        directory: paths.credentials.clone(),
    });
    if let Some(identity) = &mut document.credentials.web_identity {
        identity.token_file.clone_from(&paths.identity_token);
    }
    document.ingest.write_keys = validated.write_keys_secret.as_ref().map(|_| WriteKeys {
        directory: paths.write_keys.clone(),
    });
    if let Some(privacy) = &mut document.ingest.privacy {
        privacy.hash_key = validated.hash_key_secret.as_ref().map(|_| HashKey {
            directory: paths.hash_key.clone(),
        });
    }
    let tls = |certificates: &Certificates| Tls {
        directory: paths.certificate.clone(),
        client_certificates: certificates.mode,
        client_authorities: certificates.authorities.as_ref().map(|_| ClientAuthorities {
            directory: paths.client_authorities.clone(),
        }),
    };
    document.ingest.tls = validated.certificates.as_ref().map(tls);
    document.revision = firehose_proxy_config::revision(&document).expect("a document of plain data serializes");
    document
}
