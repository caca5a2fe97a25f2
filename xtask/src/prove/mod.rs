//! `cargo xtask prove NAME`: proofs that take too long for every run of `test`.

pub(crate) mod api_server;
mod delivery;
mod durability;
mod fresh_clone;
pub(crate) mod fuzz;
pub(crate) mod instructions;
mod reproducible;

use crate::{command::Run, repository};

/// The proofs.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Proof {
    /// Deliver through seeded histories of failures, and notice every planted bug
    Delivery {
        /// How many histories
        #[arg(long, default_value_t = 1_000_000)]
        seeds: u64,
    },
    /// Throttle the proxy, fail a million events in part, and take Firehose, names, STS and credentials away for a
    /// minute
    Load,
    /// Clone the committed state into an empty folder and run CI there
    FreshClone,
    /// Run the README's first command as it is written, in release and on the default ports
    Readme,
    /// Build the images of the committed state twice, in two folders and from nothing, and compare their digests
    Reproducible,
    /// Run the operator against a real API server without nodes: that of KUBEBUILDER_ASSETS, or one that is built
    ApiServer,
    /// Serve many destinations against a real API server, say what the operator takes of memory, and change the leader:
    /// the next one writes nothing
    Scale {
        /// How many destinations
        #[arg(long, default_value = "1000")]
        destinations: u32,
        /// Mappings of each
        #[arg(long, default_value = "20")]
        mappings: u32,
    },
    /// Give the readers of events millions of bodies that a fuzzer thinks of
    Fuzz(fuzz::FuzzArgs),
    /// Count the instructions that an event takes, beside what serde_json takes for the same bytes
    Instructions(instructions::InstructionsArgs),
    /// Run seeded histories of spool, delivery and dead letters on simulated disks that fail in every way
    Durability {
        /// How many
        #[arg(long, default_value = "1000000")]
        schedules: u64,
        /// The first seed; the others follow
        #[arg(long, default_value = "0")]
        first_seed: u64,
    },
    /// Kill the proxy under load, again and again, and look for what was answered
    Kill {
        /// How often, with each meaning of a 200
        #[arg(long, default_value = "200")]
        rounds: u64,
    },
    /// Hold the proxy to the limits of its pod while Firehose, the disk and clients do what they should not
    Limits {
        /// How long clients send in each scenario
        #[arg(long, default_value = "44")]
        seconds: u64,
    },
    /// Let two hundred clients do everything wrong beside one that does not
    Hostile {
        /// How long
        #[arg(long, default_value = "60")]
        seconds: u64,
    },
    /// Let the spool fill up while Firehose is away, start anew, and deliver all of it
    Backlog {
        /// Bytes of events; the spool's bound is above that
        #[arg(long, default_value = "4294967296")]
        bytes: u64,
    },
}

/// Runs one proof.
///
/// # Errors
///
/// The proof does not hold, or could not be run.
pub(crate) fn run(proof: &Proof) -> anyhow::Result<()> {
    match proof {
        Proof::Delivery { seeds } => delivery::run(*seeds),
        Proof::Load => delivery::load(),
        Proof::FreshClone => fresh_clone::run(),
        Proof::Readme => readme(),
        Proof::Reproducible => reproducible::run(),
        Proof::ApiServer => api_server::tests()?.visibly(),
        Proof::Scale { destinations, mappings } => api_server::scale(*destinations, *mappings)?.visibly(),
        Proof::Fuzz(args) => fuzz::run(args),
        Proof::Instructions(args) => instructions::run(args),
        Proof::Durability { schedules, first_seed } => durability::schedules(*schedules, *first_seed),
        Proof::Kill { rounds } => durability::kill(*rounds),
        Proof::Limits { seconds } => durability::limits(*seconds),
        Proof::Hostile { seconds } => durability::hostile(*seconds),
        Proof::Backlog { bytes } => durability::backlog(*bytes),
    }
}

fn readme() -> anyhow::Result<()> {
    Run::line("cargo test --package firehose-tests --test readme -- --ignored as_it_is_written")
        .within(&repository())
        .visibly()
}
