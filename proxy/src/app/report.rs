//! What the proxy tells the operator about itself: delivery's words translated into the report's.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use firehose_proxy_config::{
    CredentialsType, Document,
    report::{
        Backlog, CredentialsReason, CredentialsReport, CredentialsState, DeadLetters, ForeignSpool, Report,
        SecretState, StreamReason, StreamReport, StreamState,
    },
};

use super::{ordinal, storage::Volume, window};
use crate::{
    config::Live,
    deliver::{self, DeliveryStatus, StreamStatus},
    firehose::Reason,
    http::gateway::{Gate, KeyRing, Opened, Position, Secrets},
    queue::Recent,
    shutdown::{Phase, Shutdown},
    spool,
};

/// Whatever the report is made of.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) live: Arc<Live>,
    pub(super) delivery_status: DeliveryStatus,
    pub(super) keys: KeyRing,
    pub(super) secrets: Arc<Secrets>,
    pub(super) volume: Volume,
    pub(super) opened: Arc<OnceLock<Opened>>,
    pub(super) recent: Recent,
    pub(super) gate: Gate,
    pub(super) shutdown: Shutdown,
}

impl Sources {
    /// The report now.
    pub(super) fn report(&self) -> Report {
        // Looked at first: what came through an open gate is then seen below.
        let intake = ordinal::report(&self.gate);
        let snapshot = self.live.load();
        let document = snapshot.as_ref().map(|snapshot| &snapshot.document);
        let known = self.delivery_status.streams();
        let is_open = self.volume.is_open();
        let is_running = self.shutdown.phase() == Phase::Running && self.gate.position() == Position::Open;
        Report {
            destination_uid: document.map_or_else(String::new, |document| document.destination.uid.clone()),
            revision: document.map_or_else(String::new, |document| document.revision.clone()),
            ready: document.is_some() && is_open && is_running && !is_stalled(self.volume.stalled_for()),
            config_error: self.live.refused(),
            credentials: credentials_report(&self.delivery_status, document),
            write_keys: self.keys.report(),
            hash_key: document.map_or(SecretState::Unknown, |document| self.secrets.hash_key(document)),
            certificate: document.map_or(SecretState::Unknown, |document| self.secrets.certificate(document)),
            clock_skew_seconds: self.delivery_status.clock_ahead_seconds(),
            streams: streams(document, &known),
            backlog: self.backlog(&known),
            dead_letters: match self.volume.letters() {
                None if !is_open => DeadLetters::Unknown,
                None => DeadLetters::Unavailable,
                Some(letters) if letters.is_full => DeadLetters::Full,
                Some(letters) if letters.count > 0 => DeadLetters::Waiting,
                Some(_) => DeadLetters::Empty,
            },
            intake,
            drain_generation: document.and_then(|document| document.drain_generation),
            foreign_spool: match self.volume.has_foreign() {
                None => ForeignSpool::Unknown,
                Some(false) => ForeignSpool::None,
                Some(true) => ForeignSpool::Present,
            },
            deduplication: window::report(&self.recent),
            spool_formats: spool::formats(),
        }
    }

    fn backlog(&self, known: &[StreamStatus]) -> Backlog {
        let on_disk = self.volume.left().is_some_and(|left| left.slices > 0);
        // Delivery tells of what it has taken over; what lies between it and the endpoint has taken its bytes already.
        let opened = self.opened.get();
        let in_memory = opened.is_some_and(|opened| opened.intake.byte_limit().used() > 0);
        match on_disk || in_memory || known.iter().any(|stream| stream.backlog_events > 0) {
            true => Backlog::Waiting,
            // What an earlier process has left may be there.
            false if !self.volume.is_open() => Backlog::Unknown,
            false => Backlog::Empty,
        }
    }
}

/// Whether a disk has not answered for so long that other pods had better get the requests. Until then clients are told
/// 503 here, and a Service without any pod would refuse their connections.
fn is_stalled(stalled: Option<Duration>) -> bool {
    const UNREADY_AFTER: Duration = Duration::from_secs(30);
    stalled.is_some_and(|stalled| stalled >= UNREADY_AFTER)
}

/// The mapped streams, and of the others those that still have a backlog.
fn streams(document: Option<&Document>, known: &[StreamStatus]) -> Vec<StreamReport> {
    let mapped = document.into_iter().flat_map(|document| &document.mappings);
    let mut streams: BTreeMap<&str, StreamReport> = mapped
        .map(|mapping| mapping.delivery_stream_name.as_str())
        .filter(|name| !name.is_empty())
        .map(|name| (name, without_traffic(name)))
        .collect();
    for stream in known {
        let name = stream.name.as_str();
        if stream.backlog_events > 0 || streams.contains_key(name) {
            streams.insert(name, stream_report(stream));
        }
    }
    streams.into_values().collect()
}

fn without_traffic(name: &str) -> StreamReport {
    StreamReport {
        name: name.to_owned(),
        state: StreamState::Idle,
        reason: StreamReason::NoTraffic,
        detail: None,
    }
}

fn stream_report(stream: &StreamStatus) -> StreamReport {
    use deliver::StreamState as Delivery;
    let (state, reason) = match (stream.state, stream.reason) {
        (Delivery::Paused, _) => (StreamState::Paused, StreamReason::Paused),
        (Delivery::Idle, _) => (StreamState::Idle, StreamReason::NoTraffic),
        (Delivery::Delivering, _) if stream.single_puts => (StreamState::Delivering, StreamReason::SinglePutsOnly),
        (Delivery::Delivering | Delivery::Throttled, reason) => (StreamState::Delivering, stream_reason(reason)),
        (Delivery::Failing, reason) => (StreamState::Failing, stream_reason(reason)),
    };
    StreamReport {
        name: stream.name.to_string(),
        state,
        reason,
        detail: stream.detail.clone().filter(|_| state == StreamState::Failing),
    }
}

fn stream_reason(reason: Reason) -> StreamReason {
    match reason {
        Reason::Succeeded => StreamReason::Succeeded,
        Reason::Throttled => StreamReason::Throttled,
        Reason::ServiceFailure => StreamReason::ServiceFailure,
        Reason::Unreachable => StreamReason::Unreachable,
        Reason::Unanswered => StreamReason::Unanswered,
        Reason::UnexpectedAnswer => StreamReason::UnexpectedAnswer,
        Reason::StreamNotFound => StreamReason::StreamNotFound,
        Reason::AccessDenied => StreamReason::AccessDenied,
        Reason::SecretMissing => StreamReason::SecretMissing,
        Reason::SecretIncomplete => StreamReason::SecretIncomplete,
        Reason::SourceUnavailable => StreamReason::SourceUnavailable,
        Reason::AssumeRoleDenied => StreamReason::AssumeRoleDenied,
        Reason::AssumeRoleUnavailable => StreamReason::AssumeRoleUnavailable,
        Reason::CredentialsRejected => StreamReason::CredentialsRejected,
        Reason::CredentialsExpired => StreamReason::CredentialsExpired,
        Reason::ClockSkew => StreamReason::ClockSkew,
        Reason::KeyUnavailable => StreamReason::KeyUnavailable,
        Reason::NotDirectPut => StreamReason::NotDirectPut,
        Reason::RecordRejected => StreamReason::RecordRejected,
        Reason::RecordTooLarge => StreamReason::RecordTooLarge,
        Reason::CallTooLarge => StreamReason::CallTooLarge,
        Reason::CallRefused => StreamReason::CallRefused,
        Reason::CallNotMade => StreamReason::CallNotMade,
        // Said of an event that is given up, and never of a stream.
        Reason::TooOld => StreamReason::Unknown,
    }
}

fn credentials_report(delivery_status: &DeliveryStatus, document: Option<&Document>) -> CredentialsReport {
    let Some(credentials) = delivery_status.credentials() else {
        return CredentialsReport::default();
    };
    let is_static = document.is_some_and(|document| document.credentials.kind == CredentialsType::Static);
    let (state, reason) = match credentials.reason {
        // Until a call was made, nothing is known of what no file holds.
        None if is_static => (CredentialsState::Unknown, CredentialsReason::Loaded),
        None => (CredentialsState::Unknown, CredentialsReason::Unknown),
        Some(Reason::Succeeded) => (CredentialsState::Ready, CredentialsReason::Accepted),
        Some(reason) => match credentials_reason(reason) {
            CredentialsReason::Unknown => (CredentialsState::Unknown, CredentialsReason::Unknown),
            reason => (CredentialsState::Failing, reason),
        },
    };
    let ahead = delivery_status.clock_ahead_seconds();
    let (reason, detail) = match (&credentials.stale, state) {
        (Some((stale, why)), CredentialsState::Ready | CredentialsState::Unknown) => {
            (credentials_reason(*stale), Some(why.clone()))
        }
        (None, CredentialsState::Ready) if ahead != 0 => (CredentialsReason::ClockSkew, Some(skew(ahead))),
        _ => (
            reason,
            Some(credentials.message).filter(|_| state == CredentialsState::Failing),
        ),
    };
    CredentialsReport {
        state,
        reason,
        detail: detail.filter(|detail| !detail.is_empty()),
        revision: credentials.revision,
    }
}

fn skew(ahead_seconds: i64) -> String {
    let side = if ahead_seconds > 0 { "behind" } else { "ahead of" };
    let seconds = ahead_seconds.unsigned_abs();
    format!("this pod's clock is {seconds} s {side} AWS's; requests are signed by AWS's")
}

fn credentials_reason(reason: Reason) -> CredentialsReason {
    match reason {
        Reason::SecretMissing => CredentialsReason::SecretMissing,
        Reason::SecretIncomplete => CredentialsReason::SecretIncomplete,
        Reason::SourceUnavailable => CredentialsReason::SourceUnavailable,
        Reason::AssumeRoleDenied => CredentialsReason::AssumeRoleDenied,
        Reason::AssumeRoleUnavailable => CredentialsReason::AssumeRoleUnavailable,
        Reason::CredentialsRejected => CredentialsReason::Rejected,
        Reason::CredentialsExpired => CredentialsReason::Expired,
        Reason::ClockSkew => CredentialsReason::ClockSkew,
        _ => CredentialsReason::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use firehose_proxy_config::parse;
    use firehose_tests::document::DocumentText;

    use super::*;
    use crate::stream::StreamName;

    #[test]
    fn a_pod_is_not_ready_when_its_disk_has_not_answered_for_thirty_seconds() {
        for (seconds, expected) in [(None, false), (Some(29), false), (Some(30), true)] {
            assert_eq!(is_stalled(seconds.map(Duration::from_secs)), expected, "{seconds:?}");
        }
    }

    fn status(name: &str, backlog_events: usize) -> StreamStatus {
        StreamStatus {
            name: StreamName::try_from(name).unwrap(),
            state: deliver::StreamState::Delivering,
            reason: Reason::Succeeded,
            detail: None,
            single_puts: false,
            backlog_events,
            backlog_bytes: 0,
            oldest_age: None,
            bytes_per_second: 0.0,
        }
    }

    /// One vocabulary: what is counted, logged and kept with a dead letter is what the report says.
    #[test]
    fn a_reason_has_the_same_word_in_metrics_log_and_report() {
        for reason in Reason::ALL.into_iter().filter(|reason| *reason != Reason::TooOld) {
            let told = serde_json::to_value(stream_reason(reason)).unwrap();
            assert_eq!(told, reason.as_str(), "{reason:?}");
            if reason.is_about_credentials() {
                let told = serde_json::to_value(credentials_reason(reason)).unwrap();
                assert_eq!(told, reason.as_str(), "{reason:?}");
            }
        }
    }

    #[test]
    fn mapped_streams_are_told_and_others_only_while_they_have_a_backlog() {
        let document = DocumentText::default()
            .mapping("a", "busy")
            .mapping("b", "silent")
            .mapping("c", "")
            .mapping("d", "busy");
        let document = parse(&document.to_string()).unwrap();
        let known = [status("waiting", 1), status("gone", 0), status("busy", 0)];
        let told: Vec<_> = streams(Some(&document), &known)
            .into_iter()
            .map(|stream| (stream.name, stream.state, stream.reason))
            .collect();
        assert_eq!(
            told,
            [
                ("busy".to_owned(), StreamState::Delivering, StreamReason::Succeeded),
                ("silent".to_owned(), StreamState::Idle, StreamReason::NoTraffic),
                ("waiting".to_owned(), StreamState::Delivering, StreamReason::Succeeded),
            ]
        );
    }
}
