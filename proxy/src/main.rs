//! The proxy binary.

use clap::Parser as _;
use firehose_proxy::{
    app,
    args::{Args, Command, LogFormat},
    spool::dead_letters,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(Command::DeadLetters { command }) = &args.command {
        let directory = args.spool_dir.join(dead_letters::DIRECTORY);
        return dead_letters::run(
            &directory.join(dead_letters::SOCKET),
            command,
            &mut std::io::stdout().lock(),
        );
    }
    log_to_stderr(args.log_format);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let told_to_end = async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            app::run(&(&args).into(), told_to_end).await
        })
}

/// `RUST_LOG` chooses what is logged; by default everything from INFO on.
fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
