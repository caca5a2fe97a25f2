//! CPU time per event of the proxy, as a ratio to a service that one writes in an afternoon.
//!
//! `cargo xtask bench` builds everything, runs both on loopback against the same sink, in turn, and prints a line for
//! each goal that ends in `pass` or `fail`. Only ratios say something on another machine.

mod baseline;
mod certificate;
mod compare;
mod event;
mod idle;
mod instructions;
mod latency;
mod load;
mod process;
mod report;
mod scenario;
mod sink;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use compare::{Bench, Measured, mappings};
use process::Cores;
use report::{Report, median};
use scenario::{Scenario, Side};
use tokio::{net::TcpListener, runtime::Runtime};

/// Two that are no comparison of two sides.
const IDLE: &str = "idle";
const LATENCY: &str = "latency";

/// Compares the proxy's CPU time per event with that of an axum service.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// What is measured; everything if nothing is named.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(names()))]
    scenarios: Vec<String>,
    /// A tenth of the events and two pairs: whether it runs, and roughly where it stands.
    #[arg(long)]
    quick: bool,
    /// Pairs of measurements of a scenario; the median of their ratios counts.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=50))]
    pairs: u8,
    /// Events of one measurement, in thousands.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    thousand_events: u16,
    /// A proxy to measure instead of building this workspace's.
    #[arg(long, value_name = "PATH")]
    proxy: Option<PathBuf>,
    /// Another build of the proxy, to be measured in the baseline's place.
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
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
        /// The certificate of the endpoint.
        trusted: PathBuf,
        /// Streams that events go to.
        streams: usize,
    },
    /// The stand-in for Firehose.
    Sink {
        /// Where it is called.
        calls: SocketAddr,
        /// Where it is asked what it has counted.
        questions: SocketAddr,
        /// A folder with the certificate and the key that it speaks TLS with.
        #[arg(long, value_name = "FOLDER")]
        tls: Option<PathBuf>,
    },
}

fn names() -> Vec<&'static str> {
    let compared = scenario::all().into_iter().map(|scenario| scenario.name);
    compared.chain([LATENCY, IDLE]).collect()
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let own = std::env::current_exe()?;
    let passed = match &args.part {
        Some(part) => Runtime::new()?.block_on(start(part, &own)).map(|()| true)?,
        None => {
            let proxy = match &args.proxy {
                Some(path) => path.clone(),
                None => build_proxy(&own)?,
            };
            // The threads of the runtime begin on the cores that are left to this one.
            let cores = Cores::divided()?;
            Runtime::new()?.block_on(run(&args, &own, &proxy, cores))?
        }
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Counts, or serves until the process ends.
async fn start(part: &Part, own: &Path) -> anyhow::Result<()> {
    match part {
        Part::Baseline {
            listen,
            endpoint,
            trusted,
            streams,
        } => baseline::serve(TcpListener::bind(listen).await?, endpoint, trusted, &mappings(*streams)).await,
        Part::Instructions(counted) => count(own, counted).await,
        Part::Sink { calls, questions, tls } => {
            let (calls, questions) = (TcpListener::bind(calls).await?, TcpListener::bind(questions).await?);
            sink::serve(calls, questions, tls.as_deref()).await
        }
    }
}

/// Prints the instructions per event of one proxy or of two, and fails when a count is over the bound.
async fn count(own: &Path, counted: &Counted) -> anyhow::Result<()> {
    ensure!(
        instructions::possible().await,
        "valgrind is missing (Debian: apt-get install valgrind)"
    );
    let mut over = Vec::new();
    let counts = ["single", "batch", "single-spooled", "batch-spooled"];
    for scenario in scenario::all()
        .into_iter()
        .filter(|scenario| counts.contains(&scenario.name))
    {
        let side = Side {
            // What opening them costs cancels out, but callgrind is fifty times slower.
            connections: scenario.subject.connections.min(250),
            ..scenario.subject
        };
        let events = EVENTS_COUNTED * side.times;
        let now = instructions::per_event(own, &counted.proxy, &side, events).await?;
        println!("{:<22} {now:>9.0} instructions an event", scenario.name);
        if let Some(before) = &counted.before {
            let before = instructions::per_event(own, before, &side, events).await?;
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

/// Measures what is asked for and says whether everything is as it must be, which no build without optimization has to
/// be.
async fn run(args: &Args, own: &Path, proxy: &Path, cores: Cores) -> anyhow::Result<bool> {
    if cfg!(debug_assertions) {
        println!("built without optimization: it runs, and no figure means anything");
    }
    let mut failed = Vec::new();
    for name in names() {
        if !args.scenarios.is_empty() && !args.scenarios.iter().any(|chosen| chosen == name) {
            continue;
        }
        let passed = match name {
            IDLE => idle::run(proxy, 5).await?,
            LATENCY => latencies(args, own, proxy, cores).await?,
            _ => pairs(args, own, proxy, cores, name).await?,
        };
        if !passed {
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        println!("not as they must be: {}", failed.join(", "));
    }
    Ok(failed.is_empty() || cfg!(debug_assertions))
}

/// Events of one measurement.
fn events(args: &Args, side: &Side) -> usize {
    let events = usize::from(args.thousand_events) * 1_000 * side.times;
    if args.quick { events / 10 } else { events }
}

/// Measures the two sides of a scenario in turn and prints what their ratio comes to; says whether it is as it must be.
async fn pairs(args: &Args, own: &Path, proxy: &Path, cores: Cores, name: &str) -> anyhow::Result<bool> {
    let all = scenario::all();
    let scenario: &Scenario = all
        .iter()
        .find(|scenario| scenario.name == name)
        .context("no such scenario")?;
    let Scenario {
        subject, mut reference, ..
    } = *scenario;
    if args.against.is_some() {
        reference.who = subject.who;
    }
    let sides = [
        Bench::start(own, proxy, subject, cores).await?,
        Bench::start(own, args.against.as_deref().unwrap_or(proxy), reference, cores).await?,
    ];
    let events = events(args, &subject);
    let mut measured = Vec::new();
    for round in 0..if args.quick { 2 } else { args.pairs } {
        // First the one, then the other first: what grows or shrinks in a run meets both alike.
        let [first, second] = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        let earlier = sides[first].measure(events, None).await;
        let earlier = earlier.with_context(|| format!("{name}, side {first}"))?;
        let later = sides[second].measure(events, None).await;
        let later = later.with_context(|| format!("{name}, side {second}"))?;
        measured.push(if round % 2 == 0 {
            [earlier, later]
        } else {
            [later, earlier]
        });
    }
    let peak = [sides[0].peak_resident_kib()?, sides[1].peak_resident_kib()?];
    let report = Report::new(scenario, measured, peak);
    println!("{report}");
    Ok(report.passes())
}

/// Sends at a constant rate, half of what was taken at most, and prints how long answers took.
async fn latencies(args: &Args, own: &Path, proxy: &Path, cores: Cores) -> anyhow::Result<bool> {
    const MUST_MILLISECONDS: f64 = 10.0;
    let mut passes = true;
    for name in ["single-spooled", "batch-spooled"] {
        let all = scenario::all();
        let side = all
            .iter()
            .find(|scenario| scenario.name == name)
            .context("no such scenario")?
            .subject;
        let bench = Bench::start(own, proxy, side, cores).await?;
        let events = events(args, &side);
        let saturated: Measured = bench.measure(events, None).await?;
        let rate = saturated.events_per_second / 2.0;
        let mut found = Vec::new();
        for _ in 0..if args.quick { 1 } else { 3 } {
            found.push(bench.measure(events, Some(rate)).await?.milliseconds([500, 990, 999]));
        }
        let of = |index: usize| {
            let mut values: Vec<f64> = found.iter().map(|quantiles| quantiles[index]).collect();
            values.sort_by(f64::total_cmp);
            median(&values)
        };
        let verdict = if of(1) <= MUST_MILLISECONDS { "pass" } else { "fail" };
        passes &= verdict == "pass";
        println!(
            "latency         {name} at {rate:.0} events/s: p50 {:.1} p99 {:.1} p99.9 {:.1} ms, must p99 {MUST_MILLISECONDS:.0}: {verdict}",
            of(0),
            of(1),
            of(2),
        );
    }
    Ok(passes)
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
