//! A 200 that survives: histories on a simulated disk, and the real process killed, filled up and started again.

use anyhow::Result;

use crate::{command::Run, repository};

/// Runs seeded histories of the spool together with delivery. A failing one prints the command that replays it.
///
/// # Errors
///
/// When a history loses an answered event or repeats one without an excuse, or a planted bug goes unnoticed.
pub(crate) fn schedules(schedules: u64, first_seed: u64) -> Result<()> {
    tests("--lib simulation::spool")
        .env("DURABILITY_SCHEDULES", schedules.to_string())
        .env("DURABILITY_FIRST_SEED", first_seed.to_string())
        .visibly()
}

/// Kills the process under load, with each meaning of a 200.
///
/// # Errors
///
/// When an answered event is lost, or one arrives twice without a kill in between.
pub(crate) fn kill(rounds: u64) -> Result<()> {
    tests("--test spool killed::")
        .env("KILL_ROUNDS", rounds.to_string())
        .visibly()
}

/// Fills the spool of a real process to its bound while Firehose is away, kills it, and delivers everything with the
/// next one.
///
/// # Errors
///
/// When memory grows with the backlog, the next process takes long to listen, or an event is missing.
pub(crate) fn backlog(bytes: u64) -> Result<()> {
    tests("--test spool backlog::")
        .env("BACKLOG_BYTES", bytes.to_string())
        .visibly()
}

/// Runs the released binary within its pod's limits, and prints what each scenario took.
///
/// # Errors
///
/// When it takes more memory than the pod has, loses what was answered, or takes nothing at all.
pub(crate) fn limits(seconds: u64) -> Result<()> {
    released("limits::a_pod")
        .env("LIMITS_SECONDS", seconds.to_string())
        .visibly()
}

/// Lets clients do everything wrong beside one that does not, which must get each of its answers, in little more time.
///
/// # Errors
///
/// When it does not.
pub(crate) fn hostile(seconds: u64) -> Result<()> {
    released("limits::hostile")
        .env("HOSTILE_SECONDS", seconds.to_string())
        .visibly()
}

/// Tests of the proxy's process as it is released.
fn released(which: &str) -> Run {
    Run::line("cargo test --release --workspace --test spool")
        .args([which, "--", "--nocapture", "--ignored"])
        .within(&repository())
}

/// Tests of the proxy with only its own crate optimized: what it depends on does next to nothing in them.
fn tests(which: &str) -> Run {
    Run::line("cargo test --config profile.dev.package.firehose-proxy.opt-level=3 --workspace")
        .args(which.split(' '))
        .args(["--", "--nocapture", "--test-threads", "1"])
        .within(&repository())
}
