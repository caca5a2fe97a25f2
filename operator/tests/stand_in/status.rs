//! What the status says is what is stored, whoever wrote it.

use std::time::Duration;

use serde_json::json;

use crate::{
    operator::{Operator, condition, path, to_stream},
    server::{Server, until},
};

/// Longer than destinations without news are left alone.
const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test]
async fn a_status_that_somebody_overwrote_is_corrected() {
    let server = Server::start().await;
    server.put(&path("orders"), &to_stream("orders"));
    let operator = Operator::start(&server, "a");
    until("the status is there", PATIENCE, || {
        condition(&server, "orders", "Accepted")["status"] == "True"
    })
    .await;
    let revision = server.get(&path("orders"))["status"]["revision"].clone();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let lie = json!({"status": {"revision": "0000000000000000"}});
    server.put(&format!("{}/status", path("orders")), &lie);
    until("the revision is told again", PATIENCE, || {
        server.get(&path("orders"))["status"]["revision"] == revision
    })
    .await;
    let writes = server.seen().into_iter().filter(|seen| seen.path.ends_with("/status"));
    let versions: Vec<_> = writes
        .map(|seen| seen.body["metadata"]["resourceVersion"].clone())
        .collect();
    assert!(versions.iter().all(serde_json::Value::is_string), "{versions:?}");
    operator.terminate().await;
}
