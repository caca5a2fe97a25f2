//! The steps of `cargo xtask test`, in order: what is cheap and fails often comes first.

use anyhow::Result;

use super::tally::Tally;
use crate::{
    cluster,
    command::Run,
    demo::{self, DemoArgs},
    prove::{api_server, fuzz, instructions},
    repository, target, tools,
};

/// One step.
pub(crate) struct Step {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it does, for the log.
    pub(crate) what: &'static str,
    /// Installs what it needs; an error means that it cannot run here.
    pub(crate) prepare: fn() -> Result<()>,
    /// Runs it.
    pub(crate) run: fn() -> Result<Tally>,
}

/// Every step, in the order in which they run.
pub(crate) fn all() -> Vec<Step> {
    let step = |name, what, prepare, run| Step {
        name,
        what,
        prepare,
        run,
    };
    vec![
        step("fmt", "every file is formatted", nothing, fmt),
        step("clippy", "no lint warns, in any target or feature set", nothing, clippy),
        step("doc", "the documentation builds without a warning", nothing, doc),
        step(
            "deny",
            "one version of each dependency, known licenses, one source",
            cargo_deny,
            deny,
        ),
        step("unit", "tests inside the crates", nothing, unit),
        step(
            "durability",
            "a 200 comes after its sync; crashes and a full disk lose nothing",
            strace_and_root,
            durability,
        ),
        step(
            "architecture",
            "imports run one way, generated files are current",
            nothing,
            architecture,
        ),
        step("local", "the whole product without a cluster", nothing, || {
            crossing("local_path")
        }),
        step(
            "commands",
            "each command's help has an example that runs, and a linter takes its templates",
            tools::cfn_lint,
            || crossing("commands"),
        ),
        step(
            "chart",
            "what the chart makes of its values, under Helm 3 and Helm 4",
            || cluster::programs::helms().map(drop),
            chart,
        ),
        step("readme", "every command of the README does what it says", curl, readme),
        step(
            "fuzz",
            "a fuzzer finds no body that serde_json reads otherwise",
            fuzz::prepare,
            short_fuzz,
        ),
        step(
            "openapi",
            "the event endpoint answers as its description says",
            tools::schemathesis,
            || crossing("openapi"),
        ),
        step("sdk", "unmodified SDKs send to the local path", tools::sdks, || {
            crossing("sdk")
        }),
        step("moto", "somebody else's Firehose receives it", tools::sdks, || {
            crossing("moto")
        }),
        step(
            "api-server",
            "the operator against a real API server, with the rights of its chart",
            api_server::possible,
            api_server_tests,
        ),
        step(
            "instructions",
            "an event takes no more instructions than it may",
            instructions::prepare,
            || instructions::path_and_reference().map(|_| Tally::default()),
        ),
        step(
            "cluster",
            "the product in a real cluster, installed with its chart, and the demonstration",
            cluster::possible,
            in_a_cluster,
        ),
    ]
}

/// The names of all steps.
pub(crate) fn names() -> Vec<&'static str> {
    all().iter().map(|step| step.name).collect()
}

fn nothing() -> Result<()> {
    Ok(())
}

fn fmt() -> Result<Tally> {
    check("fmt --all --check")
}

fn clippy() -> Result<Tally> {
    check("clippy --quiet --workspace --all-targets -- --deny warnings")?;
    // A target that runs only by name is none of all.
    check("clippy --quiet --workspace --test api_server -- --deny warnings")?;
    // The operator without its controller is what the local path is built from.
    check("clippy --quiet --package firehose-operator --no-default-features -- --deny warnings")
}

fn doc() -> Result<Tally> {
    cargo("doc --quiet --workspace --no-deps --document-private-items")
        .env("RUSTDOCFLAGS", "--deny warnings")
        .visibly()?;
    Ok(Tally::default())
}

fn deny() -> Result<Tally> {
    Run::new(target().join("tools/cargo-deny/bin/cargo-deny"))
        .args(["--workspace", "check", "bans", "licenses", "sources"])
        .within(&repository())
        .visibly()?;
    Ok(Tally::default())
}

fn cargo_deny() -> Result<()> {
    tools::python("cargo-deny", &repository().join("xtask/requirements.txt")).map(drop)
}

/// But for the tests that need root or a tracer, which [`durability`] runs.
fn unit() -> Result<Tally> {
    tests(
        "--workspace --exclude firehose-tests -- --skip failing_disk:: --skip full_disk:: --skip limits:: --skip stalled::while_a_sync --skip starting::probes_are --skip synced::",
    )
}

fn strace_and_root() -> Result<()> {
    tools::debian("strace", &["strace"])?;
    anyhow::ensure!(tools::is_root(), "mounting a small file system needs root");
    Ok(())
}

/// What `unit` leaves out, and as many histories as fit into a hundred seconds; `cargo xtask prove durability`
/// runs a million.
fn durability() -> Result<Tally> {
    let mut tally = tests("--workspace --test spool -- --ignored")?;
    let histories = cargo("test --workspace --lib simulation::spool -- --nocapture");
    tally += count(histories.env("DURABILITY_SECONDS", "100"))?;
    Ok(tally)
}

/// A short run; `cargo xtask prove fuzz` is the long one.
fn short_fuzz() -> Result<Tally> {
    fuzz::execute(100_000)?;
    Ok(Tally::default())
}

fn architecture() -> Result<Tally> {
    let mut tally = tests("--package firehose-tests --lib")?;
    tally += tests("--workspace --test architecture --test generated")?;
    Ok(tally)
}

fn curl() -> Result<()> {
    tools::debian("curl", &["curl", "ca-certificates"])
}

fn api_server_tests() -> Result<Tally> {
    count(api_server::tests()?)
}

fn chart() -> Result<Tally> {
    let [three, four] = cluster::programs::helms()?;
    let run = cargo("test --no-fail-fast --package firehose-tests --test chart -- --include-ignored");
    count(run.env("HELM_3", three).env("HELM_4", four))
}

/// All but the command that builds for release, which `cargo xtask prove readme` runs.
fn readme() -> Result<Tally> {
    tests("--workspace --test readme -- --include-ignored --skip as_it_is_written")
}

/// Tests that cross crates and are ignored where their tools are missing. Here they are not.
fn crossing(suite: &str) -> Result<Tally> {
    tests(&format!("--workspace --test {suite} -- --include-ignored"))
}

/// What passes or fails as a whole.
fn check(line: &str) -> Result<Tally> {
    cargo(line).visibly()?;
    Ok(Tally::default())
}

/// Release images, a cluster, the tests on it, and the demonstration. Our own cluster ends with them.
fn in_a_cluster() -> Result<Tally> {
    let profile = "release".to_owned();
    let tally = cluster::prepare_tests(&profile, None).and_then(count);
    let tally = tally.and_then(|tally| match tally.failed {
        0 => demo::run(&DemoArgs { profile }).map(|()| tally),
        _ => Ok(tally),
    });
    cluster::end_own()?;
    tally
}

/// Runs `cargo test` and counts.
fn tests(selection: &str) -> Result<Tally> {
    count(cargo(&format!("test --no-fail-fast {selection}")))
}

/// Runs test harnesses and counts what each reports. One that dies reports nothing: the exit status tells.
fn count(run: Run) -> Result<Tally> {
    let mut tally = Tally::default();
    let passed = run.visibly_by_line(|line| tally.read_line(line))?;
    if !passed && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

fn cargo(line: &str) -> Run {
    Run::line(&format!("cargo {line}")).within(&repository())
}
