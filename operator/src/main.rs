//! Kubernetes operator that reconciles FirehoseDestination objects.

use std::{fs, io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use firehose_operator::{
    app,
    args::{Cli, Command, LogFormat},
    cli,
    plan::Allowed,
};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

fn main() -> ExitCode {
    run().unwrap_or_else(|problem| {
        // In one line, and without the backtrace that the error may carry: most of them are a user's.
        eprintln!("firehose-operator: {problem:#}");
        ExitCode::FAILURE
    })
}

fn run() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Crd => std::io::stdout().write_all(cli::crd()?.as_bytes())?,
        Command::Check { manifests, allowed } => return check(&manifests, &allowed.as_given()?),
        Command::Run(run) => {
            log_to_stderr(run.log_format);
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(app::run(*run))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A complaint a line on standard output; fails when there is one, or nothing to check.
fn check(manifests: &[PathBuf], allowed: &Allowed) -> anyhow::Result<ExitCode> {
    let mut output = std::io::stdout().lock();
    let mut failed = false;
    for path in manifests {
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        let checked = cli::check(&text, allowed)
            .with_context(|| format!("{} cannot be read as kubectl reads it", path.display()))?;
        failed |= checked.destinations == 0 || !checked.complaints.is_empty();
        for complaint in &checked.complaints {
            writeln!(output, "{}: {complaint}", path.display())?;
        }
        if checked.destinations == 0 {
            writeln!(output, "{}: holds no FirehoseDestination", path.display())?;
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// At `info` unless RUST_LOG says otherwise.
fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => registry.with(fmt::layer().with_writer(std::io::stderr)).init(),
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).init(),
    }
}
