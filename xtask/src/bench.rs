//! `cargo xtask bench`: builds the benchmark and the proxy as they are released, and runs it.

use anyhow::Result;

use crate::{command::Run, repository};

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// What is measured, everything if nothing is named; and other options of `firehose-bench`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SCENARIO")]
    rest: Vec<String>,
}

/// Builds and measures.
///
/// # Errors
///
/// When something is not as it must be, or cannot be measured.
pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    Run::line("cargo run --quiet --release --package firehose-bench --bin firehose-bench --")
        .args(&args.rest)
        .within(&repository())
        .visibly()
}
