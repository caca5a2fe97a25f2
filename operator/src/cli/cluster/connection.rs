//! The way to the API server: the kubeconfig that kubectl reads, or in a pod its service account.

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use crate::client::{self, CALL_DEADLINE};

/// A cluster, and the namespace that is meant where nobody names one.
#[derive(Clone)]
pub struct Cluster {
    pub(super) client: Client,
    pub(super) namespace: String,
}

/// Why there is no way to an API server.
#[derive(Debug, thiserror::Error)]
pub enum NoCluster {
    /// No kubeconfig, or none that can be read.
    #[error("failed to find the API server; is KUBECONFIG set?")]
    Unknown(#[from] kube::config::InferConfigError),
    /// The kubeconfig cannot be used, or has no such context.
    #[error("failed to use the kubeconfig")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// The client cannot be made.
    #[error("failed to configure the client of the API server")]
    Client(#[from] kube::Error),
}

impl Cluster {
    /// Reads the kubeconfig: its current context, or the one of this name. Nothing is asked yet; every call that
    /// follows ends within [`CALL_DEADLINE`].
    ///
    /// # Errors
    ///
    /// See [`NoCluster`].
    pub async fn connect(context: Option<&str>, namespace: Option<&str>) -> Result<Self, NoCluster> {
        let config = match context {
            None => Config::infer().await?,
            Some(context) => {
                let options = KubeConfigOptions {
                    context: Some(context.to_owned()),
                    ..KubeConfigOptions::default()
                };
                Config::from_custom_kubeconfig(Kubeconfig::read()?, &options).await?
            }
        };
        let namespace = namespace.unwrap_or(&config.default_namespace).to_owned();
        let client = client::connect(config, CALL_DEADLINE)?;
        Ok(Self::new(client, namespace))
    }

    /// One that a client leads to.
    pub fn new(client: Client, namespace: impl Into<String>) -> Self {
        Self {
            client,
            namespace: namespace.into(),
        }
    }

    /// The namespace that is meant where nobody names one.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
}
