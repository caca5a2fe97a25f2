//! The status of an object whose spec cannot be read. What an earlier spec left running goes on.

use firehose_operator_api::{ConditionStatus, ConditionType, FirehoseDestinationStatus, Reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::conditions::Conditions;

/// The terminal state of an object that is no destination of this version, because of `error`: refused, and without
/// progress until a person changes it. What `before` says of the proxies stays.
pub fn unreadable(
    error: &str,
    generation: Option<i64>,
    before: &FirehoseDestinationStatus,
    now: &Time,
) -> FirehoseDestinationStatus {
    use ConditionType::{ConfigSynced, CredentialsReady, DeadLetters, Delivering, Durable, Secured};
    let message = format!("this version of the operator cannot read the object: {error}");
    let mut conditions = Conditions::new(&before.conditions, generation, now);
    conditions.set(
        ConditionType::Accepted,
        ConditionStatus::False,
        Reason::Invalid,
        &message,
    );
    for kind in [
        ConfigSynced,
        CredentialsReady,
        Durable,
        Secured,
        Delivering,
        DeadLetters,
    ] {
        conditions.keep(kind);
    }
    conditions.set(ConditionType::Ready, ConditionStatus::False, Reason::Invalid, &message);
    conditions.set(ConditionType::Reconciling, ConditionStatus::False, Reason::Settled, "");
    conditions.set(ConditionType::Stalled, ConditionStatus::True, Reason::Invalid, message);
    FirehoseDestinationStatus {
        observed_generation: generation,
        conditions: conditions.into_list(),
        ..before.clone()
    }
}
