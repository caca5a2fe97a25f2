//! Instructions per event of the whole proxy, counted by callgrind: a figure that does not depend on how busy the
//! machine is, so that a commit can be held to it.
//!
//! The proxy starts twice and gets one load, then twice that; the difference is what the second half cost, without
//! start, shutdown and warm-up. Valgrind hides some instruction sets (AVX-512, SHA), so a count stands for the code
//! paths without them and is compared with other counts only.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::{
    compare::{Proxy, Scenario},
    load::{self, Load},
    process::{Program, free_address},
};

/// Longest wait for the proxy's orderly end under valgrind.
const END_DEADLINE: Duration = Duration::from_secs(120);

/// Instructions of the proxy `program` for each event of the scenario.
pub(crate) async fn per_event(own: &Path, program: &Path, scenario: &Scenario) -> anyhow::Result<f64> {
    let requests = (scenario.events / scenario.grouping.events()).max(1);
    let once = total(own, program, scenario, requests).await?;
    let twice = total(own, program, scenario, requests * 2).await?;
    let events = requests * scenario.grouping.events();
    ensure!(
        twice > once,
        "{events} more events took no more instructions: {once}, then {twice}"
    );
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    Ok((twice - once) as f64 / events as f64)
}

/// Instructions of a proxy's whole life with so many requests.
async fn total(own: &Path, program: &Path, scenario: &Scenario, count: usize) -> anyhow::Result<u64> {
    let address = free_address().await?;
    let _sink = Program::start(own, &["sink".to_owned(), address.to_string()], address).await?;
    let proxy = Proxy::prepare(&format!("http://{address}"), scenario).await?;
    let counted = proxy.folder().join("callgrind.out");
    let mut arguments = vec![
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={}", counted.display()),
        program.display().to_string(),
    ];
    arguments.extend(proxy.arguments());
    let running = Program::start(Path::new("valgrind"), &arguments, proxy.address).await?;
    let load = Load {
        grouping: scenario.grouping,
        connections: scenario.connections,
        count,
        first: 0,
    };
    load::send(proxy.address, load).await?;
    running.end(END_DEADLINE).await?;
    collected(&counted)
}

/// The total that callgrind wrote.
fn collected(file: &PathBuf) -> anyhow::Result<u64> {
    let text = fs::read_to_string(file).with_context(|| format!("failed to read \"{}\"", file.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.with_context(|| format!("no totals in \"{}\"", file.display()))?;
    Ok(total.trim().parse()?)
}

/// Whether valgrind starts here.
pub(crate) async fn possible() -> bool {
    let version = Command::new("valgrind").arg("--version").output().await;
    version.is_ok_and(|output| output.status.success())
}
