//! The pods that have something to say, so that nobody has to look for them among a hundred.

use std::time::Duration;

use firehose_operator_api::{FirehoseDestinationStatus, PodStatus, Reason};
use firehose_proxy_config::report::{CredentialsState, SecretState, StreamState, WriteKeysState};

use super::{
    findings::{Findings, PodTrouble, Proxy},
    streams::is_of_the_moment,
};

/// Most pods of a status.
const MAX_PODS_IN_STATUS: usize = 20;

/// Longest message of a pod.
const MAX_MESSAGE_CHARS: usize = 256;

/// The first pods by name that have something to say, and how many more have.
pub(super) fn pods(findings: &Findings<'_>) -> (Vec<PodStatus>, Option<i32>) {
    let status = |name: &str, reason: Reason, message: &str| PodStatus {
        name: name.to_owned(),
        reason,
        message: message.chars().take(MAX_MESSAGE_CHARS).collect(),
    };
    let is_there = |pod: &str| findings.proxies.iter().any(|proxy| proxy.name == pod);
    let absent = findings.troubles.iter().filter(|one| !is_there(&one.pod));
    let absent = absent.map(|one| status(&one.pod, one.trouble.reason, &one.trouble.message));
    let present = findings.proxies.iter().filter_map(|proxy| {
        let (reason, message) = complaint(proxy, findings)?;
        Some(status(&proxy.name, reason, &message))
    });
    let mut pods: Vec<PodStatus> = absent.chain(present).collect();
    pods.sort_by(|one, other| one.name.cmp(&other.name));
    let omitted = pods.len().saturating_sub(MAX_PODS_IN_STATUS);
    pods.truncate(MAX_PODS_IN_STATUS);
    let omitted = i32::try_from(omitted).unwrap_or(i32::MAX);
    (pods, (omitted > 0).then_some(omitted))
}

/// Keeps the list of pods as it was in `before` while it may not be written again for `wait`. Returns how long to wait,
/// if the list was kept.
pub fn hold_pods(
    status: &mut FirehoseDestinationStatus,
    before: &FirehoseDestinationStatus,
    wait: Duration,
) -> Option<Duration> {
    let changed = (&before.pods, before.omitted_pods) != (&status.pods, status.omitted_pods);
    if !changed || wait.is_zero() {
        return None;
    }
    status.pods.clone_from(&before.pods);
    status.omitted_pods = before.omitted_pods;
    Some(wait)
}

/// What is the matter with a pod: the first of what could be, because the others mostly follow from it.
fn complaint(proxy: &Proxy, findings: &Findings<'_>) -> Option<(Reason, String)> {
    let revision = findings.revision.as_deref();
    let plain = |reason: Reason| Some((reason, reason.sentence().to_owned()));
    if let Some(wait) = findings.draining(&proxy.name) {
        return Some((wait.reason(), wait.sentence().to_owned()));
    }
    let is_about_it = |one: &&PodTrouble| one.pod == proxy.name;
    if !proxy.ready
        && let Some(PodTrouble { trouble, .. }) = findings.troubles.iter().find(is_about_it)
    {
        return Some((trouble.reason, trouble.message.clone()));
    }
    let Some(report) = &proxy.report else {
        return plain(if proxy.ready {
            Reason::ProxiesUnreachable
        } else {
            Reason::ProxyNotReady
        });
    };
    if let Some(error) = report.config_error.as_ref().filter(|error| !error.is_empty()) {
        return Some((Reason::ConfigRejected, error.clone()));
    }
    if !proxy.ready {
        return plain(Reason::ProxyNotReady);
    }
    match report.write_keys.state {
        WriteKeysState::Missing | WriteKeysState::Incomplete => return plain(Reason::WriteKeysMissing),
        WriteKeysState::Open => return plain(Reason::SwitchingKeys),
        WriteKeysState::NotRequired | WriteKeysState::Loaded | WriteKeysState::Unknown => {}
    }
    if report.certificate == SecretState::Missing {
        return plain(Reason::CertificateMissing);
    }
    if report.hash_key == SecretState::Missing {
        return plain(Reason::HashKeyMissing);
    }
    if Some(report.revision.as_str()) != revision {
        return plain(Reason::Propagating);
    }
    if report.credentials.state == CredentialsState::Failing {
        let reason = Reason::from(report.credentials.reason);
        return Some((reason, said(reason, report.credentials.detail.as_ref())));
    }
    let failing = report.streams.iter().find(|one| one.state == StreamState::Failing)?;
    let reason: Reason = failing.reason.into();
    let said = said(reason, failing.detail.as_ref());
    Some((reason, format!("stream {}: {said}", failing.name)))
}

/// What was said, if that is the same from attempt to attempt.
fn said(reason: Reason, detail: Option<&String>) -> String {
    let detail = detail.filter(|_| !is_of_the_moment(reason));
    detail.map_or(reason.sentence(), String::as_str).to_owned()
}
