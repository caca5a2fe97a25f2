//! HTTPS: under which certificate, for whom, and what there is instead while it cannot be had.
//!
//! `pki/` was made once with openssl: two certificates for `events.test` and a client's, of one authority, and the
//! certificate of another's client. They are good for a hundred years and for nothing but these tests.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    },
};

use crate::server::{Server, document};

const SOON: Duration = Duration::from_secs(20);

fn pki(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/endpoint/pki")
        .join(name)
}

/// Where a server finds its certificate and its clients' authorities.
struct Mounted {
    own: TempDir,
    authorities: TempDir,
}

impl Mounted {
    fn new() -> Self {
        Self {
            own: tempfile::tempdir().unwrap(),
            authorities: tempfile::tempdir().unwrap(),
        }
    }

    /// Swaps the certificate as kubelet does: both files at once.
    fn show(&self, name: &str) {
        let generation = self.own.path().join(format!("..{name}"));
        fs::create_dir_all(&generation).unwrap();
        fs::copy(pki(&format!("{name}.pem")), generation.join("tls.crt")).unwrap();
        fs::copy(pki(&format!("{name}.key")), generation.join("tls.key")).unwrap();
        let link = self.own.path().join("..data_tmp");
        std::os::unix::fs::symlink(&generation, &link).unwrap();
        fs::rename(link, self.own.path().join("..data")).unwrap();
        for file in ["tls.crt", "tls.key"] {
            // They stay what they are from the first time on.
            let _ = std::os::unix::fs::symlink(format!("..data/{file}"), self.own.path().join(file));
        }
    }

    fn ingest(&self, mode: &str) -> String {
        let authorities = match mode {
            "None" => String::new(),
            _ => format!(
                ", clientAuthorities: {{directory: {}}}",
                self.authorities.path().display()
            ),
        };
        format!(
            "requires: [TLS]\ningest: {{tls: {{directory: {}, clientCertificates: {mode}{authorities}}}}}",
            self.own.path().display()
        )
    }
}

/// A client that trusts the authority, with or without a certificate of its own.
fn connector(certificate: Option<&str>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(pki("authority.pem")).unwrap())
        .unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let config = match certificate {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let chain = vec![CertificateDer::from_pem_file(pki(&format!("{name}.pem"))).unwrap()];
            let key = PrivateKeyDer::from_pem_file(pki(&format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

async fn connect(server: &Server, name: &'static str, certificate: Option<&str>) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server.address).await?;
    let name = ServerName::try_from(name).unwrap();
    timeout(SOON, connector(certificate).connect(name, stream))
        .await
        .unwrap()
}

/// Sends an event on an open connection; the head of the answer.
async fn send(connection: &mut TlsStream<TcpStream>) -> io::Result<String> {
    let request = "POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 14\r\n\r\n{\"userId\":\"u\"}";
    connection.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"ok") && !head.ends_with(b"available at the moment") {
        let read = timeout(SOON, connection.read_buf(&mut head)).await.unwrap()?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8(head).unwrap())
}

/// Waits until the server shows a certificate.
async fn until_shown(server: &Server, name: &str) {
    let expected = CertificateDer::from_pem_file(pki(&format!("{name}.pem"))).unwrap();
    let waiting = async {
        loop {
            if let Ok(connection) = connect(server, "events.test", None).await
                && connection.get_ref().1.peer_certificates().unwrap()[0] == expected
            {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, waiting).await.expect("the certificate is shown");
}

/// Waits until who speaks plainly is answered 503.
async fn until_refused(server: &Server) {
    let waiting = async {
        loop {
            let mut plain = TcpStream::connect(server.address).await.unwrap();
            let request = "GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
            plain.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let _ = plain.read_to_end(&mut answer).await;
            if answer.starts_with(b"HTTP/1.1 503") {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, waiting).await.expect("it refuses");
}

fn counted(server: &Server, reason: &str) -> u64 {
    let metrics = server.metrics.render();
    let name = format!("firehose_proxy_requests_refused_total{{reason=\"{reason}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn events_come_by_https_and_by_nothing_else() {
    let mounted = Mounted::new();
    mounted.show("first");
    let server = Server::start(&mounted.ingest("None")).await;
    until_shown(&server, "first").await;
    let mut connection = connect(&server, "events.test", None).await.unwrap();
    for _ in 0..2 {
        assert!(send(&mut connection).await.unwrap().starts_with("HTTP/1.1 200"));
    }
    assert_eq!(server.take_records().len(), 2);

    // A client that expects somebody else leaves, and one that speaks no TLS is no client.
    assert!(connect(&server, "other.test", None).await.is_err());
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain
        .write_all(b"POST /v1/track HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = timeout(SOON, plain.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let refused = async {
        while counted(&server, "NoTls") < 2 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, refused).await.expect("both are counted");
    assert_eq!(server.take_records().len(), 0);
}

#[tokio::test]
async fn a_certificate_is_renewed_under_traffic_and_no_request_is_lost() {
    let mounted = Mounted::new();
    mounted.show("first");
    let server = Server::start(&mounted.ingest("None")).await;
    until_shown(&server, "first").await;
    let mut old = connect(&server, "events.test", None).await.unwrap();
    assert!(send(&mut old).await.unwrap().starts_with("HTTP/1.1 200"));
    let mut sent = 1;
    for (round, name) in ["second", "first", "second"].into_iter().enumerate() {
        mounted.show(name);
        for _ in 0..50 {
            let mut connection = connect(&server, "events.test", None).await.unwrap();
            assert!(
                send(&mut connection).await.unwrap().starts_with("HTTP/1.1 200"),
                "{round}"
            );
            sent += 1;
        }
        until_shown(&server, name).await;
    }
    // The connection from before is answered, and asked to come again.
    let last = send(&mut old).await.unwrap();
    assert!(
        last.starts_with("HTTP/1.1 200") && last.contains("connection: close"),
        "{last}"
    );
    assert_eq!(server.take_records().len(), sent + 1);
}

#[tokio::test]
async fn without_its_certificate_nothing_is_accepted_and_who_speaks_plainly_is_told() {
    let mounted = Mounted::new();
    let server = Server::start("").await;
    let event = r#"{"userId":"u"}"#;
    assert_eq!(server.post("/v1/track", event).await.status, 200);
    server.take_records();
    server.configure(document(
        "[{event: '*', deliveryStreamName: all}]",
        &mounted.ingest("None"),
    ));
    for path in ["/v1/track", "/v1/batch", "/health"] {
        let reply = server.post(path, event).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (
                503,
                "events are taken by HTTPS only, which is not available at the moment"
            ),
            "{path}"
        );
        assert!(reply.head.contains("retry-after: 10"), "{}", reply.head);
    }
    assert!(connect(&server, "events.test", None).await.is_err());

    mounted.show("first");
    until_shown(&server, "first").await;
    // A key of another certificate is no key.
    fs::copy(pki("second.key"), mounted.own.path().join("..first/tls.key")).unwrap();
    until_refused(&server).await;
    mounted.show("second");
    until_shown(&server, "second").await;
    let mut file = fs::File::create(mounted.own.path().join("..second/tls.crt")).unwrap();
    file.write_all(b"no certificate").unwrap();
    until_refused(&server).await;
    assert_eq!(server.take_records().len(), 0);
    assert!(counted(&server, "NoCertificate") > 0);
}

#[tokio::test]
async fn clients_show_certificates_where_they_must() {
    let mounted = Mounted::new();
    mounted.show("first");
    fs::copy(pki("authority.pem"), mounted.authorities.path().join("ca.crt")).unwrap();
    let server = Server::start("").await;
    for (mode, certificate, is_taken) in [
        ("None", None, true),
        ("None", Some("intruder"), true),
        ("Optional", None, true),
        ("Optional", Some("client"), true),
        ("Optional", Some("intruder"), false),
        ("Required", None, false),
        ("Required", Some("client"), true),
        ("Required", Some("intruder"), false),
    ] {
        let mapping = "[{event: '*', deliveryStreamName: all}]";
        server.configure(document(mapping, &mounted.ingest(mode)));
        // The files of a mode are read when it comes.
        let ready = async {
            loop {
                let known = if mode == "None" { None } else { Some("client") };
                if let Ok(mut connection) = connect(&server, "events.test", known).await
                    && send(&mut connection)
                        .await
                        .is_ok_and(|head| head.starts_with("HTTP/1.1 200"))
                {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, ready).await.expect("it serves");
        server.take_records();
        // Under TLS 1.3 a client learns of its refusal with the first byte that it reads.
        let answer = match connect(&server, "events.test", certificate).await {
            Ok(mut connection) => send(&mut connection).await,
            Err(error) => Err(error),
        };
        assert_eq!(answer.is_ok(), is_taken, "{mode} {certificate:?}: {answer:?}");
        assert_eq!(
            server.take_records().len(),
            usize::from(is_taken),
            "{mode} {certificate:?}"
        );
    }
    // Without the authorities it is as without a certificate of its own.
    fs::remove_file(mounted.authorities.path().join("ca.crt")).unwrap();
    until_refused(&server).await;
}

#[tokio::test]
async fn a_stricter_mode_holds_for_connections_that_are_open() {
    let mounted = Mounted::new();
    mounted.show("first");
    fs::copy(pki("authority.pem"), mounted.authorities.path().join("ca.crt")).unwrap();
    let server = Server::start(&mounted.ingest("None")).await;
    until_shown(&server, "first").await;
    let mut open = connect(&server, "events.test", None).await.unwrap();
    assert!(send(&mut open).await.unwrap().starts_with("HTTP/1.1 200"));
    let required = document("[{event: '*', deliveryStreamName: all}]", &mounted.ingest("Required"));
    server.configure(required);
    let refused = send(&mut open).await.unwrap();
    assert!(
        refused.starts_with("HTTP/1.1 503") && refused.contains("connection: close"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_handshake_has_its_time() {
    let mounted = Mounted::new();
    mounted.show("first");
    let server = Server::start_without_configuration(|endpoint| {
        endpoint.connections.head_timeout = Duration::from_millis(200);
    })
    .await;
    server.configure(document(
        "[{event: '*', deliveryStreamName: all}]",
        &mounted.ingest("None"),
    ));
    until_shown(&server, "first").await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(timeout(SOON, silent.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
    assert_eq!(counted(&server, "SlowHandshake"), 1);
}

#[tokio::test]
async fn the_events_of_a_client_that_says_good_bye_are_kept() {
    let mounted = Mounted::new();
    mounted.show("first");
    let server = Server::start_delivering(Some(Duration::from_secs(2)), |endpoint| {
        endpoint.acknowledge_timeout = Duration::from_secs(1);
    })
    .await;
    server.configure(document(
        "[{event: '*', deliveryStreamName: all}]",
        &mounted.ingest("None"),
    ));
    until_shown(&server, "first").await;
    let mut leaving = connect(&server, "events.test", None).await.unwrap();
    let request = "POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 14\r\n\r\n{\"userId\":\"u\"}";
    leaving.write_all(request.as_bytes()).await.unwrap();
    leaving.shutdown().await.unwrap();
    drop(leaving);
    let arrived = async {
        while server.take_records().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, arrived).await.expect("the event is delivered");
}
