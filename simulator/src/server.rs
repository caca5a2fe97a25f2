//! The listener and its connections. Knows nothing of streams; every answer comes from the service.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use dual_stack_listener::{Listener, Place};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::{
    net::TcpStream,
    sync::{Semaphore, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    access::{AccessSettings, SessionEnding},
    availability::ServiceSettings,
    control,
    dispatch::{self, MAX_REQUEST_BODY_BYTES},
    error::{ApiError, ErrorCode},
    faults::StreamSettings,
    options::Options,
    reply::{Reply, ReplyBody, ResetConnection},
    service::{ConfigureError, Service, UnknownStream},
    stream::{Record, Summary},
};

/// A client that sends a request's head or body slower than this is cut off.
const READ_DEADLINE: Duration = Duration::from_secs(30);

/// A running simulator. Dropping it closes the listener and every connection.
#[derive(Debug)]
pub struct Simulator {
    service: Arc<Service>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

/// Why a simulator does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address is taken or not this machine's.
    #[error("failed to listen on {place}")]
    Listen {
        /// The address asked for.
        place: Place,
        /// The system's reason.
        source: io::Error,
    },
    /// A stream of the options cannot exist.
    #[error("failed to create a stream")]
    Stream(#[from] ConfigureError),
}

impl Simulator {
    /// Listens and serves until the returned value is dropped.
    ///
    /// # Errors
    /// When the address cannot be listened on, or a stream of the options has an impossible name.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let place = options.listen;
        let listen = |source| StartError::Listen { place, source };
        let listener = Listener::open(place).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let service = Arc::new(Service::new(options)?);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&service)));
        Ok(Self {
            service,
            address,
            accepting,
        })
    }

    /// The address it listens on, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to set as the endpoint of an AWS client.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Creates the stream or replaces its settings, as `PUT /_simulator/streams/{name}` does.
    ///
    /// # Errors
    /// When the name or a value is impossible, or there are 5,000 streams already.
    pub fn configure(&self, name: &str, settings: StreamSettings) -> Result<(), ConfigureError> {
        self.service.configure(name, settings)
    }

    /// Sets outages, latency and idle closing, as `PUT /_simulator/service` does.
    pub fn configure_service(&self, settings: ServiceSettings) {
        self.service.configure_service(settings);
    }

    /// Sets who may call, as `PUT /_simulator/access` does. Other credentials or roles end the
    /// sessions that were given out.
    pub fn configure_access(&self, settings: AccessSettings) {
        self.service.configure_access(settings);
    }

    /// Ends the sessions that roles have given out so far, as `PUT /_simulator/sessions` does.
    pub fn end_sessions(&self, ending: SessionEnding) {
        self.service.access.end_sessions(&ending);
    }

    /// Every stream in the order of their names.
    pub fn streams(&self) -> Vec<Summary> {
        self.service.summaries()
    }

    /// Up to `limit` kept records of a stream whose sequence is over `after`, oldest first.
    ///
    /// # Errors
    /// When there is no such stream.
    pub fn records(&self, name: &str, after: u64, limit: usize) -> Result<Vec<Record>, UnknownStream> {
        self.service.records(name, after, limit)
    }

    /// As after the start: no records, no faults, the options' access, and only the streams of the options.
    pub fn reset(&self) {
        self.service.reset();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // The connections are owned by the accepting task and end with it.
        self.accepting.abort();
    }
}

/// Since when a connection has had nothing to do.
#[derive(Debug)]
struct Activity(Mutex<Option<Instant>>);

/// A request in flight; idleness starts when it is dropped.
struct Busy<'a>(&'a Activity);

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(Some(Instant::now())))
    }
}

impl Activity {
    fn idle_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Busy<'_> {
        *self.idle_since() = None;
        Busy(self)
    }

    /// Returns once the connection has been idle for longer than the settings allow.
    async fn idle_for_too_long(&self, mut settings: watch::Receiver<ServiceSettings>) {
        loop {
            let limit = settings
                .borrow_and_update()
                .idle_close_milliseconds
                .map(Duration::from_millis);
            let wait = async {
                let Some(limit) = limit else {
                    return std::future::pending().await;
                };
                let idle = self.idle_since().map_or(Duration::ZERO, |since| since.elapsed());
                tokio::time::sleep(limit.saturating_sub(idle)).await;
            };
            tokio::select! {
                changed = settings.changed() => changed.expect("the service outlives its connections"),
                () = wait => {
                    let idle = self.idle_since().map(|since| since.elapsed());
                    if idle.is_some_and(|idle| limit.is_some_and(|limit| idle >= limit)) {
                        return;
                    }
                }
            }
        }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        *self.0.idle_since() = Some(Instant::now());
    }
}

async fn accept(listener: Listener, service: Arc<Service>) {
    let slots = Arc::new(Semaphore::new(service.options.max_connections));
    let mut connections = JoinSet::new();
    loop {
        let slot = Arc::clone(&slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, or the peer was gone already: the next accept may work.
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let service = Arc::clone(&service);
        connections.spawn(async move {
            serve(stream, service).await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, service: Arc<Service>) {
    // Answers are one write; waiting for more would only add latency.
    let _ = stream.set_nodelay(true);
    let activity = Arc::new(Activity::default());
    let answer = service_fn({
        let (service, activity) = (Arc::clone(&service), Arc::clone(&activity));
        move |request| {
            let (service, activity) = (Arc::clone(&service), Arc::clone(&activity));
            async move {
                let _busy = activity.begin();
                respond(&service, request).await
            }
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_DEADLINE)
        .serve_connection(TokioIo::new(stream), answer);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        // Dropping it closes it, as a load balancer does, without asking whether a request is on its way.
        () = activity.idle_for_too_long(service.subscribe()) => return,
    };
    let Err(error) = ended else { return };
    let reset = std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<ResetConnection>);
    if reset {
        // A plain close would end in FIN, which a client may take for an orderly end.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    } else {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(service: &Service, request: Request<Incoming>) -> Result<Response<ReplyBody>, ResetConnection> {
    let request_id = service.request_id();
    let (head, body) = request.into_parts();
    let reply = match read(body).await {
        Err(refusal) => refusal,
        Ok(body) => match head.uri.path().strip_prefix(control::PREFIX) {
            Some(path) => control::call(service, &head.method, path, head.uri.query().unwrap_or(""), &body),
            None => dispatch::call(service, &head, &body, &request_id).await,
        },
    };
    let mut response = reply.into_response(&request_id)?;
    // Clients learn the service's clock from here and correct their own by it.
    let date = service.access.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
    Ok(response)
}

async fn read(body: Incoming) -> Result<Bytes, Reply> {
    let too_large = || ApiError::new(ErrorCode::RequestEntityTooLargeException, "Request entity too large");
    if body.size_hint().lower() > MAX_REQUEST_BODY_BYTES as u64 {
        return Err(too_large().into());
    }
    match tokio::time::timeout(READ_DEADLINE, Limited::new(body, MAX_REQUEST_BODY_BYTES).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large().into()),
        Ok(Err(_)) => Err(Reply::Reset),
        Err(_) => Err(Reply::Answer {
            status: StatusCode::REQUEST_TIMEOUT,
            body: Bytes::new(),
            content_type: crate::reply::AWS_JSON,
        }),
    }
}
