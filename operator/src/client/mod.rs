//! The connection to the API server, with a deadline on every call and a fence before every write.
//!
//! There are two clients. The one that writes children, pods and statuses is fenced, and rounds own it; the other one
//! watches, and writes the lease.
//!
//! kube sets no read timeout and retries on its own: without this layer, an API server that takes connections and says
//! nothing, or that stops in the middle of an answer, would hold a round for ever.

mod counted;
mod deadline;
mod fenced;

use std::time::Duration;

use kube::{Client, Config, client::ClientBuilder};
use tower::layer::layer_fn;

use crate::{lease::Fence, metrics::ApiCalls};
use counted::Counted;
use deadline::Deadline;
use fenced::Fenced;

/// How long a call may take, its answer's head and body and every retry of the client included. Of a watch, only the
/// head.
pub const CALL_DEADLINE: Duration = Duration::from_secs(9);

/// A client whose every call ends within `deadline`.
///
/// # Errors
///
/// When the configuration cannot be used.
pub fn connect(config: Config, deadline: Duration) -> Result<Client, kube::Error> {
    let builder = ClientBuilder::try_from(config)?;
    Ok(builder
        .with_layer(&layer_fn(|inner| Deadline::new(inner, deadline)))
        .build())
}

/// As [`connect`], with every call counted.
///
/// # Errors
///
/// When the configuration cannot be used.
pub fn connect_counted(config: Config, deadline: Duration, calls: &ApiCalls) -> Result<Client, kube::Error> {
    let builder = ClientBuilder::try_from(config)?;
    let builder = builder.with_layer(&layer_fn(|inner| Deadline::new(inner, deadline)));
    Ok(builder
        .with_layer(&layer_fn(|inner| Counted::new(inner, calls.clone())))
        .build())
}

/// As [`connect_counted`], with writes that are sent only while `fence` lets them through.
///
/// # Errors
///
/// When the configuration cannot be used.
pub fn connect_fenced(
    config: Config,
    deadline: Duration,
    calls: &ApiCalls,
    fence: &Fence,
) -> Result<Client, kube::Error> {
    let builder = ClientBuilder::try_from(config)?;
    let builder = builder.with_layer(&layer_fn(|inner| Deadline::new(inner, deadline)));
    let builder = builder.with_layer(&layer_fn(|inner| Counted::new(inner, calls.clone())));
    Ok(builder
        .with_layer(&layer_fn(|inner| Fenced::new(inner, fence.clone())))
        .build())
}
