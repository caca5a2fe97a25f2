//! Builds the list of conditions: one entry a type, and a time that moves only when a status flips.

use firehose_operator_api::{Condition, ConditionStatus, ConditionType, Reason};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Longest message. The schema allows more; a condition is not a log.
const MAX_MESSAGE_CHARS: usize = 1024;

/// Conditions in the making.
#[derive(Debug)]
pub(super) struct Conditions<'a> {
    before: &'a [Condition],
    generation: Option<i64>,
    now: &'a Time,
    list: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    pub(super) fn new(before: &'a [Condition], generation: Option<i64>, now: &'a Time) -> Self {
        Self {
            before,
            generation,
            now,
            list: Vec::with_capacity(8),
        }
    }

    /// Adds a condition. Where nothing more is to be said, the message is the reason's own sentence.
    pub(super) fn set(
        &mut self,
        kind: ConditionType,
        status: ConditionStatus,
        reason: Reason,
        message: impl Into<String>,
    ) {
        let before = self
            .before
            .iter()
            .find(|condition| condition.kind == kind && condition.status == status);
        let mut message: String = message.into();
        if message.is_empty() {
            reason.sentence().clone_into(&mut message);
        }
        self.list.push(Condition {
            kind,
            status,
            reason,
            message: message.chars().take(MAX_MESSAGE_CHARS).collect(),
            last_transition_time: before
                .map_or(self.now, |condition| &condition.last_transition_time)
                .clone(),
            observed_generation: self.generation,
        });
    }

    /// Adds a condition; without words of its own it keeps those that were said of the same before.
    pub(super) fn set_or_keep(
        &mut self,
        kind: ConditionType,
        status: ConditionStatus,
        reason: Reason,
        message: String,
    ) {
        let same = |one: &&Condition| (one.kind, one.status, one.reason) == (kind, status, reason);
        let said = self.before.iter().find(same).filter(|_| message.is_empty());
        let message = said.map_or(message, |before| before.message.clone());
        self.set(kind, status, reason, message);
    }

    /// Adds the condition as it was, if it was there.
    pub(super) fn keep(&mut self, kind: ConditionType) {
        self.list
            .extend(self.before.iter().find(|condition| condition.kind == kind).cloned());
    }

    /// The condition of this type, if it was added.
    pub(super) fn get(&self, kind: ConditionType) -> Option<&Condition> {
        self.list.iter().find(|condition| condition.kind == kind)
    }

    pub(super) fn into_list(self) -> Vec<Condition> {
        self.list
    }
}
