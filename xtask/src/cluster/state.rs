//! The folder in which a cluster keeps everything: keys, logs, process files, the nodes' disks.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::target;

/// The folder of one cluster.
pub(crate) struct State(PathBuf);

impl State {
    /// `$CLUSTER_DIR`, or `target/cluster`.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn open() -> Result<Self> {
        let folder = env::var_os("CLUSTER_DIR").map_or_else(|| target().join("cluster"), PathBuf::from);
        for part in ["pki", "logs", "kubeconfigs", "processes", "images"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).with_context(|| format!("failed to create {}", part.display()))?;
        }
        Ok(Self(folder))
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// A key or certificate: `name` with its extension.
    pub(crate) fn pki(&self, name: &str) -> PathBuf {
        self.0.join("pki").join(name)
    }

    /// The folder of keys and certificates, for configuration files.
    pub(crate) fn pki_folder(&self) -> String {
        self.0.join("pki").display().to_string()
    }

    /// The kubeconfig of a client of the API server.
    pub(crate) fn kubeconfig(&self, client: &str) -> PathBuf {
        self.0.join("kubeconfigs").join(client)
    }

    /// Output of a background program.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.0.join("logs").join(format!("{name}.log"))
    }

    /// Number and start time of a background program.
    pub(crate) fn process_file(&self, name: &str) -> PathBuf {
        self.0.join("processes").join(name)
    }

    /// Images that a node loads when it starts.
    pub(crate) fn images(&self) -> PathBuf {
        self.0.join("images")
    }

    /// Data of the store behind the API server.
    pub(crate) fn etcd(&self) -> PathBuf {
        self.0.join("etcd")
    }

    /// Data of the registry.
    pub(crate) fn registry(&self) -> PathBuf {
        self.0.join("registry")
    }

    /// The disk of a node.
    pub(crate) fn node(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Removes what a cluster wrote; logs stay for whoever wants to know what happened.
    ///
    /// # Errors
    /// When something cannot be removed, for example because a node still runs.
    pub(crate) fn wipe(&self, nodes: impl IntoIterator<Item = String>) -> Result<()> {
        let nodes = nodes.into_iter().map(|node| self.node(&node));
        let rest = ["pki", "kubeconfigs", "processes", "images"].map(|part| self.0.join(part));
        for folder in nodes.chain(rest).chain([self.etcd(), self.registry()]) {
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| format!("failed to remove {}", folder.display()))?;
            }
        }
        Ok(())
    }
}
