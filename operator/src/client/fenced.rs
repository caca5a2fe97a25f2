//! Asks the fence before every write.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use futures::{FutureExt as _, future::BoxFuture};
use hyper::{Method, Request, Response};
use kube::client::Body;
use tower::{BoxError, Service};

use crate::lease::Fence;

/// The write was not sent, or its answer was not waited for, because another process may lead.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("this process does not lead")]
pub(super) struct NotLeading;

/// Sends writes only through the fence.
///
/// A write runs in a task of its own: a round that is cut off ends at once, while what it has sent is still counted by
/// the fence until the API server has answered.
#[derive(Debug, Clone)]
pub(super) struct Fenced<S> {
    inner: S,
    fence: Fence,
}

impl<S> Fenced<S> {
    pub(super) fn new(inner: S, fence: Fence) -> Self {
        Self { inner, fence }
    }
}

impl<S, B> Service<Request<Body>> for Fenced<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + Unpin + 'static,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.method() == Method::GET {
            return self.inner.call(request).boxed();
        }
        let Some(permit) = self.fence.enter() else {
            return async { Err(NotLeading.into()) }.boxed();
        };
        let fence = self.fence.clone();
        let mut call = self.inner.call(request);
        let write = tokio::spawn(async move {
            let _permit = permit;
            // Asked each time, because the client sends again what the API server is too busy for.
            let answer = poll_fn(|context| {
                if fence.leads() {
                    call.poll_unpin(context)
                } else {
                    Poll::Ready(Err(NotLeading.into()))
                }
            });
            answer.await
        });
        async move { write.await? }.boxed()
    }
}
