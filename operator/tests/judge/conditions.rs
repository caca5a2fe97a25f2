//! Each condition by the cases that lead to it.

use firehose_operator::{
    observe::{ClaimPhase, Trouble},
    verify::{Durability, Findings, PodTrouble, Proxy},
};
use firehose_operator_api::{ConditionStatus, ConditionType, Reason};
use firehose_proxy_config::{
    Acknowledge,
    report::{self, CredentialsReason, CredentialsReport, CredentialsState, StreamReason},
};

use crate::{REVISION, condition, findings, proxy, says, status, stream, with, with_stream};

#[test]
fn two_proxies_that_deliver_make_a_ready_destination() {
    use ConditionStatus::{False, True};
    use ConditionType::{Accepted, ConfigSynced, CredentialsReady, Delivering, Durable, Ready, Reconciling, Stalled};
    let status = status(&findings(&[proxy("a"), proxy("b")]));
    for (kind, expected) in [
        (Accepted, (True, Reason::Valid)),
        (ConfigSynced, (True, Reason::Synced)),
        (CredentialsReady, (True, Reason::CredentialsAccepted)),
        (Durable, (True, Reason::AcknowledgedByFirehose)),
        (Delivering, (True, Reason::Succeeded)),
        (Ready, (True, Reason::Ready)),
        (Reconciling, (False, Reason::Settled)),
        (Stalled, (False, Reason::Settled)),
    ] {
        assert_eq!(says(&status, kind), expected, "{kind}");
    }
    let proxies = status.proxies.unwrap();
    assert_eq!((proxies.desired, proxies.ready, proxies.synced), (2, 2, 2));
    assert_eq!(proxies.summary, "2/2");
    assert_eq!(status.pods, [], "none has anything to say");
    assert_eq!(status.revision.as_deref(), Some(REVISION));
    assert_eq!(status.observed_generation, Some(3));
}

#[test]
fn what_one_proxy_reports_shows_in_the_condition_it_is_about() {
    use ConditionStatus::{False, True, Unknown};
    use ConditionType::{ConfigSynced, CredentialsReady, Delivering};
    let failing = |reason| CredentialsReport {
        state: CredentialsState::Failing,
        reason,
        ..CredentialsReport::default()
    };
    let cases = [
        (
            with(|report| "old".clone_into(&mut report.revision)),
            ConfigSynced,
            (False, Reason::Propagating),
        ),
        (
            with(|report| {
                report.revision = "old".to_owned();
                report.config_error = Some("cut short".to_owned());
            }),
            ConfigSynced,
            (False, Reason::ConfigRejected),
        ),
        (
            Proxy {
                report: None,
                ..proxy("b")
            },
            ConfigSynced,
            (Unknown, Reason::ProxiesUnreachable),
        ),
        (
            with(|report| report.credentials = failing(CredentialsReason::SecretMissing)),
            CredentialsReady,
            (False, Reason::SecretMissing),
        ),
        (
            with_stream(report::StreamState::Failing, StreamReason::StreamNotFound),
            Delivering,
            (False, Reason::StreamNotFound),
        ),
        (
            with_stream(report::StreamState::Delivering, StreamReason::SinglePutsOnly),
            Delivering,
            (True, Reason::SinglePutsOnly),
        ),
        (
            with(|report| report.streams = vec![stream("pages", report::StreamState::Paused, StreamReason::Paused)]),
            Delivering,
            (False, Reason::DeliveryPaused),
        ),
    ];
    for (other, kind, expected) in cases {
        let description = format!("{other:?}");
        assert_eq!(
            says(&status(&findings(&[proxy("a"), other])), kind),
            expected,
            "{description}"
        );
    }
}

#[test]
fn a_destination_without_traffic_is_ready_and_not_known_to_deliver() {
    let idle =
        || with(|report| report.streams = vec![stream("orders", report::StreamState::Idle, StreamReason::NoTraffic)]);
    let status = status(&findings(&[idle(), idle()]));
    assert_eq!(
        says(&status, ConditionType::Delivering),
        (ConditionStatus::Unknown, Reason::NoTraffic)
    );
    assert_eq!(says(&status, ConditionType::Ready).0, ConditionStatus::True);
}

#[test]
fn a_stream_that_fails_does_not_make_the_destination_unready_but_credentials_do() {
    let lost = with_stream(report::StreamState::Failing, StreamReason::Unreachable);
    assert_eq!(
        says(&status(&findings(&[proxy("a"), lost])), ConditionType::Ready).0,
        ConditionStatus::True
    );
    let refused = with(|report| {
        report.credentials = CredentialsReport {
            state: CredentialsState::Failing,
            reason: CredentialsReason::Expired,
            ..CredentialsReport::default()
        };
    });
    assert_eq!(
        says(&status(&findings(&[proxy("a"), refused])), ConditionType::Ready),
        (ConditionStatus::False, Reason::CredentialsExpired)
    );
}

#[test]
fn a_proxy_that_cannot_be_asked_is_unknown_and_not_false() {
    let silent = |name| Proxy {
        report: None,
        ..proxy(name)
    };
    let status = status(&findings(&[silent("a"), silent("b")]));
    assert_eq!(
        says(&status, ConditionType::Ready),
        (ConditionStatus::True, Reason::Ready)
    );
    assert_eq!(
        says(&status, ConditionType::CredentialsReady).0,
        ConditionStatus::Unknown
    );
}

#[test]
fn a_pod_that_is_not_ready_is_rolling_out_and_does_not_count_as_synced() {
    let starting = Proxy {
        ready: false,
        ..proxy("b")
    };
    let status = status(&findings(&[proxy("a"), starting]));
    assert_eq!(
        says(&status, ConditionType::Ready),
        (ConditionStatus::False, Reason::RollingOut)
    );
    assert_eq!(
        says(&status, ConditionType::ConfigSynced),
        (ConditionStatus::True, Reason::Synced)
    );
    assert_eq!(says(&status, ConditionType::Reconciling).0, ConditionStatus::True);
    assert_eq!(status.proxies.unwrap().synced, 1);
}

#[test]
fn between_two_replacements_of_a_rolling_update_it_is_not_ready_yet() {
    let proxies = [proxy("a"), proxy("b")];
    let status = status(&Findings {
        is_replacing: true,
        ..findings(&proxies)
    });
    assert_eq!(
        says(&status, ConditionType::Ready),
        (ConditionStatus::False, Reason::RollingOut)
    );
    assert_eq!(says(&status, ConditionType::Reconciling).0, ConditionStatus::True);
}

#[test]
fn a_destination_that_halts_a_rollout_is_stalled_and_names_the_image() {
    let proxies = [proxy("a"), proxy("b")];
    let status = status(&Findings {
        is_halting: true,
        is_replacing: true,
        ..findings(&proxies)
    });
    assert_eq!(
        says(&status, ConditionType::Stalled),
        (ConditionStatus::True, Reason::RolloutHalted)
    );
    assert!(condition(&status, ConditionType::Stalled).message.contains("proxy:1"));
    assert_eq!(says(&status, ConditionType::Reconciling).0, ConditionStatus::False);
}

#[test]
fn what_is_in_the_way_of_a_pod_is_said_with_the_object_to_look_at() {
    let trouble = |pod: &str, reason, message: &str, look_at: &str| PodTrouble {
        pod: pod.to_owned(),
        trouble: Trouble {
            reason,
            message: message.to_owned(),
        },
        look_at: look_at.to_owned(),
    };
    let waiting = Proxy {
        ready: false,
        report: None,
        ..proxy("orders-firehose-0")
    };
    let proxies = [waiting];
    let status = status(&Findings {
        troubles: vec![
            trouble(
                "orders-firehose-0",
                Reason::ImagePullBackOff,
                "not found",
                "pod/orders-firehose-0",
            ),
            trouble(
                "orders-firehose-1",
                Reason::QuotaExceeded,
                "pods=1",
                "statefulset/orders-firehose",
            ),
        ],
        ..findings(&proxies)
    });
    let ready = condition(&status, ConditionType::Ready);
    assert_eq!(
        (ready.status, ready.reason),
        (ConditionStatus::False, Reason::ImagePullBackOff)
    );
    assert_eq!(
        ready.message,
        "0 of 2 proxies are ready; pod orders-firehose-0 (and 1 more, see status.pods): not found; kubectl -n \
         analytics describe pod/orders-firehose-0"
    );
    let pods: Vec<_> = status.pods.iter().map(|pod| (pod.name.as_str(), pod.reason)).collect();
    assert_eq!(
        pods,
        [
            ("orders-firehose-0", Reason::ImagePullBackOff),
            ("orders-firehose-1", Reason::QuotaExceeded)
        ]
    );
}

#[test]
fn a_spool_on_a_claim_without_a_volume_is_not_durable() {
    let proxies = [proxy("a"), proxy("b")];
    let durable = |acknowledge, phases: &[(&str, ClaimPhase)]| {
        let unbound_claims = phases
            .iter()
            .map(|(name, phase)| ((*name).to_owned(), *phase))
            .collect();
        status(&Findings {
            durability: Some(Durability {
                acknowledge,
                is_persistent: true,
                sets_aside: false,
            }),
            unbound_claims,
            ..findings(&proxies)
        })
    };
    let pending = ("spool-orders-firehose-1", ClaimPhase::Pending);
    let lost = ("spool-orders-firehose-0", ClaimPhase::Lost);
    for (acknowledge, claims, expected) in [
        (
            Acknowledge::WhenSpooled,
            vec![pending],
            (ConditionStatus::Unknown, Reason::ClaimPending),
        ),
        (
            Acknowledge::WhenSpooled,
            vec![pending, lost],
            (ConditionStatus::False, Reason::ClaimLost),
        ),
        (
            Acknowledge::WhenDelivered,
            vec![pending],
            (ConditionStatus::True, Reason::AcknowledgedByFirehose),
        ),
    ] {
        let status = durable(acknowledge, &claims);
        assert_eq!(says(&status, ConditionType::Durable), expected);
    }
    let status = durable(Acknowledge::WhenSpooled, &[pending]);
    let message = &condition(&status, ConditionType::Durable).message;
    assert!(message.contains("describe pvc/spool-orders-firehose-1"), "{message}");
}

#[test]
fn an_ephemeral_spool_that_acknowledges_is_not_durable() {
    let firehose = (ConditionStatus::True, Reason::AcknowledgedByFirehose);
    let claim = (ConditionStatus::True, Reason::PersistentSpool);
    let neither = (ConditionStatus::False, Reason::EphemeralSpool);
    for (acknowledge, is_persistent, sets_aside, expected) in [
        (Acknowledge::WhenDelivered, false, false, firehose),
        (Acknowledge::WhenDelivered, true, true, firehose),
        (Acknowledge::WhenDelivered, false, true, neither),
        (Acknowledge::WhenSpooled, true, false, claim),
        (Acknowledge::WhenSpooled, true, true, claim),
        (Acknowledge::WhenSpooled, false, false, neither),
    ] {
        let proxies = [proxy("a"), proxy("b")];
        let case = Findings {
            durability: Some(Durability {
                acknowledge,
                is_persistent,
                sets_aside,
            }),
            ..findings(&proxies)
        };
        assert_eq!(says(&status(&case), ConditionType::Durable), expected);
    }
}

#[test]
fn an_endpoint_that_anybody_may_send_to_is_not_secured_and_says_why() {
    let proxies = [proxy("a"), proxy("b")];
    let open = status(&findings(&proxies));
    assert_eq!(
        says(&open, ConditionType::Secured),
        (ConditionStatus::False, Reason::NoAuthentication)
    );
    let message = &condition(&open, ConditionType::Secured).message;
    assert!(message.contains("ingest.authentication.type"), "{message}");
    assert_eq!(says(&open, ConditionType::Ready).0, ConditionStatus::True);
    let closed = status(&Findings {
        requires_write_keys: Some(true),
        ..findings(&proxies)
    });
    assert_eq!(
        says(&closed, ConditionType::Secured),
        (ConditionStatus::True, Reason::WriteKeysRequired)
    );
}

#[test]
fn dead_letters_in_any_pod_are_said_and_the_worst_comes_first() {
    use report::DeadLetters::{Empty, Full, Unavailable, Unknown, Waiting};
    for (states, expected) in [
        ([Empty, Empty], (ConditionStatus::False, Reason::NoDeadLetters)),
        ([Empty, Unknown], (ConditionStatus::Unknown, Reason::Unknown)),
        ([Waiting, Unknown], (ConditionStatus::True, Reason::DeadLettersWaiting)),
        ([Waiting, Full], (ConditionStatus::True, Reason::DeadLettersFull)),
        (
            [Unavailable, Full],
            (ConditionStatus::True, Reason::DeadLettersUnavailable),
        ),
    ] {
        let proxies = states.map(|state| with(|report| report.dead_letters = state));
        let status = status(&findings(&proxies));
        assert_eq!(says(&status, ConditionType::DeadLetters), expected, "{states:?}");
        assert_eq!(says(&status, ConditionType::Ready).0, ConditionStatus::True);
    }
}

#[test]
fn every_condition_says_something() {
    let silent = Proxy {
        report: None,
        ready: false,
        ..proxy("a")
    };
    for proxies in [vec![proxy("a"), proxy("b")], vec![silent], vec![]] {
        for condition in status(&findings(&proxies)).conditions {
            assert!(
                !condition.message.is_empty() && condition.message.len() <= 4096,
                "{condition:?}"
            );
        }
    }
}
