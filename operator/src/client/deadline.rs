//! A deadline on head and body of a call; on the head alone where the body is a watch, which is to live on.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, Uri,
    body::{Body as HttpBody, Bytes},
};
use kube::client::Body;
use tower::{BoxError, Service};

/// The API server did not finish its answer in time. It may have done what it was asked for.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no full answer of the API server within {} ms", .0.as_millis())]
pub(super) struct DeadlineExceeded(Duration);

/// Ends calls that take too long.
///
/// The body is read in here: the client collects it anyway, but without a deadline.
#[derive(Debug, Clone)]
pub(super) struct Deadline<S> {
    inner: S,
    deadline: Duration,
}

impl<S> Deadline<S> {
    pub(super) fn new(inner: S, deadline: Duration) -> Self {
        Self { inner, deadline }
    }
}

impl<S, B> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let deadline = self.deadline;
        let is_watch = is_watch(request.uri());
        let answer = self.inner.call(request);
        let call = async move {
            let response = answer.await.map_err(Into::into)?;
            if is_watch {
                return Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()));
            }
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            let body = Full::new(body).map_err(|never| match never {});
            Ok(Response::from_parts(head, body.boxed_unsync()))
        };
        let call = tokio::time::timeout(deadline, call);
        async move { call.await.map_err(|_| DeadlineExceeded(deadline))? }.boxed()
    }
}

pub(super) fn is_watch(uri: &Uri) -> bool {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    pairs.any(|pair| pair == "watch=true")
}
