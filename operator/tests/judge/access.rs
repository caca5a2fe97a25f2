//! What is said of credentials, of streams that fail and of write keys, with the names of what it is about.

use firehose_operator::verify::{Findings, Proxy, judge};
use firehose_operator_api::{ConditionStatus, ConditionType, Reason};
use firehose_proxy_config::report::{
    self, CredentialsReason, CredentialsReport, CredentialsState, SourceReport, StreamReason, StreamReport,
    WriteKeysReport, WriteKeysState,
};

use crate::{at, condition, findings, proxy, says, status, stream, with};

#[test]
fn credentials_are_unknown_until_they_were_used_and_the_destination_is_ready_all_the_same() {
    for (reason, expected) in [
        (CredentialsReason::Unknown, Reason::CredentialsNotTried),
        (CredentialsReason::Loaded, Reason::CredentialsLoaded),
    ] {
        for state in [CredentialsState::Unknown, CredentialsState::Ready] {
            let untried = || {
                with(|report| {
                    report.credentials = CredentialsReport {
                        state,
                        reason,
                        ..CredentialsReport::default()
                    };
                })
            };
            let status = status(&findings(&[untried(), untried()]));
            assert_eq!(
                says(&status, ConditionType::CredentialsReady),
                (ConditionStatus::Unknown, expected)
            );
            let ready = condition(&status, ConditionType::Ready);
            assert_eq!(ready.status, ConditionStatus::True);
            assert!(ready.message.contains(expected.sentence()), "{}", ready.message);
        }
    }
}

#[test]
fn what_is_the_matter_with_credentials_names_the_secret_or_the_role_and_the_words_of_aws() {
    for (state, reason, status_now, parts) in [
        (
            CredentialsState::Failing,
            CredentialsReason::SecretMissing,
            ConditionStatus::False,
            ["Secret aws", "id and secret"],
        ),
        (
            CredentialsState::Failing,
            CredentialsReason::AssumeRoleDenied,
            ConditionStatus::False,
            ["role arn:aws:iam::1:role/writer", "AccessDenied: no"],
        ),
        (
            CredentialsState::Failing,
            CredentialsReason::Expired,
            ConditionStatus::False,
            ["Static aws", "eu-west-1"],
        ),
        (
            CredentialsState::Ready,
            CredentialsReason::SecretMissing,
            ConditionStatus::True,
            ["Secret aws", "stays in use"],
        ),
    ] {
        let other = with(|report| {
            report.credentials = CredentialsReport {
                state,
                reason,
                detail: Some("AccessDenied: no".to_owned()),
                revision: None,
            };
        });
        let proxies = [proxy("orders-firehose-0"), other];
        let found = status(&findings(&proxies));
        let found = condition(&found, ConditionType::CredentialsReady);
        assert_eq!((found.status, found.reason), (status_now, reason.into()));
        for part in parts.iter().chain(&["seen by orders-firehose-1"]) {
            assert!(found.message.contains(part), "{}", found.message);
        }
    }
}

#[test]
fn a_stream_that_fails_says_what_aws_said_where_and_to_whom() {
    let denied = with(|report| {
        report.streams = vec![StreamReport {
            detail: Some("AccessDeniedException: not authorized".to_owned()),
            mapping: Some("spec.mappings[3]".to_owned()),
            refused_events: 4711,
            ..stream("orders", report::StreamState::Failing, StreamReason::AccessDenied)
        }];
    });
    let status = status(&findings(&[proxy("orders-firehose-0"), denied]));
    let message = status.streams[0].message.clone().unwrap();
    for part in [
        "Static aws",
        "eu-west-1",
        "AccessDeniedException: not authorized",
        "seen by orders-firehose-1",
        "spec.mappings[3]",
        "1000 events refused or more",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let delivering = &condition(&status, ConditionType::Delivering).message;
    assert!(
        delivering.contains(&message) && delivering.contains("orders"),
        "{delivering}"
    );
}

#[test]
fn what_keeps_calls_from_arriving_does_not_write_the_status_at_each_attempt() {
    let unreachable = |detail: &str| {
        with(|report| {
            report.streams = vec![StreamReport {
                detail: Some(detail.to_owned()),
                ..stream("orders", report::StreamState::Failing, StreamReason::Unreachable)
            }];
        })
    };
    let first = [proxy("a"), unreachable("connection refused")];
    let second = [proxy("a"), unreachable("no answer")];
    let before = status(&findings(&first));
    assert_eq!(judge(&findings(&second), &before, &at(200)), before);
}

/// Was: seen in a metric only, and after half a minute by a pod that is not ready.
#[test]
fn a_disk_that_does_not_answer_makes_the_destination_unready_and_names_the_pod() {
    use firehose_proxy_config::report::DiskState::{Answers, NotRequired, Stalled, Unknown};
    for (disk, reason) in [
        (Answers, Reason::Ready),
        (NotRequired, Reason::Ready),
        (Unknown, Reason::Ready),
        (Stalled, Reason::DiskStalled),
    ] {
        let proxies = [proxy("orders-firehose-0"), with(|report| report.disk = disk)];
        let found = status(&findings(&proxies));
        assert_eq!(says(&found, ConditionType::Ready).1, reason);
        let message = &condition(&found, ConditionType::Ready).message;
        let is_named = message.contains("orders-firehose-1") && !message.contains("orders-firehose-0");
        assert_eq!(is_named, disk == Stalled, "{message}");
        let told = found.pods.iter().any(|pod| pod.reason == Reason::DiskStalled);
        assert_eq!(told, disk == Stalled, "{:?}", found.pods);
    }
}

#[test]
fn another_secret_that_is_not_there_makes_the_destination_unready() {
    use firehose_proxy_config::report::SecretState::{Loaded, Missing};
    for (hash_key, certificate, reason) in [
        (Loaded, Loaded, Reason::Ready),
        (Missing, Loaded, Reason::HashKeyMissing),
        (Loaded, Missing, Reason::CertificateMissing),
        (Missing, Missing, Reason::CertificateMissing),
    ] {
        let without = with(|report| {
            report.hash_key = hash_key;
            report.certificate = certificate;
        });
        let proxies = [proxy("orders-firehose-0"), without];
        let found = status(&findings(&proxies));
        assert_eq!(says(&found, ConditionType::Ready).1, reason);
        let message = &condition(&found, ConditionType::Ready).message;
        assert_eq!(
            message.contains("orders-firehose-1"),
            reason != Reason::Ready,
            "{message}"
        );
    }
}

#[test]
fn write_keys_that_are_not_there_are_named_and_make_the_destination_unready() {
    for state in [WriteKeysState::Missing, WriteKeysState::Incomplete] {
        let without = with(|report| report.write_keys.state = state);
        let proxies = [proxy("orders-firehose-0"), without];
        let found = status(&Findings {
            requires_write_keys: Some(true),
            ..findings(&proxies)
        });
        assert_eq!(
            says(&found, ConditionType::Ready),
            (ConditionStatus::False, Reason::WriteKeysMissing)
        );
        assert_eq!(
            says(&found, ConditionType::Secured).0,
            ConditionStatus::True,
            "nobody gets in"
        );
        let message = &condition(&found, ConditionType::Ready).message;
        assert!(message.contains("Secret senders, key keys"), "{message}");
        assert!(message.contains("orders-firehose-1"), "{message}");
    }
}

#[test]
fn the_write_keys_of_a_source_are_named_by_their_own_secret() {
    let keys = |state| WriteKeysReport {
        state,
        detail: Some("source shop: there are none".to_owned()),
        revision: None,
    };
    let source = |name: &str, state| SourceReport {
        name: name.to_owned(),
        write_keys: keys(state),
    };
    let without = with(|report| {
        report.write_keys = keys(WriteKeysState::Missing);
        report.sources = vec![
            source("web", WriteKeysState::Loaded),
            source("shop", WriteKeysState::Missing),
        ];
    });
    let proxies = [without];
    let mut findings = Findings {
        requires_write_keys: Some(true),
        ..findings(&proxies)
    };
    let secret = |name: &str| (name.to_owned(), "keys".to_owned());
    findings.subjects.as_mut().unwrap().sources = [("web", "web-secret"), ("shop", "shop-secret")]
        .map(|(source, name)| (source.to_owned(), secret(name)))
        .into();
    let found = status(&findings);
    assert_eq!(
        says(&found, ConditionType::Ready),
        (ConditionStatus::False, Reason::WriteKeysMissing)
    );
    let message = &condition(&found, ConditionType::Ready).message;
    assert!(
        message.contains("Secret shop-secret, key keys; source shop: there are none"),
        "{message}"
    );
    assert!(
        !message.contains("web-secret") && !message.contains("senders"),
        "{message}"
    );
}

#[test]
fn a_pod_that_is_still_open_is_named_until_it_is_replaced_whether_it_can_be_asked_or_not() {
    let open = with(|report| report.write_keys.state = WriteKeysState::Open);
    let silent = Proxy {
        has_write_keys: false,
        report: None,
        ..proxy("orders-firehose-2")
    };
    let secured = |proxies: &[Proxy]| {
        status(&Findings {
            requires_write_keys: Some(true),
            ..findings(proxies)
        })
    };
    let found = secured(&[proxy("orders-firehose-0"), open, silent]);
    assert_eq!(
        says(&found, ConditionType::Secured),
        (ConditionStatus::False, Reason::SwitchingKeys)
    );
    let message = &condition(&found, ConditionType::Secured).message;
    assert!(message.ends_with("orders-firehose-1, orders-firehose-2"), "{message}");
    let closed = Proxy {
        report: None,
        ..proxy("orders-firehose-2")
    };
    assert_eq!(
        says(&secured(&[closed]), ConditionType::Secured),
        (ConditionStatus::True, Reason::WriteKeysRequired)
    );
}
