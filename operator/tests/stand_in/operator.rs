//! An operator inside the test's process, and the destinations it serves.

use clap::Parser as _;
use firehose_operator::{
    app,
    args::{Cli, Command},
};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::server::Server;

/// A running operator.
pub(crate) struct Operator {
    end: oneshot::Sender<()>,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Operator {
    pub(crate) fn start(server: &Server, identity: &str) -> Self {
        let arguments = [
            "firehose-operator",
            "run",
            "--proxy-image=proxy:1",
            "--lease-namespace=system",
            "--admin-listen=127.0.0.1:0",
            "--identity",
            identity,
        ];
        let Command::Run(run) = Cli::parse_from(arguments).command else {
            unreachable!("that is what was asked for");
        };
        let (end, ended) = oneshot::channel();
        let config = server.config();
        let running = tokio::spawn(app::serve(*run, config, async { drop(ended.await) }));
        Self { end, running }
    }

    /// Tells it to end, as SIGTERM does, and waits until it has.
    pub(crate) async fn terminate(self) {
        self.end.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}

/// Path of a destination.
pub(crate) fn path(name: &str) -> String {
    format!("/apis/firehose-operator.dev/v1alpha1/namespaces/shop/firehosedestinations/{name}")
}

/// Path of a destination's ConfigMap.
pub(crate) fn config_map(name: &str) -> String {
    format!("/api/v1/namespaces/shop/configmaps/{name}-firehose")
}

/// The smallest destination, to `stream`.
pub(crate) fn to_stream(stream: &str) -> Value {
    json!({
        "apiVersion": "firehose-operator.dev/v1alpha1",
        "kind": "FirehoseDestination",
        "spec": {"region": "eu-west-1", "mappings": [{"event": "*", "deliveryStreamName": stream}]},
    })
}

/// The condition of a status; null while there is none.
pub(crate) fn condition(server: &Server, name: &str, kind: &str) -> Value {
    let object = server.get(&path(name));
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.into_iter().find(|condition| condition["type"] == kind);
    found.unwrap_or(Value::Null)
}
