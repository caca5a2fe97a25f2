//! The operator against a real API server, without nodes: that of `KUBEBUILDER_ASSETS`, or one that is built.

use std::{env, path::PathBuf};

use anyhow::Result;

use crate::{cluster::programs, command::Run, repository};

/// Whether there is an API server, or one could be built.
///
/// # Errors
///
/// What is missing.
pub(crate) fn possible() -> Result<()> {
    given().map_or_else(programs::can_be_built, |_| Ok(()))
}

/// The run of the tests.
///
/// # Errors
///
/// When the API server cannot be had.
pub(crate) fn tests() -> Result<Run> {
    let assets = given().map_or_else(programs::api_server, Ok)?;
    let [helm_3, helm_4] = programs::helms()?;
    Ok(Run::line("cargo test --workspace --test api_server")
        .env("KUBEBUILDER_ASSETS", assets)
        .env("HELM_3", helm_3)
        .env("HELM_4", helm_4)
        .within(&repository()))
}

/// The run of the test of many destinations.
///
/// # Errors
///
/// When the API server cannot be had.
pub(crate) fn scale(destinations: u32, mappings: u32) -> Result<Run> {
    Ok(tests()?
        .args(["--", "--nocapture", "a_new_leader_writes_nothing"])
        .env("FIREHOSE_SCALE_DESTINATIONS", destinations.to_string())
        .env("FIREHOSE_SCALE_MAPPINGS", mappings.to_string()))
}

fn given() -> Option<PathBuf> {
    env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from)
}
