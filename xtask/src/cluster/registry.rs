//! The registry of the cluster: empty until somebody pushes to it. Nodes pull from it by its own name, and look there
//! first for what is published elsewhere.

use std::fs;

use anyhow::{Context as _, Result};

use super::{daemons::Daemon, network, state::State};
use crate::image::PUBLISHED;

/// The name of the program, and of its files.
const NAME: &str = "docker-registry";

/// Address and port. Not the usual port: Debian's package may run a registry of its own there.
pub(crate) fn address() -> String {
    format!("{}:5443", network::HOST)
}

/// The registries that nodes reach through this one: itself, and the one that the chart names.
pub(crate) fn names() -> [String; 2] {
    let (published, _) = PUBLISHED.split_once('/').expect("a path follows the registry");
    [address(), published.to_owned()]
}

/// Starts it.
///
/// # Errors
/// When its configuration cannot be written or it cannot be started.
pub(crate) fn start(state: &State) -> Result<()> {
    let daemon = Daemon::new(state, NAME);
    if daemon.process().is_some() {
        return Ok(());
    }
    let configuration = include_str!("../../cluster/registry.yaml")
        .replace("@DATA@", &state.registry().display().to_string())
        .replace("@ADDRESS@", &address())
        .replace("@PKI@", &state.pki_folder());
    let path = state.registry().join("config.yaml");
    fs::create_dir_all(state.registry())
        .and_then(|()| fs::write(&path, configuration))
        .with_context(|| format!("failed to write {}", path.display()))?;
    daemon.start(NAME, &["serve".to_owned(), path.display().to_string()])
}

/// Stops it.
///
/// # Errors
/// When it cannot be ended.
pub(crate) fn stop(state: &State) -> Result<()> {
    Daemon::new(state, NAME).stop()
}

/// Whether it runs.
pub(crate) fn is_on(state: &State) -> bool {
    Daemon::new(state, NAME).process().is_some()
}
