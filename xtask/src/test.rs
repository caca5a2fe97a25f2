//! `cargo xtask test`: everything CI runs, step by step, each with its time; the last line counts test results.

mod steps;
mod tally;

use std::{env, process::ExitCode, time::Instant};

use self::tally::Tally;

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// Run only these steps
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(steps::names()))]
    steps: Vec<String>,
}

/// Runs the steps and prints `N passed, N failed, N skipped` as the last line. No success when anything failed or, in
/// CI, was skipped.
pub(crate) fn run(args: &TestArgs) -> ExitCode {
    let mut total = Tally::default();
    let mut bad_steps = Vec::new();
    for step in steps::all() {
        if !args.steps.is_empty() && !args.steps.iter().any(|name| name == step.name) {
            continue;
        }
        let started = Instant::now();
        println!("── {}: {}", step.name, step.what);
        let (tally, note) = run_step(&step);
        println!("── {}: {note} in {:.1} s\n", step.name, started.elapsed().as_secs_f64());
        if tally.failed > 0 || (is_ci() && tally.skipped > 0) {
            bad_steps.push(step.name);
        }
        total += tally;
    }
    if !bad_steps.is_empty() {
        println!("not passed: {}", bad_steps.join(", "));
    }
    println!("{total}");
    if bad_steps.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A check that fails counts as one failure; a check that holds is no test and counts as nothing.
fn run_step(step: &steps::Step) -> (Tally, String) {
    if let Err(missing) = (step.prepare)() {
        return if is_ci() {
            (Tally::one_failed(), format!("failed, a tool is missing: {missing:#}"))
        } else {
            (Tally::one_skipped(), format!("skipped: {missing:#}"))
        };
    }
    match (step.run)() {
        Ok(tally) if tally == Tally::default() => (tally, "ok".to_owned()),
        Ok(tally) => (tally, tally.to_string()),
        Err(error) => (Tally::one_failed(), format!("failed: {error:#}")),
    }
}

/// Whether this is CI, where nothing may be skipped.
fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}
