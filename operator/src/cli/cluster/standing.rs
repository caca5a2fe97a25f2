//! `firehose-operator status`: does a destination work, since when, and if not, why. What it is judged by is what the
//! operator has written into the object; no pod is asked.

use std::fmt::{self, Write as _};

use firehose_operator_api::{
    Condition, ConditionStatus, ConditionType, FirehoseDestination, FirehoseDestinationStatus, StreamState,
};
use k8s_openapi::jiff::Timestamp;
use kube::{Api, ResourceExt as _, api::ListParams};
use serde::Serialize;

use super::connection::Cluster;
use crate::cli::colour::{Colour, Paint};

/// Whether a destination works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// Events are accepted, and what is accepted is delivered.
    Working,
    /// Events are not accepted, or not delivered.
    NotWorking,
    /// The operator has not said, or cannot tell.
    Unknown,
}

/// How a destination stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it works.
    pub verdict: Verdict,
    /// Since when that is so, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Where events are sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// As whom records are delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Ready proxies that run the newest configuration, of how many, for example 2/2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxies: Option<String>,
    /// The configuration that the proxies are to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The delivery streams, counted.
    pub streams: StreamCounts,
    /// What is not as it should be, the gravest first.
    pub causes: Vec<Cause>,
}

/// The delivery streams of a destination, by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamCounts {
    /// Records are going out.
    pub delivering: usize,
    /// Nothing waits.
    pub idle: usize,
    /// Records wait for a reason.
    pub failing: usize,
    /// Delivery is paused by the spec.
    pub paused: usize,
    /// Nothing is known.
    pub unknown: usize,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// A condition, a delivery stream or a pod: `Ready`, `stream orders-prod`, `pod orders-firehose-0`.
    pub about: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, for a person.
    pub message: String,
    /// Since when, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// How the destinations of these names stand; without a name all of the cluster's namespace, or of all namespaces.
///
/// # Errors
///
/// When the API server does not answer, does not let this person see, or has no such destination.
pub async fn standings(cluster: &Cluster, names: &[String], everywhere: bool) -> Result<Vec<Standing>, kube::Error> {
    let api: Api<FirehoseDestination> = match everywhere {
        true => Api::all(cluster.client.clone()),
        false => Api::namespaced(cluster.client.clone(), &cluster.namespace),
    };
    if names.is_empty() {
        let all = api.list(&ListParams::default()).await?;
        return Ok(all.items.iter().map(standing).collect());
    }
    let mut found = Vec::new();
    for name in names {
        found.push(standing(&api.get(name).await?));
    }
    Ok(found)
}

/// How a destination stands, by its own status.
pub fn standing(destination: &FirehoseDestination) -> Standing {
    let nothing = FirehoseDestinationStatus::default();
    let status = destination.status.as_ref().unwrap_or(&nothing);
    let (verdict, since) = verdict(status);
    let mut streams = StreamCounts::default();
    for stream in &status.streams {
        *match stream.state {
            StreamState::Delivering => &mut streams.delivering,
            StreamState::Idle => &mut streams.idle,
            StreamState::Failing => &mut streams.failing,
            StreamState::Paused => &mut streams.paused,
            StreamState::Unknown => &mut streams.unknown,
        } += 1;
    }
    let effective = status.effective.as_ref();
    Standing {
        namespace: destination.namespace().unwrap_or_default(),
        name: destination.name_any(),
        verdict,
        since,
        address: status.address.as_ref().map(|address| address.url.clone()),
        identity: effective.and_then(|effective| effective.identity.clone()),
        proxies: status.proxies.as_ref().map(|proxies| proxies.summary.clone()),
        revision: status.revision.clone(),
        streams,
        causes: causes(destination, status),
    }
}

/// Working is Ready and not failing to deliver. A destination without traffic delivers nothing and works.
fn verdict(status: &FirehoseDestinationStatus) -> (Verdict, Option<String>) {
    let find = |kind| status.conditions.iter().find(|one| one.kind == kind);
    let (ready, delivering) = (find(ConditionType::Ready), find(ConditionType::Delivering));
    let is = |one: &Condition, what| one.status == what;
    let broken = [ready, delivering]
        .into_iter()
        .flatten()
        .filter(|one| is(one, ConditionStatus::False));
    if let Some(first) = broken.map(|one| one.last_transition_time.0).min() {
        return (Verdict::NotWorking, Some(first.to_string()));
    }
    match ready {
        Some(ready) if is(ready, ConditionStatus::True) => {
            let delivering = delivering.filter(|one| is(one, ConditionStatus::True));
            let times = [Some(ready), delivering]
                .into_iter()
                .flatten()
                .map(|one| one.last_transition_time.0);
            (Verdict::Working, times.max().map(|time| time.to_string()))
        }
        Some(ready) => (Verdict::Unknown, Some(ready.last_transition_time.0.to_string())),
        None => (Verdict::Unknown, None),
    }
}

fn causes(destination: &FirehoseDestination, status: &FirehoseDestinationStatus) -> Vec<Cause> {
    let mut causes = Vec::new();
    let (generation, observed) = (destination.metadata.generation, status.observed_generation);
    if destination.spec.class_name.is_some() && status.conditions.is_empty() {
        causes.push(cause(
            "object",
            "OtherClass",
            "spec.className names another installation of the operator",
        ));
    } else if status.conditions.is_empty() {
        causes.push(cause(
            "object",
            "NotSeen",
            "no operator has looked at it; is one installed that serves this namespace?",
        ));
    } else if observed < generation {
        let number = |generation: Option<i64>| generation.unwrap_or_default();
        let message = format!(
            "the operator has not looked at generation {} yet; what follows is about {}",
            number(generation),
            number(observed)
        );
        causes.push(cause("object", "NotSeen", message));
    }
    let mut conditions: Vec<&Condition> = status.conditions.iter().filter(|one| is_abnormal(one)).collect();
    conditions.sort_by_key(|one| (one.status != ConditionStatus::False, one.kind));
    causes.extend(conditions.into_iter().map(|one| Cause {
        since: Some(one.last_transition_time.0.to_string()),
        ..cause(one.kind.to_string(), one.reason.to_string(), &*one.message)
    }));
    for stream in status
        .streams
        .iter()
        .filter(|stream| matches!(stream.state, StreamState::Failing | StreamState::Paused))
    {
        let about = format!("stream {}", stream.delivery_stream_name);
        let message = stream.message.as_deref().unwrap_or_default();
        causes.push(cause(about, stream.reason.to_string(), message));
    }
    for pod in &status.pods {
        causes.push(cause(
            format!("pod {}", pod.name),
            pod.reason.to_string(),
            &*pod.message,
        ));
    }
    if let Some(more) = status.omitted_pods.filter(|more| *more > 0) {
        causes.push(cause(
            "pods",
            "Omitted",
            format!("{more} more pods have something to say"),
        ));
    }
    if !status.retained_claims.is_empty() {
        let names: Vec<&str> = status.retained_claims.iter().map(|claim| claim.name.as_str()).collect();
        let message = format!(
            "no pod uses them, and they hold what was accepted: {}",
            names.join(", ")
        );
        causes.push(cause("claims", "Retained", message));
    }
    causes
}

fn cause(about: impl Into<String>, reason: impl Into<String>, message: impl Into<String>) -> Cause {
    Cause {
        about: about.into(),
        reason: reason.into(),
        message: message.into(),
        since: None,
    }
}

/// Not as it should be. To deliver nothing because nothing was sent is as it should be.
fn is_abnormal(condition: &Condition) -> bool {
    match condition.kind {
        ConditionType::Ready
        | ConditionType::Accepted
        | ConditionType::ConfigSynced
        | ConditionType::CredentialsReady
        | ConditionType::Durable
        | ConditionType::Secured => condition.status != ConditionStatus::True,
        ConditionType::Delivering => condition.status == ConditionStatus::False,
        ConditionType::DeadLetters | ConditionType::Reconciling | ConditionType::Stalled => {
            condition.status == ConditionStatus::True
        }
        ConditionType::Unknown => false,
    }
}

/// One screen: a block for each destination.
///
/// # Errors
///
/// When `screen` takes no more.
pub fn write_standing(screen: &mut String, standing: &Standing, now: Timestamp, paint: Paint) -> fmt::Result {
    let Standing { namespace, name, .. } = standing;
    let (word, colour) = match standing.verdict {
        Verdict::Working => ("works", Colour::Green),
        Verdict::NotWorking => ("does NOT work", Colour::Red),
        Verdict::Unknown => ("unknown", Colour::Yellow),
    };
    write!(screen, "{namespace}/{name}  {}", paint.of(colour, word))?;
    if let Some(since) = &standing.since {
        write!(screen, ", since {since}{}", ago(since, now))?;
    }
    writeln!(screen)?;
    let StreamCounts {
        delivering,
        idle,
        failing,
        paused,
        unknown,
    } = standing.streams;
    let counts = [
        (delivering, "delivering"),
        (idle, "idle"),
        (failing, "failing"),
        (paused, "paused"),
        (unknown, "unknown"),
    ];
    let counts = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"));
    let streams = Some(counts.collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty());
    for (label, value) in [
        ("address", &standing.address),
        ("identity", &standing.identity),
        ("proxies", &standing.proxies),
        ("revision", &standing.revision),
        ("streams", &streams),
    ] {
        if let Some(value) = value {
            writeln!(screen, "  {label:<9} {}", one_line(value))?;
        }
    }
    for cause in &standing.causes {
        let since = cause.since.as_deref().map(|since| ago(since, now)).unwrap_or_default();
        let about = paint.of(Colour::Yellow, &one_line(&cause.about));
        writeln!(
            screen,
            "  ! {about} {}{since}: {}",
            cause.reason,
            one_line(&cause.message)
        )?;
    }
    Ok(())
}

/// What others wrote, without what would move a terminal's cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// How long ago, in its largest unit: ` (3 h)`. Nothing for what cannot be read or lies ahead.
fn ago(since: &str, now: Timestamp) -> String {
    let Ok(since) = since.parse::<Timestamp>() else {
        return String::new();
    };
    let seconds = now.as_second() - since.as_second();
    match seconds {
        ..0 => String::new(),
        0..120 => format!(" ({seconds} s)"),
        120..7_200 => format!(" ({} min)", seconds / 60),
        7_200..172_800 => format!(" ({} h)", seconds / 3_600),
        _ => format!(" ({} d)", seconds / 86_400),
    }
}
