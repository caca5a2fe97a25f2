//! The way to AWS leads through an HTTP proxy, and its certificate comes from a private authority.
//!
//! `pki/` was made once with openssl: an authority, and a certificate of it for `firehose.test` with its key. They are
//! good for a hundred years and for nothing but this test.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use firehose_simulator::StreamSettings;
use http::StatusCode;

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::rig::{Rig, Setup, batch};

fn pki(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/delivery/pki")
        .join(name)
}

/// Speaks TLS in front of `plain`, which must be known by the first connection, and hands on what is inside.
async fn tls_in_front_of(plain: Arc<OnceLock<SocketAddr>>) -> SocketAddr {
    let certificate = CertificateDer::from_pem_file(pki("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(pki("server.key")).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, plain) = (acceptor.clone(), *plain.get().unwrap());
            tokio::spawn(async move {
                // A client that does not trust us ends here.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut plain = TcpStream::connect(plain).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut plain).await;
            });
        }
    });
    address
}

/// An HTTP proxy that knows one tunnel: to `firehose.test:443`, which is `target`. Counts how often it was asked for.
async fn http_proxy(target: SocketAddr, tunnels: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tunnels = Arc::clone(&tunnels);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let (mut head, mut line) = (String::new(), String::new());
                while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) && !line.trim().is_empty() {
                    head.push_str(&line);
                    line.clear();
                }
                if !head.starts_with("CONNECT firehose.test:443 ") {
                    let _ = stream
                        .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
                        .await;
                    return;
                }
                tunnels.fetch_add(1, Ordering::SeqCst);
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut target = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut target).await;
            });
        }
    });
    address
}

async fn send_through_proxy(bundle: Option<PathBuf>) -> (StatusCode, usize, usize, String) {
    let (plain, tunnels) = (Arc::new(OnceLock::new()), Arc::new(AtomicUsize::new(0)));
    let tls = tls_in_front_of(Arc::clone(&plain)).await;
    let proxy = http_proxy(tls, Arc::clone(&tunnels)).await;
    let mut environment = vec![
        ("HTTPS_PROXY", format!("http://{proxy}")),
        ("FIREHOSE_PROXY_ACKNOWLEDGE_TIMEOUT_SECONDS", "5".to_owned()),
    ];
    environment.extend(bundle.map(|path| ("FIREHOSE_PROXY_CA_BUNDLE", path.display().to_string())));
    let rig = Rig::start(Setup {
        streams: vec![("orders", StreamSettings::default())],
        endpoint: "https://firehose.test",
        as_processes: true,
        environment,
        ..Setup::default()
    })
    .await;
    plain.set(rig.simulator.address()).unwrap();
    let answer = rig.send(0, batch("orders", ["m-1".to_owned()], 10)).await;
    let (status, arrived) = (rig.admin(0, "/status").await, rig.arrived("orders").len());
    (answer.status, arrived, tunnels.load(Ordering::SeqCst), status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_through_an_http_proxy_to_an_endpoint_with_a_private_certificate() {
    let (answer, arrived, tunnels, _) = send_through_proxy(Some(pki("authority.pem"))).await;
    assert_eq!((answer, arrived), (StatusCode::OK, 1));
    assert!(tunnels > 0, "the proxy was not asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_an_unknown_authority_is_not_trusted() {
    let (answer, arrived, tunnels, status) = send_through_proxy(None).await;
    assert_eq!((answer, arrived), (StatusCode::SERVICE_UNAVAILABLE, 0));
    assert!(tunnels > 0, "the proxy was not asked");
    assert!(status.contains("Unreachable"), "{status}");
}
