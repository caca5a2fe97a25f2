//! Pods that a test plays: objects on the API server, and an admin port of each on an address of its own.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod},
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

/// Addresses that tests of this process have taken.
static TAKEN: AtomicU8 = AtomicU8::new(1);

/// The pods of one StatefulSet, as far as somebody made them.
pub(crate) struct Pods {
    client: Client,
    workload: String,
}

/// One pod. It answers until it is dropped.
pub(crate) struct PlayedPod {
    report: Arc<Mutex<Value>>,
    serving: JoinHandle<()>,
}

impl Pods {
    pub(crate) fn of(client: &Client, workload: &str) -> Self {
        Self {
            client: client.clone(),
            workload: workload.to_owned(),
        }
    }

    /// Makes the pod with this ordinal, which runs on some node, is ready, and reports this beside its destination.
    pub(crate) async fn run(&self, ordinal: u32, report: &Value) -> PlayedPod {
        let workloads: Api<StatefulSet> = Api::namespaced(self.client.clone(), "default");
        let workload = workloads.get(&self.workload).await.unwrap();
        let destination = workload.metadata.owner_references.as_ref().unwrap()[0].uid.clone();
        let template = workload.spec.as_ref().unwrap().template.metadata.clone().unwrap();
        let name = format!("{}-{ordinal}", self.workload);
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {
                "name": name, "labels": template.labels,
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "StatefulSet", "name": self.workload,
                    "uid": workload.metadata.uid, "controller": true,
                }],
            },
            "spec": {
                "nodeName": "played", "serviceAccountName": self.workload, "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "proxy", "image": "registry.example/firehose-proxy:1"}],
            },
        }))
        .unwrap();
        let pods = self.api();
        pods.create(&PostParams::default(), &pod).await.unwrap();
        let address = Ipv4Addr::new(127, 77, 0, TAKEN.fetch_add(1, Ordering::SeqCst));
        let status = json!({"status": {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}],
        }});
        let listener = TcpListener::bind((IpAddr::V4(address), 9090)).await.unwrap();
        let report = Arc::new(Mutex::new(report.clone()));
        let serving = tokio::spawn(serve(listener, destination, Arc::clone(&report)));
        pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(&status))
            .await
            .unwrap();
        PlayedPod { report, serving }
    }

    /// Makes the claim of a pod, bound to some volume.
    pub(crate) async fn bind_claim(&self, ordinal: u32) {
        let workloads: Api<StatefulSet> = Api::namespaced(self.client.clone(), "default");
        let labels = workloads
            .get(&self.workload)
            .await
            .unwrap()
            .spec
            .unwrap()
            .selector
            .match_labels;
        let name = format!("spool-{}-{ordinal}", self.workload);
        let claim: PersistentVolumeClaim = serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }))
        .unwrap();
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), "default");
        claims.create(&PostParams::default(), &claim).await.unwrap();
        let bound = json!({"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}});
        claims
            .patch_status(&name, &PatchParams::default(), &Patch::Merge(&bound))
            .await
            .unwrap();
    }

    /// Deletes a pod as its controller would.
    pub(crate) async fn delete(&self, ordinal: u32) {
        let parameters = DeleteParams::default().grace_period(0);
        self.api()
            .delete(&format!("{}-{ordinal}", self.workload), &parameters)
            .await
            .unwrap();
    }

    fn api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), "default")
    }
}

impl PlayedPod {
    /// Reports something else from now on.
    pub(crate) fn say(&self, report: &Value) {
        *self.report.lock().unwrap() = report.clone();
    }
}

impl Drop for PlayedPod {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, destination: String, report: Arc<Mutex<Value>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut said = report.lock().unwrap().clone();
        said["destinationUID"] = json!(destination);
        let body = said.to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        // Whoever has gone has no use for an answer.
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}
