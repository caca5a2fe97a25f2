//! One scenario: baseline and proxy in turn against the same sink, and what their CPU time comes to.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context, ensure};
use firehose_proxy_config::{Delivery, Destination, Document, FILE_NAME, FORMAT_VERSION, Mapping, Quota, render};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{
    event::{Grouping, requests},
    load,
    process::{Program, free_address},
};

/// The table of both: a name, a type and the wildcard, all to one stream so that batches fill.
pub(crate) const MAPPINGS: [(&str, &str); 3] = [("product added", "orders"), ("page", "orders"), ("*", "orders")];

/// One way of sending.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) grouping: Grouping,
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

/// The programs under test.
#[derive(Debug)]
pub(crate) struct Bench {
    sink: Program,
    pub(crate) baseline: Program,
    pub(crate) proxy: Program,
    _config: tempfile::TempDir,
}

impl Bench {
    /// Starts everything on loopback ports.
    pub(crate) async fn start(own: &Path, proxy: &Path) -> anyhow::Result<Self> {
        let address = free_address().await?;
        let sink = Program::start(own, &["sink".to_owned(), address.to_string()], address).await?;
        let endpoint = format!("http://{}", sink.address);

        let address = free_address().await?;
        let arguments = ["baseline".to_owned(), address.to_string(), endpoint.clone()];
        let baseline = Program::start(own, &arguments, address).await?;

        let config = tempfile::tempdir()?;
        std::fs::write(config.path().join(FILE_NAME), render(&document(endpoint))?)?;
        let (address, admin) = (free_address().await?, free_address().await?);
        let config_dir = config.path().display().to_string();
        let arguments = [
            "--config-dir",
            &config_dir,
            "--listen",
            &address.to_string(),
            "--admin-listen",
            &admin.to_string(),
            "--spool-dir",
            &config.path().join("spool").display().to_string(),
        ];
        let proxy = Program::start(proxy, &arguments.map(str::to_owned), address).await?;
        Ok(Self {
            sink,
            baseline,
            proxy,
            _config: config,
        })
    }

    /// Sends a scenario's load to one program and takes its CPU time.
    pub(crate) async fn measure(&self, scenario: &Scenario, program: &Program) -> anyhow::Result<Measured> {
        let requests = requests(scenario.grouping);
        let count = scenario.events / scenario.grouping.events();
        let warm_up = (count / 10).max(1);
        load::send(program.address, &requests, scenario.connections, warm_up).await?;

        let (calls_before, records_before) = counted(self.sink.address).await?;
        let cpu_before = program.cpu()?;
        let started = std::time::Instant::now();
        load::send(program.address, &requests, scenario.connections, count).await?;
        let elapsed = started.elapsed();
        let cpu = Duration::from_nanos(program.cpu()? - cpu_before);
        let (calls, records) = counted(self.sink.address).await?;

        let events = count * scenario.grouping.events();
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
fn document(endpoint_url: String) -> Document {
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
            quota: Some(quota),
            ..Delivery::default()
        },
        streams: Vec::new(),
        spool: Default::default(),
        replicas: 1,
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
