//! What `cargo xtask cluster test` puts into the environment, read once.

use std::{env, sync::OnceLock};

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

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run these tests with `cargo xtask cluster test`"))
}
