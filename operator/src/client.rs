//! The connection to the API server, with a deadline on every answer.
//!
//! kube sets no read timeout and retries on its own: without this layer, an API server that takes connections and says
//! nothing would hold a reconcile for ever. The deadline ends with the head of the response, so watches live on.

use std::time::Duration;

use kube::{Client, Config, client::ClientBuilder};
use tower::timeout::TimeoutLayer;

/// How long the head of a response may take, with every retry of the client.
const RESPONSE_DEADLINE: Duration = Duration::from_secs(9);

/// A client from the kubeconfig or, in a pod, from the service account.
///
/// # Errors
///
/// When there is no configuration, or it cannot be used.
pub async fn connect() -> anyhow::Result<Client> {
    let config = Config::infer().await?;
    let builder = ClientBuilder::try_from(config)?;
    Ok(builder.with_layer(&TimeoutLayer::new(RESPONSE_DEADLINE)).build())
}
