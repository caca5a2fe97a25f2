//! What is said of pods that are about to go: what each waits for, and which claims they leave behind.

use firehose_operator_api::{ConditionStatus, ConditionType, FirehoseDestinationStatus, Reason, RetainedClaim};

use super::{conditions::Conditions, findings::Findings};

/// Most pods that a message names; the others are counted.
const MAX_PODS_IN_MESSAGE: usize = 5;

/// Most claims of a status.
const MAX_CLAIMS_IN_STATUS: usize = 100;

/// What the pods that are about to go wait for, and why Firehose does not take what they have, if it does not.
pub(super) fn words(findings: &Findings<'_>, conditions: &Conditions<'_>) -> (Reason, String) {
    let named = findings.draining.iter().take(MAX_PODS_IN_MESSAGE);
    let mut words: Vec<String> = named.map(|(pod, wait)| format!("{pod} {}", wait.sentence())).collect();
    if findings.draining.len() > MAX_PODS_IN_MESSAGE {
        words.push(format!("and {} more", findings.draining.len() - MAX_PODS_IN_MESSAGE));
    }
    let delivering = conditions.get(ConditionType::Delivering);
    if let Some(failing) = delivering.filter(|condition| condition.status == ConditionStatus::False) {
        words.push(failing.message.clone());
    }
    let message = format!(
        "pods that are to go take no more events and deliver first: {}",
        words.join("; ")
    );
    (Reason::Draining, message)
}

/// The claims that no pod uses any more and that hold something.
pub(super) fn retained_claims(findings: &Findings<'_>, before: &FirehoseDestinationStatus) -> Vec<RetainedClaim> {
    let Some(claims) = &findings.retained_claims else {
        return before.retained_claims.clone();
    };
    let claims = claims.iter().take(MAX_CLAIMS_IN_STATUS);
    claims.map(|name| RetainedClaim { name: name.clone() }).collect()
}
