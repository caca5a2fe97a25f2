//! CPU time per event of the proxy, as a ratio to a service that one writes in an afternoon.
//!
//! `cargo run --release -p firehose-bench` builds the proxy, runs both on loopback against the same sink, in turn, and
//! prints µs of CPU an event and their ratio for each scenario. Only the ratio says something on another machine.

mod baseline;
mod compare;
mod event;
mod instructions;
mod load;
mod process;
mod sink;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use compare::{Bench, MAPPINGS, Measured, Scenario};
use event::Grouping;
use firehose_proxy_config::Acknowledge;
use tokio::net::TcpListener;

/// Compares the proxy's CPU time per event with that of an axum service.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Measurements of each program and scenario; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=25))]
    rounds: u8,
    /// Events of one measurement, in thousands.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    thousand_events: u16,
    /// A proxy to measure instead of building this workspace's.
    #[arg(long, value_name = "PATH")]
    proxy: Option<PathBuf>,
    /// Fail when a ratio is over its goal.
    #[arg(long)]
    check: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// Events of one count of instructions with single events; twice as many in batches.
const EVENTS_COUNTED: usize = 5_000;

/// Options of the count of instructions.
#[derive(Debug, clap::Args)]
struct Counted {
    /// The proxy whose instructions are counted.
    #[arg(long, value_name = "PATH")]
    proxy: PathBuf,
    /// The proxy of an earlier commit, to compare with.
    #[arg(long, value_name = "PATH")]
    before: Option<PathBuf>,
    /// Fail when an event takes more than so many times the instructions of before.
    #[arg(long, default_value_t = 1.02, requires = "before")]
    most: f64,
}

/// What else the benchmark does: counting, and the parts that it starts as processes of their own.
#[derive(Debug, Subcommand)]
enum Part {
    /// Counts the proxy's instructions per event under callgrind.
    Instructions(Counted),
    /// The axum service.
    Baseline {
        /// Where it listens.
        listen: SocketAddr,
        /// The Firehose endpoint.
        endpoint: String,
    },
    /// The stand-in for Firehose.
    Sink {
        /// Where it listens.
        listen: SocketAddr,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match &args.part {
        Some(Part::Baseline { listen, endpoint }) => {
            baseline::serve(TcpListener::bind(listen).await?, endpoint, &MAPPINGS).await
        }
        Some(Part::Instructions(counted)) => count(&std::env::current_exe()?, counted).await,
        Some(Part::Sink { listen }) => sink::serve(TcpListener::bind(listen).await?).await,
        None => run(&args).await,
    }
}

/// Every way of sending, with `events` events where one costs most.
fn scenarios(events: usize) -> [Scenario; 4] {
    let single = Scenario {
        name: "single",
        grouping: Grouping::Single,
        acknowledge: Acknowledge::WhenDelivered,
        connections: 2_000,
        events,
        goal: 0.50,
    };
    // Cheaper by far for both, so more of them are needed for the same precision.
    let batch = Scenario {
        name: "batch of 50",
        grouping: Grouping::Batch(50),
        connections: 40,
        events: events * 2,
        goal: 0.18,
        ..single
    };
    let spooled = |name, goal, scenario| Scenario {
        name,
        goal,
        acknowledge: Acknowledge::WhenSpooled,
        ..scenario
    };
    [
        single,
        batch,
        spooled("single, spooled", 0.55, single),
        spooled("batch of 50, spooled", 0.22, batch),
    ]
}

/// Prints the instructions per event of one proxy or of two, and fails when a count is over the bound.
async fn count(own: &Path, counted: &Counted) -> anyhow::Result<()> {
    ensure!(
        instructions::possible().await,
        "valgrind is missing (Debian: apt-get install valgrind)"
    );
    let mut over = Vec::new();
    for mut scenario in scenarios(EVENTS_COUNTED) {
        // What opening them costs cancels out, but callgrind is fifty times slower.
        scenario.connections = scenario.connections.min(250);
        let now = instructions::per_event(own, &counted.proxy, &scenario).await?;
        println!("{:<22} {now:>9.0} instructions an event", scenario.name);
        if let Some(before) = &counted.before {
            let before = instructions::per_event(own, before, &scenario).await?;
            let ratio = now / before;
            println!("{:<22} {before:>9.0} before, ratio {ratio:.4}", "");
            if ratio > counted.most {
                over.push(scenario.name);
            }
        }
    }
    ensure!(
        over.is_empty(),
        "more than {} times as many as before: {}",
        counted.most,
        over.join(", ")
    );
    Ok(())
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let proxy = match &args.proxy {
        Some(path) => path.clone(),
        None => build_proxy(&own)?,
    };
    let events = usize::from(args.thousand_events) * 1_000;
    let scenarios = scenarios(events);
    println!("scenario      program   µs CPU/event  records/call   events/s");
    let mut over = Vec::new();
    for scenario in scenarios {
        // New processes for each scenario: the memory of one is not the other's.
        let bench = Bench::start(&own, &proxy, &scenario).await?;
        let (mut baseline, mut proxy) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds {
            // In turn, so that whatever else the machine does meets both.
            baseline.push(
                bench
                    .measure(&scenario, &bench.baseline)
                    .await
                    .context("the baseline failed")?,
            );
            proxy.push(
                bench
                    .measure(&scenario, &bench.proxy)
                    .await
                    .context("the proxy failed")?,
            );
        }
        let (baseline, proxy) = (median(baseline), median(proxy));
        let memory = [bench.baseline.peak_resident_kib()?, bench.proxy.peak_resident_kib()?];
        for (name, measured) in [("baseline", baseline), ("proxy", proxy)] {
            let Measured {
                microseconds,
                records_per_call,
                events_per_second,
            } = measured;
            println!(
                "{:<13} {name:<9} {microseconds:>12.2}  {records_per_call:>12.1}  {events_per_second:>9.0}",
                scenario.name
            );
        }
        let ratio = proxy.microseconds / baseline.microseconds;
        let [baseline_mib, proxy_mib] = memory.map(|kib| kib / 1024);
        println!(
            "{:<13} ratio {ratio:.3}, goal {:.2}; peak resident MiB {proxy_mib} to {baseline_mib}",
            scenario.name, scenario.goal
        );
        if ratio > scenario.goal {
            over.push(scenario.name);
        }
    }
    ensure!(!args.check || over.is_empty(), "over the goal: {}", over.join(", "));
    Ok(())
}

/// The measurement with the middle CPU time.
fn median(mut measured: Vec<Measured>) -> Measured {
    measured.sort_by(|one, other| one.microseconds.total_cmp(&other.microseconds));
    measured[measured.len() / 2]
}

/// Builds the proxy in the profile of this program, beside it.
fn build_proxy(own: &Path) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--quiet",
        "--package",
        "firehose-proxy",
        "--bin",
        "firehose-proxy",
    ]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    ensure!(
        command.status().context("failed to run cargo")?.success(),
        "the proxy does not build"
    );
    Ok(own.with_file_name("firehose-proxy"))
}
