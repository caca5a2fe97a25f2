//! From the flags of the commands that ask a cluster to what they print.

use std::{
    fs,
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use anyhow::Context as _;
use firehose_operator::{
    args::{At, Diff, Output, Report, Status},
    cli::{
        Paint,
        cluster::{self, ChildChange, Cluster, Difference, Verdict},
    },
};
use k8s_openapi::jiff::Timestamp;

use crate::print;

/// The cluster was asked, and the answer is not that all is well.
const NOT_ALL_IS_WELL: u8 = 3;

/// What `diff` does.
pub(crate) async fn diff(flags: &Diff) -> anyhow::Result<ExitCode> {
    let cluster = connect(&flags.at).await?;
    let allowed = flags.allowed.as_given()?;
    let mut is_any = false;
    for path in &flags.filename {
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        let found = cluster::diff(&cluster, &text, &allowed).await;
        for difference in found.with_context(|| path.display().to_string())? {
            is_any |= difference.is_any();
            print(&written(&difference))?;
        }
    }
    Ok(answer(!is_any))
}

fn written(difference: &Difference) -> String {
    let Difference { namespace, name, .. } = difference;
    let mut lines = Vec::new();
    match (difference.refusals.is_empty(), difference.children.is_empty()) {
        (false, _) => lines.push(format!("{namespace}/{name} would be refused")),
        (true, true) => lines.push(format!("{namespace}/{name} would stay as it is")),
        (true, false) => lines.push(format!("{namespace}/{name} would change")),
    }
    lines.extend(difference.refusals.iter().map(|refusal| format!("  ! {refusal}")));
    for child in &difference.children {
        match child {
            ChildChange::Created { kind, name } => lines.push(format!("  + {kind} {name}")),
            ChildChange::Changed { kind, name, fields } => {
                lines.push(format!("  ~ {kind} {name}"));
                lines.extend(fields.iter().map(|change| format!("      {change}")));
            }
        }
    }
    lines.extend(difference.notes.iter().map(|note| format!("  ({note})")));
    lines.push(String::new());
    lines.join("\n")
}

/// What `status` does.
pub(crate) async fn status(flags: &Status) -> anyhow::Result<ExitCode> {
    let cluster = connect(&flags.at).await?;
    let standings = cluster::standings(&cluster, &flags.names, flags.all_namespaces).await;
    let standings = standings.context("failed to read destinations")?;
    let now = Timestamp::now();
    let no_color = std::env::var("NO_COLOR").ok();
    let paint = Paint::suits(io::stdout().is_terminal(), no_color.as_deref());
    let mut screen = String::new();
    for standing in &standings {
        match flags.output {
            Output::Text => cluster::write_standing(&mut screen, standing, now, paint)?,
            Output::Json => {
                screen.push_str(&serde_json::to_string(standing)?);
                screen.push('\n');
            }
        }
    }
    if standings.is_empty() {
        eprintln!("no FirehoseDestination in {}", cluster.namespace());
    }
    print(&screen)?;
    Ok(answer(
        standings.iter().all(|standing| standing.verdict == Verdict::Working),
    ))
}

/// What `report` does.
pub(crate) async fn report(flags: &Report) -> anyhow::Result<ExitCode> {
    let cluster = connect(&flags.at).await?;
    let bundle = cluster::report(&cluster, &flags.name, Timestamp::now()).await?;
    let directory = &flags.directory;
    let failed = || format!("failed to write to {}", directory.display());
    fs::create_dir(directory).with_context(|| format!("failed to make {}", directory.display()))?;
    for (name, text) in &bundle.files {
        let path = directory.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(failed)?;
        }
        fs::write(path, text).with_context(failed)?;
    }
    print(&format!("{} files in {}\n", bundle.files.len(), directory.display()))?;
    for line in &bundle.missing {
        eprintln!("without {line}");
    }
    Ok(ExitCode::SUCCESS)
}

async fn connect(at: &At) -> anyhow::Result<Cluster> {
    Ok(Cluster::connect(at.context.as_deref(), at.namespace.as_deref()).await?)
}

fn answer(is_well: bool) -> ExitCode {
    match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NOT_ALL_IS_WELL),
    }
}
