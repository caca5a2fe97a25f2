//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;

/// Runs a FirehoseDestination on this machine: the operator's own plan, the proxy, and a simulator of Firehose, in one
/// process.
#[derive(Debug, Clone, Parser)]
#[command(name = "firehose-local", version)]
pub(crate) struct Args {
    /// Manifest with one FirehoseDestination, as `kubectl apply` would read it. Other objects in the file are skipped.
    pub(crate) manifest: PathBuf,

    /// Address of the event endpoint. Port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Address of the proxy's admin endpoint (metrics, probes, status). Port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:9090")]
    pub(crate) admin_listen: SocketAddr,

    /// Address of the simulator. Port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4573")]
    pub(crate) simulator_listen: SocketAddr,

    /// Directory for the rendered configuration and the spool. By default a temporary one that goes with the process.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,

    /// Deliver to AWS instead of the simulator. Credentials come from the environment or, with `credentials.type:
    /// Ambient`, from the AWS default chain.
    #[arg(long)]
    pub(crate) aws: bool,
}
