//! The command line.

use std::path::PathBuf;

use clap::Parser;
use dual_stack_listener::Place;

/// Runs a FirehoseDestination on this machine: the operator's own plan, the proxy, and a simulator of Firehose, in one
/// process.
#[derive(Debug, Clone, Parser)]
#[command(name = "firehose-local", version)]
pub(crate) struct Args {
    /// Manifest with one FirehoseDestination, as `kubectl apply` would read it. Other objects in the file are skipped.
    pub(crate) manifest: PathBuf,

    /// Address of the event endpoint. Port 0 picks a free one; `localhost` is this machine alone, in both families.
    #[arg(long, default_value = "localhost:8080")]
    pub(crate) listen: Place,

    /// Address of the proxy's admin endpoint (metrics, probes, status). Port 0 picks a free one.
    #[arg(long, default_value = "localhost:9090")]
    pub(crate) admin_listen: Place,

    /// Address of the simulator. Port 0 picks a free one.
    #[arg(long, default_value = "localhost:4573")]
    pub(crate) simulator_listen: Place,

    /// Directory for the rendered configuration and the spool. By default a temporary one that goes with the process.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,

    /// Deliver to AWS instead of the simulator. Credentials come from the environment or, with `credentials.type:
    /// Ambient`, from the AWS default chain.
    #[arg(long)]
    pub(crate) aws: bool,
}
