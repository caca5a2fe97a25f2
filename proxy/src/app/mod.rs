//! Puts the parts together; the only module that sees them all.

mod gauges;
mod report;
mod storage;

use std::{
    future::{Future, ready},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tracing::{error, info, warn};

use self::storage::{Storage, Volume};
use crate::{
    cli::Args,
    config::{self, Live, Mounted},
    dead_letters::{self, DeadLetters},
    deliver::{self, Deliver, DeliveryStatus, GiveUp, LogAndSettle, SetAside},
    descriptors,
    firehose::Transport,
    http::{self, Connections, admin::Admin, gateway::Endpoint},
    queue::{Intake, Unanswered},
    shutdown::{Controller, Phase, Shutdown, shutdown},
    stream::Streams,
    telemetry::Exposition,
};

/// What a proxy needs to start: the command line, or what takes its place inside another program.
#[derive(Debug, Clone)]
pub struct Options {
    /// Directory of the configuration document.
    pub config_dir: PathBuf,
    /// Directory of the spool, used with `acknowledge: WhenSpooled`.
    pub spool_dir: PathBuf,
    /// Address of the event endpoint.
    pub listen: SocketAddr,
    /// Address of the admin endpoint.
    pub admin_listen: SocketAddr,
    /// How long a draining proxy still serves.
    pub drain_delay: Duration,
    /// How long open requests and undelivered events get after that.
    pub drain_timeout: Duration,
    /// How long a request waits for its events to be safe.
    pub acknowledge_timeout: Duration,
    /// How AWS is reached.
    pub transport: Transport,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    /// Where events are accepted.
    pub events: SocketAddr,
    /// Where metrics, probes and status are.
    pub admin: SocketAddr,
    /// The configuration in force.
    pub live: Arc<Live>,
    controller: Controller,
    unanswered: Unanswered,
    volume: Volume,
    drain_delay: Duration,
    drain_timeout: Duration,
    serving: JoinHandle<()>,
    delivering: JoinHandle<anyhow::Result<deliver::Undelivered>>,
    administering: JoinHandle<()>,
    letters: Option<TasksOfLetters>,
    _config: Mounted,
}

impl From<&Args> for Options {
    fn from(args: &Args) -> Self {
        Self {
            config_dir: args.config_dir.clone(),
            spool_dir: args.spool_dir.clone(),
            listen: args.listen,
            admin_listen: args.admin_listen,
            drain_delay: args.drain_delay,
            drain_timeout: args.drain_timeout,
            acknowledge_timeout: args.acknowledge_timeout,
            transport: Transport {
                ca_bundle: args.ca_bundle.clone(),
                proxy_from_environment: true,
                resolver: None,
            },
        }
    }
}

impl Proxy {
    /// Binds both endpoints, loads the configuration if there is one, and serves.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound or the configuration cannot be watched. A missing or broken configuration is no
    /// error: requests are answered 503 until there is a good one.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let descriptors = descriptors::raise();
        let mut registry = Registry::default();
        let (live, streams) = (Arc::new(Live::default()), Arc::new(Streams::default()));
        let reloads = config::Metrics::register(&mut registry);
        let config = config::follow(&options.config_dir, Arc::clone(&live), Arc::clone(&streams), reloads)
            .context("failed to watch the configuration directory")?;
        let (controller, shutdown) = shutdown();
        let Storage {
            intake,
            outlet,
            letters,
            volume,
        } = Storage::open(&live, &streams, &options.spool_dir)?;
        gauges::register(volume.clone(), &mut registry);
        let dead_letters = letters.clone();
        let (give_up, letters): (Box<dyn GiveUp>, _) = match letters {
            Some(letters) => {
                let (give_up, tasks) = TasksOfLetters::start(letters, intake.clone(), &live, shutdown.clone());
                (Box::new(give_up), Some(tasks))
            }
            None => (Box::new(LogAndSettle), None),
        };

        let delivery_status = DeliveryStatus::default();
        let delivery = Deliver {
            live: Arc::clone(&live),
            streams,
            transport: options.transport.clone(),
            metrics: deliver::Metrics::register(&mut registry),
            delivery_status: delivery_status.clone(),
            byte_limit: intake.byte_limit().clone(),
            give_up,
            most_calls: descriptors.calls,
            flush_within: options.drain_timeout,
        };
        let unanswered = intake.unanswered();
        let endpoint = Endpoint {
            acknowledge_timeout: options.acknowledge_timeout,
            connections: Connections {
                most: descriptors.clients,
                ..Connections::default()
            },
            dead_letters,
            ..Endpoint::new(Arc::clone(&live), intake, http::Metrics::register(&mut registry))
        };

        let (events_listener, events) = bind(options.listen)?;
        let (admin_listener, admin) = bind(options.admin_listen)?;
        let report = {
            let (live, volume, shutdown) = (Arc::clone(&live), volume.clone(), shutdown.clone());
            move || report::report(&live, &delivery_status, &volume, shutdown.phase())
        };
        let admin_pages = Admin {
            exposition: Exposition::new(registry),
            report: Arc::new(report),
            most_connections: descriptors.admin,
        };
        info!(%events, %admin, "serving");
        Ok(Self {
            events,
            admin,
            live,
            controller,
            unanswered,
            volume,
            drain_delay: options.drain_delay,
            drain_timeout: options.drain_timeout,
            delivering: tokio::spawn(deliver::run(outlet, delivery, shutdown.clone())),
            serving: tokio::spawn(http::gateway::serve(events_listener, endpoint, shutdown)),
            administering: tokio::spawn(http::admin::serve(admin_listener, admin_pages)),
            letters,
            _config: config,
        })
    }

    /// Ends in order: unready but serving for the drain delay, then no new requests, then what waits is delivered,
    /// within the drain timeout; what was settled is synced. Returns what is left.
    ///
    /// # Errors
    ///
    /// When delivery could not be set up in the first place.
    pub async fn stop(mut self) -> anyhow::Result<deliver::Undelivered> {
        info!(delay = ?self.drain_delay, "draining");
        self.controller.advance(Phase::Draining);
        tokio::time::sleep(self.drain_delay).await;
        self.controller.advance(Phase::Stopping);
        let end = Instant::now() + self.drain_timeout;
        // A panic of this task was reported where it happened; there is nothing left to wait for.
        if timeout_at(end, &mut self.serving).await.is_err() {
            warn!(timeout = ?self.drain_timeout, "requests are still open and break off");
            self.serving.abort();
        }
        // Delivery ends when its queue does, and a queue on disk ends when it is told to.
        if let Some(left) = self.volume.drain(end).await {
            info!(
                slices = left.slices,
                bytes = left.bytes,
                "left on disk for the next process to deliver"
            );
        }
        let report = match timeout_at(end + GRACE, self.delivering).await {
            Ok(Ok(report)) => report?,
            Ok(Err(panicked)) => return Err(anyhow::Error::new(panicked).context("delivery ended early")),
            Err(_) => {
                warn!(timeout = ?self.drain_timeout, "not everything ended in time");
                deliver::Undelivered::default()
            }
        };
        if let Some(letters) = self.letters {
            letters.end().await;
        }
        self.volume.close_letters().await;
        self.administering.abort();
        for left in &report.left {
            // Nothing is lost: it is on the disk, or its clients were told to send it again.
            warn!(stream = %left.stream, events = left.events, bytes = left.bytes, "not delivered yet");
        }
        match self.unanswered.events() {
            0 => {}
            events => error!(
                events,
                "lost: their clients had left without an answer, and Firehose did not take them in time"
            ),
        }
        info!(streams_left = report.left.len(), "stopped");
        Ok(report)
    }
}

/// What the tasks get beyond the drain timeout to notice that it has passed.
const GRACE: Duration = Duration::from_secs(2);

/// The tasks that have the dead letters: one writes them, one does what a person asks for.
#[derive(Debug)]
struct TasksOfLetters {
    writing: JoinHandle<()>,
    attending: JoinHandle<()>,
}

impl TasksOfLetters {
    fn start(letters: DeadLetters, intake: Intake, live: &Arc<Live>, shutdown: Shutdown) -> (SetAside, Self) {
        let (give_up, writing) = SetAside::start(letters.clone());
        let attending = match dead_letters::serve(letters, intake, storage::route(live), shutdown) {
            Ok(attending) => tokio::spawn(attending),
            Err(reason) => {
                // Events come first: a file system without sockets is no reason not to take them.
                error!(%reason, "dead letters cannot be asked about on the command line");
                tokio::spawn(ready(()))
            }
        };
        (give_up, Self { writing, attending })
    }

    /// Waits until what delivery gave up is written; it is told nothing more. What has no room stays where it waits.
    async fn end(self) {
        let Self { mut writing, attending } = self;
        if timeout(GRACE, &mut writing).await.is_err() {
            warn!("there was no room for all dead letters; their events stay where they wait");
            writing.abort();
            let _ = writing.await;
        }
        // It ends with the phase; a panic was reported where it happened.
        let _ = attending.await;
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let bound = http::listen(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (local, listener) = bound.with_context(|| format!("failed to listen on {address}"))?;
    Ok((listener, local))
}

/// Runs a proxy until the process is told to end.
///
/// # Errors
///
/// See [`Proxy::start`] and [`Proxy::stop`].
pub async fn run(options: &Options, told_to_end: impl Future<Output = ()>) -> anyhow::Result<()> {
    let proxy = Proxy::start(options).await?;
    told_to_end.await;
    proxy.stop().await?;
    Ok(())
}
