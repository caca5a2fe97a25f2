//! The connection to the API server, with a deadline on every call.
//!
//! kube sets no read timeout and retries on its own: without this layer, an API server that takes connections and says
//! nothing, or that stops in the middle of an answer, would hold a round for ever.

mod deadline;

use std::time::Duration;

use kube::{Client, Config, client::ClientBuilder};
use tower::layer::layer_fn;

use deadline::Deadline;

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
