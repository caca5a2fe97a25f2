//! What `cargo xtask cluster test` puts into the environment, read once.

use std::{env, process::Command, sync::OnceLock};

/// The cluster that the tests run on.
pub(crate) struct Environment {
    /// Whether its nodes are namespaces of this machine: their pods and Services are then reachable from here.
    pub(crate) own: bool,
    /// This machine as pods reach it.
    pub(crate) host: String,
}

/// The environment, or an explanation of how to get one.
pub(crate) fn environment() -> &'static Environment {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        variable("KUBECONFIG");
        Environment {
            own: variable("CLUSTER_NODES") == "own",
            host: variable("CLUSTER_HOST_ADDRESS"),
        }
    })
}

/// The registry that this machine pushes to and the nodes pull from. Tests that need one are left out where there is
/// none.
pub(crate) fn registry() -> String {
    variable("CLUSTER_REGISTRY")
}

/// A command that pushes or reads images, with the authority that signed the registry's certificate. What is written in
/// Go takes it from this variable.
pub(crate) fn trusting_the_registry(mut command: Command) -> Command {
    if let Ok(authority) = env::var("CLUSTER_REGISTRY_CA") {
        command.env("SSL_CERT_FILE", authority);
    }
    command
}

/// Cargo's profile of the programs in the images.
pub(crate) fn profile() -> String {
    variable("CLUSTER_PROFILE")
}

/// The program of Helm 3; `helm` itself is Helm 4.
pub(crate) fn helm_3() -> String {
    variable("CLUSTER_HELM_3")
}

/// The project's own commands.
pub(crate) fn xtask() -> Command {
    Command::new(variable("CLUSTER_XTASK"))
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run these tests with `cargo xtask cluster test`"))
}
