//! Kubernetes operator that reconciles FirehoseDestination objects.

mod explain;
mod offline;
mod online;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _};
use firehose_operator::{
    app,
    args::{Cli, Command, ImportFrom, LogFormat},
    cli,
    plan::Allowed,
    probe::probe,
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
    let mut command = Cli::command();
    if let Some(name) = plugin_name() {
        command = command.bin_name(name);
    }
    let arguments = Cli::from_arg_matches(&command.clone().get_matches()).unwrap_or_else(|error| error.exit());
    match arguments.command {
        Command::Crd => print(&cli::crd()?)?,
        Command::Check {
            mut manifests,
            filename,
            allowed,
        } => {
            manifests.extend(filename);
            return check(&manifests, &allowed.as_given()?);
        }
        Command::Explain(flags) => explain::explain(&flags, &mut io::stdout().lock())?,
        Command::Import {
            from: ImportFrom::Rudderstack { file },
        } => return offline::import(&file),
        Command::IamPolicy(flags) => print(&offline::iam_policy(&flags)?)?,
        Command::Streams(flags) => print(&offline::streams(&flags)?)?,
        Command::Probe { url, patience } => {
            let said = probe(&url, Duration::from_secs(u64::from(patience)))?;
            print(&format!("{said}\n"))?;
        }
        Command::Diff(flags) => return asking(online::diff(&flags)),
        Command::Status(flags) => return asking(online::status(&flags)),
        Command::Report(flags) => return asking(online::report(&flags)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            let name = command.get_name().to_owned();
            clap_complete::generate(shell, &mut command, name, &mut script);
            print(&String::from_utf8(script)?)?;
        }
        Command::Man { directory } => {
            fs::create_dir_all(&directory).with_context(|| format!("failed to make {}", directory.display()))?;
            clap_mangen::generate_to(command, &directory)
                .with_context(|| format!("failed to write to {}", directory.display()))?;
        }
        Command::Run(run) => {
            log_to_stderr(run.log_format);
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(app::run(*run))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One person's question needs one thread.
fn asking(question: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(question)
}

/// What this program is called when kubectl runs it as a plugin: the same file under that plugin's name.
fn plugin_name() -> Option<&'static str> {
    let program = std::env::args_os().next()?;
    (Path::new(&program).file_stem()? == "kubectl-firehose").then_some("kubectl firehose")
}

/// Writes an answer. Who has stopped reading, as `head` does, has what they wanted.
fn print(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
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
