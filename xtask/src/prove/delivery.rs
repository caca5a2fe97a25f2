//! Delivery's core against a million seeded histories, and the whole proxy against a Firehose that throttles, fails and
//! goes away. `test` runs the first few hundred histories, and the rest for a few seconds each.

use crate::{command::Run, repository};

/// Runs the seeds `0..seeds`. A failing one prints the command that replays it.
///
/// # Errors
/// When a history breaks what the oracle asks for, or a planted bug goes unnoticed.
pub(crate) fn run(seeds: u64) -> anyhow::Result<()> {
    // Only the proxy's own crate has to be fast: its dependencies do next to nothing there.
    Run::line("cargo test --config profile.dev.package.firehose-proxy.opt-level=3 --workspace --lib")
        .args(["simulation::delivery", "--", "--nocapture"])
        .env("DELIVERY_SEEDS", seeds.to_string())
        .within(&repository())
        .visibly()
}

/// Runs the tests of delivery at full length, one after the other: they measure.
///
/// # Errors
/// When one of them fails.
pub(crate) fn load() -> anyhow::Result<()> {
    Run::line("cargo test --release --workspace --test delivery -- --nocapture --test-threads 1")
        .env("DELIVERY_FULL_LENGTH", "1")
        .within(&repository())
        .visibly()
}
