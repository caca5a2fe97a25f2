//! Pods that are about to go, because there are to be fewer.

use firehose_operator::{lifecycle::Wait, verify::judge};
use firehose_operator_api::{ConditionStatus, ConditionType, FirehoseDestinationStatus, Reason, RetainedClaim};
use firehose_proxy_config::report;

use crate::{at, condition, findings, proxy, says, status, with_stream};

fn draining(waits: &[(&str, Wait)]) -> Vec<(String, Wait)> {
    waits.iter().map(|(pod, wait)| ((*pod).to_owned(), *wait)).collect()
}

#[test]
fn a_pod_that_drains_is_counted_apart_and_what_it_waits_for_is_said() {
    let mut leaving = proxy("orders-firehose-2");
    leaving.ready = false;
    let proxies = [proxy("orders-firehose-0"), proxy("orders-firehose-1"), leaving];
    let mut found = findings(&proxies);
    found.draining = draining(&[("orders-firehose-2", Wait::DeadLetters)]);
    let status = status(&found);
    let counted = status.proxies.clone().unwrap();
    assert_eq!(
        (counted.desired, counted.ready, counted.synced, counted.draining),
        (2, 2, 2, 1)
    );
    assert_eq!(counted.summary, "2/2");
    assert_eq!(
        says(&status, ConditionType::Reconciling),
        (ConditionStatus::True, Reason::Draining)
    );
    let message = &condition(&status, ConditionType::Reconciling).message;
    assert!(message.contains("orders-firehose-2 has dead letters"), "{message}");
    assert_eq!(
        says(&status, ConditionType::Ready),
        (ConditionStatus::True, Reason::Ready)
    );
    assert_eq!(
        status
            .pods
            .iter()
            .map(|pod| (pod.name.as_str(), pod.reason))
            .collect::<Vec<_>>(),
        [("orders-firehose-2", Reason::DeadLettersWaiting)]
    );
}

#[test]
fn while_firehose_is_away_the_drain_says_so() {
    let failing = || with_stream(report::StreamState::Failing, report::StreamReason::Unreachable);
    let mut leaving = failing();
    leaving.name = "orders-firehose-2".to_owned();
    let proxies = [failing(), leaving];
    let mut found = findings(&proxies);
    found.draining = draining(&[("orders-firehose-2", Wait::Delivering)]);
    let status = status(&found);
    let message = &condition(&status, ConditionType::Reconciling).message;
    assert!(message.contains("has events that are not delivered yet"), "{message}");
    assert!(message.contains("Firehose cannot be reached"), "{message}");
}

#[test]
fn claims_that_stay_with_something_in_them_are_listed_until_nobody_can_say() {
    let proxies = [proxy("orders-firehose-0")];
    let mut found = findings(&proxies);
    found.retained_claims = Some(vec!["spool-orders-firehose-2".to_owned()]);
    let listed = vec![RetainedClaim {
        name: "spool-orders-firehose-2".to_owned(),
    }];
    let before = status(&found);
    assert_eq!(before.retained_claims, listed);
    found.retained_claims = None;
    assert_eq!(judge(&found, &before, &at(1)).retained_claims, listed);
    found.retained_claims = Some(Vec::new());
    assert_eq!(judge(&found, &before, &at(1)).retained_claims, []);
    assert_eq!(
        judge(&found, &FirehoseDestinationStatus::default(), &at(1)).retained_claims,
        []
    );
}
