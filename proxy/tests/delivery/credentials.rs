//! Keys that are missing, refused, or replaced while events flow.

use std::time::Duration;

use firehose_simulator::{
    AccessSettings, Availability, Credential, CredentialState, ErrorCode, Fault, Role, Rule, ServiceSettings,
    SessionEnding, Signatures, StreamSettings,
};
use http::StatusCode;

use super::rig::{Rig, Setup, batch, write_access_key};

fn orders() -> Vec<(&'static str, StreamSettings)> {
    vec![("orders", StreamSettings::default())]
}

fn one(id: &str) -> String {
    batch("orders", [id.to_owned()], 10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_files_mean_no_delivery_and_not_another_source() {
    let rig = Rig::start(Setup {
        streams: orders(),
        acknowledge_timeout: Duration::from_secs(2),
        ..Setup::default()
    })
    .await;
    let answer = rig.send(0, one("before")).await;
    assert_eq!(answer.status, StatusCode::OK);
    // Another directory, without files: another target, so the old key must not be used for it.
    let path = rig.directory.path().join("configuration/config.yaml");
    let document = std::fs::read_to_string(&path).unwrap();
    let key = rig.directory.path().join("key").display().to_string();
    std::fs::write(&path, document.replace(&key, "/nonexistent")).unwrap();
    rig.until("the missing key is reported", async || {
        rig.admin(0, "/status").await.contains("SecretMissing")
    })
    .await;
    let answer = rig.send(0, one("during")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::write(&path, document).unwrap();
    rig.until("delivery goes on", async || {
        rig.send(0, one("after")).await.status == StatusCode::OK
    })
    .await;
    assert!(!rig.arrived("orders").contains_key("during"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_secret_keeps_the_last_good_key() {
    let rig = Rig::start(Setup {
        streams: orders(),
        ..Setup::default()
    })
    .await;
    assert_eq!(rig.send(0, one("before")).await.status, StatusCode::OK);
    std::fs::remove_dir_all(rig.directory.path().join("key")).unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(rig.send(0, one("after")).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_key_is_taken_over_without_a_failed_request() {
    let rig = Rig::start(Setup {
        streams: orders(),
        ..Setup::default()
    })
    .await;
    assert_eq!(rig.send(0, one("before")).await.status, StatusCode::OK);
    write_access_key(&rig.directory.path().join("key"), "AKIDOTHER", "other");
    for number in 0..30 {
        let answer = rig.send(0, one(&format!("m-{number}"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(rig.arrived("orders").len(), 31);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_credentials_are_reported_and_delivery_goes_on_when_they_work_again() {
    let refused = |code| StreamSettings {
        faults: vec![Rule::always(Fault::CallFails {
            error_code: code,
            message: None,
            detail: None,
        })],
        ..StreamSettings::default()
    };
    let rig = Rig::start(Setup {
        streams: orders(),
        acknowledge_timeout: Duration::from_secs(2),
        ..Setup::default()
    })
    .await;
    for code in [ErrorCode::ExpiredTokenException, ErrorCode::UnrecognizedClientException] {
        rig.simulator.configure("orders", refused(code)).unwrap();
        let answer = rig.send(0, one("refused")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let status = rig.admin(0, "/status").await;
        // Of the credentials and of the stream.
        let word = match code {
            ErrorCode::ExpiredTokenException => r#""reason":"CredentialsExpired""#,
            _ => r#""reason":"CredentialsRejected""#,
        };
        assert_eq!(status.matches(word).count(), 2, "{status}");
        rig.simulator.configure("orders", StreamSettings::default()).unwrap();
        rig.until("delivery goes on", async || {
            rig.send(0, one("again")).await.status == StatusCode::OK
        })
        .await;
    }
}

pub(crate) fn known(id: &str, secret: &str, actions: &[&str]) -> Credential {
    Credential {
        access_key_id: id.to_owned(),
        secret_access_key: secret.to_owned(),
        session_token: None,
        state: CredentialState::Valid,
        allowed_actions: Some(actions.iter().map(|action| (*action).to_owned()).collect()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_is_tried_and_the_old_one_kept_until_the_new_one_works() {
    let rig = Rig::start(Setup {
        streams: orders(),
        ..Setup::default()
    })
    .await;
    let puts = &["firehose:PutRecordBatch"];
    let access = |credentials| AccessSettings {
        signatures: Signatures::Verified,
        credentials,
        ..AccessSettings::default()
    };
    let old = known("AKIDEXAMPLE", "secret", puts);
    rig.simulator.configure_access(access(vec![old.clone()]));
    assert_eq!(rig.send(0, one("before")).await.status, StatusCode::OK);
    // Mounted before AWS knows it: every request must still be answered.
    write_access_key(&rig.directory.path().join("key"), "AKIDOTHER", "other");
    for number in 0..30 {
        let answer = rig.send(0, one(&format!("early-{number}"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    rig.simulator
        .configure_access(access(vec![old, known("AKIDOTHER", "other", puts)]));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.send(0, one("both")).await.status, StatusCode::OK);
    // The old one goes: by now the new one is in use.
    rig.simulator
        .configure_access(access(vec![known("AKIDOTHER", "other", puts)]));
    rig.until("the new key is in use", async || {
        rig.send(0, one("after")).await.status == StatusCode::OK
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_assumed_with_its_external_id_and_again_when_sts_comes_back() {
    let rig = Rig::start(Setup {
        streams: orders(),
        ..Setup::default()
    })
    .await;
    let arn = "arn:aws:iam::123456789012:role/events";
    rig.simulator.configure_access(AccessSettings {
        signatures: Signatures::Verified,
        credentials: vec![known("AKIDEXAMPLE", "secret", &["sts:AssumeRole"])],
        roles: vec![Role {
            arn: arn.to_owned(),
            external_id: Some("analytics".to_owned()),
            web_identity_tokens: None,
            session_seconds: None,
            allowed_actions: None,
        }],
        ..AccessSettings::default()
    });
    rig.simulator.configure_service(ServiceSettings {
        sts: Availability::Unavailable,
        ..ServiceSettings::default()
    });
    rig.assume_as(arn, "externalID: analytics, sessionName: test");
    let (answer, ()) = tokio::join!(rig.send(0, one("during")), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        rig.simulator.configure_service(ServiceSettings::default());
    });
    rig.until("the role is in use", async || {
        rig.send(0, one("after")).await.status == StatusCode::OK
    })
    .await;
    // The base key alone may not put: what arrived was signed by the role.
    assert!(rig.arrived("orders").contains_key("after"), "{answer:?}");
}

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/events";

/// A role that anybody known may have for so long as STS gives by itself.
pub(crate) fn role() -> Role {
    Role {
        arn: ROLE.to_owned(),
        external_id: None,
        web_identity_tokens: None,
        session_seconds: None,
        allowed_actions: None,
    }
}

/// How a role comes to sign.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// Assumed with a key in files.
    Assumed,
    /// IRSA.
    WebIdentity,
}

/// A rig whose calls are signed by [`ROLE`].
pub(crate) async fn signed_by_role(source: Source, streams: Vec<(&str, StreamSettings)>) -> Rig {
    let rig = match source {
        Source::Assumed => {
            let rig = Rig::start(Setup {
                streams,
                ..Setup::default()
            })
            .await;
            rig.assume(ROLE);
            rig
        }
        Source::WebIdentity => {
            let token = std::env::temp_dir().join(format!("firehose-proxy-token-{}", std::process::id()));
            std::fs::write(&token, "a token of the cluster").unwrap();
            Rig::start(Setup {
                streams,
                as_processes: true,
                environment: irsa(&token),
                credentials: Some("{type: Ambient}"),
                ..Setup::default()
            })
            .await
        }
    };
    rig.simulator.configure_access(AccessSettings {
        signatures: Signatures::Verified,
        credentials: vec![known("AKIDEXAMPLE", "secret", &["sts:AssumeRole"])],
        roles: vec![role()],
        ..AccessSettings::default()
    });
    rig.until("the role is in use", async || {
        rig.send(0, one("before")).await.status == StatusCode::OK
    })
    .await;
    rig
}

/// What a pod is given whose service account has a role.
pub(crate) fn irsa(token: &std::path::Path) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ROLE_ARN", ROLE.to_owned()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
        ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:{port}".to_owned()),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:{port}".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
    ]
}

/// Was: used until it expired, an hour of 503.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_aws_rejects_is_dropped_and_another_one_asked_for() {
    for source in [Source::Assumed, Source::WebIdentity] {
        let rig = signed_by_role(source, orders()).await;
        for state in [
            CredentialState::Revoked,
            CredentialState::Expired,
            CredentialState::Denied,
        ] {
            rig.simulator.end_sessions(SessionEnding { state });
            // Answered within its own time, which is far less than a session has.
            let answer = rig.send(0, one(&format!("{state:?}"))).await;
            assert_eq!(answer.status, StatusCode::OK, "{source:?} {state:?}");
            rig.until("nothing is amiss", async || {
                let status = rig.admin(0, "/status").await;
                status.contains(r#""reason":"CredentialsAccepted""#) && status.contains(r#""state":"Delivering""#)
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_cause_has_one_word_in_credentials_streams_and_metrics() {
    let rig = Rig::start(Setup {
        streams: orders(),
        acknowledge_timeout: Duration::from_secs(2),
        ..Setup::default()
    })
    .await;
    let access = |role: &str, actions: &[&str]| AccessSettings {
        signatures: Signatures::Verified,
        credentials: vec![known("AKIDEXAMPLE", "secret", actions)],
        roles: vec![Role {
            arn: role.to_owned(),
            ..self::role()
        }],
        ..AccessSettings::default()
    };
    rig.assume(ROLE);
    let unavailable = ServiceSettings {
        sts: Availability::Unavailable,
        ..ServiceSettings::default()
    };
    let nobody = AccessSettings {
        signatures: Signatures::Verified,
        ..AccessSettings::default()
    };
    for (word, access, service) in [
        ("AssumeRoleDenied", access(ROLE, &[]), ServiceSettings::default()),
        (
            "AssumeRoleDenied",
            access("another", &["sts:AssumeRole"]),
            ServiceSettings::default(),
        ),
        ("AssumeRoleUnavailable", access(ROLE, &["sts:AssumeRole"]), unavailable),
        ("CredentialsRejected", nobody, ServiceSettings::default()),
    ] {
        rig.simulator.configure_access(access);
        rig.simulator.configure_service(service);
        let told = format!(r#""reason":"{word}""#);
        rig.until(word, async || {
            rig.send(0, one("refused")).await;
            rig.admin(0, "/status").await.matches(&told).count() == 2
        })
        .await;
        let metrics = rig.admin(0, "/metrics").await;
        let counted = format!(r#"firehose_proxy_calls_total{{stream="orders",reason="{word}"}}"#);
        assert!(metrics.contains(&counted), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ambient_identity_is_that_of_the_sdks_chain() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "a token of the cluster").unwrap();
    let arn = "arn:aws:iam::123456789012:role/events";
    // What a pod is given whose service account has a role (IRSA).
    let environment = vec![
        ("AWS_ROLE_ARN", arn.to_owned()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
        ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:{port}".to_owned()),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:{port}".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
    ];
    let rig = Rig::start(Setup {
        streams: orders(),
        as_processes: true,
        environment,
        credentials: Some("{type: Ambient}"),
        ..Setup::default()
    })
    .await;
    rig.simulator.configure_access(AccessSettings {
        signatures: Signatures::Verified,
        roles: vec![Role {
            arn: arn.to_owned(),
            external_id: None,
            web_identity_tokens: Some(vec!["a token of the cluster".to_owned()]),
            session_seconds: None,
            allowed_actions: None,
        }],
        ..AccessSettings::default()
    });
    assert_eq!(rig.send(0, one("signed")).await.status, StatusCode::OK);
    assert_eq!(rig.arrived("orders").len(), 1);
}
