//! The certificate that the endpoint shows, and the authorities that clients' certificates come from, as TLS is served
//! with them.

use std::{
    io::{self, ErrorKind},
    path::Path,
    sync::Arc,
};

use firehose_proxy_config::{ClientAuthorities, ClientCertificateMode, Tls};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig, crypto,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};

use super::held::{Kind, read_file};

/// Largest file: a chain, or a bundle of many authorities.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What is held.
pub(super) const CERTIFICATES: &Kind<Certificates> = &Kind {
    name: "certificate of the endpoint",
    directories: |document| {
        let tls = document.ingest.tls.as_ref()?;
        let authorities = tls.client_authorities.as_ref().map(|named| named.directory.clone());
        Some([tls.directory.clone()].into_iter().chain(authorities).collect())
    },
    read,
};

/// Ways to serve TLS, by what is asked of clients. Those that need authorities are there with them only.
#[derive(Debug)]
pub(super) struct Certificates {
    without: Arc<ServerConfig>,
    optional: Option<Arc<ServerConfig>>,
    required: Option<Arc<ServerConfig>>,
    /// The files, to tell new ones from old.
    files: [Vec<u8>; 3],
}

impl Certificates {
    /// What TLS is served with under this mode; `None` without the authorities that it needs.
    pub(super) fn config(&self, mode: ClientCertificateMode) -> Option<&Arc<ServerConfig>> {
        match mode {
            ClientCertificateMode::None => Some(&self.without),
            ClientCertificateMode::Optional => self.optional.as_ref(),
            ClientCertificateMode::Required => self.required.as_ref(),
        }
    }
}

impl PartialEq for Certificates {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

fn read(directories: &[String]) -> io::Result<Certificates> {
    let file = |directory: &String, name: &'static str| {
        read_file(&Path::new(directory).join(name), MAX_FILE_BYTES).map_err(named(name))
    };
    let own = &directories[0];
    let files = [
        file(own, Tls::CERTIFICATE_FILE)?,
        file(own, Tls::KEY_FILE)?,
        match directories.get(1) {
            Some(authorities) => file(authorities, ClientAuthorities::FILE)?,
            None => Vec::new(),
        },
    ];
    Ok(Certificates {
        without: config(&files, None)?,
        optional: verifier(&files, false)?
            .map(|it| config(&files, Some(it)))
            .transpose()?,
        required: verifier(&files, true)?.map(|it| config(&files, Some(it))).transpose()?,
        files,
    })
}

/// Names the file in an error whose kind stays.
fn named(name: &'static str) -> impl Fn(io::Error) -> io::Error {
    // A shortage of descriptors is told by the number of the error.
    move |error| match error.raw_os_error() {
        Some(_) if error.kind() != ErrorKind::NotFound => error,
        _ => io::Error::new(error.kind(), format!("{name}: {error}")),
    }
}

fn certificates(name: &'static str, bytes: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let certificates = certificates.map_err(io::Error::other).map_err(named(name))?;
    if certificates.is_empty() {
        return Err(io::Error::other(format!("{name}: no certificate in PEM")));
    }
    Ok(certificates)
}

fn config(files: &[Vec<u8>; 3], verifier: Option<Arc<dyn ClientCertVerifier>>) -> io::Result<Arc<ServerConfig>> {
    let [certificate, key, _] = files;
    let chain = certificates(Tls::CERTIFICATE_FILE, certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(io::Error::other)
        .map_err(named(Tls::KEY_FILE))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = match verifier {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn verifier(files: &[Vec<u8>; 3], is_required: bool) -> io::Result<Option<Arc<dyn ClientCertVerifier>>> {
    let [_, _, authorities] = files;
    if authorities.is_empty() {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    for authority in certificates(ClientAuthorities::FILE, authorities)? {
        roots.add(authority).map_err(io::Error::other)?;
    }
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if is_required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    builder.build().map(Some).map_err(io::Error::other)
}
