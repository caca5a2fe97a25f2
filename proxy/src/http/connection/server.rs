//! Accepts connections and runs HTTP/1.1 on them. Knows no path and no event.
//!
//! A slow or silent client costs one place of a bounded number until its deadline and nothing else. The deadline of a
//! request's head is here, that of its body in [`super::body`].

use std::{
    convert::Infallible,
    future::{Future, pending, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use dual_stack_listener::Listener;
use http::{HeaderValue, Request, Response, header::CONNECTION};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tracing::{Instrument as _, debug_span};

use super::{
    head::{self, Head},
    lifetime::{self, Lifetime},
    limits::Connections,
    peer::Peer,
    places::{Place, Places},
    progress::{self, Progress, Socket, Watched},
    tls::{Channel, NoTls, Transport, handshake},
};
use crate::{
    account::Account,
    descriptors::{is_shortage, say_shortage},
    shutdown::{Phase, Shutdown},
};

/// Largest head of a request that is waited for, and the unit in which bodies arrive. One that is complete by the time
/// it is looked at may be twice as large.
const BUFFER_BYTES: usize = 64 * 1024;
/// Most lines of a head. Tracing, meshes and cookies add up; hyper's own bound is 100.
const MOST_HEADERS: usize = 200;
/// Shortest time between two looks at a deadline.
const SHORTEST_ALARM: Duration = Duration::from_millis(1);
/// Pause after the kernel refused a connection. Without one, a want of descriptors would take a whole core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers requests.
pub(in crate::http) trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Request<Incoming>, peer: Peer<'_>) -> impl Future<Output = Response<Full<Bytes>>> + Send;
    /// What a connection that is opened now is served with.
    fn transport(&self) -> Transport {
        Transport::Plain
    }
    /// Whether clients shall go elsewhere with their next request.
    fn is_leaving(&self) -> bool {
        false
    }
    /// A connection brought something that is no request.
    fn no_request(&self, why: NoRequest, peer: SocketAddr);
    /// Where heads beyond their first kilobytes take their memory; `None` where their size is bound enough.
    fn account(&self) -> Option<Account>;
    /// A connection was opened (1) or closed (-1).
    fn connections_changed(&self, by: i64);
    /// As much of a client's address as the log may show.
    fn shown(&self, peer: SocketAddr) -> Option<IpAddr>;
}

/// What a connection brought instead of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum NoRequest {
    /// Something that is no head of a request.
    NotHttp,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// A head over [`BUFFER_BYTES`] or [`MOST_HEADERS`].
    HeadTooLarge,
    /// A head that did not end in time.
    SlowHead,
    /// No handshake of TLS, where there is to be one, or one that did not go well.
    NoTls,
    /// A handshake that did not end in time.
    SlowHandshake,
    /// A head for which there was no memory.
    HeadsBusy,
}

impl NoRequest {
    /// The word that metrics and the log show.
    pub(in crate::http) fn as_str(self) -> &'static str {
        match self {
            Self::NotHttp => "NotHttp",
            Self::Http2 => "Http2",
            Self::HeadTooLarge => "HeadTooLarge",
            Self::SlowHead => "SlowHead",
            Self::NoTls => "NoTls",
            Self::SlowHandshake => "SlowHandshake",
            Self::HeadsBusy => "HeadsBusy",
        }
    }

    fn of(error: &hyper::Error) -> Option<Self> {
        if error.is_parse_version_h2() {
            Some(Self::Http2)
        } else if error.is_parse_too_large() {
            Some(Self::HeadTooLarge)
        } else {
            error.is_parse().then_some(Self::NotHttp)
        }
    }
}

/// Serves until `shutdown` reaches [`Phase::Stopping`] and every open request is answered; without one, for ever.
/// `limits` may be edited: ages and idle times apply to connections that are open.
pub(in crate::http) async fn serve<H: Handler>(
    listener: Listener,
    handler: Arc<H>,
    limits: watch::Receiver<Connections>,
    shutdown: Option<Shutdown>,
) {
    let places = Places::new(limits.borrow().most);
    let mut stopping = pin!(stopping(shutdown.clone()));
    for number in 0.. {
        let accepted = async {
            let (stream, peer) = listener.accept().await?;
            // One more connection than there are places is known about: the one that somebody may have to leave for.
            io::Result::Ok((stream, peer, places.take(number, peer.ip()).await))
        };
        let accepted = tokio::select! {
            () = &mut stopping => break,
            accepted = accepted => accepted,
        };
        let (stream, peer, place) = match accepted {
            Ok(connection) => connection,
            Err(error) => {
                if is_shortage(&error) {
                    say_shortage("accepting a connection", &error);
                } else {
                    // That connection's: its client has gone, a firewall forbids it.
                    tracing::debug!(%error, "failed to accept a connection");
                }
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (handler, limits, shutdown) = (Arc::clone(&handler), limits.clone(), shutdown.clone());
        tokio::spawn(async move {
            handler.connections_changed(1);
            let span = debug_span!("connection", peer = tracing::field::Empty);
            // Nobody pays for an address that is not asked for.
            if !span.is_disabled()
                && let Some(shown) = handler.shown(peer)
            {
                span.record("peer", tracing::field::display(shown));
            }
            connection(stream, peer, &place, &handler, limits, shutdown)
                .instrument(span)
                .await;
            handler.connections_changed(-1);
        });
    }
    drop(listener);
    places.all_free().await;
}

/// Runs one connection to its end.
async fn connection<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    place: &Place,
    handler: &Arc<H>,
    changes: watch::Receiver<Connections>,
    shutdown: Option<Shutdown>,
) {
    let limits = *changes.borrow();
    let lifetime = Lifetime::new(changes);
    // Answers are small and complete: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    // The kernel keeps this deadline (RFC 5482): hyper has none for writing.
    let unread = u32::try_from(limits.unread_timeout.as_millis()).unwrap_or(u32::MAX);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, unread);
    let transport = handler.transport();
    let served = |channel| Served {
        stream: &stream,
        peer,
        channel,
        transport: &transport,
        place,
        lifetime: &lifetime,
    };
    match &transport {
        Transport::Plain => requests(Socket(&stream), served(Channel::Plain), handler, limits, shutdown).await,
        Transport::Tls(config) => {
            let shaken = tokio::select! {
                shaken = handshake(Socket(&stream), config, limits.head_timeout) => shaken,
                () = place.has_to_leave() => return,
                () = stopping(shutdown.clone()) => return,
            };
            match shaken {
                // TLS has buffers, which connections without it need not pay for.
                Ok((tls, channel)) => Box::pin(requests(tls, served(channel), handler, limits, shutdown)).await,
                Err(NoTls::Refused) => handler.no_request(NoRequest::NoTls, peer),
                Err(NoTls::Slow) => handler.no_request(NoRequest::SlowHandshake, peer),
                Err(NoTls::Gone) => {}
            }
        }
    }
}

/// A connection, as its requests see it.
struct Served<'a> {
    stream: &'a TcpStream,
    peer: SocketAddr,
    channel: Channel,
    /// What it was opened with.
    transport: &'a Transport,
    place: &'a Place,
    lifetime: &'a Lifetime,
}

/// Serves the requests of a connection.
async fn requests<H: Handler, S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    served: Served<'_>,
    handler: &Arc<H>,
    limits: Connections,
    shutdown: Option<Shutdown>,
) {
    let Served {
        stream,
        peer,
        channel,
        transport,
        place,
        lifetime,
    } = served;
    let mut edits = lifetime.changes();
    let progress = place.progress();
    let head = Head::new(handler.account());
    // The client's next request shall open a connection, which a Service leads to any pod, and at the end of this one
    // to another.
    let is_last = || {
        let shutdown = shutdown.as_ref();
        progress.age() >= lifetime.max_age()
            || shutdown.is_some_and(|shutdown| shutdown.phase() >= Phase::Draining)
            || handler.is_leaving()
            || !transport.is_same(&handler.transport())
    };
    let service = service_fn(|request| async {
        progress.begin(progress::Phase::Served);
        let mut reply = handler.handle(request, Peer::new(peer, channel, stream)).await;
        if is_last() {
            reply
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        head.end();
        progress.begin(progress::Phase::Idle);
        Ok::<_, Infallible>(reply)
    });
    let watched = Watched {
        stream: io,
        progress,
        head: &head,
    };
    let connection = http1::Builder::new()
        // A request that was read whole is answered and its events are kept, whether or not its client has closed its
        // side.
        .half_close(true)
        .keep_alive(limits.reused)
        .max_headers(MOST_HEADERS)
        .max_buf_size(BUFFER_BYTES)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(watched), service);
    let mut connection = pin!(connection);
    let mut in_time = pin!(in_time(progress, lifetime, limits.head_timeout));
    let mut stopping = pin!(stopping(shutdown.clone()));
    let mut is_stopping = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => break ended,
            too_late = in_time.as_mut() => {
                if too_late == progress::Phase::Head {
                    handler.no_request(NoRequest::SlowHead, peer);
                }
                return;
            }
            () = place.has_to_leave() => return,
            edited = lifetime::edited(&mut edits) => lifetime.set(edited),
            () = stopping.as_mut(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        if head.is_refused() {
            handler.no_request(NoRequest::HeadsBusy, peer);
            // Under TLS there is nobody here any more who could say it.
            if channel == Channel::Plain {
                head::refuse(stream).await;
            }
        } else if let Some(why) = NoRequest::of(&error) {
            handler.no_request(why, peer);
        }
        // The client's doing (it left, it does not speak HTTP); it was told if it could be. How much of its address may
        // be shown is for the handler to know.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Resolves when what a connection does takes too long, with what that is.
///
/// It is polled whenever the connection is, so that it sees every change, and moves its alarm only to an earlier time:
/// at most once in the time of the shortest deadline, however many requests there are.
async fn in_time(progress: &Progress, lifetime: &Lifetime, head_timeout: Duration) -> progress::Phase {
    let deadline = || {
        let (phase, since) = progress.now();
        let allowed = match phase {
            progress::Phase::Idle => lifetime.idle_timeout(),
            progress::Phase::Head => head_timeout,
            // Its own deadlines are those of the body and of the answer; look again then.
            progress::Phase::Served => return (phase, Instant::now() + head_timeout),
        };
        (phase, since + allowed)
    };
    let mut alarm = pin!(sleep_until(deadline().1));
    poll_fn(|context| {
        loop {
            let (phase, at) = deadline();
            if at < alarm.deadline() {
                alarm.as_mut().reset(at);
            }
            ready!(alarm.as_mut().poll(context));
            if phase != progress::Phase::Served && at <= Instant::now() {
                return Poll::Ready(phase);
            }
            alarm.as_mut().reset(at.max(Instant::now() + SHORTEST_ALARM));
        }
    })
    .await
}

async fn stopping(shutdown: Option<Shutdown>) {
    match shutdown {
        Some(mut shutdown) => shutdown.reached(Phase::Stopping).await,
        None => pending().await,
    }
}
