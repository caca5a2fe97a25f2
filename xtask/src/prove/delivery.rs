//! Delivery's core against a million seeded histories. `test` runs the first few hundred of them.

use crate::command::Run;

/// Runs the seeds `0..seeds`. A failing one prints the command that replays it.
///
/// # Errors
/// When a history breaks what the oracle asks for, or a planted bug goes unnoticed.
pub(crate) fn run(seeds: u64) -> anyhow::Result<()> {
    Run::line("cargo test --release -p firehose-proxy --lib deliver::core::simulation -- --nocapture")
        .env("DELIVERY_SEEDS", seeds.to_string())
        .visibly()
}
