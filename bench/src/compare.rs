//! One side of a scenario: its program and a sink, and what the CPU time of a load comes to.

use std::{cell::Cell, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use firehose_proxy_config::{
    Acknowledge, Delivery, Destination, Document, FILE_NAME, FORMAT_VERSION, Mapping, Quota, render,
};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::Instant};

use crate::{
    certificate::{self, CERTIFICATE},
    event::{self, Request, requests},
    latency::Latencies,
    load::{Connections, Load},
    process::{Cores, Program, free_address},
    scenario::{Side, Trouble, Who},
    sink::Tally,
};

/// Longest wait for what was answered and is not delivered yet.
const DRAIN_DEADLINE: Duration = Duration::from_secs(300);

/// What one program took in one measurement.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// CPU time for each event, from the first request until the last is delivered.
    pub(crate) microseconds: f64,
    /// Records of a call to Firehose on average; the cost of a call is shared by them.
    pub(crate) records_per_call: f64,
    /// Events a second of wall-clock time. Depends on the machine and on what else runs there.
    pub(crate) events_per_second: f64,
    /// From when a request was due until its answer.
    pub(crate) latencies: Latencies,
}

impl Measured {
    /// Milliseconds that so many of a thousand answers did not take.
    pub(crate) fn milliseconds<const N: usize>(&self, thousandths: [u64; N]) -> [f64; N] {
        thousandths.map(|thousandths| self.latencies.quantile(thousandths).as_secs_f64() * 1e3)
    }
}

/// A proxy that has not started: its folder, its document and where it will listen.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    folder: tempfile::TempDir,
    trusted: Option<String>,
}

impl Proxy {
    /// Writes the document of a side. In the system's folder for temporary files unless a sync has to reach a disk:
    /// then it is the folder of the build. `trusted` is a file with the certificate of the endpoint.
    pub(crate) async fn prepare(
        endpoint: &str,
        acknowledge: Acknowledge,
        streams: usize,
        trusted: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let folder = match acknowledge {
            Acknowledge::WhenDelivered => tempfile::tempdir(),
            Acknowledge::WhenSpooled => std::env::current_exe()
                .map(|own| own.with_file_name(""))
                .and_then(tempfile::tempdir_in),
        }?;
        let document = document(endpoint.to_owned(), acknowledge, streams);
        std::fs::write(folder.path().join(FILE_NAME), render(&document)?)?;
        Ok(Self {
            address: free_address().await?,
            admin: free_address().await?,
            folder,
            trusted: trusted.map(|path| path.display().to_string()),
        })
    }

    /// The folder of everything that it writes.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it is started with.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let folder = self.folder();
        let mut arguments = [
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
        .to_vec();
        if let Some(trusted) = &self.trusted {
            arguments.extend(["--ca-bundle".to_owned(), trusted.clone()]);
        }
        arguments
    }
}

/// One program under test, with a sink of its own.
#[derive(Debug)]
pub(crate) struct Bench {
    side: Side,
    /// It ends with this.
    _sink: Program,
    /// Where the sink is asked and told.
    questions: SocketAddr,
    program: Program,
    requests: Arc<[Request]>,
    /// Events that were sent so far.
    sent: Cell<usize>,
    _prepared: Option<Proxy>,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// Starts both on loopback ports.
    pub(crate) async fn start(own: &Path, proxy: &Path, side: Side, cores: Cores) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        certificate::make(folder.path())?;
        let trusted = folder.path().join(CERTIFICATE);
        let (calls, questions) = (free_address().await?, free_address().await?);
        let mut arguments = vec!["sink".to_owned(), calls.to_string(), questions.to_string()];
        arguments.extend(["--tls".to_owned(), folder.path().display().to_string()]);
        let sink = Program::start(own, &arguments, calls, cores.others).await?;

        let endpoint = format!("https://{calls}");
        let (program, prepared) = match side.who {
            Who::Baseline => {
                let address = free_address().await?;
                let mut arguments = vec!["baseline".to_owned(), address.to_string(), endpoint];
                arguments.extend([trusted.display().to_string(), side.streams.to_string()]);
                (Program::start(own, &arguments, address, cores.program).await?, None)
            }
            Who::Proxy(acknowledge) => {
                let prepared = Proxy::prepare(&endpoint, acknowledge, side.streams, Some(&trusted)).await?;
                let started = Program::start(proxy, &prepared.arguments(), prepared.address, cores.program).await?;
                (started, Some(prepared))
            }
        };
        Ok(Self {
            side,
            _sink: sink,
            questions,
            program,
            requests: requests(side.grouping, side.streams, side.compressed).into(),
            sent: Cell::new(0),
            _prepared: prepared,
            _folder: folder,
        })
    }

    /// Most memory that the program had resident, in KiB.
    pub(crate) fn peak_resident_kib(&self) -> anyhow::Result<u64> {
        self.program.peak_resident_kib()
    }

    /// So many requests, with events that were never sent before.
    fn next_load(&self, count: usize, interval: Option<Duration>) -> Load {
        let events = count * self.side.grouping.events();
        Load {
            requests: Arc::clone(&self.requests),
            count,
            first: self.sent.replace(self.sent.get() + events),
            interval,
        }
    }

    /// What the sink has counted when all that was sent has arrived.
    async fn drained(&self) -> anyhow::Result<Tally> {
        let deadline = Instant::now() + DRAIN_DEADLINE;
        loop {
            let tally = ask(self.questions, "/tally").await?;
            let missing = self.sent.get() as u64 - tally.events;
            if missing == 0 {
                return Ok(tally);
            }
            ensure!(
                Instant::now() < deadline,
                "{missing} events were answered 200 and are not delivered"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends a load of about so many events and takes the program's CPU time. Requests are due at a constant rate if
    /// one is given, in events a second.
    pub(crate) async fn measure(&self, events: usize, rate: Option<f64>) -> anyhow::Result<Measured> {
        let grouping = self.side.grouping.events();
        let count = (events / grouping).max(1);
        let interval = rate.map(|rate| Duration::from_secs_f64(f64::from(u32::try_from(grouping).unwrap_or(1)) / rate));
        let mut connections = Connections::open(self.program.address, self.side.connections).await?;
        // Each connection has had a request when the measurement begins.
        let warm_up = (count / 10).max(self.side.connections);
        connections.send(self.next_load(warm_up, None)).await?;

        let before = self.drained().await?;
        let cpu_before = self.program.cpu()?;
        let started = Instant::now();
        let refused = match self.side.trouble {
            Trouble::None => None,
            Trouble::Throttled(most) => Some(format!("/refuse/above/{most}")),
            Trouble::Outage(_) => Some("/refuse/everything".to_owned()),
        };
        if let Some(path) = refused {
            ask(self.questions, &path).await?;
        }
        let latencies = connections.send(self.next_load(count, interval)).await?;
        let elapsed = started.elapsed();
        if let Trouble::Outage(seconds) = self.side.trouble {
            tokio::time::sleep_until(started + Duration::from_secs(seconds.into())).await;
            ask(self.questions, "/refuse/nothing").await?;
        }
        // With a spool the last answers come before the last deliveries, which belong to the figure.
        let after = self.drained().await?;
        let cpu = Duration::from_nanos(self.program.cpu()? - cpu_before);
        ask(self.questions, "/refuse/nothing").await?;
        let repeated = after.repeated - before.repeated;
        ensure!(repeated == 0, "{repeated} events were delivered twice");
        let events = count * grouping;
        #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
        Ok(Measured {
            microseconds: cpu.as_secs_f64() * 1e6 / events as f64,
            records_per_call: events as f64 / (after.calls - before.calls) as f64,
            events_per_second: events as f64 / elapsed.as_secs_f64(),
            latencies,
        })
    }
}

/// The table of both: names and the wildcard. With one stream all goes there, so that batches fill.
pub(crate) fn mappings(streams: usize) -> Vec<(String, String)> {
    let of_stream = |stream| (event::name(stream).to_lowercase(), format!("stream-{stream:02}"));
    let others = ["page", "*"].map(|event| (event.to_owned(), "stream-00".to_owned()));
    (0..streams).map(of_stream).chain(others).collect()
}

/// A destination whose quota is out of the way: pacing is not what is measured here.
fn document(endpoint_url: String, acknowledge: Acknowledge, streams: usize) -> Document {
    let quota = Quota {
        bytes_per_second: Some(10 << 30),
        records_per_second: Some(100_000_000),
        requests_per_second: Some(1_000_000),
    };
    let mapping = |(event, delivery_stream_name)| Mapping {
        event,
        delivery_stream_name,
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
        mappings: mappings(streams).into_iter().map(mapping).collect(),
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

/// Tells the sink something, and hears what it has counted.
async fn ask(sink: SocketAddr, path: &str) -> anyhow::Result<Tally> {
    let stream = TcpStream::connect(sink).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = http::Request::get(path)
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
    let mut counts = std::str::from_utf8(&body)?.split(' ').map(str::parse);
    let mut next = || {
        counts
            .next()
            .context("the sink counts three things")?
            .context("not a number")
    };
    Ok(Tally {
        calls: next()?,
        events: next()?,
        repeated: next()?,
    })
}
