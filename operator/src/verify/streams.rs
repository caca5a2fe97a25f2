//! The delivery streams, as all proxies together see them.

use std::collections::BTreeMap;

use firehose_operator_api::{Reason, StreamState, StreamStatus};
use firehose_proxy_config::report::{self, StreamReport};

use super::findings::{Findings, Proxy};

/// Most streams of a status, which is as many as a destination has mappings.
const MAX_STREAMS_IN_STATUS: usize = 1000;

/// Each stream once, in the state of the proxy that sees it worst. `before` is what the status says of them so far.
pub(super) fn streams(findings: &Findings<'_>, before: &[StreamStatus]) -> Vec<StreamStatus> {
    let mut worst: BTreeMap<&str, (&Proxy, &StreamReport)> = BTreeMap::new();
    for proxy in findings.proxies {
        let report = proxy.report.as_ref();
        for stream in report.iter().flat_map(|report| &report.streams) {
            let entry = worst.entry(&stream.name).or_insert((proxy, stream));
            if rank(stream) > rank(entry.1) {
                *entry = (proxy, stream);
            }
        }
    }
    let list = worst.into_iter().map(|(name, (proxy, stream))| {
        let (state, reason) = (state(stream.state), Reason::from(stream.reason));
        let is_same =
            |one: &&StreamStatus| (one.delivery_stream_name.as_str(), one.state, one.reason) == (name, state, reason);
        let said = before.iter().find(is_same).and_then(|one| one.message.clone());
        StreamStatus {
            delivery_stream_name: name.to_owned(),
            state,
            reason,
            message: message(findings, proxy, stream, said),
        }
    });
    list.take(MAX_STREAMS_IN_STATUS).collect()
}

/// What is known of a stream that fails. What keeps calls from arriving is another thing at each attempt (refused, then
/// no answer, then no name), so of that the first word stays.
fn message(findings: &Findings<'_>, proxy: &Proxy, stream: &StreamReport, said: Option<String>) -> Option<String> {
    if stream.state != report::StreamState::Failing {
        return None;
    }
    let reason = Reason::from(stream.reason);
    let is_of_the_moment = matches!(
        reason,
        Reason::FirehoseUnreachable | Reason::ServiceFailure | Reason::Throttled
    );
    if let Some(said) = said
        && (is_of_the_moment || findings.subjects.is_none())
    {
        return Some(said);
    }
    let mut message = reason.sentence().to_owned();
    if let Some(subjects) = &findings.subjects {
        message.push_str(&match reason {
            Reason::AccessDenied => format!(": {} in {}", subjects.identity, subjects.region),
            _ => format!(" ({})", subjects.region),
        });
    }
    for part in [
        stream.mapping.as_deref().unwrap_or_default(),
        &refused(stream.refused_events),
        stream.detail.as_deref().unwrap_or_default(),
        &format!("seen by {}", proxy.name),
    ] {
        if !part.is_empty() {
            message.push_str("; ");
            message.push_str(part);
        }
    }
    Some(message)
}

/// How many events their senders were told to keep, by its order of magnitude: the status is not written for each.
fn refused(events: u64) -> String {
    match events.checked_ilog10() {
        None => String::new(),
        Some(0) => "some events refused".to_owned(),
        Some(digits) => format!("{} events refused or more", 10_u64.pow(digits)),
    }
}

/// Whether what is said beside the reason may be another thing at each attempt.
pub(super) fn is_of_the_moment(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::FirehoseUnreachable
            | Reason::ServiceFailure
            | Reason::Throttled
            | Reason::SourceUnavailable
            | Reason::AssumeRoleUnavailable
    )
}

/// Of two that see the same, the one with something to tell.
fn rank(stream: &StreamReport) -> (StreamState, bool) {
    let reason = Reason::from(stream.reason);
    (
        state(stream.state),
        !matches!(reason, Reason::Succeeded | Reason::NoTraffic),
    )
}

fn state(state: report::StreamState) -> StreamState {
    match state {
        report::StreamState::Idle => StreamState::Idle,
        report::StreamState::Delivering => StreamState::Delivering,
        report::StreamState::Failing => StreamState::Failing,
        report::StreamState::Paused => StreamState::Paused,
        report::StreamState::Unknown => StreamState::Unknown,
    }
}
