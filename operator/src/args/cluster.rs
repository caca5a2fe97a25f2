//! Flags of the commands that ask a cluster.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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

/// What to do with dead letters.
#[derive(Debug, Clone, Subcommand)]
pub enum DeadLetters {
    /// Show them, oldest first, of each pod
    List {
        /// Which.
        #[command(flatten)]
        which: Which,
        /// Show at most so many of each pod
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Write the exact bytes of one to standard output
    Show {
        /// The destination.
        destination: String,
        /// The letter, POD/ID as list shows it.
        id: String,
        /// Which cluster.
        #[command(flatten)]
        at: At,
    },
    /// Send them again, and drop each once it is safe again
    Redrive(Which),
    /// Drop them for good
    Drop(Which),
}

/// Which dead letters.
#[derive(Debug, Clone, Args)]
pub struct Which {
    /// The destination.
    pub destination: String,

    /// These only, POD/ID as list shows them
    pub ids: Vec<String>,

    /// All of them, unless narrowed down by --stream and --reason
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,

    /// Only those for this delivery stream
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,

    /// Only those with this reason
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,

    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value = "text")]
    pub output: Output,

    /// Which cluster.
    #[command(flatten)]
    pub at: At,
}
