//! Accepts connections and runs HTTP/1.1 on them. Knows no path and no event.
//!
//! A slow or silent client costs one place of a bounded number until its deadline and nothing else. The deadline of a
//! request's head is here, that of its body in [`super::body`].

use std::{
    convert::Infallible,
    future::{Future, pending},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONNECTION};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};

use crate::shutdown::{Phase, Shutdown};

/// Bounds on connections.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    /// Most connections at a time. More wait in the kernel's queue.
    pub most: usize,
    /// How long a request's head may take from the moment the connection is idle. An idle connection is closed after it, so
    /// it must be longer than clients keep theirs.
    pub head_timeout: Duration,
    /// How long a client may leave unread what it was answered. A connection to one that reads nothing more, or is gone
    /// without a word, ends after it.
    pub unread_timeout: Duration,
}

impl Default for Connections {
    /// 10,000 connections; 75 s, which is above the 60 s after which common load balancers and clients give up; and 30 s,
    /// in which an answer of a few hundred bytes crosses every network.
    fn default() -> Self {
        Self {
            most: 10_000,
            head_timeout: Duration::from_secs(75),
            unread_timeout: Duration::from_secs(30),
        }
    }
}

/// Largest head of a request, and the unit in which bodies arrive.
const BUFFER_BYTES: usize = 64 * 1024;
/// Pause after the kernel refused a connection, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers requests.
pub(in crate::http) trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
    /// A connection was opened (1) or closed (-1).
    fn connections_changed(&self, by: i64);
}

/// Serves until `shutdown` reaches [`Phase::Stopping`] and every open request is answered; without one, for ever.
pub(in crate::http) async fn serve<H: Handler>(
    listener: TcpListener,
    handler: Arc<H>,
    limits: Connections,
    shutdown: Option<Shutdown>,
) {
    let places = Arc::new(Semaphore::new(limits.most));
    let mut stopping = pin!(stopping(shutdown.clone()));
    loop {
        let accepted = async {
            let place = Arc::clone(&places)
                .acquire_owned()
                .await
                .expect("the semaphore is never closed");
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut stopping => break,
            accepted = accepted => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (handler, shutdown) = (Arc::clone(&handler), shutdown.clone());
        tokio::spawn(async move {
            handler.connections_changed(1);
            connection(stream, peer, &handler, limits, shutdown).await;
            handler.connections_changed(-1);
            drop(place);
        });
    }
    drop(listener);
    let all = u32::try_from(limits.most).unwrap_or(u32::MAX);
    let _every_place_is_free = places.acquire_many(all).await;
}

/// Runs one connection to its end.
async fn connection<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: &Arc<H>,
    limits: Connections,
    shutdown: Option<Shutdown>,
) {
    // Answers are small and complete: waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    // The kernel keeps this deadline (RFC 5482): hyper has none for writing.
    let unread = u32::try_from(limits.unread_timeout.as_millis()).unwrap_or(u32::MAX);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, unread);
    let on_the_way_out = || {
        shutdown
            .as_ref()
            .is_some_and(|shutdown| shutdown.phase() >= Phase::Draining)
    };
    let service = service_fn(|request| async move {
        let mut reply = handler.handle(request, peer).await;
        if on_the_way_out() {
            // The client's next request shall open a connection, which the Service leads to another pod, and not race
            // with the end of this one.
            reply
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok::<_, Infallible>(reply)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping(shutdown.clone()) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The client's doing (it left, it was too slow, it does not speak HTTP); it was told if it could be.
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

async fn stopping(shutdown: Option<Shutdown>) {
    match shutdown {
        Some(mut shutdown) => shutdown.reached(Phase::Stopping).await,
        None => pending().await,
    }
}
