//! `cargo xtask cluster`: a real Kubernetes of two nodes on this machine, for tests and demonstrations, without a
//! container engine. It takes root on Linux and about a gigabyte of memory; why each odd setting is there is written
//! beside it in `xtask/cluster/`. It is not a way to run anything that matters: no secret of it is worth keeping.

mod control_plane;
mod daemons;
mod images;
pub(crate) mod kubectl;
mod network;
mod node;
mod pki;
pub(crate) mod programs;
mod registry;
mod state;
mod suite;

use std::{
    env,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};

pub(crate) use self::suite::prepare as prepare_tests;
use self::{kubectl::Kubectl, network::Node, programs::Programs, state::State};
use crate::{command::Run, tools};

/// How long nodes and DNS may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The command line of `cargo xtask cluster`.
#[derive(Args)]
pub(crate) struct ClusterArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the cluster, or what is missing of it
    Up,
    /// Stop it and remove what it wrote, except logs
    Down,
    /// Say what runs
    Status,
    /// Build and fetch all programs, without starting any
    Build,
    /// Load image files into both nodes
    Load {
        /// Files as `cargo xtask image` writes them
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Cut the power of a node
    PowerOff {
        /// Name of the node
        #[arg(value_parser = parse_node)]
        node: Node,
    },
    /// Switch a node on again
    PowerOn {
        /// Name of the node
        #[arg(value_parser = parse_node)]
        node: Node,
    },
    /// Run a command inside of a node
    Enter {
        /// Name of the node
        #[arg(value_parser = parse_node)]
        node: Node,
        /// The command
        #[arg(required = true, trailing_var_arg = true)]
        command: Vec<String>,
    },
    /// Run the tests that need a cluster: on the one that KUBECONFIG names, else on our own, which is started
    Test {
        /// Profile of the programs in the images
        #[arg(long, default_value = "release")]
        profile: String,
        /// Only tests whose name contains it
        filter: Option<String>,
    },
    /// Print the environment for a shell: `eval "$(cargo xtask cluster env)"`
    Env,
    /// Print a folder with etcd, kube-apiserver and kubectl, for tests that need an API server and no node
    Assets,
}

/// Runs one of the commands.
///
/// # Errors
/// What the command reports.
pub(crate) fn run(args: &ClusterArgs) -> Result<()> {
    match &args.command {
        Command::Up => up().map(drop),
        Command::Down => down(),
        Command::Status => status(),
        Command::Build => Programs::ready().map(drop),
        Command::Load { files } => images::load(&State::open()?, files),
        Command::PowerOff { node } => node::stop(&State::open()?, *node),
        Command::PowerOn { node } => node::start(&State::open()?, &Programs::ready()?, *node),
        Command::Enter { node, command } => node::inside(&State::open()?, *node)?.args(command).visibly(),
        Command::Test { profile, filter } => prepare_tests(profile, filter.as_deref())?.visibly(),
        Command::Env => {
            let access = Access::own()?;
            println!("export KUBECONFIG='{}'", access.kubeconfig.display());
            println!("export PATH='{}':\"$PATH\"", access.tools.display());
            Ok(())
        }
        Command::Assets => {
            println!("{}", assets()?.display());
            Ok(())
        }
    }
}

/// How tests and the demonstration reach a cluster: the variables that the whole project agrees on.
pub(crate) struct Access {
    /// Whom kubectl and Helm talk to.
    pub(crate) kubeconfig: PathBuf,
    /// Folder with kubectl and Helm.
    pub(crate) tools: PathBuf,
    /// Command that takes an image file as its last argument and gives it to every node; empty for our own nodes.
    pub(crate) image_load: Option<String>,
    /// A registry that this machine pushes to and the nodes pull from, if there is one.
    pub(crate) registry: Option<Registry>,
    /// Whether the nodes are ours: reachable from here, and theirs to lose power.
    pub(crate) own: bool,
}

/// A registry of images.
pub(crate) struct Registry {
    /// Its address, or a path in it.
    pub(crate) name: String,
    /// The authority that signed its certificate, if it is not a public one.
    pub(crate) authority: Option<PathBuf>,
}

impl Access {
    /// The cluster that `KUBECONFIG` names, with `CLUSTER_IMAGE_LOAD` beside it, else our own, which is started.
    ///
    /// # Errors
    /// When a cluster is named without a way to load images, or our own does not start.
    pub(crate) fn given_or_own() -> Result<Self> {
        let Some(kubeconfig) = env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) else {
            return up();
        };
        let image_load = env::var("CLUSTER_IMAGE_LOAD").context(
            "KUBECONFIG names a cluster, but CLUSTER_IMAGE_LOAD does not say how it gets images \
             (for example `kind load image-archive`)",
        )?;
        Ok(Self {
            kubeconfig: kubeconfig.into(),
            tools: programs::kubectl_and_helm()?,
            image_load: Some(image_load),
            registry: env::var("CLUSTER_REGISTRY")
                .ok()
                .map(|name| Registry { name, authority: None }),
            own: false,
        })
    }

    /// Our own cluster, running or not.
    fn own() -> Result<Self> {
        let state = State::open()?;
        Ok(Self {
            kubeconfig: state.kubeconfig("admin"),
            tools: programs::kubectl_and_helm()?,
            image_load: None,
            registry: Some(Registry {
                name: registry::address(),
                authority: Some(state.pki("ca.crt")),
            }),
            own: true,
        })
    }

    /// Gives image files to every node.
    ///
    /// # Errors
    /// When the cluster refuses one.
    pub(crate) fn load(&self, files: &[PathBuf]) -> Result<()> {
        let Some(command) = &self.image_load else {
            return images::load(&State::open()?, files);
        };
        for file in files {
            Run::line(command).arg(file).quietly()?;
        }
        Ok(())
    }
}

/// Whether there can be a cluster: one is given, or this machine can hold our own.
///
/// # Errors
/// What is missing.
pub(crate) fn possible() -> Result<()> {
    if is_given() {
        return Ok(());
    }
    ensure!(
        cfg!(target_os = "linux") && tools::is_root(),
        "our own cluster takes root on Linux, and KUBECONFIG names no other"
    );
    programs::can_be_built()
}

/// Starts whatever does not run yet and waits until pods can be scheduled and names resolve.
///
/// # Errors
/// When this machine cannot hold it, a part cannot be built, or something does not get ready in time.
pub(crate) fn up() -> Result<Access> {
    possible()?;
    let programs = Programs::ready()?;
    let state = State::open()?;
    let begin = Instant::now();
    let kubectl = Kubectl {
        program: programs.tools.join("kubectl"),
        kubeconfig: state.kubeconfig("admin"),
    };
    pki::create(&state)?;
    images::prepare(&state, &programs)?;
    network::create()?;
    registry::start(&state)?;
    control_plane::start_api(&state, &programs)?;
    for node in network::nodes() {
        node::start(&state, &programs, node)?;
    }
    control_plane::start_controllers(&state, &programs, &kubectl)?;
    kubectl.wait_for("the nodes", PATIENCE, |kubectl| {
        ready_nodes(kubectl) == network::nodes().len()
    })?;
    eprintln!("cluster: nodes are ready after {:.1} s", begin.elapsed().as_secs_f64());
    kubectl.apply(&include_str!("../../cluster/dns.yaml").replace("@DNS@", network::DNS_SERVICE))?;
    for node in network::nodes() {
        kubectl.wait_for("the cluster's own images", PATIENCE, |_| node::has_images(&state, node))?;
    }
    kubectl
        .run("rollout status deployment/coredns --namespace kube-system --timeout 120s")
        .quietly()?;
    eprintln!("cluster: names resolve after {:.1} s", begin.elapsed().as_secs_f64());
    Access::own()
}

/// Ends our own cluster; one that was given goes on.
///
/// # Errors
/// As `cargo xtask cluster down`.
pub(crate) fn end_own() -> Result<()> {
    if is_given() { Ok(()) } else { down() }
}

fn is_given() -> bool {
    env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty())
}

fn down() -> Result<()> {
    let state = State::open()?;
    for node in network::nodes() {
        node::stop(&state, node)?;
    }
    control_plane::stop(&state)?;
    registry::stop(&state)?;
    network::remove();
    for node in network::nodes() {
        node::remove_cgroups(node);
    }
    state.wipe(network::nodes().map(Node::name))
}

fn status() -> Result<()> {
    let state = State::open()?;
    let word = |on: bool| if on { "runs" } else { "does not run" };
    for (part, on) in control_plane::status(&state) {
        println!("{part}: {}", word(on));
    }
    println!("registry {}: {}", registry::address(), word(registry::is_on(&state)));
    for node in network::nodes() {
        println!("{}: {}", node.name(), word(node::is_on(&state, node)));
    }
    let kubectl = Kubectl {
        program: programs::kubectl_and_helm()?.join("kubectl"),
        kubeconfig: state.kubeconfig("admin"),
    };
    println!("nodes ready: {} of {}", ready_nodes(&kubectl), network::nodes().len());
    println!("kubeconfig: {}", kubectl.kubeconfig.display());
    Ok(())
}

fn ready_nodes(kubectl: &Kubectl) -> usize {
    let template = r#"{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
    let states = kubectl
        .run("get nodes --output")
        .arg(format!("jsonpath={template}"))
        .output();
    states.map_or(0, |states| states.lines().filter(|state| *state == "True").count())
}

/// The folder that `KUBEBUILDER_ASSETS` stands for: what is set wins, else ours is made.
pub(crate) fn assets() -> Result<PathBuf> {
    if let Some(given) = env::var_os("KUBEBUILDER_ASSETS") {
        return Ok(given.into());
    }
    let programs = Programs::ready()?;
    let folder = State::open()?.folder().join("assets");
    std::fs::create_dir_all(&folder)?;
    let etcd = Run::line("sh -c").arg("command -v etcd").output()?;
    for (name, target) in [
        ("etcd", PathBuf::from(etcd)),
        ("kube-apiserver", programs.kubernetes.join("kube-apiserver")),
        ("kubectl", programs.tools.join("kubectl")),
    ] {
        let link = folder.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(target, &link).with_context(|| format!("failed to link {}", link.display()))?;
        }
    }
    Ok(folder)
}

fn parse_node(name: &str) -> Result<Node> {
    let Some(node) = network::nodes().into_iter().find(|node| node.name() == name) else {
        bail!("nodes are called {}", network::nodes().map(Node::name).join(" and "));
    };
    Ok(node)
}
