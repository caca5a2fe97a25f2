//! What reads bytes from outside agrees with serde_json, whatever the bytes are.

use std::{env, fs};

use anyhow::{Context as _, Result};

use crate::{command::Run, repository, target};

/// The targets of `fuzz/`.
const TARGETS: [&str; 6] = ["marks", "scanner", "splitter", "splicer", "planted", "redactor"];
/// Of the tool that builds them; other versions place their output elsewhere.
const CARGO_FUZZ_VERSION: &str = "0.13.2";

/// Options of `cargo xtask prove fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct FuzzArgs {
    /// Executions of each target
    #[arg(long, default_value_t = 10_000_000)]
    executions: u64,
}

/// Runs every target so many times. What an earlier run found worth keeping is where the next one starts.
///
/// # Errors
///
/// When a target finds a body on which the two disagree, or cannot be built.
pub(crate) fn run(args: &FuzzArgs) -> Result<()> {
    prepare()?;
    execute(args.executions)
}

/// Installs what builds the targets.
///
/// # Errors
///
/// No nightly toolchain, or the tool cannot be installed.
pub(crate) fn prepare() -> Result<()> {
    Run::line("cargo +nightly --version")
        .quietly()
        .context("fuzzing needs the nightly toolchain: rustup toolchain install nightly")?;
    Run::line("cargo install --quiet --locked cargo-fuzz --version")
        .arg(CARGO_FUZZ_VERSION)
        .arg("--root")
        .arg(target().join("tools/cargo-fuzz"))
        .quietly()
}

/// Builds every target and runs it so many times.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn execute(executions: u64) -> Result<()> {
    let (fuzz, output) = (repository().join("fuzz"), target().join("fuzz"));
    let tool = target().join("tools/cargo-fuzz/bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([tool].into_iter().chain(env::split_paths(&path)))?;
    // There is no unsafe access to watch, only a call of what the machine was seen to have: the sanitizers would only
    // make it slower.
    Run::line("cargo +nightly fuzz build --sanitizer none --fuzz-dir")
        .arg(&fuzz)
        .arg("--target-dir")
        .arg(&output)
        .env("PATH", path)
        .within(&fuzz)
        .visibly()?;
    // It builds for a named target, the machine's own.
    let machine = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    for name in TARGETS {
        let corpus = output.join("corpus").join(name);
        fs::create_dir_all(&corpus).with_context(|| format!("failed to create {}", corpus.display()))?;
        println!("fuzzing the {name}, {executions} executions");
        Run::new(output.join(&machine).join("release").join(name))
            .arg(&corpus)
            .arg(format!("-runs={executions}"))
            .arg(format!("-dict={}", fuzz.join("json.dict").display()))
            .args([
                "-max_len=2048",
                "-timeout=20",
                "-rss_limit_mb=1024",
                "-print_final_stats=1",
                "-verbosity=0",
            ])
            .within(&output)
            .visibly()?;
    }
    Ok(())
}
