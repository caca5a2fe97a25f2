//! SDKs send over HTTPS to a destination with a certificate.

use std::fs;

use firehose_tests::{
    local_path::{LocalPath, command},
    program::Program,
    sdk::ALL,
    workspace,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

const EACH: usize = 20;

/// A directory as a Secret of a certificate is mounted, with the authority beside it.
struct Certificate(TempDir);

impl Certificate {
    fn new() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority
            .distinguished_name
            .push(DnType::CommonName, "authority of tests");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let server = server.signed_by(&key, &authority).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("tls.crt", server.pem()),
            ("tls.key", key.serialize_pem()),
            ("ca.crt", authority.pem()),
        ] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Self(folder)
    }

    /// The example with `ingest.tls`, served with this certificate.
    fn serve(&self) -> LocalPath {
        let example = fs::read_to_string(workspace::root().join("examples/orders.yaml")).unwrap();
        assert!(
            !example.contains("  ingest:"),
            "the example has rules for its clients now: add to them"
        );
        let manifest = self.0.path().join("orders.yaml");
        let with_tls = example.replacen(
            "spec:\n",
            "spec:\n  ingest: {tls: {secretRef: {name: certificate}}}\n",
            1,
        );
        fs::write(&manifest, with_tls).unwrap();
        let mut command = command(&manifest);
        command.env("FIREHOSE_LOCAL_CERTIFICATE_DIR", self.0.path());
        LocalPath::of(Program::start(&mut command))
    }
}

#[test]
#[ignore = "needs the SDKs: cargo xtask test sdk"]
fn events_of_sdks_that_trust_the_certificate_arrive() {
    let certificate = Certificate::new();
    let local = certificate.serve();
    assert!(local.events.starts_with("https://127.0.0.1:"), "{}", local.events);
    for sdk in ALL {
        let mut sending = sdk.command(&local.events, EACH);
        let authority = certificate.0.path().join("ca.crt");
        // Of Node and of the Python SDKs' HTTP client.
        sending.env("NODE_EXTRA_CA_CERTS", &authority);
        sending.env("REQUESTS_CA_BUNDLE", &authority);
        let output = sending.output().unwrap();
        assert!(output.status.success(), "{sdk:?}: {output:?}");
    }
    let expected = ALL.into_iter().flat_map(|sdk| sdk.expected(EACH)).collect();
    local.simulator().arrived().assert_exactly(&expected);
}
