//! One simulated Firehose, one or more proxies in front of it, and a client that says what it was answered.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use firehose_proxy::{
    app::{Options, Proxy},
    aws::Transport,
};
use firehose_simulator::{Simulator, StreamSettings};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tempfile::TempDir;

/// Everything a test needs; ends with it.
pub(crate) struct Rig {
    pub(crate) simulator: Simulator,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) directory: TempDir,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What a test says about its proxies.
pub(crate) struct Setup<'test> {
    /// More lines of the configuration document.
    pub(crate) more: &'test str,
    /// The streams, each mapped from an event of its own name, and how they behave.
    pub(crate) streams: Vec<(&'test str, StreamSettings)>,
    /// Mapped, but unknown to Firehose.
    pub(crate) missing: Vec<&'test str>,
    pub(crate) proxies: usize,
    pub(crate) acknowledge_timeout: Duration,
}

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            more: "",
            streams: Vec::new(),
            missing: Vec::new(),
            proxies: 1,
            // More than any machine needs: a request that is to be answered 200 is, however slow everything is.
            acknowledge_timeout: Duration::from_secs(60),
        }
    }
}

impl Rig {
    pub(crate) async fn start(setup: Setup<'_>) -> Self {
        let simulator = Simulator::start(firehose_simulator::Options {
            region: "eu-west-1".to_owned(),
            keep_bytes_per_stream: 1 << 30,
            ..firehose_simulator::Options::default()
        })
        .await
        .unwrap();
        let mut mappings = String::new();
        for (name, settings) in &setup.streams {
            simulator.configure(name, settings.clone()).unwrap();
            writeln!(mappings, "- {{event: {name}, deliveryStreamName: {name}}}").unwrap();
        }
        for name in &setup.missing {
            writeln!(mappings, "- {{event: {name}, deliveryStreamName: {name}}}").unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        write_key(&directory.path().join("key"), "AKIDEXAMPLE", "secret");
        let configuration = directory.path().join("configuration");
        std::fs::create_dir(&configuration).unwrap();
        std::fs::write(
            configuration.join(firehose_proxy_config::FILE_NAME),
            document(&simulator.url(), &directory.path().join("key"), &mappings, setup.more),
        )
        .unwrap();
        let mut proxies = Vec::new();
        for _ in 0..setup.proxies {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let options = Options {
                config_dir: configuration.clone(),
                spool_dir: configuration.join("spool"),
                listen: any,
                admin_listen: any,
                drain_delay: Duration::ZERO,
                drain_timeout: Duration::from_secs(5),
                acknowledge_timeout: setup.acknowledge_timeout,
                transport: Transport::default(),
            };
            proxies.push(Proxy::start(&options).await.unwrap());
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            simulator,
            proxies,
            directory,
            client,
        }
    }

    /// Sends a batch to one of the proxies.
    pub(crate) async fn send(&self, proxy: usize, body: impl Into<Bytes>) -> Answer {
        let request = Request::post(format!("http://{}/v1/batch", self.proxies[proxy].events))
            .body(Full::new(body.into()))
            .unwrap();
        let response = self.client.request(request).await.unwrap();
        let retry_after = response.headers().get("retry-after");
        let answer = Answer {
            status: response.status(),
            retry_after: retry_after.map(|value| value.to_str().unwrap().to_owned()),
        };
        response.into_body().collect().await.unwrap();
        answer
    }

    /// A page of the admin endpoint.
    pub(crate) async fn admin(&self, proxy: usize, path: &str) -> String {
        let uri = format!("http://{}{path}", self.proxies[proxy].admin).parse().unwrap();
        let response = self.client.get(uri).await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// The sum of a metric over its labels.
    pub(crate) async fn metric(&self, proxy: usize, name: &str) -> f64 {
        let page = self.admin(proxy, "/metrics").await;
        let lines = page
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Waits until a metric has a value.
    pub(crate) async fn until(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        for _ in 0..600 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not within 30 seconds: {what}\n{}", self.admin(0, "/status").await);
    }

    /// How often each messageId arrived in a stream.
    pub(crate) fn arrived(&self, stream: &str) -> BTreeMap<String, usize> {
        let mut arrived = BTreeMap::new();
        for record in self.simulator.records(stream, 0, usize::MAX).unwrap() {
            for line in record.data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let event: serde_json::Value = serde_json::from_slice(line).unwrap();
                *arrived
                    .entry(event["messageId"].as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
        }
        arrived
    }
}

/// A batch of events for one stream; `pad` bytes each besides the rest.
pub(crate) fn batch(stream: &str, ids: impl IntoIterator<Item = String>, pad: usize) -> String {
    let pad = "x".repeat(pad);
    let events: Vec<String> = ids
        .into_iter()
        .map(|id| {
            format!(r#"{{"type":"track","event":"{stream}","anonymousId":"a","messageId":"{id}","pad":"{pad}"}}"#)
        })
        .collect();
    format!(r#"{{"batch":[{}]}}"#, events.join(","))
}

/// Writes an access key as a mounted Secret would show it.
pub(crate) fn write_key(directory: &Path, id: &str, secret: &str) {
    std::fs::create_dir_all(directory).unwrap();
    std::fs::write(directory.join("accessKeyID"), id).unwrap();
    std::fs::write(directory.join("secretAccessKey"), secret).unwrap();
}

fn document(url: &str, key: &Path, mappings: &str, more: &str) -> String {
    let key = key.display();
    format!(
        "formatVersion: 1
revision: ''
destination: {{namespace: test, name: test, uid: test}}
region: eu-west-1
endpointURL: {url}
credentials: {{type: Static, static: {{directory: {key}}}}}
mappings:
{mappings}{more}
"
    )
}
