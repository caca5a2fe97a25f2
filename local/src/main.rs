//! The whole product in one process, without a cluster: manifest, the operator's own plan, proxy, simulator.
//!
//! Another shell around the same code. It proves that the core is pure, and lets a person try the product in a minute.

mod args;
mod manifest;
mod mounts;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser as _;
use firehose_proxy::{
    app::{Options, Proxy},
    config::{self, Mounted},
    firehose::Transport,
};
use firehose_simulator::Simulator;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

use crate::{
    args::Args,
    manifest::Manifest,
    mounts::{Mounts, Unnamed},
};

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // In one line, and without the backtrace that the error may carry: most of them are a user's.
            eprintln!("firehose-local: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(&args))
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let first = manifest::read(&args.manifest, None)?;
    let simulator = match args.aws || first.destination.spec.endpoints.firehose.url().is_some() {
        true => None,
        false => Some(start_simulator(args).await?),
    };
    let unnamed = match &simulator {
        Some(simulator) => Unnamed::Simulator(simulator.address()),
        None if args.aws => Unnamed::Aws,
        None => Unnamed::Refused,
    };
    let temporary;
    let data = match &args.data_dir {
        Some(directory) => directory.as_path(),
        None => {
            temporary = tempfile::tempdir().context("failed to create a temporary directory")?;
            temporary.path()
        }
    };
    let mounts =
        Mounts::create(data, unnamed).with_context(|| format!("failed to create directories in {}", data.display()))?;
    mounts.write(&first.validated)?;
    let proxy = Proxy::start(&options(args, &mounts))
        .await
        .map_err(|problem| naming_the_flag(problem, args))?;
    let _following = follow(&args.manifest, first, mounts)?;
    announce(&proxy, simulator.as_ref());
    told_to_end().await?;
    proxy.stop().await?;
    Ok(())
}

async fn start_simulator(args: &Args) -> anyhow::Result<Simulator> {
    let options = firehose_simulator::Options {
        listen: args.simulator_listen,
        create_on_demand: true,
        ..firehose_simulator::Options::default()
    };
    Simulator::start(options)
        .await
        .context("failed to start the simulator")
        .map_err(|problem| naming_the_flag(problem, args))
}

/// A port that somebody else has is the commonest reason not to start; the flag that chooses another is what helps.
fn naming_the_flag(problem: anyhow::Error, args: &Args) -> anyhow::Error {
    let is_taken = problem
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::AddrInUse);
    let message = format!("{problem:#}");
    let flags = [
        ("--listen", args.listen),
        ("--admin-listen", args.admin_listen),
        ("--simulator-listen", args.simulator_listen),
    ];
    let flag = flags.iter().find(|(_, place)| message.contains(&format!(" {place}")));
    match flag.filter(|_| is_taken) {
        Some((flag, _)) => problem.context(format!("choose another port with {flag}, 0 takes a free one")),
        None => problem,
    }
}

fn options(args: &Args, mounts: &Mounts) -> Options {
    Options {
        config_dir: mounts.config.clone(),
        spool_dir: mounts.spool.clone(),
        listen: args.listen,
        admin_listen: args.admin_listen,
        drain_delay: Duration::ZERO, // no Service has to notice
        drain_timeout: Duration::from_secs(10),
        acknowledge_timeout: Duration::from_secs(10),
        transport: Transport {
            ca_bundle: None,
            proxy_from_environment: args.aws,
            resolver: None,
        },
        pod_name: None,
    }
}

/// What programs wait for, then what people try.
#[expect(clippy::print_stdout, reason = "this is the program's answer, not its log")]
fn announce(proxy: &Proxy, simulator: Option<&Simulator>) {
    let simulator = simulator.map_or_else(|| "-".to_owned(), |simulator| format!("http://{}", simulator.address()));
    let current = proxy.live.load();
    let serves_tls = current
        .as_ref()
        .is_some_and(|snapshot| snapshot.document.ingest.tls.is_some());
    let events = format!("{}://{}", if serves_tls { "https" } else { "http" }, proxy.events);
    println!(
        "ready events={events} admin=http://{} simulator={simulator}",
        proxy.admin
    );
    // Whoever made the certificate knows its authority.
    let trusting = if serves_tls { " --cacert AUTHORITY" } else { "" };
    println!(
        "try: curl{trusting} -u any-write-key: {events}/v1/track -d '{{\"userId\":\"u1\",\"event\":\"Product Added\"}}'"
    );
}

/// Takes every saved change of the manifest over; a change that is not accepted leaves everything as it is.
fn follow(path: &Path, first: Manifest, mounts: Mounts) -> anyhow::Result<Mounted> {
    let path: PathBuf = fs::canonicalize(path)?;
    let directory = path.parent().context("the manifest is in no directory")?.to_owned();
    // What was read and not what is there now: it may have been saved again while the proxy started.
    let mut seen = Some(first.text.into_bytes());
    let mut destination = first.destination;
    let look = move || {
        let now = fs::read(&path).ok();
        if now == seen {
            return;
        }
        seen = now;
        let taken = manifest::read(&path, Some(&destination))
            .map_err(anyhow::Error::new)
            .and_then(|manifest| mounts.write(&manifest.validated).map(|()| manifest));
        match taken {
            Ok(manifest) => {
                info!("manifest taken over");
                destination = manifest.destination;
            }
            Err(problem) => error!("the last good manifest stays in force: {problem:#}"),
        }
    };
    config::watch(&directory, look).context("failed to watch the manifest")
}

async fn told_to_end() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
