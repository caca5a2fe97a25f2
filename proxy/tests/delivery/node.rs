//! Who signs in a pod with a role of its own, while whoever hands out the role fails: never the node.
//!
//! Beside the pod's own sources stands an imitation of the node's instance metadata that would gladly give keys, and an
//! HTTP proxy from the environment that must not hear of any of it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use firehose_simulator::{AccessSettings, Availability, ServiceSettings, Signatures, StreamSettings};
use http::StatusCode;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

use super::{
    credentials::{irsa, known, role},
    rig::{Rig, Setup, batch},
};

/// Something that answers HTTP and remembers what it was asked.
#[derive(Debug, Clone)]
struct Listener {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    /// `answer` gets the request line, and says status and body.
    async fn start(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&asked), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let (mut first, mut line) = (String::new(), String::new());
                    stream.read_line(&mut first).await?;
                    while stream.read_line(&mut line).await? > 2 {
                        line.clear();
                    }
                    kept.lock().unwrap().push(first.trim().to_owned());
                    let (status, body) = answer(&first);
                    let length = body.len();
                    let head = format!(
                        "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
                         x-aws-ec2-metadata-token-ttl-seconds: 21600\r\nconnection: close\r\n\r\n{body}"
                    );
                    stream.write_all(head.as_bytes()).await
                });
            }
        });
        Self { address, asked }
    }

    /// The node's metadata: a token, a role, and keys that AWS would take.
    async fn metadata() -> Self {
        Self::start(|request| match request {
            put if put.starts_with("PUT ") => (200, "token".to_owned()),
            keys if keys.contains("/security-credentials/node") => (200, keys_of("AKIDNODE")),
            _ => (200, "node".to_owned()),
        })
        .await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn keys_of(id: &str) -> String {
    format!(
        r#"{{"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"{id}","SecretAccessKey":"secret","Token":"token","Expiration":"2126-01-01T00:00:00Z"}}"#
    )
}

async fn start(mut environment: Vec<(&'static str, String)>, metadata: &Listener, proxy: &Listener) -> Rig {
    environment.extend([
        ("AWS_EC2_METADATA_DISABLED", "false".to_owned()),
        (
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            format!("http://{}", metadata.address),
        ),
        ("HTTP_PROXY", format!("http://{}", proxy.address)),
        ("HTTPS_PROXY", format!("http://{}", proxy.address)),
        ("FIREHOSE_PROXY_ACKNOWLEDGE_TIMEOUT_SECONDS", "3".to_owned()),
    ]);
    let rig = Rig::start(Setup {
        streams: vec![("orders", StreamSettings::default())],
        as_processes: true,
        environment,
        credentials: Some("{type: Ambient}"),
        ..Setup::default()
    })
    .await;
    let token = Some("token".to_owned());
    let with_token = |id| firehose_simulator::Credential {
        session_token: token.clone(),
        ..known(id, "secret", &["firehose:PutRecordBatch"])
    };
    rig.simulator.configure_access(AccessSettings {
        signatures: Signatures::Verified,
        credentials: vec![with_token("AKIDNODE"), with_token("AKIDPOD")],
        roles: vec![role()],
        ..AccessSettings::default()
    });
    rig
}

fn one() -> String {
    batch("orders", ["m-1".to_owned()], 10)
}

async fn fails_and_then_works(rig: &Rig, metadata: &Listener, proxy: &Listener, mend: impl FnOnce()) {
    for _ in 0..2 {
        assert_eq!(rig.send(0, one()).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(rig.arrived("orders").is_empty(), "the node's role signed");
    mend();
    rig.until("the pod's own role signs", async || {
        rig.send(0, one()).await.status == StatusCode::OK
    })
    .await;
    let nothing: Vec<String> = Vec::new();
    assert_eq!(metadata.asked(), nothing, "the node was asked");
    assert_eq!(proxy.asked(), nothing, "the proxy has heard of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_role_by_web_identity_a_failing_sts_is_no_reason_to_take_the_nodes() {
    let (metadata, proxy) = (
        Listener::metadata().await,
        Listener::start(|_| (502, String::new())).await,
    );
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "a token of the cluster").unwrap();
    for broken in [Availability::Unavailable, Availability::Resetting] {
        let rig = start(irsa(&token), &metadata, &proxy).await;
        rig.simulator.configure_service(ServiceSettings {
            sts: broken,
            ..ServiceSettings::default()
        });
        fails_and_then_works(&rig, &metadata, &proxy, || {
            rig.simulator.configure_service(ServiceSettings::default());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_file_that_is_missing_at_the_start_heals_and_the_node_is_not_asked_meanwhile() {
    let (metadata, proxy) = (
        Listener::metadata().await,
        Listener::start(|_| (502, String::new())).await,
    );
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    let rig = start(irsa(&token), &metadata, &proxy).await;
    fails_and_then_works(&rig, &metadata, &proxy, || {
        std::fs::write(&token, "a token of the cluster").unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_pod_identity_a_failing_agent_is_no_reason_to_take_the_nodes_role() {
    let (metadata, proxy) = (
        Listener::metadata().await,
        Listener::start(|_| (502, String::new())).await,
    );
    let works = Arc::new(AtomicBool::new(false));
    let agent = {
        let works = Arc::clone(&works);
        Listener::start(move |_| match works.load(Ordering::SeqCst) {
            true => (200, keys_of("AKIDPOD")),
            false => (500, r#"{"code":"InternalServerException","message":"no"}"#.to_owned()),
        })
        .await
    };
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    let environment = vec![
        (
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            format!("http://{}/v1/credentials", agent.address),
        ),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.display().to_string()),
        ("AWS_REGION", "eu-west-1".to_owned()),
    ];
    let rig = start(environment, &metadata, &proxy).await;
    // First without its token, then with an agent that fails.
    assert_eq!(rig.send(0, one()).await.status, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::write(&token, "a token of the cluster").unwrap();
    fails_and_then_works(&rig, &metadata, &proxy, || works.store(true, Ordering::SeqCst)).await;
    assert!(!agent.asked().is_empty());
}
