//! A faithful stand-in for Amazon Kinesis Data Firehose, with quotas and faults on demand.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use dual_stack_listener::Place;
use firehose_simulator::{AccessSettings, Options, Simulator};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A stand-in for Amazon Kinesis Data Firehose that keeps what it is sent and fails when it is told to.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Address to listen on; port 0 takes a free one. `localhost` is this machine alone and `[::]` every address, in
    /// both families.
    #[arg(long, default_value = "localhost:4573", env = "FIREHOSE_SIMULATOR_LISTEN")]
    listen: Place,
    /// Create a stream when something is put to it, instead of answering ResourceNotFoundException.
    #[arg(long, env = "FIREHOSE_SIMULATOR_CREATE_ON_DEMAND")]
    create_on_demand: bool,
    /// A stream that exists from the start; may be given several times.
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    /// Bytes of records kept for each stream; over it the oldest are forgotten.
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().keep_bytes_per_stream)]
    keep_bytes: usize,
    /// JSON file that says who may call; the manual describes it. Without it, everybody.
    #[arg(long, value_name = "FILE")]
    access: Option<PathBuf>,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Region of the ARNs.
    #[arg(long, default_value_t = Options::default().region)]
    region: String,
    /// Account of the ARNs.
    #[arg(long, default_value_t = Options::default().account)]
    account: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // In one line, and without the backtrace that the error may carry: most of them are a user's.
            eprintln!("firehose-simulator: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let args = Args::parse();
    let access = match &args.access {
        None => AccessSettings::default(),
        Some(path) => {
            let text = std::fs::read(path).with_context(|| format!("failed to read \"{}\"", path.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("failed to understand \"{}\"", path.display()))?
        }
    };
    let simulator = Simulator::start(Options {
        listen: args.listen,
        create_on_demand: args.create_on_demand,
        streams: args.streams,
        keep_bytes_per_stream: args.keep_bytes,
        seed: args.seed,
        region: args.region,
        account: args.account,
        access,
        ..Options::default()
    })
    .await?;
    // One line that a script can wait for; a closed standard output is no reason to stop.
    let _ = writeln!(std::io::stdout(), "ready simulator={}", simulator.url());

    let mut terminate = signal(SignalKind::terminate()).context("failed to wait for SIGTERM")?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
