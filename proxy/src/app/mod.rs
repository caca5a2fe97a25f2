//! Puts the parts together; the only module that sees them all.

mod allowance;
mod cgroup;
mod gauges;
mod opening;
mod ordinal;
mod report;
mod storage;
mod window;

use std::{future::Future, net::SocketAddr, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use anyhow::Context as _;
use dual_stack_listener::{Listener, Place};
use prometheus_client::registry::Registry;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tracing::{error, info, warn};

use self::{
    opening::{GRACE, Opening, Parts},
    storage::Volume,
};
use crate::{
    cli::Args,
    config::{self, Live, Mounted},
    deliver::{self, DeliveryStatus},
    descriptors,
    firehose::Transport,
    http::{
        self, Connections,
        admin::Admin,
        gateway::{Endpoint, Gate},
    },
    queue::Recent,
    shutdown::{Controller, Phase, shutdown},
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
    pub listen: Place,
    /// Address of the admin endpoint.
    pub admin_listen: Place,
    /// How long a draining proxy still serves.
    pub drain_delay: Duration,
    /// How long open requests and undelivered events get after that.
    pub drain_timeout: Duration,
    /// How long a request waits for its events to be safe.
    pub acknowledge_timeout: Duration,
    /// How AWS is reached.
    pub transport: Transport,
    /// Name of the pod, which ends with its number; `None` outside a StatefulSet, where no pod is ever one too many.
    pub pod_name: Option<String>,
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
    volume: Volume,
    drain_delay: Duration,
    drain_timeout: Duration,
    serving: JoinHandle<()>,
    administering: JoinHandle<()>,
    working: Working,
    _config: Mounted,
    /// What opens and closes the gate; ends with the configuration's sender.
    _following: Option<JoinHandle<()>>,
}

/// Whether what is behind the endpoint works yet.
#[derive(Debug)]
enum Working {
    /// Waits for the first good document, or reads what an earlier process has left.
    NotYet(JoinHandle<anyhow::Result<Parts>>),
    Yes(Parts),
    /// It has said why.
    Failed,
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
            pod_name: args.pod_name.clone(),
        }
    }
}

impl Proxy {
    /// Listens, and serves once the first good configuration was read and what an earlier process has left is known.
    /// Waits for that when there is a configuration now.
    ///
    /// # Errors
    ///
    /// As [`Proxy::listen`] and [`Proxy::works`].
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let mut proxy = Self::listen(options)?;
        if proxy.live.load().is_some() {
            proxy.works().await?;
        }
        Ok(proxy)
    }

    /// Binds both endpoints and answers on both: the admin endpoint everything, the other one 503 until there is a
    /// configuration and its storage is open.
    ///
    /// # Errors
    ///
    /// When an address cannot be bound or the configuration cannot be watched. A missing or broken configuration is no
    /// error.
    pub fn listen(options: &Options) -> anyhow::Result<Self> {
        let descriptors = descriptors::raise();
        let mut registry = Registry::default();
        let (live, streams) = (Arc::new(Live::default()), Arc::new(Streams::default()));
        let reloads = config::Metrics::register(&mut registry);
        let config = config::follow(&options.config_dir, Arc::clone(&live), Arc::clone(&streams), reloads)
            .context("failed to watch the configuration directory")?;
        let account = allowance::account(&live);
        let (controller, shutdown) = shutdown();
        let (volume, delivery_status) = (Volume::default(), DeliveryStatus::default());
        let recent = Recent::new();
        gauges::register(volume.clone(), recent.clone(), account.clone(), &mut registry);
        let opening = Opening {
            live: Arc::clone(&live),
            streams,
            spool_dir: options.spool_dir.clone(),
            transport: options.transport.clone(),
            drain_timeout: options.drain_timeout,
            metrics: deliver::Metrics::register(&mut registry),
            delivery_status: delivery_status.clone(),
            account: account.clone(),
            most_calls: descriptors.calls,
            volume: volume.clone(),
            opened: Arc::default(),
            recent: recent.clone(),
            shutdown: shutdown.clone(),
        };
        let gate = Gate::default();
        let ordinal = options.pod_name.as_deref().and_then(ordinal::of);
        let following =
            ordinal.map(|ordinal| ordinal::follow(ordinal, gate.clone(), options.drain_delay, live.subscribe()));
        let endpoint = Endpoint {
            gate: gate.clone(),
            acknowledge_timeout: options.acknowledge_timeout,
            account,
            connections: Connections {
                most: descriptors.clients.min(allowance::connections()),
                ..Connections::default()
            },
            ..Endpoint::opened_later(
                Arc::clone(&live),
                Arc::clone(&opening.opened),
                http::Metrics::register(&mut registry),
            )
        };

        let (events_listener, events) = bind(options.listen)?;
        let (admin_listener, admin) = bind(options.admin_listen)?;
        let report = {
            let sources = report::Sources {
                live: Arc::clone(&live),
                delivery_status,
                keys: endpoint.keys.clone(),
                secrets: Arc::clone(&endpoint.secrets),
                volume: volume.clone(),
                opened: Arc::clone(&endpoint.opened),
                recent,
                gate,
                shutdown: shutdown.clone(),
            };
            move || sources.report()
        };
        let admin_pages = Admin {
            exposition: Exposition::new(registry),
            report: Arc::new(report),
            most_connections: descriptors.admin,
        };
        info!(%events, %admin, "listening");
        Ok(Self {
            events,
            admin,
            live,
            controller,
            volume,
            drain_delay: options.drain_delay,
            drain_timeout: options.drain_timeout,
            serving: tokio::spawn(http::gateway::serve(events_listener, endpoint, shutdown)),
            administering: tokio::spawn(http::admin::serve(admin_listener, admin_pages)),
            working: Working::NotYet(tokio::spawn(opening.open())),
            _config: config,
            _following: following,
        })
    }

    /// Waits until events are accepted and delivered, however long it takes until there is a configuration.
    ///
    /// # Errors
    ///
    /// When the spool's directory cannot be used, or delivery cannot be set up. Events on the disk stay where they are.
    pub async fn works(&mut self) -> anyhow::Result<()> {
        if let Working::NotYet(opening) = &mut self.working {
            let opened = opening.await.context("storage could not be opened");
            let parts = opened.and_then(|opened| opened);
            self.working = Working::Failed;
            self.working = Working::Yes(parts?);
            info!(events = %self.events, admin = %self.admin, "serving");
        }
        Ok(())
    }

    /// Ends in order: unready but serving for the drain delay, then no new requests, then what waits is delivered,
    /// within the drain timeout; what was settled is synced. Returns what is left.
    ///
    /// # Errors
    ///
    /// When delivery could not be set up in the first place.
    pub async fn stop(mut self) -> anyhow::Result<deliver::Undelivered> {
        let parts = match self.working {
            Working::Yes(parts) => Some(parts),
            Working::NotYet(opening) => {
                opening.abort();
                opening.await.ok().and_then(Result::ok)
            }
            Working::Failed => None,
        };
        let Some(parts) = parts else {
            // Nothing was accepted, and nobody sends events to a pod that was never ready.
            info!("stopped before anything was accepted");
            return Ok(deliver::Undelivered::default());
        };
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
        let report = match timeout_at(end + GRACE, parts.delivering).await {
            Ok(Ok(report)) => report?,
            Ok(Err(panicked)) => return Err(anyhow::Error::new(panicked).context("delivery ended early")),
            Err(_) => {
                warn!(timeout = ?self.drain_timeout, "not everything ended in time");
                deliver::Undelivered::default()
            }
        };
        if let Some(letters) = parts.letters {
            letters.end().await;
        }
        self.volume.close_letters().await;
        self.administering.abort();
        for left in &report.left {
            // Nothing is lost: it is on the disk, or its clients were told to send it again.
            warn!(stream = %left.stream, events = left.events, bytes = left.bytes, "not delivered yet");
        }
        match parts.unanswered.events() {
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

fn bind(place: Place) -> anyhow::Result<(Listener, SocketAddr)> {
    let bound = Listener::open(place).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (local, listener) = bound.with_context(|| format!("failed to listen on {place}"))?;
    Ok((listener, local))
}

/// Runs a proxy until the process is told to end.
///
/// # Errors
///
/// See [`Proxy::listen`], [`Proxy::works`] and [`Proxy::stop`].
pub async fn run(options: &Options, told_to_end: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut proxy = Proxy::listen(options)?;
    let mut told_to_end = pin!(told_to_end);
    tokio::select! {
        works = proxy.works() => {
            works?;
            told_to_end.await;
        }
        () = &mut told_to_end => {}
    }
    proxy.stop().await?;
    Ok(())
}
