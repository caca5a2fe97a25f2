//! The proxy binary.

use std::{io, process::ExitCode};

use clap::Parser as _;
use firehose_proxy::{
    app,
    cli::{self, Args, Command},
    dead_letters, telemetry,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(problem) => {
            // In one line, and without the backtrace that the error may carry: most of them are a user's.
            eprintln!("firehose-proxy: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(Command::DeadLetters { command, output }) = &args.command {
        let directory = args.spool_dir.join(dead_letters::DIRECTORY);
        let is_all = cli::dead_letters(
            &directory.join(dead_letters::SOCKET),
            command,
            *output,
            &mut std::io::stdout().lock(),
        )?;
        return Ok(match is_all {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(NOT_ALL),
        });
    }
    telemetry::log_to_stderr(args.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let (first, second) = (Signals::new()?, Signals::new()?);
        let options = (&args).into();
        tokio::select! {
            ended = app::run(&options, first.told(1)) => ended,
            () = second.told(2) => {
                tracing::warn!("told to end a second time, the process ends at once; what waits and is not on the disk is lost");
                std::process::exit(ENDED_BY_SIGTERM)
            }
        }
    });
    // A thread that still reads the disk of an earlier process has nothing to end in order.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

/// Not everything was done that was asked for, and what was not is printed.
const NOT_ALL: u8 = 3;

/// What a shell reports of a process that SIGTERM has ended.
const ENDED_BY_SIGTERM: i32 = 128 + 15;

/// The signals that tell a process to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves when it was told so many times, counted from the start.
    async fn told(mut self, times: usize) {
        for _ in 0..times {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        }
    }
}
