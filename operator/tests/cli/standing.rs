//! Does it work, since when, why not: what of a status is told, and in which words.

use firehose_operator::cli::{
    Paint,
    cluster::{Verdict, standing, write_standing},
};
use firehose_operator_api::FirehoseDestination;
use serde_json::{Value, json};

fn condition(kind: &str, status: &str, reason: &str, since: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": format!("about {kind}"), "lastTransitionTime": since})
}

fn with_status(status: &Value) -> FirehoseDestination {
    let mut destination = serde_json::to_value(crate::of("eu-west-1", &["orders"], "")).unwrap();
    destination["metadata"]["generation"] = json!(2);
    destination["status"] = status.clone();
    serde_json::from_value(destination).unwrap()
}

const EARLY: &str = "2026-01-01T00:00:00Z";
const LATE: &str = "2026-01-02T00:00:00Z";

#[test]
fn working_is_ready_and_not_failing_to_deliver() {
    for (conditions, verdict, since) in [
        (json!([]), Verdict::Unknown, None),
        (
            json!([condition("Ready", "Unknown", "Synced", EARLY)]),
            Verdict::Unknown,
            Some(EARLY),
        ),
        (
            json!([condition("Ready", "True", "Synced", EARLY)]),
            Verdict::Working,
            Some(EARLY),
        ),
        (
            json!([
                condition("Ready", "True", "Synced", EARLY),
                condition("Delivering", "Unknown", "Idle", LATE)
            ]),
            Verdict::Working,
            Some(EARLY),
        ),
        (
            json!([
                condition("Ready", "True", "Synced", EARLY),
                condition("Delivering", "True", "Delivering", LATE)
            ]),
            Verdict::Working,
            Some(LATE),
        ),
        (
            json!([
                condition("Ready", "True", "Synced", EARLY),
                condition("Delivering", "False", "Throttled", LATE)
            ]),
            Verdict::NotWorking,
            Some(LATE),
        ),
        (
            json!([
                condition("Ready", "False", "NoReadyProxies", EARLY),
                condition("Delivering", "False", "Throttled", LATE)
            ]),
            Verdict::NotWorking,
            Some(EARLY),
        ),
    ] {
        let found = standing(&with_status(
            &json!({"observedGeneration": 2, "conditions": conditions}),
        ));
        assert_eq!(
            (found.verdict, found.since.as_deref()),
            (verdict, since),
            "{conditions}"
        );
    }
}

#[test]
fn one_screen_says_all_that_is_not_as_it_should_be_and_nothing_that_is() {
    let destination = with_status(&json!({
        "observedGeneration": 1,
        "address": {"url": "http://orders-firehose.analytics.svc:8080"},
        "proxies": {"desired": 2, "ready": 2, "synced": 1, "summary": "1/2"},
        "conditions": [
            condition("Ready", "True", "Synced", EARLY),
            condition("Accepted", "True", "Valid", EARLY),
            condition("CredentialsReady", "False", "AccessDenied", LATE),
            condition("Durable", "False", "EphemeralSpool", EARLY),
            condition("DeadLetters", "False", "DeadLettersEmpty", EARLY),
            condition("Delivering", "False", "AccessDenied", LATE),
        ],
        "streams": [
            {"deliveryStreamName": "orders", "state": "Failing", "reason": "AccessDenied", "message": "not\nallowed"},
            {"deliveryStreamName": "pages", "state": "Idle", "reason": "Idle"},
        ],
        "pods": [{"name": "orders-firehose-1", "reason": "Propagating", "message": "on revision a"}],
    }));
    let mut screen = String::new();
    let now = "2026-01-02T03:00:00Z".parse().unwrap();
    write_standing(&mut screen, &standing(&destination), now, Paint::Plain).unwrap();
    assert_eq!(
        screen,
        "analytics/orders  does NOT work, since 2026-01-02T00:00:00Z (3 h)\n\
         \x20 address   http://orders-firehose.analytics.svc:8080\n\
         \x20 proxies   1/2\n\
         \x20 streams   1 idle, 1 failing\n\
         \x20 ! object NotSeen: the operator has not looked at generation 2 yet; what follows is about 1\n\
         \x20 ! CredentialsReady AccessDenied (3 h): about CredentialsReady\n\
         \x20 ! Durable EphemeralSpool (27 h): about Durable\n\
         \x20 ! Delivering AccessDenied (3 h): about Delivering\n\
         \x20 ! stream orders AccessDenied: not allowed\n\
         \x20 ! pod orders-firehose-1 Propagating: on revision a\n"
    );
}
