//! Signatures, credentials and roles, signed by the SDK and checked by the simulator.

use aws_sdk_firehose::{Client, config::Credentials, error::ProvideErrorMetadata};
use aws_sdk_sts::config::{BehaviorVersion, Region, retry::RetryConfig};
use firehose_simulator::{AccessSettings, Credential, CredentialState, Options, Role, Signatures, Simulator};

use crate::{client_with, kept, record};

const ROLE: &str = "arn:aws:iam::123456789012:role/events";

fn long_lived(state: CredentialState) -> Credential {
    Credential {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG".to_owned(),
        session_token: None,
        state,
        allowed_actions: None,
    }
}

fn role() -> Role {
    Role {
        arn: ROLE.to_owned(),
        external_id: Some("analytics".to_owned()),
        web_identity_tokens: Some(vec!["a.web.token".to_owned()]),
        session_seconds: None,
        allowed_actions: None,
    }
}

fn settings() -> AccessSettings {
    AccessSettings {
        clock_error_code: None,
        signatures: Signatures::Verified,
        clock_offset_seconds: 0,
        credentials: vec![long_lived(CredentialState::Valid)],
        roles: vec![role()],
    }
}

async fn start(access: AccessSettings) -> Simulator {
    Simulator::start(Options {
        create_on_demand: true,
        access,
        ..Options::default()
    })
    .await
    .unwrap()
}

fn keys(key: &str, secret: &str, token: Option<&str>) -> Credentials {
    Credentials::new(key, secret, token.map(str::to_owned), None, "test")
}

fn good_keys() -> Credentials {
    keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", None)
}

/// The code of a put's error, or nothing when it went through.
async fn put(client: &Client) -> Option<String> {
    let put = client
        .put_record()
        .delivery_stream_name("orders")
        .record(record("x"))
        .send()
        .await;
    put.err()
        .map(|error| error.into_service_error().code().unwrap_or("no code").to_owned())
}

#[tokio::test]
async fn a_signature_of_the_sdk_is_verified() {
    let simulator = start(settings()).await;
    assert_eq!(put(&client_with(&simulator, good_keys())).await, None);
    assert_eq!(kept(&simulator, "orders"), ["x"]);
}

#[tokio::test]
async fn keys_that_are_not_good_are_refused_for_their_reason() {
    let wrong_secret = keys("AKIDEXAMPLE", "another", None);
    let unknown_key = keys("AKIDOTHER", "wJalrXUtnFEMI/K7MDENG", None);
    let unexpected_token = keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", Some("token"));
    let cases = [
        (CredentialState::Valid, wrong_secret, "InvalidSignatureException"),
        (CredentialState::Valid, unknown_key, "UnrecognizedClientException"),
        (CredentialState::Valid, unexpected_token, "UnrecognizedClientException"),
        (CredentialState::Expired, good_keys(), "ExpiredTokenException"),
        (CredentialState::Revoked, good_keys(), "UnrecognizedClientException"),
    ];
    for (state, credentials, expected) in cases {
        let simulator = start(AccessSettings {
            credentials: vec![long_lived(state)],
            ..settings()
        })
        .await;
        assert_eq!(
            put(&client_with(&simulator, credentials)).await.as_deref(),
            Some(expected),
            "{state:?}"
        );
        assert!(simulator.streams().is_empty());
    }
}

#[tokio::test]
async fn a_clock_more_than_five_minutes_off_is_refused() {
    for (clock_offset_seconds, expected) in [
        (280, None),
        (-280, None),
        (320, Some("InvalidSignatureException")),
        (-320, Some("InvalidSignatureException")),
    ] {
        let simulator = start(AccessSettings {
            clock_offset_seconds,
            ..settings()
        })
        .await;
        assert_eq!(
            put(&client_with(&simulator, good_keys())).await.as_deref(),
            expected,
            "{clock_offset_seconds}"
        );
    }
}

#[tokio::test]
async fn a_policy_allows_single_puts_only_and_says_so_in_the_words_of_the_service() {
    let allowed_actions = Some(vec!["firehose:PutRecord".to_owned()]);
    let credentials = vec![Credential {
        allowed_actions,
        ..long_lived(CredentialState::Valid)
    }];
    let simulator = start(AccessSettings {
        credentials,
        ..settings()
    })
    .await;
    let client = client_with(&simulator, good_keys());
    assert_eq!(put(&client).await, None);
    let batch = client
        .put_record_batch()
        .delivery_stream_name("orders")
        .records(record("x"))
        .send()
        .await;
    let error = batch.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    let message = error.message().unwrap();
    for part in [
        "firehose:PutRecordBatch",
        "arn:aws:firehose:us-east-1:123456789012:deliverystream/orders",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

fn sts(simulator: &Simulator) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(simulator.url())
        .credentials_provider(good_keys())
        .retry_config(RetryConfig::disabled());
    aws_sdk_sts::Client::from_conf(config.build())
}

fn session_keys(credentials: &aws_sdk_sts::types::Credentials) -> Credentials {
    let token = Some(credentials.session_token());
    keys(credentials.access_key_id(), credentials.secret_access_key(), token)
}

#[tokio::test]
async fn a_role_is_given_out_for_its_external_id_and_its_session_may_put() {
    let simulator = start(settings()).await;
    let assume = || sts(&simulator).assume_role().role_arn(ROLE).role_session_name("orders");
    let denied = assume()
        .external_id("another")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert_eq!(denied.code(), Some("AccessDenied"));

    let assumed = assume().external_id("analytics").send().await.unwrap();
    let user = assumed.assumed_role_user().unwrap();
    assert_eq!(user.arn(), "arn:aws:sts::123456789012:assumed-role/events/orders");
    let session = assumed.credentials().unwrap();
    assert_eq!(put(&client_with(&simulator, session_keys(session))).await, None);
    let without_token = keys(session.access_key_id(), session.secret_access_key(), None);
    let refused = put(&client_with(&simulator, without_token)).await;
    assert_eq!(refused.as_deref(), Some("UnrecognizedClientException"));
}

#[tokio::test]
async fn a_web_identity_needs_no_signature_but_its_token() {
    let simulator = start(settings()).await;
    let assume = |token| {
        let call = sts(&simulator)
            .assume_role_with_web_identity()
            .role_arn(ROLE)
            .role_session_name("orders");
        call.web_identity_token(token)
    };
    let error = assume("another").send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_identity_token_exception(), "{error:?}");
    let assumed = assume("a.web.token").send().await.unwrap();
    assert_eq!(
        put(&client_with(&simulator, session_keys(assumed.credentials().unwrap()))).await,
        None
    );
}

#[tokio::test]
async fn a_session_ends_when_its_role_says() {
    let roles = vec![Role {
        session_seconds: Some(0),
        external_id: None,
        ..role()
    }];
    let simulator = start(AccessSettings { roles, ..settings() }).await;
    let assumed = sts(&simulator)
        .assume_role()
        .role_arn(ROLE)
        .role_session_name("orders")
        .send()
        .await
        .unwrap();
    let client = client_with(&simulator, session_keys(assumed.credentials().unwrap()));
    assert_eq!(put(&client).await.as_deref(), Some("ExpiredTokenException"));
}

#[tokio::test]
async fn a_role_that_nobody_has_defined_is_denied() {
    let simulator = start(settings()).await;
    let other = "arn:aws:iam::123456789012:role/other";
    let error = sts(&simulator)
        .assume_role()
        .role_arn(other)
        .role_session_name("orders")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("AccessDenied"));
}
