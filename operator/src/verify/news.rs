//! What is worth an event: a condition that has changed into something that a person should hear of, or back. Pure.
//!
//! The status is the memory: what it already said is no news, whoever wrote it, so a restart tells nothing twice.

use firehose_operator_api::{Condition, ConditionStatus, ConditionType, FirehoseDestinationStatus, Reason};

/// Largest note of an event; the API server refuses a larger one.
const MAX_NOTE_BYTES: usize = 1024;

/// The conditions whose changes are told. What the others say shows in these.
const TOLD: [ConditionType; 5] = [
    ConditionType::Ready,
    ConditionType::Delivering,
    ConditionType::Durable,
    ConditionType::Secured,
    ConditionType::DeadLetters,
];

/// One change, as an event tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Whether a person may have to act.
    pub is_warning: bool,
    /// The condition that has changed.
    pub condition: ConditionType,
    /// Its reason now.
    pub reason: Reason,
    /// Its message now, bounded.
    pub note: String,
}

/// What `after` says that `before` did not.
pub fn news(before: &FirehoseDestinationStatus, after: &FirehoseDestinationStatus) -> Vec<News> {
    let told = TOLD.iter().filter_map(|kind| {
        let of = |status: &FirehoseDestinationStatus| status.conditions.iter().find(|one| one.kind == *kind).cloned();
        let (now, earlier) = (of(after)?, of(before));
        let is_same = |earlier: &Condition| (earlier.status, earlier.reason) == (now.status, now.reason);
        let was_bad = earlier.as_ref().is_some_and(is_bad);
        let is_news = match &earlier {
            Some(earlier) if is_same(earlier) => false,
            _ if now.status == ConditionStatus::Unknown => false,
            _ if *kind == ConditionType::Ready => true,
            // An endpoint that is open from the start was made so.
            None if *kind == ConditionType::Secured => false,
            _ => is_bad(&now) || was_bad,
        };
        is_news.then(|| News {
            is_warning: is_bad(&now) && !is_progress(now.reason),
            condition: *kind,
            reason: now.reason,
            note: bounded(&format!("{kind} is {:?}: {}", now.status, now.message)),
        })
    });
    told.collect()
}

fn is_bad(condition: &Condition) -> bool {
    let bad = if condition.kind == ConditionType::DeadLetters {
        ConditionStatus::True
    } else {
        ConditionStatus::False
    };
    condition.status == bad
}

/// Whether a destination is not ready merely because it is being made so.
fn is_progress(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::RollingOut | Reason::NoReadyProxies | Reason::Propagating
    )
}

fn bounded(text: &str) -> String {
    let mut end = text.len().min(MAX_NOTE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

    use super::*;

    fn says(kind: ConditionType, status: ConditionStatus, reason: Reason) -> FirehoseDestinationStatus {
        let condition = Condition {
            kind,
            status,
            reason,
            message: "ä".repeat(1000),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
            observed_generation: None,
        };
        FirehoseDestinationStatus {
            conditions: vec![condition],
            ..FirehoseDestinationStatus::default()
        }
    }

    #[test]
    fn a_change_is_told_once_and_what_nobody_has_to_hear_of_never() {
        use ConditionStatus::{False, True, Unknown};
        use ConditionType::{DeadLetters, Delivering, Ready, Secured};
        let nothing = FirehoseDestinationStatus::default;
        let failing = || says(Delivering, False, Reason::StreamNotFound);
        let works = || says(Delivering, True, Reason::Succeeded);
        let idle = || says(Delivering, Unknown, Reason::NoTraffic);
        let is_ready = || says(Ready, True, Reason::Ready);
        let rolls = || says(Ready, False, Reason::RollingOut);
        for (before, after, warnings) in [
            (nothing(), failing(), vec![true]),
            (failing(), failing(), vec![]),
            (failing(), says(Delivering, False, Reason::AccessDenied), vec![true]),
            (failing(), works(), vec![false]),
            (failing(), idle(), vec![]),
            (idle(), works(), vec![]),
            (nothing(), rolls(), vec![false]),
            (rolls(), is_ready(), vec![false]),
            (is_ready(), says(Ready, False, Reason::ImagePullBackOff), vec![true]),
            (nothing(), says(Secured, False, Reason::NoAuthentication), vec![]),
            (
                says(Secured, True, Reason::WriteKeysRequired),
                says(Secured, False, Reason::NoAuthentication),
                vec![true],
            ),
            (
                says(DeadLetters, False, Reason::NoDeadLetters),
                says(DeadLetters, True, Reason::DeadLettersWaiting),
                vec![true],
            ),
            (nothing(), says(DeadLetters, False, Reason::NoDeadLetters), vec![]),
        ] {
            let told = news(&before, &after);
            let found: Vec<bool> = told.iter().map(|one| one.is_warning).collect();
            assert_eq!(found, warnings, "{before:?} → {after:?}");
            assert!(told.iter().all(|one| one.note.len() <= MAX_NOTE_BYTES));
        }
    }
}
