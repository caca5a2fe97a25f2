//! The event endpoint.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use dual_stack_listener::{Listener, Place};
//! # use firehose_proxy::{config::Live, http::{self, gateway::Endpoint}, queue, shutdown::shutdown};
//! # type Registry = prometheus_client::registry::Registry;
//! # async fn example(intake: queue::Intake, registry: &mut Registry) -> std::io::Result<()> {
//! let listener = Listener::open(Place::Address("[::]:8080".parse().expect("an address")))?;
//! let endpoint = Endpoint::new(Arc::new(Live::default()), intake, http::Metrics::register(registry));
//! let (controller, shutdown) = shutdown();
//! http::gateway::serve(listener, endpoint, shutdown).await;
//! # Ok(()) }
//! ```

mod auth;
mod certificates;
mod complaints;
mod cors;
mod forwarded;
mod gate;
mod held;
mod ingest;
mod keys;
mod lifetimes;
mod pixel;
mod query;
mod rate;
mod routes;
mod secrets;
mod startup;
mod taken_out;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use dual_stack_listener::Listener;
use firehose_proxy_config::{ClientCertificateMode, Cors, IngestState};
use http::{Method, Request, StatusCode, request};
use hyper::body::Incoming;
use tokio::time::Instant;
use tracing::{Instrument as _, debug_span, field};

use self::{
    complaints::Complaints,
    rate::Rate,
    routes::{Payload, Route},
    taken_out::TakenOut,
};
pub use self::{
    gate::{Gate, Position},
    keys::KeyRing,
    secrets::Secrets,
};
use super::{
    Metrics,
    connection::{
        BodyPace, Connections, body,
        peer::Peer,
        server::{self, Handler, NoRequest},
        tls::{Channel, Transport},
    },
    reply::{self, Refusal, Reply, Unavailable},
};
use crate::{
    account::Account,
    config::{Live, Snapshot},
    dead_letters::DeadLetters,
    event::Timestamp,
    queue::Intake,
    shutdown::Shutdown,
};

/// Everything the event endpoint works with.
#[derive(Clone)]
pub struct Endpoint {
    /// The configuration in force.
    pub live: Arc<Live>,
    /// Where events go. Requests are answered 503 until it is there.
    pub opened: Arc<OnceLock<Opened>>,
    /// Whether events are taken. Shared with whoever decides it.
    pub gate: Gate,
    /// The write keys in force. Shared with whoever reports them.
    pub keys: KeyRing,
    /// The other Secrets.
    pub secrets: Arc<Secrets>,
    /// What is counted.
    pub metrics: Metrics,
    /// The process's memory for what comes from outside.
    pub account: Account,
    /// The time of day.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// 128 random bits.
    pub random: Arc<dyn Fn() -> [u8; 16] + Send + Sync>,
    /// Bounds on connections.
    pub connections: Connections,
    /// How slowly a body may arrive.
    pub body_pace: BodyPace,
    /// How long a request may wait until its events are safe; then it is answered 503.
    pub acknowledge_timeout: Duration,
}

/// Where events go, once storage is open.
#[derive(Debug)]
pub struct Opened {
    /// Where accepted events go.
    pub intake: Intake,
    /// Where events go that are not valid, with `invalidEventPolicy: DeadLetter`. `None`: they are counted and go
    /// nowhere.
    pub dead_letters: Option<DeadLetters>,
}

/// An endpoint that serves, with what it remembers between requests.
struct Gateway {
    endpoint: Endpoint,
    rate: Rate,
    complaints: Complaints,
}

impl Endpoint {
    /// An endpoint with the system's clock and randomness, an account of 256 MiB, and 10 s for its events to be safe.
    pub fn new(live: Arc<Live>, intake: Intake, metrics: Metrics) -> Self {
        let opened = Opened {
            intake,
            dead_letters: None,
        };
        Self::opened_later(live, Arc::new(OnceLock::from(opened)), metrics)
    }

    /// The same, of an endpoint that serves before it is known where events go.
    pub fn opened_later(live: Arc<Live>, opened: Arc<OnceLock<Opened>>, metrics: Metrics) -> Self {
        Self {
            live,
            opened,
            gate: Gate::default(),
            keys: KeyRing::default(),
            secrets: Arc::default(),
            metrics,
            account: Account::new(256 * 1024 * 1024),
            clock: Arc::new(now),
            random: Arc::new(|| uuid::Uuid::new_v4().into_bytes()),
            connections: Connections::default(),
            body_pace: BodyPace::default(),
            acknowledge_timeout: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

/// Serves events until `shutdown` reaches [`crate::shutdown::Phase::Stopping`], then answers what is open and returns.
pub async fn serve(listener: Listener, endpoint: Endpoint, shutdown: Shutdown) {
    let live = Arc::clone(&endpoint.live);
    let (connections, followed) = lifetimes::follow(endpoint.connections, live.subscribe());
    let gateway = Arc::new(Gateway {
        endpoint,
        rate: Rate::new(Instant::now()),
        complaints: Complaints::default(),
    });
    tokio::select! {
        () = server::serve(listener, Arc::clone(&gateway), connections, Some(shutdown)) => {}
        () = gateway.endpoint.keys.follow(live.subscribe()) => {}
        () = gateway.endpoint.secrets.hash_key.follow(taken_out::HASH_KEY, live.subscribe()) => {}
        () = gateway.endpoint.secrets.certificates.follow(certificates::CERTIFICATES, live.subscribe()) => {}
        () = followed => {}
    }
}

impl Handler for Gateway {
    async fn handle(&self, request: Request<Incoming>, peer: Peer<'_>) -> Reply {
        let span = debug_span!("request", route = field::Empty, status = field::Empty);
        if !span.is_disabled() {
            span.record("route", route_name(request.uri().path()));
        }
        let reply = self.reply(request, peer).instrument(span.clone()).await;
        span.record("status", reply.status().as_u16());
        reply
    }

    fn transport(&self) -> Transport {
        let current = self.endpoint.live.load();
        let Some(tls) = current
            .as_ref()
            .and_then(|snapshot| snapshot.document.ingest.tls.as_ref())
        else {
            return Transport::Plain;
        };
        // Without a certificate, who speaks no TLS is told so, and who does is not understood.
        let held = self.endpoint.secrets.certificates.of(&tls.directory);
        let config = held.as_ref().and_then(|held| held.config(tls.client_certificates));
        config.map_or(Transport::Plain, |config| Transport::Tls(Arc::clone(config)))
    }

    fn no_request(&self, why: NoRequest, peer: SocketAddr) {
        self.endpoint.metrics.request_refused(why.as_str());
        self.complaints
            .note_refused(why.as_str(), None, "none", self.kept(peer), Instant::now());
    }

    fn is_leaving(&self) -> bool {
        self.endpoint.gate.position() != Position::Open
    }

    fn account(&self) -> Option<Account> {
        Some(self.endpoint.account.clone())
    }

    fn connections_changed(&self, by: i64) {
        self.endpoint.metrics.connections_changed(by);
    }

    fn shown(&self, peer: SocketAddr) -> Option<IpAddr> {
        self.kept(peer)
    }
}

impl Gateway {
    async fn reply(&self, request: Request<Incoming>, peer: Peer<'_>) -> Reply {
        let (head, mut incoming) = request.into_parts();
        let reply = match self.answer(&head, &mut incoming, peer).await {
            Ok(reply) => reply,
            Err(refusal) => {
                // Who was too slow is not waited for again.
                if !refusal.is_for_slowness() {
                    body::discard(&head.headers, &mut incoming).await;
                }
                self.refused(refusal, &head, peer.address);
                refusal.reply()
            }
        };
        self.endpoint.metrics.answered(reply.status());
        self.with_cors(&head, reply)
    }

    async fn answer(&self, head: &request::Parts, incoming: &mut Incoming, peer: Peer<'_>) -> Result<Reply, Refusal> {
        self.is_taken_by(peer.channel)?;
        if head.method == Method::OPTIONS {
            return Ok(reply::empty(StatusCode::NO_CONTENT));
        }
        let path = query::plain_path(head.uri.path());
        let route = Route::of(&path).ok_or(Refusal::NotFound)?;
        if !route.takes(&head.method) {
            return Err(Refusal::MethodNotAllowed { allow: route.methods() });
        }
        match route {
            Route::Events(payload) => {
                self.ingest(head, incoming, peer, payload).await?;
                Ok(reply::text(StatusCode::OK, "ok"))
            }
            // Whoever asks for the head looks whether the image is there and shows it to nobody.
            Route::Pixel(_) if head.method == Method::HEAD => Ok(pixel::reply()),
            Route::Pixel(path_type) => {
                let event = pixel::event(head.uri.query().unwrap_or_default(), path_type);
                // An image has no other answer; what went wrong is in the metrics.
                if let Err(refusal) = self.ingest_pixel(head, &event, peer, Payload::Single(path_type)).await {
                    self.endpoint.metrics.pixel_lost(refusal.status());
                    self.refused(refusal, head, peer.address);
                }
                Ok(pixel::reply())
            }
            Route::SourceConfig => {
                let configuration = self.source()?;
                let write_key = auth::query_key(head).or_else(|| auth::basic_user(&head.headers));
                auth::check(&configuration, &self.endpoint.keys, write_key.as_deref())
                    .map_err(Refusal::before_start)?;
                let now = (self.endpoint.clock)();
                Ok(startup::source_config(&write_key.unwrap_or_default(), now))
            }
            Route::Settings(write_key) => {
                let write_key = query::segment(write_key);
                auth::check(&*self.source()?, &self.endpoint.keys, Some(&write_key)).map_err(Refusal::before_start)?;
                Ok(startup::settings(&head.headers, &write_key))
            }
            Route::SdkMetrics => {
                body::discard(&head.headers, incoming).await;
                Ok(reply::text(StatusCode::OK, "ok"))
            }
            Route::Health => {
                let configuration = match self.configuration() {
                    Err(Refusal::Gone) => Err(Refusal::unavailable(Unavailable::Disabled)),
                    configuration => configuration,
                }?;
                auth::are_there(&configuration, &self.endpoint.keys)?;
                TakenOut::under(&configuration, &self.endpoint.secrets.hash_key)?;
                self.opened()?;
                self.enter()?;
                Ok(reply::json(StatusCode::OK, r#"{"server":"UP"}"#))
            }
            Route::Version => {
                let version = concat!(
                    r#"{"name":"firehose-proxy","version":""#,
                    env!("CARGO_PKG_VERSION"),
                    r#""}"#
                );
                Ok(reply::json(StatusCode::OK, version))
            }
        }
    }

    /// Counts a request that was refused, and complains about it.
    fn refused(&self, refusal: Refusal, head: &request::Parts, peer: SocketAddr) {
        self.endpoint.metrics.request_refused(refusal.reason());
        let route = route_name(head.uri.path());
        let (reason, place) = (refusal.reason(), refusal.place());
        self.complaints
            .note_refused(reason, place, route, self.kept(peer), Instant::now());
    }

    /// Whether the configuration in force takes requests by this channel: a connection may be older than it.
    fn is_taken_by(&self, channel: Channel) -> Result<(), Refusal> {
        let current = self.endpoint.live.load();
        let tls = current
            .as_ref()
            .and_then(|snapshot| snapshot.document.ingest.tls.as_ref());
        match (tls.map(|tls| tls.client_certificates), channel) {
            (None, _) | (Some(ClientCertificateMode::Required), Channel::Tls { has_certificate: true }) => Ok(()),
            (Some(ClientCertificateMode::None | ClientCertificateMode::Optional), Channel::Tls { .. }) => Ok(()),
            (Some(_), Channel::Plain) | (Some(ClientCertificateMode::Required), Channel::Tls { .. }) => {
                Err(Refusal::unavailable(Unavailable::NoCertificate))
            }
        }
    }

    /// As much of an address as the log may show: nothing before a configuration says how much.
    fn kept(&self, peer: SocketAddr) -> Option<IpAddr> {
        let current = self.endpoint.live.load();
        forwarded::kept(peer.ip(), current.as_ref()?.document.ingest.request_ip)
    }

    /// The configuration in force, if events are accepted under it.
    pub(super) fn configuration(&self) -> Result<Arc<Snapshot>, Refusal> {
        let snapshot = self.source()?;
        match snapshot.document.ingest.state {
            IngestState::Unavailable => Err(Refusal::unavailable(Unavailable::Disabled)),
            IngestState::Enabled | IngestState::Gone => Ok(snapshot),
        }
    }

    /// Lets a request with events in, unless this pod takes none any more.
    pub(super) fn enter(&self) -> Result<gate::Pass<'_>, Refusal> {
        let pass = self.endpoint.gate.enter();
        pass.ok_or(Refusal::unavailable(Unavailable::ScalingDown))
    }

    /// Where events go, if that is known already.
    fn opened(&self) -> Result<&Opened, Refusal> {
        let opened = self.endpoint.opened.get();
        opened.ok_or(Refusal::unavailable(Unavailable::Starting))
    }

    /// The configuration in force, if there is a source under it. An SDK that starts while events are not accepted
    /// queues them; one that is refused its start, and asks only once, never sends any.
    fn source(&self) -> Result<Arc<Snapshot>, Refusal> {
        let current = self.endpoint.live.load();
        let snapshot = current
            .as_ref()
            .ok_or(Refusal::unavailable(Unavailable::NoConfiguration))?;
        match snapshot.document.ingest.state {
            IngestState::Enabled | IngestState::Unavailable => Ok(Arc::clone(snapshot)),
            IngestState::Gone => Err(Refusal::Gone),
        }
    }

    fn with_cors(&self, head: &request::Parts, mut reply: Reply) -> Reply {
        let current = self.endpoint.live.load();
        // While there is no configuration a script may see that there is none.
        let anyone = Cors::default();
        let cors = current
            .as_ref()
            .map_or(&anyone, |snapshot| &snapshot.document.ingest.cors);
        if head.method == Method::OPTIONS {
            return cors::preflight(&head.headers, cors);
        }
        cors::expose(&head.headers, cors, &mut reply);
        reply
    }
}

/// What the log calls the route of a path. Never the path itself: a client may write anything into it.
fn route_name(path: &str) -> &'static str {
    Route::of(&query::plain_path(path)).map_or("none", Route::name)
}

fn now() -> Timestamp {
    let milliseconds = jiff::Timestamp::now().as_millisecond();
    Timestamp::from_unix_milliseconds(milliseconds).expect("the system's clock shows a year of four digits")
}
