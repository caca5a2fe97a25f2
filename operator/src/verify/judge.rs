//! Findings → status. Pure: the same findings give the same status, so nothing is written when nothing changed.

use firehose_operator_api::{
    Address, Condition, ConditionStatus, ConditionType, FirehoseDestinationStatus, Proxies, Reason, StreamState,
    StreamStatus,
};
use firehose_proxy_config::{Acknowledge, report::DeadLetters};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    access::{credentials_ready, secret_missing, secured, write_keys_missing},
    conditions::Conditions,
    draining,
    findings::{Acceptance, Findings, PodTrouble, Proxy},
    pods::pods,
    streams::streams,
};
use crate::observe::ClaimPhase;

/// The status that follows from `findings`. `before` is the status so far, for the times of its conditions.
pub fn judge(findings: &Findings<'_>, before: &FirehoseDestinationStatus, now: &Time) -> FirehoseDestinationStatus {
    let exists = findings.revision.is_some();
    let proxies = count(findings);
    let streams = streams(findings, &before.streams);
    let mut conditions = Conditions::new(&before.conditions, findings.generation, now);
    accepted(&mut conditions, findings);
    if exists {
        config_synced(&mut conditions, findings, &proxies);
        credentials_ready(&mut conditions, findings);
        durable(&mut conditions, findings);
        secured(&mut conditions, findings);
        delivering(&mut conditions, &streams);
        dead_letters(&mut conditions, findings.proxies);
    }
    ready(&mut conditions, findings, &proxies);
    progress(&mut conditions, findings, &proxies);
    let (pods, omitted_pods) = pods(findings);
    let is_synced = conditions
        .get(ConditionType::ConfigSynced)
        .is_some_and(|condition| condition.status == ConditionStatus::True);
    let last_synced = if is_synced {
        &findings.revision
    } else {
        &before.last_synced_revision
    };
    FirehoseDestinationStatus {
        observed_generation: findings.generation,
        address: exists.then(|| Address {
            url: findings.address.clone(),
        }),
        installation: None,
        revision: findings.revision.clone(),
        last_synced_revision: last_synced.clone().filter(|_| exists),
        effective: findings
            .effective
            .clone()
            .or_else(|| before.effective.clone())
            .filter(|_| exists),
        mappings: findings.mappings.or(before.mappings).filter(|_| exists),
        replicas: exists.then(|| i32::try_from(findings.proxies.len()).unwrap_or(i32::MAX)),
        selector: exists.then(|| findings.selector.clone()),
        proxies: exists.then_some(proxies),
        pods,
        omitted_pods,
        retained_claims: draining::retained_claims(findings, before),
        streams,
        conditions: conditions.into_list(),
    }
}

fn count(findings: &Findings<'_>) -> Proxies {
    let ready = || findings.active().filter(|proxy| proxy.ready);
    let synced = ready().filter(|proxy| runs(proxy, findings.revision.as_deref()));
    let synced = i32::try_from(synced.count()).unwrap_or(i32::MAX);
    Proxies {
        desired: findings.desired,
        ready: i32::try_from(ready().count()).unwrap_or(i32::MAX),
        synced,
        draining: i32::try_from(findings.draining.len()).unwrap_or(i32::MAX),
        summary: format!("{synced}/{}", findings.desired),
    }
}

fn runs(proxy: &Proxy, revision: Option<&str>) -> bool {
    proxy
        .report
        .as_ref()
        .is_some_and(|report| Some(report.revision.as_str()) == revision)
}

fn accepted(conditions: &mut Conditions<'_>, findings: &Findings<'_>) {
    match &findings.acceptance {
        Acceptance::Accepted => {
            conditions.set(ConditionType::Accepted, ConditionStatus::True, Reason::Valid, "");
        }
        Acceptance::Paused { .. } => {
            let reason = Reason::ReconciliationPaused;
            conditions.set(ConditionType::Accepted, ConditionStatus::True, reason, "");
        }
        Acceptance::Refused(reason, message) => {
            conditions.set(ConditionType::Accepted, ConditionStatus::False, *reason, message);
        }
    }
}

fn config_synced(conditions: &mut Conditions<'_>, findings: &Findings<'_>, counted: &Proxies) {
    let kind = ConditionType::ConfigSynced;
    let refused = findings.proxies.iter().find_map(|proxy| {
        let error = proxy.report.as_ref()?.config_error.as_ref()?;
        Some(format!("{}: {error}", proxy.name))
    });
    let unasked = findings
        .active()
        .filter(|proxy| proxy.ready && proxy.report.is_none())
        .count();
    if let Some(message) = refused {
        conditions.set(kind, ConditionStatus::False, Reason::ConfigRejected, message);
    } else if counted.ready == 0 {
        conditions.set(kind, ConditionStatus::Unknown, Reason::NoReadyProxies, "");
    } else if counted.synced == counted.ready {
        conditions.set(kind, ConditionStatus::True, Reason::Synced, "");
    } else if unasked > 0 {
        let message = format!("{unasked} ready proxies do not answer the operator on the admin port");
        conditions.set(kind, ConditionStatus::Unknown, Reason::ProxiesUnreachable, message);
    } else {
        let message = format!("{} of {} ready proxies run the revision", counted.synced, counted.ready);
        conditions.set(kind, ConditionStatus::False, Reason::Propagating, message);
    }
}

fn durable(conditions: &mut Conditions<'_>, findings: &Findings<'_>) {
    let Some((acknowledge, persistent)) = findings.durability else {
        // The spec is refused, so what runs is what an earlier one asked for.
        conditions.keep(ConditionType::Durable);
        return;
    };
    if acknowledge == Acknowledge::WhenSpooled && persistent && !findings.unbound_claims.is_empty() {
        unbound(conditions, &findings.unbound_claims, &findings.namespace);
        return;
    }
    let (status, reason, message) = match (acknowledge, persistent) {
        (Acknowledge::WhenDelivered, _) => (ConditionStatus::True, Reason::AcknowledgedByFirehose, ""),
        (Acknowledge::WhenSpooled, true) => (ConditionStatus::True, Reason::PersistentSpool, ""),
        (Acknowledge::WhenSpooled, false) => (
            ConditionStatus::False,
            Reason::EphemeralSpool,
            "events that were answered 200 and not delivered yet are lost with their pod",
        ),
    };
    conditions.set(ConditionType::Durable, status, reason, message);
}

/// A claim without a volume: what its pod answers is on nothing that outlives it, or the pod does not answer yet.
fn unbound(conditions: &mut Conditions<'_>, claims: &[(String, ClaimPhase)], namespace: &str) {
    let lost: Vec<&str> = claims
        .iter()
        .filter(|(_, phase)| *phase == ClaimPhase::Lost)
        .map(|(name, _)| name.as_str())
        .collect();
    let (status, reason, names) = if lost.is_empty() {
        let all = claims.iter().map(|(name, _)| name.as_str()).collect();
        (ConditionStatus::Unknown, Reason::ClaimPending, all)
    } else {
        (ConditionStatus::False, Reason::ClaimLost, lost)
    };
    let message = format!("{}: {}", reason.sentence(), look_at(namespace, "pvc", &names));
    conditions.set(ConditionType::Durable, status, reason, message);
}

/// The first few of these objects, and the command that says more about the first.
fn look_at(namespace: &str, kind: &str, names: &[&str]) -> String {
    const MAX_NAMES: usize = 5;
    let listed = names.iter().take(MAX_NAMES).copied().collect::<Vec<_>>().join(", ");
    let more = match names.len().saturating_sub(MAX_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = names.first().copied().unwrap_or_default();
    format!("{listed}{more}; kubectl -n {namespace} describe {kind}/{first}")
}

fn delivering(conditions: &mut Conditions<'_>, streams: &[StreamStatus]) {
    let kind = ConditionType::Delivering;
    let named = |state: StreamState| {
        let names: Vec<&str> = streams
            .iter()
            .filter(|stream| stream.state == state)
            .map(|stream| stream.delivery_stream_name.as_str())
            .collect();
        names.join(", ")
    };
    let first = |state: StreamState| streams.iter().find(|stream| stream.state == state);
    if let Some(failing) = first(StreamState::Failing) {
        conditions.set(
            kind,
            ConditionStatus::False,
            failing.reason,
            failing_message(failing, &named(StreamState::Failing)),
        );
    } else if first(StreamState::Paused).is_some() {
        conditions.set(kind, ConditionStatus::False, Reason::DeliveryPaused, "");
    } else if let Some(stream) = first(StreamState::Delivering) {
        let single = streams
            .iter()
            .find(|stream| stream.reason == Reason::SinglePutsOnly)
            .unwrap_or(stream);
        conditions.set(kind, ConditionStatus::True, single.reason, "");
    } else {
        conditions.set(kind, ConditionStatus::Unknown, Reason::NoTraffic, "");
    }
}

/// The first stream that fails with what is known of it, and the names of all.
fn failing_message(first: &StreamStatus, names: &str) -> String {
    let (name, said) = (
        &first.delivery_stream_name,
        first.message.as_deref().unwrap_or_default(),
    );
    if names == name {
        format!("stream {name}: {said}")
    } else {
        format!("stream {name}: {said}; failing: {names}")
    }
}

fn dead_letters(conditions: &mut Conditions<'_>, proxies: &[Proxy]) {
    let kind = ConditionType::DeadLetters;
    let seen = |state: DeadLetters| {
        let names: Vec<&str> = proxies
            .iter()
            .filter(|proxy| proxy.report.as_ref().is_some_and(|report| report.dead_letters == state))
            .map(|proxy| proxy.name.as_str())
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(names) = seen(DeadLetters::Unavailable) {
        let message = format!("what is given up is lost in {names}");
        conditions.set(kind, ConditionStatus::True, Reason::DeadLettersUnavailable, message);
    } else if let Some(names) = seen(DeadLetters::Full) {
        let message = format!("no room for more in {names}; firehose-proxy dead-letters list shows them");
        conditions.set(kind, ConditionStatus::True, Reason::DeadLettersFull, message);
    } else if let Some(names) = seen(DeadLetters::Waiting) {
        let message = format!("in {names}; firehose-proxy dead-letters list shows them");
        conditions.set(kind, ConditionStatus::True, Reason::DeadLettersWaiting, message);
    } else if seen(DeadLetters::Unknown).is_some() || seen(DeadLetters::Empty).is_none() {
        conditions.set(kind, ConditionStatus::Unknown, Reason::Unknown, "");
    } else {
        conditions.set(kind, ConditionStatus::False, Reason::NoDeadLetters, "");
    }
}

fn ready(conditions: &mut Conditions<'_>, findings: &Findings<'_>, counted: &Proxies) {
    use ConditionType::{Accepted, ConfigSynced, CredentialsReady};
    // The first of these that is false says why the destination is not ready.
    let culprit: Option<Condition> = [Accepted, ConfigSynced, CredentialsReady]
        .iter()
        .filter_map(|kind| conditions.get(*kind))
        .find(|condition| condition.status == ConditionStatus::False)
        .cloned();
    let kind = ConditionType::Ready;
    let keyless = write_keys_missing(findings);
    if let Some(error) = &findings.apply_error {
        // Whatever else is wrong may be what could not be written.
        conditions.set(kind, ConditionStatus::False, Reason::ApplyFailed, error);
    } else if let Some(culprit) = culprit {
        conditions.set(kind, ConditionStatus::False, culprit.reason, culprit.message);
    } else if findings.acceptance == (Acceptance::Paused { waits: true }) {
        conditions.set(kind, ConditionStatus::False, Reason::ReconciliationPaused, "");
    } else if let Some(message) = keyless {
        conditions.set(kind, ConditionStatus::False, Reason::WriteKeysMissing, message);
    } else if let Some((reason, message)) = secret_missing(findings) {
        conditions.set(kind, ConditionStatus::False, reason, message);
    } else if counted.ready < findings.desired {
        let message = format!("{} of {} proxies are ready", counted.ready, findings.desired);
        let (reason, message) = match findings.troubles.first() {
            Some(first) => (
                first.trouble.reason,
                format!("{message}; {}", in_the_way(findings, first)),
            ),
            None if counted.ready == 0 => (Reason::NoReadyProxies, message),
            None => (Reason::RollingOut, message),
        };
        conditions.set(kind, ConditionStatus::False, reason, message);
    } else if findings.is_replacing {
        // Between two replacements every pod is ready, and whoever waits for the change must go on waiting.
        let message = "pods are replaced one after the other";
        conditions.set(kind, ConditionStatus::False, Reason::RollingOut, message);
    } else {
        let remark = conditions
            .get(CredentialsReady)
            .filter(|one| one.status == ConditionStatus::Unknown || one.reason != Reason::CredentialsAccepted);
        let remark = remark.map(|one| format!("{}; {}", Reason::Ready.sentence(), one.message));
        conditions.set(kind, ConditionStatus::True, Reason::Ready, remark.unwrap_or_default());
    }
}

/// The first trouble, in how many pods there is one, and where to look.
fn in_the_way(findings: &Findings<'_>, first: &PodTrouble) -> String {
    let others = match findings.troubles.len() - 1 {
        0 => String::new(),
        others => format!(" (and {others} more, see status.pods)"),
    };
    let PodTrouble { pod, trouble, look_at } = first;
    let (namespace, said) = (&findings.namespace, &trouble.message);
    format!("pod {pod}{others}: {said}; kubectl -n {namespace} describe {look_at}")
}

/// The image that is held back from all others because of this destination, and what is the matter with it here.
fn halted(findings: &Findings<'_>) -> String {
    let image = findings
        .effective
        .as_ref()
        .and_then(|effective| effective.image.as_deref());
    let sentence = Reason::RolloutHalted.sentence();
    let trouble = findings.troubles.first().map(|first| in_the_way(findings, first));
    let trouble = trouble.map(|trouble| format!("; {trouble}")).unwrap_or_default();
    format!("{sentence}: {}{trouble}", image.unwrap_or("its image"))
}

/// kstatus: what is under way, and what needs a person.
fn progress(conditions: &mut Conditions<'_>, findings: &Findings<'_>, counted: &Proxies) {
    let (stalled, reason, message) = match &findings.acceptance {
        Acceptance::Refused(reason, message) => (true, *reason, message.clone()),
        _ if findings.is_halting => (true, Reason::RolloutHalted, halted(findings)),
        Acceptance::Accepted | Acceptance::Paused { .. } => (false, Reason::Settled, String::new()),
    };
    let waits = findings.acceptance == Acceptance::Paused { waits: true };
    let under_way = !stalled
        && (waits
            || findings.apply_error.is_some()
            || findings.is_replacing
            || !findings.draining.is_empty()
            || counted.ready < findings.desired
            || counted.synced < counted.ready);
    let status = |yes: bool| {
        if yes {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        }
    };
    let (doing, words) = match &findings.apply_error {
        Some(error) if under_way => (Reason::ApplyFailed, error.clone()),
        _ if waits => (Reason::ReconciliationPaused, String::new()),
        _ if under_way && !findings.draining.is_empty() => draining::words(findings, conditions),
        _ if under_way => (Reason::RollingOut, String::new()),
        _ => (Reason::Settled, String::new()),
    };
    conditions.set(ConditionType::Reconciling, status(under_way), doing, words);
    conditions.set(ConditionType::Stalled, status(stalled), reason, message);
}
