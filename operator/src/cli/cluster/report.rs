//! `firehose-operator report`: what somebody else needs to see to find out what is wrong with a destination. No content
//! of events, no Secret is asked for, and what may hold a secret is left out by the rules of [`super::redact`].

use std::fmt::Write as _;

use firehose_operator_api::FirehoseDestination;
use http_body_util::BodyExt as _;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount},
        events::v1::Event,
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    },
    jiff::Timestamp,
};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, LogParams},
    client::Body,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    connection::Cluster,
    redact::{self, OWN_CONTAINER},
    standing::{standing, write_standing},
};
use crate::{
    cli::colour::Paint,
    plan::{ADMIN_PORT, DESTINATION_LABEL, Names},
};

/// Pods that are looked at.
const MAX_PODS: u32 = 50;
/// Events of the namespace that are looked through.
const MAX_EVENTS: u32 = 2_000;
/// Last lines of a pod's log.
const LOG_LINES: i64 = 500;
/// Most bytes of one file.
const MAX_FILE_BYTES: usize = 1 << 20;

/// A bundle: texts by the names of their files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Name and content, in the order in which they were found.
    pub files: Vec<(String, String)>,
    /// What could not be had, and why, a line each.
    pub missing: Vec<String>,
}

/// Why there is no bundle at all. That a part of it cannot be had is no reason.
#[derive(Debug, thiserror::Error)]
pub enum NoReport {
    /// The API server does not answer, or not to this person.
    #[error("failed to read the destination {1:?} in {2:?}")]
    Call(#[source] Box<kube::Error>, String, String),
    /// There is no such destination.
    #[error("there is no FirehoseDestination {0:?} in {1:?}")]
    None(String, String),
}

/// Collects what there is about a destination.
///
/// # Errors
///
/// See [`NoReport`].
pub async fn report(cluster: &Cluster, name: &str, now: Timestamp) -> Result<Bundle, NoReport> {
    let namespace = cluster.namespace.as_str();
    let api: Api<FirehoseDestination> = Api::namespaced(cluster.client.clone(), namespace);
    let place = || (name.to_owned(), namespace.to_owned());
    let destination = api.get_opt(name).await.map_err(|error| {
        let (name, namespace) = place();
        NoReport::Call(Box::new(error), name, namespace)
    })?;
    let Some(destination) = destination else {
        let (name, namespace) = place();
        return Err(NoReport::None(name, namespace));
    };
    let mut collector = Collector {
        cluster,
        bundle: Bundle::default(),
    };
    let mut screen = String::new();
    write_standing(&mut screen, &standing(&destination), now, Paint::Plain).expect("a string takes everything");
    collector.add("status.txt", &screen);
    collector.add_object("destination.yaml", &destination);
    collector.versions(now).await;
    collector.children(name).await;
    let pods = collector.pods(name).await;
    collector.claims(name).await;
    collector.events(name, &pods).await;
    let mut bundle = collector.bundle;
    bundle.files.push((
        "missing.txt".to_owned(),
        bundle.missing.iter().map(|line| format!("{line}\n")).collect(),
    ));
    Ok(bundle)
}

struct Collector<'a> {
    cluster: &'a Cluster,
    bundle: Bundle,
}

impl Collector<'_> {
    fn add(&mut self, name: impl Into<String>, text: &str) {
        let mut text = redact::text(text);
        if text.len() > MAX_FILE_BYTES {
            let end = text.floor_char_boundary(MAX_FILE_BYTES);
            text.truncate(end);
            text.push_str("\n(cut)\n");
        }
        self.bundle.files.push((name.into(), text));
    }

    fn add_object(&mut self, name: impl Into<String>, object: &impl Serialize) {
        let value = redact::object(serde_json::to_value(object).unwrap_or_default());
        let text = serde_yaml::to_string(&value).unwrap_or_default();
        self.add(name, &text);
    }

    fn lacks(&mut self, what: &str, why: &dyn std::fmt::Display) {
        self.bundle.missing.push(redact::text(&format!("{what}: {why}")));
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.cluster.client.clone(), &self.cluster.namespace)
    }

    async fn versions(&mut self, now: Timestamp) {
        let mut text = format!(
            "{} {}\nreported at {now}\n",
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION")
        );
        match self.cluster.client.apiserver_version().await {
            Ok(version) => writeln!(text, "Kubernetes {}", version.git_version).expect("a string takes everything"),
            Err(error) => self.lacks("version of Kubernetes", &error),
        }
        self.add("versions.txt", &text);
    }

    async fn children(&mut self, name: &str) {
        let Names { workload, headless } = Names::of(name);
        self.child::<ConfigMap>("configmap", &workload).await;
        self.child::<ServiceAccount>("serviceaccount", &workload).await;
        self.child::<Service>("service", &workload).await;
        self.child::<Service>("headless-service", &headless).await;
        self.child::<NetworkPolicy>("networkpolicy", &workload).await;
        self.child::<PodDisruptionBudget>("poddisruptionbudget", &workload)
            .await;
        self.child::<StatefulSet>("statefulset", &workload).await;
    }

    async fn child<K>(&mut self, kind: &str, name: &str)
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + Serialize
            + DeserializeOwned,
    {
        match self.api::<K>().get_opt(name).await {
            Ok(Some(child)) => self.add_object(format!("children/{kind}.yaml"), &child),
            Ok(None) => self.lacks(&format!("{kind} {name}"), &"there is none"),
            Err(error) => self.lacks(&format!("{kind} {name}"), &error),
        }
    }

    /// Names of the pods.
    async fn pods(&mut self, name: &str) -> Vec<String> {
        let selected = ListParams::default()
            .labels(&format!("{DESTINATION_LABEL}={name}"))
            .limit(MAX_PODS);
        let pods = match self.api::<Pod>().list(&selected).await {
            Ok(pods) => pods.items,
            Err(error) => {
                self.lacks("pods", &error);
                return Vec::new();
            }
        };
        for pod in &pods {
            let name = pod.name_any();
            self.add_object(format!("pods/{name}/pod.yaml"), pod);
            for page in ["status", "metrics"] {
                self.page(&name, page).await;
            }
            for previous in [false, true] {
                self.log(&name, previous).await;
            }
        }
        pods.iter().map(kube::ResourceExt::name_any).collect()
    }

    /// A page of the pod's admin port, by way of the API server.
    async fn page(&mut self, pod: &str, page: &str) {
        let namespace = &self.cluster.namespace;
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}:{ADMIN_PORT}/proxy/{page}");
        let what = format!("/{page} of pod {pod}");
        let request = match hyper::Request::get(path).body(Body::empty()) {
            Ok(request) => request,
            Err(error) => return self.lacks(&what, &error),
        };
        let response = match self.cluster.client.send(request).await {
            Ok(response) => response,
            Err(error) => return self.lacks(&what, &error),
        };
        let status = response.status();
        let limited = http_body_util::Limited::new(response.into_body(), MAX_FILE_BYTES);
        match limited.collect().await {
            Ok(body) if status.is_success() => {
                let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
                self.add(format!("pods/{pod}/{page}.txt"), &text);
            }
            Ok(_) => self.lacks(&what, &status),
            Err(error) => self.lacks(&what, &error),
        }
    }

    async fn log(&mut self, pod: &str, previous: bool) {
        let wanted = LogParams {
            container: Some(OWN_CONTAINER.to_owned()),
            tail_lines: Some(LOG_LINES),
            limit_bytes: i64::try_from(MAX_FILE_BYTES).ok(),
            previous,
            timestamps: true,
            ..LogParams::default()
        };
        let name = if previous { "log-before" } else { "log" };
        match self.api::<Pod>().logs(pod, &wanted).await {
            Ok(log) => self.add(format!("pods/{pod}/{name}.txt"), &log),
            // Most pods were never started twice.
            Err(kube::Error::Api(status)) if previous && status.code == 400 => {}
            Err(error) => self.lacks(&format!("{name} of pod {pod}"), &error),
        }
    }

    async fn claims(&mut self, name: &str) {
        let selected = ListParams::default()
            .labels(&format!("{DESTINATION_LABEL}={name}"))
            .limit(MAX_PODS);
        match self.api::<PersistentVolumeClaim>().list(&selected).await {
            Ok(claims) => {
                for claim in claims.items {
                    self.add_object(format!("claims/{}.yaml", claim.name_any()), &claim);
                }
            }
            Err(error) => self.lacks("claims", &error),
        }
    }

    /// What was said about the destination, its children and its pods.
    async fn events(&mut self, name: &str, pods: &[String]) {
        let Names { workload, headless } = Names::of(name);
        let events = match self.api::<Event>().list(&ListParams::default().limit(MAX_EVENTS)).await {
            Ok(events) => events,
            Err(error) => return self.lacks("events", &error),
        };
        if events.metadata.continue_.is_some() {
            self.lacks(
                "events",
                &format!("only {MAX_EVENTS} of the namespace were looked through"),
            );
        }
        let regards = |event: &Event| {
            let regarding = event.regarding.as_ref().and_then(|object| object.name.as_deref());
            regarding
                .is_some_and(|one| [name, &workload, &headless].contains(&one) || pods.iter().any(|pod| pod == one))
        };
        let of_event = |event: &Event| {
            let regarding = event.regarding.clone().unwrap_or_default();
            let last = event.series.as_ref().map(|series| series.last_observed_time.0);
            let time = last.or(event.event_time.as_ref().map(|time| time.0));
            json!({
                "time": time.map(|time| time.to_string()),
                "times": event.series.as_ref().map_or(1, |series| series.count),
                "about": format!("{} {}", regarding.kind.unwrap_or_default(), regarding.name.unwrap_or_default()),
                "type": event.type_, "reason": event.reason, "action": event.action, "note": event.note,
                "by": event.reporting_controller,
            })
        };
        let events: Vec<Value> = events
            .items
            .iter()
            .filter(|event| regards(event))
            .map(of_event)
            .collect();
        self.add_object("events.yaml", &events);
    }
}
