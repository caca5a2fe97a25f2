//! Kubernetes operator that reconciles FirehoseDestination objects.

use std::io::Write as _;

use clap::Parser as _;
use firehose_operator::{
    app,
    args::{Cli, Command, LogFormat},
    cli,
};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Crd => std::io::stdout().write_all(cli::crd()?.as_bytes())?,
        Command::Run(run) => {
            log_to_stderr(run.log_format);
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(app::run(*run))?;
        }
    }
    Ok(())
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
