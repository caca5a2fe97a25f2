//! Runs the tests that need a cluster, with what they need in their environment: `KUBECONFIG`, kubectl and Helm in
//! `PATH`, the images loaded, and how this machine and the cluster's Services reach each other.

use std::env;

use anyhow::{Context as _, Result};

use super::{Access, network, programs};
use crate::{command::Run, image, repository, tools};

/// Names the address of this machine as pods see it, for stand-ins that run here. Ours is known.
const HOST_ADDRESS: &str = "CLUSTER_HOST_ADDRESS";

/// Builds and loads the images and prepares the run of the tests whose name contains `filter`. Tests that cut power or
/// cables run on our own nodes only; on a cluster that was given they are left out, and that is said.
///
/// # Errors
/// When something that the tests need cannot be had, or the cluster does not start.
pub(crate) fn prepare(profile: &str, filter: Option<&str>) -> Result<Run> {
    let images = image::build(profile)?;
    let access = Access::given_or_own()?;
    access.load(&images.into_iter().map(|image| image.file).collect::<Vec<_>>())?;
    tools::sdks()?;
    let mut path = vec![access.tools.clone()];
    if access.registry.is_some() {
        // One of the machine's own has no folder here and is in `PATH` already.
        path.extend(tools::oras()?.parent().map(Into::into));
    }
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut run = Run::line("cargo test --locked --workspace --test cluster --")
        .args(filter)
        // They share one cluster, and the state of the operator in it.
        .args(["--ignored", "--test-threads=1", "--nocapture"])
        .env("KUBECONFIG", &access.kubeconfig)
        .env("PATH", env::join_paths(path)?)
        .env("CLUSTER_NODES", if access.own { "own" } else { "given" })
        .env("CLUSTER_XTASK", this_program()?)
        .env("CLUSTER_PROFILE", profile)
        .env("CLUSTER_HELM_3", programs::helm_3()?)
        .within(&repository());
    match &access.registry {
        Some(registry) => {
            run = run.env("CLUSTER_REGISTRY", &registry.name);
            run = run.envs(registry.authority.as_ref().map(|file| ("CLUSTER_REGISTRY_CA", file)));
        }
        None => {
            eprintln!("cluster: tests that pull images are left out: CLUSTER_REGISTRY names no registry to push to");
            run = run.args(["--skip", "from_a_registry"]);
        }
    }
    if access.own {
        run = run.env(HOST_ADDRESS, network::HOST);
    } else {
        eprintln!("cluster: tests that take power or cables from nodes are left out: the nodes are not ours");
        run = run.args(["--skip", "node_fault"]);
        env::var(HOST_ADDRESS).with_context(|| {
            format!("{HOST_ADDRESS} does not say where pods of the given cluster reach this machine")
        })?;
    }
    Ok(run)
}

/// This program's file. A build that replaced it meanwhile left another of the same name in its place.
fn this_program() -> Result<std::path::PathBuf> {
    let path = env::current_exe()?;
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)"));
    Ok(replaced.map_or_else(|| path.clone(), Into::into))
}
