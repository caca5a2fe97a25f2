//! One scenario: baseline and proxy in turn against the same sink, and what their CPU time comes to.

use std::{cell::Cell, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context, ensure};
use firehose_proxy_config::{
    Acknowledge, Delivery, Destination, Document, FILE_NAME, FORMAT_VERSION, Mapping, Quota, render,
};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{
    event::Grouping,
    load::{self, Load},
    process::{Program, free_address},
};

/// The table of both: a name, a type and the wildcard, all to one stream so that batches fill.
pub(crate) const MAPPINGS: [(&str, &str); 3] = [("product added", "orders"), ("page", "orders"), ("*", "orders")];

/// Longest wait for what was answered and is not delivered yet.
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);

/// One way of sending.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) grouping: Grouping,
    /// What a 200 of the proxy means. The baseline answers when Firehose has the events.
    pub(crate) acknowledge: Acknowledge,
    pub(crate) connections: usize,
    /// Events of one measurement.
    pub(crate) events: usize,
    /// The ratio that the project wants to stay under.
    pub(crate) goal: f64,
}

/// What one program took in one measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// CPU time for each event.
    pub(crate) microseconds: f64,
    /// Records of a call to Firehose on average; the cost of a call is shared by them.
    pub(crate) records_per_call: f64,
    /// Events a second of wall-clock time. Depends on the machine and on what else runs there.
    pub(crate) events_per_second: f64,
}

/// A proxy that has not started: its folder, its document and where it will listen.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    folder: tempfile::TempDir,
}

impl Proxy {
    /// Writes the document of a scenario. In the system's folder for temporary files unless a sync has to reach a
    /// disk: then it is the folder of the build.
    pub(crate) async fn prepare(endpoint: &str, scenario: &Scenario) -> anyhow::Result<Self> {
        let folder = match scenario.acknowledge {
            Acknowledge::WhenDelivered => tempfile::tempdir(),
            Acknowledge::WhenSpooled => std::env::current_exe()
                .map(|own| own.with_file_name(""))
                .and_then(tempfile::tempdir_in),
        }?;
        let document = document(endpoint.to_owned(), scenario.acknowledge);
        std::fs::write(folder.path().join(FILE_NAME), render(&document)?)?;
        Ok(Self {
            address: free_address().await?,
            admin: free_address().await?,
            folder,
        })
    }

    /// The folder of everything that it writes.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it is started with.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let folder = self.folder();
        [
            "--config-dir",
            &folder.display().to_string(),
            "--listen",
            &self.address.to_string(),
            "--admin-listen",
            &self.admin.to_string(),
            "--spool-dir",
            &folder.join("spool").display().to_string(),
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

/// The programs under test.
#[derive(Debug)]
pub(crate) struct Bench {
    sink: Program,
    pub(crate) baseline: Program,
    pub(crate) proxy: Program,
    /// Events that were sent so far.
    sent: Cell<usize>,
    _prepared: Proxy,
}

impl Bench {
    /// Starts everything on loopback ports.
    pub(crate) async fn start(own: &Path, proxy: &Path, scenario: &Scenario) -> anyhow::Result<Self> {
        let address = free_address().await?;
        let sink = Program::start(own, &["sink".to_owned(), address.to_string()], address).await?;
        let endpoint = format!("http://{}", sink.address);

        let address = free_address().await?;
        let arguments = ["baseline".to_owned(), address.to_string(), endpoint.clone()];
        let baseline = Program::start(own, &arguments, address).await?;

        let prepared = Proxy::prepare(&endpoint, scenario).await?;
        let running = Program::start(proxy, &prepared.arguments(), prepared.address).await?;
        Ok(Self {
            sink,
            baseline,
            proxy: running,
            sent: Cell::new(0),
            _prepared: prepared,
        })
    }

    /// So many requests of a scenario, with events that were never sent before.
    fn next_load(&self, scenario: &Scenario, count: usize) -> Load {
        let events = count * scenario.grouping.events();
        Load {
            grouping: scenario.grouping,
            connections: scenario.connections,
            count,
            first: self.sent.replace(self.sent.get() + events),
        }
    }

    /// Calls and records at the sink when all that was sent has arrived, or after [`DRAIN_DEADLINE`].
    async fn drained(&self) -> anyhow::Result<(u64, u64)> {
        let records = self.sent.get() as u64;
        let deadline = tokio::time::Instant::now() + DRAIN_DEADLINE;
        loop {
            let counted = counted(self.sink.address).await?;
            if counted.1 >= records || tokio::time::Instant::now() > deadline {
                return Ok(counted);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends a scenario's load to one program and takes its CPU time.
    pub(crate) async fn measure(&self, scenario: &Scenario, program: &Program) -> anyhow::Result<Measured> {
        let count = scenario.events / scenario.grouping.events();
        let warm_up = (count / 10).max(1);
        load::send(program.address, self.next_load(scenario, warm_up)).await?;

        let (calls_before, records_before) = self.drained().await?;
        let cpu_before = program.cpu()?;
        let started = std::time::Instant::now();
        load::send(program.address, self.next_load(scenario, count)).await?;
        let elapsed = started.elapsed();
        let events = count * scenario.grouping.events();
        // With a spool the last answers come before the last deliveries, which belong to the figure.
        let (calls, records) = self.drained().await?;
        let cpu = Duration::from_nanos(program.cpu()? - cpu_before);
        let delivered = records - records_before;
        ensure!(
            delivered == events as u64,
            "{events} events were answered 200 and {delivered} delivered"
        );
        #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
        Ok(Measured {
            microseconds: cpu.as_secs_f64() * 1e6 / events as f64,
            records_per_call: delivered as f64 / (calls - calls_before) as f64,
            events_per_second: events as f64 / elapsed.as_secs_f64(),
        })
    }
}

/// A destination whose quota is out of the way: pacing is not what is measured here.
fn document(endpoint_url: String, acknowledge: Acknowledge) -> Document {
    let quota = Quota {
        bytes_per_second: Some(10 << 30),
        records_per_second: Some(100_000_000),
        requests_per_second: Some(1_000_000),
    };
    let mapping = |(event, stream): (&str, &str)| Mapping {
        event: event.to_owned(),
        delivery_stream_name: stream.to_owned(),
    };
    Document {
        format_version: FORMAT_VERSION,
        requires: Vec::new(),
        revision: String::new(),
        destination: Destination {
            namespace: "bench".to_owned(),
            name: "bench".to_owned(),
            uid: "bench".to_owned(),
        },
        region: "us-east-1".to_owned(),
        endpoint_url: Some(endpoint_url),
        use_fips: Default::default(),
        use_dual_stack: Default::default(),
        credentials: Default::default(),
        mappings: MAPPINGS.map(mapping).to_vec(),
        ingest: Default::default(),
        delivery: Delivery {
            acknowledge,
            quota: Some(quota),
            ..Delivery::default()
        },
        streams: Vec::new(),
        spool: Default::default(),
        replicas: 1,
        drain_generation: None,
        active_replicas: 1,
    }
}

/// Calls and records that the sink has counted.
async fn counted(sink: SocketAddr) -> anyhow::Result<(u64, u64)> {
    let stream = TcpStream::connect(sink).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = http::Request::get("/")
        .header("host", "sink")
        .body(Empty::<bytes::Bytes>::new())?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        anyhow::Ok(answer.into_body().collect().await?.to_bytes())
    };
    // The connection has to be driven while the answer is awaited, and ends with it.
    let body = tokio::select! {
        answer = answer => answer?,
        ended = connection => anyhow::bail!("the sink closed the connection: {ended:?}"),
    };
    let text = std::str::from_utf8(&body)?;
    let (calls, records) = text.split_once(' ').context("the sink counts calls and records")?;
    Ok((calls.parse()?, records.parse()?))
}
