//! Flags of the commands that ask a cluster.

use std::path::PathBuf;

use clap::Args;

use super::{AllowFlags, Output};

/// Which cluster, and where in it.
#[derive(Debug, Clone, Default, Args)]
pub struct At {
    /// Context of the kubeconfig, if not its current one.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// Namespace, if not the context's own.
    #[arg(short = 'n', long, value_name = "NAME")]
    pub namespace: Option<String>,
}

/// Flags of `diff`.
#[derive(Debug, Clone, Args)]
pub struct Diff {
    /// File with FirehoseDestination objects. May be repeated. Other objects in it are skipped.
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub filename: Vec<PathBuf>,

    /// Which cluster.
    #[command(flatten)]
    pub at: At,

    /// What the installation allows. A list that is not given is not checked.
    #[command(flatten)]
    pub allowed: AllowFlags,
}

/// Flags of `status`.
#[derive(Debug, Clone, Args)]
pub struct Status {
    /// Destinations; all of the namespace if there is none.
    pub names: Vec<String>,

    /// Destinations of every namespace.
    #[arg(short = 'A', long, conflicts_with_all = ["names", "namespace"])]
    pub all_namespaces: bool,

    /// Form of the answer.
    #[arg(short = 'o', long, value_enum, default_value = "text")]
    pub output: Output,

    /// Which cluster.
    #[command(flatten)]
    pub at: At,
}

/// Flags of `report`.
#[derive(Debug, Clone, Args)]
pub struct Report {
    /// The destination.
    pub name: String,

    /// Where to; made, and not overwritten if it is there.
    #[arg(long, value_name = "DIRECTORY")]
    pub directory: PathBuf,

    /// Which cluster.
    #[command(flatten)]
    pub at: At,
}
