//! One simulated Firehose, one or more proxies in front of it, and a client that says what it was answered.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use firehose_proxy::{
    app::{Options, Proxy},
    firehose::Transport,
};
use firehose_simulator::{Simulator, StreamSettings};
pub(crate) use firehose_tests::document::write_access_key;
use firehose_tests::{
    client::{Answer, Client},
    document::DocumentText,
    proxy::{self, ProxyProcess},
};
use tempfile::TempDir;

/// Everything a test needs; ends with it.
pub(crate) struct Rig {
    pub(crate) simulator: Simulator,
    /// Where the proxies listen for events and for questions.
    addresses: Vec<(SocketAddr, SocketAddr)>,
    pub(crate) processes: Vec<ProxyProcess>,
    _proxies: Vec<Proxy>,
    pub(crate) directory: TempDir,
    client: Client,
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
    /// Each a process of its own.
    pub(crate) as_processes: bool,
    /// Of those; `{port}` stands for the simulator's port.
    pub(crate) environment: Vec<(&'test str, String)>,
    pub(crate) acknowledge_timeout: Duration,
    /// Firehose's address, with `{port}` for the simulator's port.
    pub(crate) endpoint: &'test str,
    pub(crate) transport: Transport,
    /// What the document says about credentials, if not that of a key in files; `{port}` as above.
    pub(crate) credentials: Option<&'test str>,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            more: "",
            streams: Vec::new(),
            missing: Vec::new(),
            proxies: 1,
            as_processes: false,
            environment: Vec::new(),
            endpoint: "http://127.0.0.1:{port}",
            transport: Transport::default(),
            credentials: None,
            // More than any machine needs: a request that is to be answered 200 is, however slow everything is.
            acknowledge_timeout: Duration::from_secs(60),
        }
    }
}

/// Whether the tests run at the lengths and are held to the figures that the project states (`cargo xtask prove load`),
/// and not just long enough to see what happens.
pub(crate) fn is_full_length() -> bool {
    std::env::var_os("DELIVERY_FULL_LENGTH").is_some()
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
        let port = simulator.address().port().to_string();
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("key");
        write_access_key(&key, "AKIDEXAMPLE", "secret");
        let mut document = DocumentText::default().endpoint(&setup.endpoint.replace("{port}", &port));
        document = match setup.credentials {
            Some(credentials) => document.more(&format!("credentials: {}", credentials.replace("{port}", &port))),
            None => document.static_credentials(&key),
        };
        for (name, settings) in &setup.streams {
            simulator.configure(name, settings.clone()).unwrap();
            document = document.mapping(name, name);
        }
        for name in &setup.missing {
            document = document.mapping(name, name);
        }
        let configuration = directory.path().join("configuration");
        fs::create_dir(&configuration).unwrap();
        document.more(setup.more).write(&configuration);
        let environment = setup.environment.iter();
        let environment: Vec<_> = environment
            .map(|(name, value)| (*name, value.replace("{port}", &port)))
            .collect();
        let (mut proxies, mut processes) = (Vec::new(), Vec::new());
        for number in 0..setup.proxies {
            let spool = directory.path().join(format!("spool-{number}"));
            if setup.as_processes {
                let program = Path::new(env!("CARGO_BIN_EXE_firehose-proxy"));
                let mut command = proxy::command(program, &[], &configuration, &spool);
                processes.push(ProxyProcess::start(command.envs(environment.iter().cloned())));
                continue;
            }
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let options = Options {
                config_dir: configuration.clone(),
                spool_dir: spool,
                listen: any.into(),
                admin_listen: any.into(),
                drain_delay: Duration::ZERO,
                drain_timeout: Duration::from_secs(5),
                acknowledge_timeout: setup.acknowledge_timeout,
                transport: setup.transport.clone(),
                pod_name: None,
            };
            proxies.push(Proxy::start(&options).await.unwrap());
        }
        let inside = proxies.iter().map(|proxy| (proxy.events, proxy.admin));
        let outside = processes.iter().map(|process| (process.events, process.admin));
        let addresses = inside.chain(outside).collect();
        Self {
            simulator,
            addresses,
            processes,
            _proxies: proxies,
            directory,
            client: Client::default(),
        }
    }

    /// Sends a batch to one of the proxies.
    pub(crate) async fn send(&self, proxy: usize, body: impl Into<Bytes>) -> Answer {
        let answer = self.client.post(self.addresses[proxy].0, "/v1/batch", body).await;
        answer.unwrap()
    }

    /// Edits the document: from now on this role is assumed.
    pub(crate) fn assume(&self, arn: &str) {
        self.assume_as(arn, "sessionName: test");
    }

    /// The same, with more about it.
    pub(crate) fn assume_as(&self, arn: &str, more: &str) {
        let path = self.directory.path().join("configuration/config.yaml");
        let url = self.simulator.url();
        let edited = |line: &str| match line
            .strip_prefix("credentials: ")
            .and_then(|rest| rest.strip_suffix('}'))
        {
            Some(rest) => {
                format!("credentials: {rest}, assumeRole: {{roleARN: '{arn}', {more}, endpointURL: '{url}'}}}}\n")
            }
            None => format!("{line}\n"),
        };
        let document: String = fs::read_to_string(&path).unwrap().lines().map(edited).collect();
        fs::write(&path, document).unwrap();
    }

    /// A page of the admin endpoint.
    pub(crate) async fn admin(&self, proxy: usize, path: &str) -> String {
        self.client.page(self.addresses[proxy].1, path).await
    }

    /// The sum of a metric over its labels.
    pub(crate) async fn metric(&self, proxy: usize, name: &str) -> f64 {
        self.client.metric(self.addresses[proxy].1, name).await
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
