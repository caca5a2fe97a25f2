//! Each source of an identity by itself, with all the others alive beside it: what a destination names is used, and
//! where that has nothing, nothing is.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::Request, response::IntoResponse as _};
use firehose_simulator::{AccessSettings, Credential, CredentialState, Role, Signatures, StreamSettings};
use http::StatusCode;

use super::rig::{Rig, Setup, batch};

const ROLE: &str = "arn:aws:iam::123456789012:role/events";
const SECOND: &str = "arn:aws:iam::210987654321:role/writer";
const TOKEN: &str = "a token of the cluster";

/// The addresses of a node: of its metadata service, and of its Pod Identity agent. Notes what is asked of it.
struct Node {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Node {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let notes = Arc::clone(&asked);
        let service = Router::new().fallback(move |request: Request| {
            let path = request.uri().path().to_owned();
            let token = request.headers().get("authorization").cloned();
            notes.lock().unwrap().push(path.clone());
            async move {
                let session = |id: &str| {
                    format!(
                        "{{\"Code\": \"Success\", \"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"secret\", \"Token\": \"session\", \
                         \"Expiration\": \"2100-01-01T00:00:00Z\"}}"
                    )
                };
                match path.as_str() {
                    "/latest/api/token" => ([("x-aws-ec2-metadata-token-ttl-seconds", "21600")], "token").into_response(),
                    "/latest/meta-data/iam/security-credentials/" => "node".into_response(),
                    "/latest/meta-data/iam/security-credentials/node" => session("ASIANODE").into_response(),
                    "/v1/credentials" if token.is_some_and(|token| token == TOKEN) => session("ASIAPOD").into_response(),
                    _ => StatusCode::NOT_FOUND.into_response(),
                }
            }
        });
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, asked }
    }

    fn was_asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// What a pod's environment would say about it.
    fn environment(&self, token_file: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_EC2_METADATA_DISABLED", "false".to_owned()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", self.address)),
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                format!("http://{}/v1/credentials", self.address),
            ),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file.to_owned()),
        ]
    }
}

/// A proxy with these credentials in its document, beside a live node; only `id` may put.
async fn rig(node: &Node, credentials: &str, token_file: &str, id: &str) -> Rig {
    let rig = Rig::start(Setup {
        streams: vec![("orders", StreamSettings::default())],
        as_processes: true,
        environment: node.environment(token_file),
        credentials: Some(credentials),
        ..Setup::default()
    })
    .await;
    let role = |arn: &str, tokens: Option<Vec<String>>, actions: &[&str]| Role {
        arn: arn.to_owned(),
        external_id: None,
        web_identity_tokens: tokens,
        session_seconds: None,
        allowed_actions: Some(actions.iter().map(|action| (*action).to_owned()).collect()),
    };
    rig.simulator.configure_access(AccessSettings {
        signatures: Signatures::Verified,
        credentials: vec![Credential {
            access_key_id: id.to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: Some("session".to_owned()),
            state: CredentialState::Valid,
            allowed_actions: None,
        }],
        roles: vec![
            role(
                ROLE,
                Some(vec![TOKEN.to_owned()]),
                &["firehose:PutRecordBatch", "sts:AssumeRole"],
            ),
            role(SECOND, None, &["firehose:PutRecordBatch"]),
        ],
        ..AccessSettings::default()
    });
    rig
}

fn event(id: &str) -> String {
    batch("orders", [id.to_owned()], 10)
}

fn web_identity(token_file: &str, more: &str) -> String {
    let sts = "sts: {endpointURL: 'http://127.0.0.1:{port}'}";
    format!(
        "{{type: WebIdentity, webIdentity: {{roleARN: '{ROLE}', sessionName: orders, tokenFile: '{token_file}', {sts}}}{more}}}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_identity_is_the_one_that_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let token = token.display().to_string();
    let metadata = "/latest/meta-data/iam/security-credentials/node";
    let second = format!(
        ", assumeRole: {{roleARN: '{ROLE}', endpointURL: 'http://127.0.0.1:{{port}}'}}, \
         secondRole: {{roleARN: '{SECOND}', endpointURL: 'http://127.0.0.1:{{port}}', sessionTags: {{team: a}}}}"
    );
    for (credentials, id, asked) in [
        (web_identity(&token, ""), "NOBODY", None),
        (web_identity(&token, &second), "NOBODY", None),
        ("{type: PodIdentity}".to_owned(), "ASIAPOD", Some("/v1/credentials")),
        ("{type: InstanceProfile}".to_owned(), "ASIANODE", Some(metadata)),
    ] {
        let node = Node::start().await;
        let rig = rig(&node, &credentials, &token, id).await;
        assert_eq!(
            rig.send(0, event("signed")).await.status,
            StatusCode::OK,
            "{credentials}"
        );
        assert_eq!(rig.arrived("orders").len(), 1, "{credentials}");
        let seen = node.was_asked();
        match asked {
            None => assert_eq!(seen, [""; 0], "{credentials}"),
            Some(path) => assert!(seen.iter().any(|one| one == path), "{credentials}: {seen:?}"),
        }
        let other = if id == "ASIAPOD" { "/latest/" } else { "/v1/" };
        assert!(
            !seen.iter().any(|one| one.starts_with(other)),
            "{credentials}: {seen:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_that_has_nothing_falls_through_to_no_other() {
    for credentials in [
        web_identity("/nonexistent/token", ""),
        "{type: WebIdentity}".to_owned(),
        "{type: PodIdentity}".to_owned(),
    ] {
        let node = Node::start().await;
        // The node's own role may put, and the agent has no token to go by.
        let rig = rig(&node, &credentials, "/nonexistent/token", "ASIANODE").await;
        let answer = tokio::time::timeout(Duration::from_secs(4), rig.send(0, event("refused"))).await;
        let is_accepted = answer.is_ok_and(|answer| answer.status == StatusCode::OK);
        assert!(!is_accepted && rig.arrived("orders").is_empty(), "{credentials}");
        let status = rig.admin(0, "/status").await;
        assert!(status.contains("\"state\":\"Failing\""), "{credentials}: {status}");
        assert!(
            !node.was_asked().iter().any(|path| path.starts_with("/latest/")),
            "{credentials}"
        );
    }
}
