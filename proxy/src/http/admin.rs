//! The admin endpoint: metrics, probes and the report, for Prometheus, kubelet and the operator, and for
//! people the description of the event endpoint. Shows no secret and no
//! content of an event.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use firehose_proxy_config::report::Report;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use super::{
    reply::{self, Refusal},
    server::{self, Connections, Handler},
};
use crate::metrics::{CONTENT_TYPE, Exposition};

/// What the admin endpoint shows.
#[derive(Clone)]
pub struct Admin {
    /// `/metrics`.
    pub exposition: Exposition,
    /// `/status`, and `/readyz` by its `ready`: whether a Service should send events here. Being unable to reach AWS, or a
    /// full queue, is no reason not to be: a client that finds no endpoint is refused a connection, one that finds this
    /// pod is told when to come again.
    pub report: Arc<dyn Fn() -> Report + Send + Sync>,
}

/// Description of the event endpoint, in OpenAPI 3.1.
const OPENAPI: &str = include_str!("openapi.json");

/// Scrapes and probes need few connections, and those that linger need not be kept.
const CONNECTIONS: Connections = Connections {
    most: 100,
    head_timeout: Duration::from_secs(30),
    unread_timeout: Duration::from_secs(30),
};

/// Serves until it is dropped, so that the end of a shutdown can still be watched.
pub async fn serve(listener: TcpListener, admin: Admin) {
    server::serve(listener, Arc::new(admin), CONNECTIONS, None).await;
}

impl Handler for Admin {
    async fn handle(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Refusal::MethodNotAllowed { allow: "GET, HEAD" }.reply();
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
            _ => Refusal::NotFound.reply(),
        }
    }

    fn connections_changed(&self, _: i64) {}
}

impl fmt::Debug for Admin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Admin").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::http::routes::Route;

    #[test]
    fn the_description_has_the_paths_and_methods_that_there_are() {
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        let paths = description["paths"].as_object().unwrap();
        for (path, operations) in paths {
            let path = path.replace("{writeKey}", "key");
            let route = Route::of(&path).unwrap_or_else(|| panic!("nothing is at {path}"));
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                let described = operations.get(method.as_str().to_lowercase()).is_some();
                assert_eq!(described, route.takes(&method), "{method} {path}");
            }
        }
        // Every literal path of the routes' own source is described.
        let source = include_str!("routes.rs");
        let literals = source
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|text| text.starts_with('/'));
        for path in literals.filter(|path| *path != "/v1/projects/" && *path != "/settings") {
            assert!(paths.contains_key(path), "{path} is not described");
        }
    }
}
