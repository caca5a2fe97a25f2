//! The proxy binary.

use clap::Parser as _;
use firehose_proxy::{
    app,
    cli::{self, Args, Command},
    dead_letters, telemetry,
};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(Command::DeadLetters { command }) = &args.command {
        let directory = args.spool_dir.join(dead_letters::DIRECTORY);
        return cli::dead_letters(
            &directory.join(dead_letters::SOCKET),
            command,
            &mut std::io::stdout().lock(),
        );
    }
    telemetry::log_to_stderr(args.log_format);
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
