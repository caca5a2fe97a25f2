//! One `FirehoseDestination` of a test, and the pods that it leads to.

use std::{fmt::Write as _, time::Duration};

use serde_json::Value;

use crate::{
    installation,
    kubectl::{apply, fresh_namespace, get, kubectl, wait_for},
    reach,
};

/// How long pods may take from `kubectl apply` to ready, on a small machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a Service may refuse although what is behind it is ready.
pub(crate) const ROUTED: Duration = Duration::from_secs(60);

/// A destination, in a namespace of its own that enforces the `restricted` level of Pod Security.
pub(crate) struct Destination {
    /// The namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    endpoint_url: String,
}

/// A proxy pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    /// Its name.
    pub(crate) name: String,
    /// UID: another one means that the pod was replaced.
    pub(crate) uid: String,
    /// The node it runs on.
    pub(crate) node: String,
    /// Its address.
    pub(crate) address: String,
    /// How often its container was started again.
    pub(crate) restarts: u64,
    /// Whether it serves.
    pub(crate) ready: bool,
}

impl Destination {
    /// Makes the namespace and a Secret with credentials that no AWS account knows, and installs the operator if that
    /// was not done yet.
    pub(crate) fn prepare(namespace: &str, name: &str, endpoint_url: &str) -> Self {
        installation::installed();
        fresh_namespace(namespace);
        kubectl(&format!(
            "create secret generic aws-firehose --namespace {namespace} \
             --from-literal=AWS_ACCESS_KEY_ID=AKIDEXAMPLE --from-literal=AWS_SECRET_ACCESS_KEY=not-a-secret"
        ));
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            endpoint_url: endpoint_url.to_owned(),
        }
    }

    /// One that somebody else applied.
    pub(crate) fn existing(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            endpoint_url: String::new(),
        }
    }

    /// Prepares, applies and waits for two proxies.
    pub(crate) fn ready(namespace: &str, name: &str, endpoint_url: &str, mappings: &[(&str, &str)]) -> Self {
        let destination = Self::prepare(namespace, name, endpoint_url);
        destination.map(mappings);
        destination.wait_until_ready(2);
        destination
    }

    /// Applies the destination with these mappings.
    pub(crate) fn map(&self, mappings: &[(&str, &str)]) {
        apply(&self.manifest(mappings));
    }

    /// The manifest that [`Destination::map`] applies.
    pub(crate) fn manifest(&self, mappings: &[(&str, &str)]) -> String {
        let mut rows = String::new();
        for (event, stream) in mappings {
            writeln!(rows, "  - {{event: \"{event}\", deliveryStreamName: {stream}}}").unwrap();
        }
        format!(
            "apiVersion: firehose-operator.dev/v1alpha1
kind: FirehoseDestination
metadata: {{name: {}, namespace: {}}}
spec:
  region: eu-west-1
  endpoints: {{firehose: {{type: Custom, custom: {{url: \"{}\"}}}}}}
  replicas: 2
  credentials: {{type: Static, static: {{secretRef: {{name: aws-firehose}}}}}}
  mappings:
{rows}",
            self.name, self.namespace, self.endpoint_url
        )
    }

    /// Waits until the destination says that it is ready, and that many pods are.
    pub(crate) fn wait_until_ready(&self, proxies: usize) {
        wait_for(&format!("{} is ready", self.name), PATIENCE, || {
            let object = self.object();
            let ready = condition(&object, "Ready");
            let pods = self.pods().into_iter().filter(|pod| pod.ready).count();
            let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if current && ready.0 == "True" && pods == proxies {
                return Ok(());
            }
            Err(format!(
                "Ready is {} ({}), {pods} pods are ready, status is {}",
                ready.0,
                ready.1,
                if current { "current" } else { "old" }
            ))
        });
        // Ready is not yet routed: a Service may refuse for a moment.
        wait_for("the Service answers", ROUTED, || {
            crate::http::get(&format!("{}/health", self.url()))
        });
    }

    /// The object as it is now.
    pub(crate) fn object(&self) -> Value {
        get(&format!(
            "firehosedestination {} --namespace {}",
            self.name, self.namespace
        ))
    }

    /// Status and reason of a condition.
    pub(crate) fn condition(&self, kind: &str) -> (String, String) {
        condition(&self.object(), kind)
    }

    /// Base URL of the event endpoint, through the Service.
    pub(crate) fn url(&self) -> String {
        reach::service(&self.namespace, &self.child(), 8080)
    }

    /// Name of most of its children.
    pub(crate) fn child(&self) -> String {
        format!("{}-firehose", self.name)
    }

    /// One of its children.
    pub(crate) fn get(&self, kind: &str) -> Value {
        get(&format!("{kind} {} --namespace {}", self.child(), self.namespace))
    }

    /// Its pods, by name. One that is going away is not among them.
    pub(crate) fn pods(&self) -> Vec<Pod> {
        let selector = self.object()["status"]["selector"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if selector.is_empty() {
            return Vec::new();
        }
        let list = get(&format!("pods --namespace {} --selector {selector}", self.namespace));
        let mut pods: Vec<Pod> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .map(Pod::read)
            .collect();
        pods.sort_by(|left, right| left.name.cmp(&right.name));
        pods
    }

    /// Base URL of a port of one of its pods.
    pub(crate) fn pod_url(&self, pod: &Pod, port: u16) -> String {
        reach::pod(&self.namespace, &pod.name, &pod.address, port)
    }

    /// What a pod reports about itself.
    pub(crate) fn report(&self, pod: &Pod) -> Result<Value, String> {
        let text = crate::http::get(&format!("{}/status", self.pod_url(pod, 9090)))?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    /// Removes the namespace with everything in it; the next test need not wait for that.
    pub(crate) fn remove(self) {
        kubectl(&format!("delete namespace {} --wait=false", self.namespace));
    }
}

impl Pod {
    fn read(pod: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        Self {
            name: text(&pod["metadata"]["name"]),
            uid: text(&pod["metadata"]["uid"]),
            node: text(&pod["spec"]["nodeName"]),
            address: text(&pod["status"]["podIP"]),
            restarts: pod["status"]["containerStatuses"][0]["restartCount"]
                .as_u64()
                .unwrap_or(0),
            ready: conditions
                .iter()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True"),
        }
    }
}

fn condition(object: &Value, kind: &str) -> (String, String) {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|condition| condition["type"] == kind);
    let text = |field: &str| {
        found.map_or("absent".to_owned(), |condition| {
            condition[field].as_str().unwrap_or_default().to_owned()
        })
    };
    (text("status"), text("reason"))
}
