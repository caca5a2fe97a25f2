//! The operator's admin endpoint: `/metrics`, `/livez`, `/readyz`. Nothing on it is secret and nothing can be changed
//! by it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::net::TcpListener;

use crate::reconcile::Progress;

/// Content type of the exposition, see
/// [OpenMetrics](https://prometheus.io/docs/specs/om/open_metrics_spec/#overall-structure).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the endpoint shows.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Everything that is counted.
    pub registry: Arc<Registry>,
    /// Set once every watch has listed.
    pub ready: Arc<AtomicBool>,
    /// Whether rounds end.
    pub progress: Arc<Progress>,
}

/// Serves until `stop` resolves.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    admin: Admin,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(admin);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn livez(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.progress.is_stuck() {
        (StatusCode::INTERNAL_SERVER_ERROR, "work waits and nothing ends")
    } else {
        (StatusCode::OK, "ok")
    }
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the watches have not listed yet")
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &admin.registry) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, OPEN_METRICS)], text),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain")],
            error.to_string(),
        ),
    }
}
