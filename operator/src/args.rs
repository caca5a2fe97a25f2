//! The command line.

mod allowed;
mod cluster;
mod offline;
mod proxies;

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    plan::{Allowed, Clients, Networks},
    rollout::RolloutOrder,
};

pub use allowed::AllowFlags;
pub use cluster::{At, DeadLetters, Diff, Report, Status, Which};
pub use offline::{Document, Explain, IamPolicy, Identity, Output, Streams, StreamsOutput};
pub use proxies::ProxyFlags;

/// Reconciles FirehoseDestination objects into proxies that deliver events to Amazon Data Firehose.
///
/// Commands end with 0 when all is well, with 1 when something failed or was complained about, with 2 when they were
/// not understood, with 3 when a cluster was asked and the answer is not that all is well.
#[derive(Debug, Parser)]
#[command(name = "firehose-operator", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the controller.
    #[command(
        after_help = "Needs a cluster:\n  firehose-operator run --proxy-image registry.example/firehose-proxy:0.1.0"
    )]
    Run(Box<Run>),
    /// Print the CustomResourceDefinition.
    #[command(after_help = "Example:\n  firehose-operator crd")]
    Crd,
    /// Say what API server and operator would say about manifests, without either.
    #[command(after_help = "Example:\n  firehose-operator check examples/orders.yaml -f examples/durable.yaml")]
    Check {
        /// Files with FirehoseDestination objects. Other objects in them are skipped.
        #[arg(required_unless_present = "filename")]
        manifests: Vec<PathBuf>,

        /// One more file, as kubectl takes it. May be repeated.
        #[arg(short = 'f', long, value_name = "FILE")]
        filename: Vec<PathBuf>,

        /// What the installation allows. A list that is not given is not checked.
        #[command(flatten)]
        allowed: Box<AllowFlags>,
    },
    /// Say which delivery stream events go to and what Firehose would get, by the proxy's own judgement.
    #[command(
        after_help = "Examples:\n  firehose-operator explain -f examples/orders.yaml --event examples/events.ndjson\n  \
        firehose-operator explain -f examples/orders.yaml --event - -o json"
    )]
    Explain(Explain),
    /// Print the least that an identity needs in IAM, or who may be it.
    #[command(
        after_help = "Examples:\n  firehose-operator iam-policy -f examples/orders.yaml --account-id 123456789012\n  \
        firehose-operator iam-policy -f examples/orders.yaml --account-id 123456789012 --document trust --identity pod-identity"
    )]
    IamPolicy(Box<IamPolicy>),
    /// Print the delivery streams that the mappings name, or what creates them.
    #[command(after_help = "Examples:\n  firehose-operator streams -f examples/orders.yaml\n  \
        firehose-operator streams -f examples/orders.yaml --output terraform")]
    Streams(Box<Streams>),
    /// Make manifests of what another product exports.
    #[command(after_help = "Example:\n  firehose-operator import rudderstack examples/rudderstack-workspace.json")]
    Import {
        /// Whose export.
        #[command(subcommand)]
        from: ImportFrom,
    },
    /// Ask a running operator whether it is ready, as `helm test` does.
    #[command(after_help = "Needs a cluster:\n  firehose-operator probe http://firehose-operator-admin:9090/readyz")]
    Probe {
        /// What to ask, by plain HTTP.
        url: url::Url,

        /// Seconds to go on asking while the answer is not 200; at most 600.
        #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u16).range(0..=600))]
        patience: u16,
    },
    /// Say what would change in the cluster if files were applied, by child and field.
    #[command(after_help = "Needs a cluster:\n  firehose-operator diff -f examples/orders.yaml")]
    Diff(Box<Diff>),
    /// Say whether destinations work, since when, and if not, why.
    #[command(
        after_help = "Needs a cluster:\n  firehose-operator status\n  firehose-operator status orders --namespace default -o json"
    )]
    Status(Status),
    /// Collect what somebody else needs to see to help, without secrets and without content of events.
    #[command(after_help = "Needs a cluster:\n  firehose-operator report orders --directory target/report")]
    Report(Report),
    /// List, show, send again or drop the dead letters of every pod of a destination.
    #[command(after_help = "Needs a cluster:\n  firehose-operator dead-letters list orders\n  \
        firehose-operator dead-letters redrive orders --all")]
    DeadLetters {
        /// What to do with them.
        #[command(subcommand)]
        command: DeadLetters,
    },
    /// Print completions for a shell.
    #[command(after_help = "Example:\n  firehose-operator completions bash")]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write man pages, one for each command.
    #[command(after_help = "Example:\n  firehose-operator man --directory target/man")]
    Man {
        /// Where to; made if it is not there.
        #[arg(long, value_name = "DIRECTORY")]
        directory: PathBuf,
    },
}

/// Whose export is read.
#[derive(Debug, Clone, Subcommand)]
pub enum ImportFrom {
    /// RudderStack's: a workspace or a destination, as JSON. Keys in it are never repeated.
    #[command(after_help = "Example:\n  firehose-operator import rudderstack examples/rudderstack-workspace.json")]
    Rudderstack {
        /// The export.
        file: PathBuf,
    },
}

/// Settings of the installation. None of them can be set by a destination.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// Image of the proxy.
    #[arg(long, env = "FIREHOSE_OPERATOR_PROXY_IMAGE")]
    pub proxy_image: String,

    /// When nodes pull the image of the proxy: Always, IfNotPresent or Never.
    #[arg(long, env = "FIREHOSE_OPERATOR_PROXY_IMAGE_PULL_POLICY")]
    pub proxy_image_pull_policy: Option<String>,

    /// Architecture of the nodes that the proxies' image runs on, as nodes are labelled; empty for an image of
    /// several.
    #[arg(
        long,
        env = "FIREHOSE_OPERATOR_PROXY_ARCHITECTURE",
        default_value = own_architecture()
    )]
    pub proxy_architecture: String,

    /// As whom the proxies run: a fixed user, or whom the cluster assigns, as OpenShift does.
    #[arg(long, env = "FIREHOSE_OPERATOR_PROXY_USER", value_enum, default_value = "fixed")]
    pub proxy_user: ProxyUser,

    /// Whom tokens of web identity are for, as the trust policies of roles ask. Never a destination's to say.
    #[arg(
        long,
        env = "FIREHOSE_OPERATOR_WEB_IDENTITY_AUDIENCE",
        default_value = "sts.amazonaws.com"
    )]
    pub web_identity_audience: String,

    /// Where nodes answer for EKS Pod Identity: by the family of the pods' addresses.
    #[arg(
        long,
        env = "FIREHOSE_OPERATOR_POD_IDENTITY_AGENT",
        value_enum,
        default_value = "ipv4"
    )]
    pub pod_identity_agent: PodIdentityAgent,

    /// Whether each destination gets a network policy, or the cluster's own are relied on.
    #[arg(
        long,
        env = "FIREHOSE_OPERATOR_NETWORK_POLICY",
        value_enum,
        ignore_case = true,
        default_value = "Disabled"
    )]
    pub network_policy: NetworkPolicyFlag,

    /// Namespaces that metrics of proxies are read from, separated by commas; for the network policies.
    #[arg(
        long = "monitoring-namespace",
        env = "FIREHOSE_OPERATOR_MONITORING_NAMESPACES",
        value_delimiter = ','
    )]
    pub monitoring_namespaces: Vec<String>,

    /// Address of the Firehose API for destinations that name none. For demos and tests.
    #[arg(long, env = "FIREHOSE_OPERATOR_DEFAULT_ENDPOINT_URL")]
    pub default_endpoint_url: Option<String>,

    /// What is said of all proxies.
    #[command(flatten)]
    pub proxies: ProxyFlags,

    /// What destinations may ask for.
    #[command(flatten)]
    pub allowed: AllowFlags,

    /// How many destinations get a new image of the proxy at a time, or what else an installation changes about pods.
    /// No more of them get it once the pods of one do not become available.
    #[arg(
        long,
        env = "FIREHOSE_OPERATOR_MAX_CONCURRENT_ROLLOUTS",
        default_value = "5",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub max_concurrent_rollouts: u16,

    /// Labels of the destinations that get it before all others: key=value, separated by commas.
    #[arg(
        long,
        env = "FIREHOSE_OPERATOR_ROLLOUT_FIRST",
        value_delimiter = ',',
        value_name = "KEY=VALUE"
    )]
    pub rollout_first: Vec<String>,

    /// Namespaces to serve, separated by commas. Absent: all.
    #[arg(long, env = "FIREHOSE_OPERATOR_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,

    /// Namespace of the operator's lease.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub lease_namespace: String,

    /// Name of the operator's lease: one for each installation. Of two that share one, only one acts.
    #[arg(long, env = "FIREHOSE_OPERATOR_LEASE_NAME", default_value = "firehose-operator")]
    pub lease_name: String,

    /// Name of this process in the lease. No other process may have it.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,

    /// Address of metrics and probes. Port 0 picks a free one; `[::]` is every address, of IPv4 too.
    #[arg(long, env = "FIREHOSE_OPERATOR_ADMIN_LISTEN", default_value = "[::]:9090")]
    pub admin_listen: SocketAddr,

    /// Form of the log on standard error.
    #[arg(long, env = "FIREHOSE_OPERATOR_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

impl Run {
    /// What destinations may ask for.
    ///
    /// # Errors
    ///
    /// When an entry of a list is none, or the default address is none.
    pub fn allowed(&self) -> anyhow::Result<Allowed> {
        let mut allowed = self.allowed.of_installation(self.default_endpoint_url.as_deref())?;
        if self.network_policy == NetworkPolicyFlag::Disabled {
            allowed.clients = Clients::Unenforced;
        }
        Ok(allowed)
    }

    /// Who gets a new image when.
    ///
    /// # Errors
    ///
    /// When an entry of `--rollout-first` is no label.
    pub fn rollout_order(&self) -> anyhow::Result<RolloutOrder> {
        let labels = self.rollout_first.iter().filter(|label| !label.is_empty());
        let first = labels.map(|label| {
            let (key, value) = label
                .split_once('=')
                .filter(|(key, _)| !key.is_empty())
                .with_context(|| {
                    format!("--rollout-first: {label:?} is no label; write key=value, as in rollout=first")
                })?;
            Ok((key.to_owned(), value.to_owned()))
        });
        Ok(RolloutOrder {
            max_concurrent: usize::from(self.max_concurrent_rollouts),
            first: first.collect::<anyhow::Result<_>>()?,
        })
    }

    /// What network policies have to know, unless they are left to the cluster.
    pub fn networks(&self) -> Option<Networks> {
        let namespaces = self.monitoring_namespaces.iter();
        (self.network_policy == NetworkPolicyFlag::Enabled).then(|| Networks {
            operator_namespace: self.lease_namespace.clone(),
            monitoring_namespaces: namespaces.filter(|name| !name.is_empty()).cloned().collect(),
        })
    }
}

/// As whom the proxies run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProxyUser {
    /// A user and a group of fixed numbers.
    Fixed,
    /// Whom the cluster assigns.
    Cluster,
}

/// Whether each destination gets a network policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NetworkPolicyFlag {
    /// It does.
    #[value(name = "Enabled")]
    Enabled,
    /// The cluster's own are relied on.
    #[value(name = "Disabled")]
    Disabled,
}

/// Where nodes answer for EKS Pod Identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PodIdentityAgent {
    /// At 169.254.170.23.
    Ipv4,
    /// At fd00:ec2::23.
    Ipv6,
}

/// This program's architecture in the words of Kubernetes: both images are built together.
fn own_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn a_label_that_is_none_is_refused_by_its_flag() {
        let order = |first: &str| {
            let first = format!("--rollout-first={first}");
            let Command::Run(run) = Cli::parse_from(["operator", "run", "--proxy-image=p:1", &first]).command else {
                unreachable!("that is what was asked for");
            };
            run.rollout_order()
        };
        let first = order("rollout=first,tier=test").unwrap().first;
        assert_eq!(
            first.into_iter().collect::<Vec<_>>(),
            [
                ("rollout".to_owned(), "first".to_owned()),
                ("tier".to_owned(), "test".to_owned()),
            ]
        );
        assert!(order("").unwrap().first.is_empty());
        let error = order("rollout").unwrap_err().to_string();
        assert!(
            error.contains("--rollout-first") && error.contains("\"rollout\""),
            "{error}"
        );
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
