//! Counts calls of the API server by what became of them.

use std::task::{Context, Poll};

use futures::{FutureExt as _, future::BoxFuture};
use hyper::{Method, Request, Response};
use kube::client::Body;
use tower::{BoxError, Service};

use super::deadline::is_watch;
use crate::metrics::ApiCalls;

/// Counts each call when its head is there.
#[derive(Debug, Clone)]
pub(super) struct Counted<S> {
    inner: S,
    calls: ApiCalls,
}

impl<S> Counted<S> {
    pub(super) fn new(inner: S, calls: ApiCalls) -> Self {
        Self { inner, calls }
    }
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let calls = self.calls.clone();
        let verb = verb(&request);
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await;
            let code = answer.as_ref().ok().map(|response| response.status().as_u16());
            calls.count(verb, code);
            answer
        }
        .boxed()
    }
}

/// What a call asks for: a word of a closed list.
fn verb(request: &Request<Body>) -> &'static str {
    match *request.method() {
        Method::GET if is_watch(request.uri()) => "watch",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    }
}
