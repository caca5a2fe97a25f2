//! What else is in a status, and what stays in it.

use std::time::Duration;

use firehose_operator::verify::{Acceptance, Findings, Proxy, hold_pods, judge};
use firehose_operator_api::{ConditionStatus, ConditionType, Reason, StreamState};
use firehose_proxy_config::report::{self, StreamReason};

use crate::{REVISION, at, condition, findings, proxy, says, status, with, with_stream};

#[test]
fn a_refused_edit_says_so_and_keeps_what_runs_in_the_status() {
    let proxies = [proxy("a"), proxy("b")];
    let before = status(&findings(&proxies));
    let refused = Findings {
        acceptance: Acceptance::Refused(Reason::DuplicateEvent, "spec.mappings[1].event: …".to_owned()),
        generation: Some(4),
        mappings: None,
        effective: None,
        durability: None,
        requires_write_keys: None,
        ..findings(&proxies)
    };
    let after = judge(&refused, &before, &at(200));
    assert_eq!(
        says(&after, ConditionType::Accepted),
        (ConditionStatus::False, Reason::DuplicateEvent)
    );
    assert_eq!(
        says(&after, ConditionType::Ready),
        (ConditionStatus::False, Reason::DuplicateEvent)
    );
    assert_eq!(says(&after, ConditionType::Stalled).0, ConditionStatus::True);
    assert_eq!(
        says(&after, ConditionType::ConfigSynced),
        (ConditionStatus::True, Reason::Synced)
    );
    assert_eq!(
        says(&after, ConditionType::Durable),
        says(&before, ConditionType::Durable)
    );
    assert_eq!(
        says(&after, ConditionType::Secured),
        says(&before, ConditionType::Secured)
    );
    assert_eq!(after.effective, before.effective);
    assert_eq!((after.revision, after.mappings), (before.revision, Some(3)));
}

#[test]
fn a_destination_that_was_never_accepted_has_no_address_and_no_revision() {
    let never = Findings {
        acceptance: Acceptance::Refused(Reason::NotImplemented, "spec.deletion.type: …".to_owned()),
        revision: None,
        desired: 0,
        durability: None,
        mappings: None,
        ..findings(&[])
    };
    let status = status(&never);
    assert_eq!((status.address, status.revision, status.proxies), (None, None, None));
    assert_eq!(status.conditions.len(), 4, "Accepted, Ready, Reconciling, Stalled");
}

#[test]
fn a_stream_is_shown_as_the_proxy_sees_it_that_sees_it_worst() {
    let worse = with_stream(report::StreamState::Failing, StreamReason::Throttled);
    let status = status(&findings(&[proxy("a"), worse]));
    assert_eq!(status.streams.len(), 1);
    assert_eq!(
        (status.streams[0].state, status.streams[0].reason),
        (StreamState::Failing, Reason::Throttled)
    );
}

#[test]
fn nothing_changes_when_nothing_changed_and_a_time_moves_only_with_its_status() {
    let proxies = [proxy("a"), proxy("b")];
    let first = status(&findings(&proxies));
    assert_eq!(judge(&findings(&proxies), &first, &at(200)), first);

    let behind = [proxy("a"), with(|report| "old".clone_into(&mut report.revision))];
    let second = judge(&findings(&behind), &first, &at(300));
    assert_eq!(
        condition(&second, ConditionType::ConfigSynced).last_transition_time,
        at(300)
    );
    assert_eq!(
        condition(&second, ConditionType::Accepted).last_transition_time,
        at(100)
    );
}

#[test]
fn only_pods_that_have_something_to_say_are_listed_each_with_the_root_of_its_trouble() {
    let named = |name: &str, proxy: Proxy| Proxy {
        name: name.to_owned(),
        ..proxy
    };
    let proxies = [
        proxy("a"),
        named(
            "b",
            with_stream(report::StreamState::Failing, StreamReason::StreamNotFound),
        ),
        named("c", with(|report| "old".clone_into(&mut report.revision))),
        named(
            "d",
            with(|report| {
                "old".clone_into(&mut report.revision);
                report.config_error = Some("cut short".to_owned());
            }),
        ),
        Proxy {
            report: None,
            ..proxy("e")
        },
        Proxy {
            ready: false,
            ..proxy("f")
        },
    ];
    let status = status(&findings(&proxies));
    let pods: Vec<_> = status.pods.iter().map(|pod| (pod.name.as_str(), pod.reason)).collect();
    assert_eq!(
        pods,
        [
            ("b", Reason::StreamNotFound),
            ("c", Reason::Propagating),
            ("d", Reason::ConfigRejected),
            ("e", Reason::ProxiesUnreachable),
            ("f", Reason::ProxyNotReady),
        ]
    );
    assert_eq!(
        status.pods[0].message,
        "stream orders: there is no delivery stream of this name in the region"
    );
    assert_eq!(status.pods[2].message, "cut short");
    assert_eq!(status.omitted_pods, None);
}

#[test]
fn twenty_pods_are_listed_and_the_rest_is_counted() {
    let proxies: Vec<Proxy> = (0..25)
        .map(|number| Proxy {
            ready: false,
            ..proxy(&format!("orders-firehose-{number:02}"))
        })
        .collect();
    let status = status(&findings(&proxies));
    assert_eq!((status.pods.len(), status.omitted_pods), (20, Some(5)));
}

#[test]
fn the_last_synced_revision_stays_while_another_is_on_its_way() {
    let synced = status(&findings(&[proxy("a"), proxy("b")]));
    assert_eq!(synced.last_synced_revision.as_deref(), Some(REVISION));
    let proxies = [proxy("a"), proxy("b")];
    let next = Findings {
        revision: Some("8899aabbccddeeff".to_owned()),
        ..findings(&proxies)
    };
    let after = judge(&next, &synced, &at(200));
    assert_eq!(after.revision.as_deref(), Some("8899aabbccddeeff"));
    assert_eq!(after.last_synced_revision.as_deref(), Some(REVISION));
}

#[test]
fn the_list_of_pods_is_kept_until_it_may_be_written_again_and_the_rest_is_not() {
    let before = status(&findings(&[proxy("a"), proxy("b")]));
    let silent = Proxy {
        report: None,
        ..proxy("b")
    };
    let now = status(&findings(&[proxy("a"), silent]));
    let wait = Duration::from_secs(3);

    let mut held = now.clone();
    assert_eq!(hold_pods(&mut held, &before, wait), Some(wait));
    assert_eq!((held.pods.len(), held.conditions), (0, now.conditions.clone()));

    let mut free = now.clone();
    assert_eq!(hold_pods(&mut free, &before, Duration::ZERO), None);
    assert_eq!(free.pods.len(), 1);

    let mut unchanged = now.clone();
    assert_eq!(
        hold_pods(&mut unchanged, &now, wait),
        None,
        "there is nothing to come back for"
    );
}
