//! Who gets in and out: the credentials towards AWS, and the write keys of senders. Every message names the Secret, the
//! role or the pod that it is about, and nothing of what is in a Secret.

use std::collections::BTreeSet;

use firehose_operator_api::{ConditionStatus, ConditionType, Reason};
use firehose_proxy_config::report::{
    CredentialsReason, CredentialsReport, CredentialsState, Report, SecretState, WriteKeysReport, WriteKeysState,
};

use super::{
    conditions::Conditions,
    findings::{Findings, Proxy},
    streams::is_of_the_moment,
};
use crate::plan::Subjects;

/// Most pods that a message names; the others are counted.
const MAX_PODS_IN_MESSAGE: usize = 5;

pub(super) fn credentials_ready(conditions: &mut Conditions<'_>, findings: &Findings<'_>) {
    let kind = ConditionType::CredentialsReady;
    let reports = || {
        let seen = findings.proxies.iter();
        seen.filter_map(|proxy| Some((proxy, &proxy.report.as_ref()?.credentials)))
    };
    let in_state = |state| reports().find(|(_, credentials)| credentials.state == state);
    let with_reason = |reason| reports().find(|(_, credentials)| credentials.reason == reason);
    // A key that is in use although its Secret is gone or broken.
    let held = reports().find(|(_, credentials)| {
        credentials.state != CredentialsState::Failing
            && matches!(
                credentials.reason,
                CredentialsReason::SecretMissing | CredentialsReason::SecretIncomplete
            )
    });
    if let Some((proxy, credentials)) = in_state(CredentialsState::Failing) {
        say(conditions, ConditionStatus::False, findings, proxy, credentials);
    } else if let Some((proxy, credentials)) = held {
        let status = match credentials.state {
            CredentialsState::Ready => ConditionStatus::True,
            CredentialsState::Failing | CredentialsState::Unknown => ConditionStatus::Unknown,
        };
        say(conditions, status, findings, proxy, credentials);
    } else if with_reason(CredentialsReason::Accepted).is_some() {
        let identity = findings.subjects.as_ref().map(|subjects| subjects.identity.as_str());
        let message = identity.map_or_else(String::new, |identity| format!("AWS takes the credentials: {identity}"));
        conditions.set_or_keep(kind, ConditionStatus::True, Reason::CredentialsAccepted, message);
    } else if with_reason(CredentialsReason::Loaded).is_some() {
        conditions.set(kind, ConditionStatus::Unknown, Reason::CredentialsLoaded, "");
    } else {
        conditions.set(kind, ConditionStatus::Unknown, Reason::CredentialsNotTried, "");
    }
}

/// What one proxy says of the credentials.
fn say(
    conditions: &mut Conditions<'_>,
    status: ConditionStatus,
    findings: &Findings<'_>,
    proxy: &Proxy,
    credentials: &CredentialsReport,
) {
    let reason = Reason::from(credentials.reason);
    let Some(subjects) = &findings.subjects else {
        // What is in force is not known by name while an edit is refused; what was said of it still is.
        conditions.set_or_keep(ConditionType::CredentialsReady, status, reason, String::new());
        return;
    };
    let mut message = reason.sentence().to_owned();
    if let Some(subject) = subject(credentials.reason, subjects) {
        message.push_str(": ");
        message.push_str(&subject);
    }
    if let Some(detail) = credentials.detail.as_ref().filter(|_| !is_of_the_moment(reason)) {
        message.push_str("; ");
        message.push_str(detail);
    }
    if status != ConditionStatus::False {
        message.push_str("; the key that was read before stays in use");
    }
    message.push_str("; seen by ");
    message.push_str(&proxy.name);
    conditions.set(ConditionType::CredentialsReady, status, reason, message);
}

/// What a reason is about.
fn subject(reason: CredentialsReason, subjects: &Subjects) -> Option<String> {
    let secret = || {
        let (name, keys) = subjects.credentials.as_ref()?;
        Some(format!("Secret {name}, keys {}", keys.join(" and ")))
    };
    let role = || Some(format!("role {}", subjects.role.as_ref()?));
    match reason {
        CredentialsReason::SecretMissing | CredentialsReason::SecretIncomplete => secret(),
        CredentialsReason::AssumeRoleDenied | CredentialsReason::AssumeRoleUnavailable => role(),
        _ => Some(format!("{} in {}", subjects.identity, subjects.region)),
    }
}

pub(super) fn secured(conditions: &mut Conditions<'_>, findings: &Findings<'_>) {
    let kind = ConditionType::Secured;
    match findings.requires_write_keys {
        None => conditions.keep(kind),
        Some(false) => conditions.set(kind, ConditionStatus::False, Reason::NoAuthentication, ""),
        Some(true) => {
            let open: Vec<&str> = findings
                .proxies
                .iter()
                .filter(|proxy| is_open(proxy))
                .map(|proxy| proxy.name.as_str())
                .collect();
            if open.is_empty() {
                conditions.set(kind, ConditionStatus::True, Reason::WriteKeysRequired, "");
            } else {
                let message = format!("{}: {}", Reason::SwitchingKeys.sentence(), names(&open));
                conditions.set(kind, ConditionStatus::False, Reason::SwitchingKeys, message);
            }
        }
    }
}

/// Whether a pod lets in whoever reaches it. One that cannot be asked does, unless it has a place for write keys.
fn is_open(proxy: &Proxy) -> bool {
    let state = proxy
        .report
        .as_ref()
        .map_or(WriteKeysState::Unknown, |report| report.write_keys.state);
    match state {
        WriteKeysState::Open | WriteKeysState::NotRequired => true,
        WriteKeysState::Loaded | WriteKeysState::Missing | WriteKeysState::Incomplete => false,
        WriteKeysState::Unknown => !proxy.has_write_keys,
    }
}

/// Whether a proxy waits for a Secret: it is not there, lacks a key, or AWS does not take what is in it. Kubelet brings
/// the next version sooner when it is told to look.
pub fn waits_for_a_secret(report: &Report) -> bool {
    use CredentialsReason::{Expired, Rejected, SecretIncomplete, SecretMissing};
    let keys = matches!(
        report.write_keys.state,
        WriteKeysState::Missing | WriteKeysState::Incomplete
    );
    keys || matches!(
        report.credentials.reason,
        SecretMissing | SecretIncomplete | Rejected | Expired
    )
}

/// Why senders are refused although the destination is open to those with a key, if they are.
pub(super) fn write_keys_missing(findings: &Findings<'_>) -> Option<String> {
    let is_missing =
        |keys: &WriteKeysReport| matches!(keys.state, WriteKeysState::Missing | WriteKeysState::Incomplete);
    let mut without: Vec<&str> = Vec::new();
    let mut sources: BTreeSet<&str> = BTreeSet::new();
    let mut detail = None;
    for proxy in findings.proxies {
        let Some(report) = &proxy.report else { continue };
        if is_missing(&report.write_keys) {
            without.push(&proxy.name);
            let of_sources = report.sources.iter().filter(|source| is_missing(&source.write_keys));
            sources.extend(of_sources.map(|source| source.name.as_str()));
            detail = detail.or(report.write_keys.detail.as_deref());
        }
    }
    if without.is_empty() {
        return None;
    }
    let mut message = Reason::WriteKeysMissing.sentence().to_owned();
    if let Some(subjects) = &findings.subjects {
        // Without a source that lacks its keys, it is those of nobody.
        let of_nobody = subjects.write_keys.as_ref().filter(|_| sources.is_empty());
        let named = sources.iter().filter_map(|source| subjects.sources.get(*source));
        let named: Vec<_> = named
            .chain(of_nobody)
            .map(|(name, key)| format!("Secret {name}, key {key}"))
            .collect();
        if !named.is_empty() {
            message.push_str(&format!(": {}", named.join("; ")));
        }
    }
    if let Some(detail) = detail {
        message.push_str(&format!("; {detail}"));
    }
    message.push_str(&format!("; seen by {}", names(&without)));
    Some(message)
}

/// Why every request is refused for want of another Secret, if it is.
pub(super) fn secret_missing(findings: &Findings<'_>) -> Option<(Reason, String)> {
    let of = |state: fn(&Report) -> SecretState, reason: Reason| {
        let reports = findings
            .proxies
            .iter()
            .filter_map(|proxy| Some((&proxy.name, proxy.report.as_ref()?)));
        let without = reports.filter(|(_, report)| state(report) == SecretState::Missing);
        let without: Vec<&str> = without.map(|(name, _)| name.as_str()).collect();
        (!without.is_empty()).then(|| (reason, format!("{}; seen by {}", reason.sentence(), names(&without))))
    };
    of(|report| report.certificate, Reason::CertificateMissing)
        .or_else(|| of(|report| report.hash_key, Reason::HashKeyMissing))
}

/// The first few names, and how many more there are.
fn names(all: &[&str]) -> String {
    let listed = all
        .iter()
        .take(MAX_PODS_IN_MESSAGE)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match all.len().saturating_sub(MAX_PODS_IN_MESSAGE) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
