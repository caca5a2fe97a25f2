//! The directories that a pod would have mounted: configuration, credentials, write keys. Plays kubelet.

use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use firehose_operator::plan::{self, Paths, Validated};
use firehose_proxy_config::{
    ClientAuthorities, Credentials, CredentialsType, Document, FILE_NAME, HashKey, StaticCredentials, Tls, Toggle,
    WriteKeys, render,
};

/// Variable that names a directory with what the Secret of the certificate would hold: `tls.crt` and `tls.key`.
const CERTIFICATE_VARIABLE: &str = "FIREHOSE_LOCAL_CERTIFICATE_DIR";
/// Variable that names a directory with what the Secret of clients' authorities would hold: `ca.crt`.
const CLIENT_AUTHORITIES_VARIABLE: &str = "FIREHOSE_LOCAL_CLIENT_CA_DIR";
/// Variable that holds what the Secret of the key of hashes would hold.
const HASH_KEY_VARIABLE: &str = "FIREHOSE_LOCAL_HASH_KEY";
/// As AWS names it.
const TOKEN_VARIABLE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// Variable that holds what the write key Secret would hold.
const WRITE_KEYS_VARIABLE: &str = "FIREHOSE_LOCAL_WRITE_KEYS";

/// The directories and who answers for Firehose.
#[derive(Debug)]
pub(crate) struct Mounts {
    /// Where the proxy finds its configuration document.
    pub(crate) config: PathBuf,
    /// Where the proxy keeps accepted events.
    pub(crate) spool: PathBuf,
    credentials: PathBuf,
    write_keys: PathBuf,
    sources: PathBuf,
    hash_key: PathBuf,
    unnamed: Unnamed,
}

/// Who answers for Firehose when the manifest names no address of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unnamed {
    /// The simulator.
    Simulator(SocketAddr),
    /// AWS itself, because the caller said so.
    Aws,
    /// Nobody: the manifest named an address when the process started, so that there is no simulator, and nobody said
    /// AWS.
    Refused,
}

impl Mounts {
    /// Creates the directories below `data`, for this user only.
    pub(crate) fn create(data: &Path, unnamed: Unnamed) -> io::Result<Self> {
        let directory = |name: &str| {
            let path = data.join(name);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
            fs::canonicalize(path)
        };
        Ok(Self {
            config: directory("config")?,
            spool: directory("spool")?,
            credentials: directory("credentials")?,
            write_keys: directory("write-keys")?,
            sources: directory("sources")?,
            hash_key: directory("hash-key")?,
            unnamed,
        })
    }

    /// Writes what the pod of this destination would see.
    pub(crate) fn write(&self, validated: &Validated) -> anyhow::Result<()> {
        let paths = Paths {
            credentials: self.credentials.display().to_string(),
            write_keys: self.write_keys.display().to_string(),
            sources: self.sources.display().to_string(),
            identity_token: env::var(TOKEN_VARIABLE).unwrap_or_default(),
            hash_key: self.hash_key.display().to_string(),
            certificate: env::var(CERTIFICATE_VARIABLE).unwrap_or_default(),
            client_authorities: env::var(CLIENT_AUTHORITIES_VARIABLE).unwrap_or_default(),
        };
        let mut document = plan::document(validated, &paths);
        if let Some(tls) = &document.ingest.tls {
            certificates_are_there(tls)?;
        }
        match self.unnamed {
            Unnamed::Simulator(simulator) if document.endpoint_url.is_none() => {
                self.aim_at(simulator, &mut document)?;
            }
            Unnamed::Refused if document.endpoint_url.is_none() => {
                bail!(
                    "spec.endpoints.firehose: its address was taken away; start again for the simulator, or with --aws for AWS"
                )
            }
            _ if document.credentials.kind == CredentialsType::Static => self.write_key_from_environment()?,
            _ => {}
        }
        if document.ingest.write_keys.is_some() {
            let keys = env::var(WRITE_KEYS_VARIABLE).with_context(|| {
                format!("the manifest asks for write keys: set {WRITE_KEYS_VARIABLE} to the keys, one a line")
            })?;
            replace(&self.write_keys.join(WriteKeys::FILE), &keys)?;
        }
        for source in document.ingest.sources.iter().flat_map(|sources| &sources.names) {
            let variable = format!("{WRITE_KEYS_VARIABLE}_{}", source.to_uppercase().replace('-', "_"));
            let keys = env::var(&variable).with_context(|| {
                format!(
                    "the manifest asks for write keys of the source {source}: set {variable} to the keys, one a line"
                )
            })?;
            replace(&self.sources.join(source), &keys)?;
        }
        if validated.hashes() {
            let key = env::var(HASH_KEY_VARIABLE)
                .with_context(|| format!("the manifest asks for a key of hashes: set {HASH_KEY_VARIABLE}"))?;
            replace(&self.hash_key.join(HashKey::FILE), &key)?;
        }
        replace(&self.config.join(FILE_NAME), &render(&document)?)
    }

    /// The simulator takes any key, so that nobody needs one to try the product, and none that is lying around is used.
    fn aim_at(&self, simulator: SocketAddr, document: &mut Document) -> anyhow::Result<()> {
        document.endpoint_url = Some(format!("http://{simulator}"));
        document.use_fips = Toggle::Disabled;
        document.use_dual_stack = Toggle::Disabled;
        document.credentials = Credentials {
            kind: CredentialsType::Static,
            static_: Some(StaticCredentials {
                directory: self.credentials.display().to_string(),
            }),
            ..Credentials::default()
        };
        self.write_key("simulator", "simulator", None)
    }

    fn write_key_from_environment(&self) -> anyhow::Result<()> {
        let (Ok(id), Ok(secret)) = (env::var("AWS_ACCESS_KEY_ID"), env::var("AWS_SECRET_ACCESS_KEY")) else {
            bail!(
                "the manifest has static credentials, whose Secret only a cluster has: set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY"
            );
        };
        self.write_key(&id, &secret, env::var("AWS_SESSION_TOKEN").ok().as_deref())
    }

    fn write_key(&self, id: &str, secret: &str, token: Option<&str>) -> anyhow::Result<()> {
        replace(&self.credentials.join(StaticCredentials::ACCESS_KEY_ID_FILE), id)?;
        replace(
            &self.credentials.join(StaticCredentials::SECRET_ACCESS_KEY_FILE),
            secret,
        )?;
        let file = self.credentials.join(StaticCredentials::SESSION_TOKEN_FILE);
        match token {
            Some(token) => replace(&file, token),
            // One that an earlier run left belongs to another key.
            None => match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("failed to remove {}", file.display()))
                }
                _ => Ok(()),
            },
        }
    }
}

/// Whether the variables name the directories that a manifest with TLS needs.
fn certificates_are_there(tls: &Tls) -> anyhow::Result<()> {
    if tls.directory.is_empty() {
        bail!(
            "spec.ingest.tls: set {CERTIFICATE_VARIABLE} to a directory with {} and {}",
            Tls::CERTIFICATE_FILE,
            Tls::KEY_FILE
        );
    }
    let authorities = tls.client_authorities.as_ref();
    if authorities.is_some_and(|authorities| authorities.directory.is_empty()) {
        bail!(
            "spec.ingest.tls.clientCertificates: set {CLIENT_AUTHORITIES_VARIABLE} to a directory with {}",
            ClientAuthorities::FILE
        );
    }
    Ok(())
}

/// Replaces a file in one step, readable by this user only: a reader sees the old content or the new, never half of it.
fn replace(path: &Path, content: &str) -> anyhow::Result<()> {
    let written = || {
        let fresh = path.with_extension("new");
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(content.as_bytes())?;
        fs::rename(fresh, path)
    };
    written().with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_token_of_an_earlier_key_goes_with_it() {
        let data = tempfile::tempdir().unwrap();
        let mounts = Mounts::create(data.path(), Unnamed::Aws).unwrap();
        let token = data
            .path()
            .join("credentials")
            .join(StaticCredentials::SESSION_TOKEN_FILE);
        mounts.write_key("id", "secret", Some("token")).unwrap();
        assert_eq!(fs::read_to_string(&token).unwrap(), "token");
        mounts.write_key("other", "secret", None).unwrap();
        assert!(!token.exists());
        mounts.write_key("other", "secret", None).unwrap();
    }
}
