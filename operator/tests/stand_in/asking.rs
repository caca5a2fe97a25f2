//! Pods are asked beside the rounds: those that do not answer hold up nobody, and answers alone bring a round.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    operator::{Operator, condition, path, to_stream},
    server::{Server, until},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Where operators ask.
const ADMIN_PORT: u16 = 9090;

/// A proxy that runs the document of its destination as soon as it is written, and answers with what a test says.
fn answering(address: Ipv4Addr, server: &Server, name: &str, more: Arc<Mutex<Value>>) {
    let (server, config_map) = (server.clone(), crate::operator::config_map(name));
    let destination = path(name);
    tokio::spawn(async move {
        let report = move || {
            let annotations = server.get(&config_map)["metadata"]["annotations"].clone();
            let mut report = json!({
                "destinationUID": server.get(&destination)["metadata"]["uid"], "ready": true,
                "revision": annotations["firehose-operator.dev/revision"],
            });
            report
                .as_object_mut()
                .unwrap()
                .extend(more.lock().unwrap().as_object().unwrap().clone());
            std::future::ready(report.to_string())
        };
        let router = Router::new().route("/status", get(report));
        let listener = TcpListener::bind((address, ADMIN_PORT)).await.unwrap();
        axum::serve(listener, router).await
    });
}

/// Takes connections and says nothing. Returns how many it has taken.
async fn silent(address: Ipv4Addr) -> Arc<AtomicUsize> {
    let listener = TcpListener::bind((address, ADMIN_PORT)).await.unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            held.push(connection);
        }
    });
    taken
}

fn put_pod(server: &Server, name: &str, address: Ipv4Addr) {
    let workload = server.get(&format!("/apis/apps/v1/namespaces/shop/statefulsets/{name}-firehose"));
    let owner = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "name": format!("{name}-firehose"), "controller": true,
        "uid": workload["metadata"]["uid"],
    });
    let labels = &workload["spec"]["template"]["metadata"]["labels"];
    let status = json!({
        "podIP": address.to_string(), "conditions": [{"type": "Ready", "status": "True"}],
    });
    let pod = json!({"metadata": {"labels": labels, "ownerReferences": [owner]}, "status": status});
    server.put(&format!("/api/v1/namespaces/shop/pods/{name}-firehose-0"), &pod);
}

fn has_workload(server: &Server, name: &str) -> bool {
    !server
        .get(&format!("/apis/apps/v1/namespaces/shop/statefulsets/{name}-firehose"))
        .is_null()
}

/// More than are asked at a time.
#[tokio::test]
async fn an_edit_is_seen_in_its_pod_however_many_others_do_not_answer() {
    const SILENT: usize = 120;
    let server = Server::start().await;
    let nobody = Ipv4Addr::new(127, 0, 81, 1);
    let taken = silent(nobody).await;
    for number in 0..SILENT {
        server.put(&path(&format!("silent-{number}")), &to_stream("orders"));
    }
    server.put(&path("orders"), &to_stream("stream-one"));
    let operator = Operator::start(&server, "a");
    let all = || (0..SILENT).all(|number| has_workload(&server, &format!("silent-{number}")));
    until("all are there", PATIENCE, || all() && has_workload(&server, "orders")).await;
    let here = Ipv4Addr::new(127, 0, 81, 2);
    answering(here, &server, "orders", Arc::new(Mutex::new(json!({}))));
    for number in 0..SILENT {
        put_pod(&server, &format!("silent-{number}"), nobody);
    }
    put_pod(&server, "orders", here);
    let synced = || condition(&server, "orders", "ConfigSynced")["status"] == "True";
    until("it is synced", PATIENCE, synced).await;
    until("every silent one was asked", PATIENCE, || {
        taken.load(Ordering::Relaxed) >= SILENT
    })
    .await;
    let before = taken.load(Ordering::Relaxed);
    let revision = || server.get(&path("orders"))["status"]["lastSyncedRevision"].clone();
    let first = revision();
    server.put(&path("orders"), &to_stream("stream-two"));
    until("the edit is seen", PATIENCE, || revision() != first).await;
    // To ask all of those that do not answer takes several times their deadline.
    let meanwhile = taken.load(Ordering::Relaxed) - before;
    assert!(
        meanwhile < SILENT,
        "{meanwhile} silent pods were asked before the one that was edited"
    );
    operator.terminate().await;
}

#[tokio::test]
async fn what_a_pod_says_is_in_the_status_without_an_edit_and_its_secret_makes_it_look_again() {
    let server = Server::start().await;
    server.put(&path("orders"), &to_stream("orders"));
    let operator = Operator::start(&server, "a");
    until("it is there", PATIENCE, || has_workload(&server, "orders")).await;
    let here = Ipv4Addr::new(127, 0, 82, 1);
    let keys = json!({"credentials": {"state": "Failing", "reason": "SecretMissing", "detail": "no files"}});
    let says = Arc::new(Mutex::new(keys));
    answering(here, &server, "orders", Arc::clone(&says));
    put_pod(&server, "orders", here);
    until("the Secret is said to be missing", PATIENCE, || {
        condition(&server, "orders", "CredentialsReady")["reason"] == "SecretMissing"
    })
    .await;
    until("the pod is told to look again", PATIENCE, || {
        let seen = server.seen().into_iter();
        let pokes = seen.filter(|seen| seen.path.ends_with("orders-firehose-0/status"));
        pokes.filter(|poke| poke.body.to_string().contains(".secret.")).count() >= 2
    })
    .await;
    *says.lock().unwrap() = json!({"credentials": {"state": "Ready", "reason": "Accepted"}});
    until("it heals", PATIENCE, || {
        condition(&server, "orders", "CredentialsReady")["status"] == "True"
    })
    .await;
    operator.terminate().await;
}
