//! Instructions of the path of an event, from the request's body to the batch that is handed on: a count does not
//! depend on how busy the machine is, so that a commit can be held to it.
//!
//! Counted by callgrind, which hides some instruction sets (AVX-512, SHA) and counts system calls as nothing. The count
//! is judged as a ratio to what serde_json takes to read and write the same bytes, so that it means the same on every
//! machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{command::Run, repository, target, tools};

/// Ways to find the marks of a text that are counted, each by name: callgrind shows AVX2 to the program, but the
/// machine may have none. Beside each the most instructions of the path, in hundredths of what serde_json takes.
const METHODS: [(&str, u64); 2] = [("avx2", 21), ("portable", 23)];
/// Batches of the shorter of two runs, whose difference is what is counted: the start of the program cancels out.
const BATCHES: u64 = 20;
/// Events of a batch.
const EVENTS: u64 = 50;

/// Options of `cargo xtask prove instructions`.
#[derive(Debug, clap::Args)]
pub(crate) struct InstructionsArgs {
    /// The `event-path` program of another commit, to compare with
    #[arg(long, value_name = "PATH")]
    before: Option<PathBuf>,
}

/// Counts, prints, and compares.
///
/// # Errors
///
/// When an event takes more instructions than it may, or nothing could be counted.
pub(crate) fn run(args: &InstructionsArgs) -> Result<()> {
    prepare()?;
    let program = path_and_reference()?;
    if let Some(before) = &args.before {
        let (before, now) = (per_event(before, "proxy")?, per_event(&program, "proxy")?);
        let thousandths = now * 1000 / before.max(1);
        println!(
            "{before} before: {now} are {}.{:03} of them",
            thousandths / 1000,
            thousandths % 1000
        );
    }
    Ok(())
}

/// Installs what counts.
///
/// # Errors
///
/// It cannot be installed.
pub(crate) fn prepare() -> Result<()> {
    tools::debian("valgrind", &["valgrind"])
}

/// Counts and prints the instructions of the path for each event, and returns the program that was counted.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn path_and_reference() -> Result<PathBuf> {
    let folder = target().join("instructions");
    Run::line(
        "cargo build --quiet --manifest-path fuzz/Cargo.toml --profile counted --example event-path --target-dir",
    )
    .arg(&folder)
    .within(&repository())
    .visibly()?;
    let program = folder.join("counted/examples/event-path");
    let reference = per_event(&program, "reference")?;
    for (method, most_hundredths) in METHODS {
        if method == "avx2" && !has_avx2() {
            println!("the machine has no AVX2: not counted");
            continue;
        }
        let path = per_event(&program, method)?;
        let hundredths = path * 100 / reference.max(1);
        println!("an event takes {path} instructions ({method}), {hundredths} % of the {reference} of serde_json");
        ensure!(
            hundredths <= most_hundredths,
            "an event takes {hundredths} % of serde_json's instructions ({method}); {most_hundredths} % is the bound"
        );
    }
    Ok(program)
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

/// Instructions of each event.
fn per_event(program: &Path, what: &str) -> Result<u64> {
    let once = instructions(program, what, BATCHES)?;
    let twice = instructions(program, what, BATCHES * 2)?;
    ensure!(
        twice > once,
        "twice the work took no more instructions: {once}, then {twice}"
    );
    Ok((twice - once) / (BATCHES * EVENTS))
}

/// Instructions of a whole run.
fn instructions(program: &Path, what: &str, batches: u64) -> Result<u64> {
    let counted = target().join("callgrind.out");
    Run::line("valgrind --quiet --tool=callgrind")
        .arg(format!("--callgrind-out-file={}", counted.display()))
        .arg(program)
        .args([what, &batches.to_string()])
        .quietly()?;
    let text = fs::read_to_string(&counted).with_context(|| format!("failed to read \"{}\"", counted.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.with_context(|| format!("no totals in \"{}\"", counted.display()))?;
    Ok(total.trim().parse()?)
}
