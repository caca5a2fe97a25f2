//! The admin endpoint: metrics, probes and the report, for Prometheus, kubelet and the operator, and for
//! people the description of the event endpoint. Shows no secret and no
//! content of an event.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use dual_stack_listener::Listener;
use firehose_proxy_config::report::Report;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::watch;

use super::{
    connection::{
        Connections,
        peer::Peer,
        server::{self, Handler, NoRequest},
    },
    reply::{self, Refusal},
};
use crate::{
    account::Account,
    telemetry::{CONTENT_TYPE, Exposition},
};

/// What the admin endpoint shows.
#[derive(Clone)]
pub struct Admin {
    /// `/metrics`.
    pub exposition: Exposition,
    /// `/status`, and `/readyz` by its `ready`: whether a Service should send events here. Being unable to reach AWS,
    /// or a full queue, is no reason not to be: a client that finds no endpoint is refused a connection, one that finds
    /// this pod is told when to come again.
    pub report: Arc<dyn Fn() -> Report + Send + Sync>,
    /// Most connections at a time.
    pub most_connections: usize,
}

/// Description of the event endpoint, in OpenAPI 3.1.
const OPENAPI: &str = include_str!("openapi.json");

/// Serves until it is dropped, so that the end of a shutdown can still be watched.
pub async fn serve(listener: Listener, admin: Admin) {
    // Bounds of their own, so that probes get through whatever the event endpoint is busy with: one request a
    // connection, which begins at once, and nothing lingers.
    let connections = Connections {
        most: admin.most_connections,
        head_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(1),
        max_age: Duration::from_secs(600),
        reused: false,
        unread_timeout: Duration::from_secs(10),
    };
    let (_never_edited, connections) = watch::channel(connections);
    server::serve(listener, Arc::new(admin), connections, None).await;
}

impl Handler for Admin {
    async fn handle(&self, request: Request<Incoming>, _: Peer<'_>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Refusal::MethodNotAllowed { allow: "GET, HEAD" }.reply(0);
        }
        match request.uri().path() {
            "/metrics" => reply::content(StatusCode::OK, CONTENT_TYPE, self.exposition.render().into()),
            "/openapi.json" => reply::json(StatusCode::OK, OPENAPI),
            "/livez" => reply::text(StatusCode::OK, "ok"),
            "/readyz" if (self.report)().ready => reply::text(StatusCode::OK, "ok"),
            "/readyz" => reply::text(StatusCode::SERVICE_UNAVAILABLE, "not ready"),
            "/status" => {
                let report = serde_json::to_vec(&(self.report)()).expect("a report is strings and names");
                reply::json(StatusCode::OK, report)
            }
            _ => Refusal::NotFound.reply(0),
        }
    }

    fn no_request(&self, _: NoRequest, _: SocketAddr) {}

    fn account(&self) -> Option<Account> {
        None // few connections, whose heads are small
    }

    fn connections_changed(&self, _: i64) {}

    fn shown(&self, _: SocketAddr) -> Option<IpAddr> {
        None // a probe or a scrape; nobody asks which
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Admin").finish_non_exhaustive()
    }
}
