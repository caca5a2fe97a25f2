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

use anyhow::{Context, bail, ensure};
use tokio::process::Command;

use crate::{
    compare::Proxy,
    event::requests,
    load::{Connections, Load},
    process::{Program, free_address},
    scenario::{Side, Who},
};

/// Longest wait for the proxy's orderly end under valgrind.
const END_DEADLINE: Duration = Duration::from_secs(120);

/// Instructions of the proxy `program` for each event of a side, of about so many.
pub(crate) async fn per_event(own: &Path, program: &Path, side: &Side, events: usize) -> anyhow::Result<f64> {
    let requests = (events / side.grouping.events()).max(1);
    let once = total(own, program, side, requests).await?;
    let twice = total(own, program, side, requests * 2).await?;
    let events = requests * side.grouping.events();
    ensure!(
        twice > once,
        "{events} more events took no more instructions: {once}, then {twice}"
    );
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    Ok((twice - once) as f64 / events as f64)
}

/// Instructions of a proxy's whole life with so many requests. Its sink speaks no TLS: callgrind hides what that is
/// done with.
async fn total(own: &Path, program: &Path, side: &Side, count: usize) -> anyhow::Result<u64> {
    let (calls, questions) = (free_address().await?, free_address().await?);
    let arguments = ["sink".to_owned(), calls.to_string(), questions.to_string()];
    let _sink = Program::start(own, &arguments, calls, None).await?;
    let Who::Proxy(acknowledge) = side.who else {
        bail!("only the proxy's instructions are counted");
    };
    let proxy = Proxy::prepare(&format!("http://{calls}"), acknowledge, side.streams, None).await?;
    let counted = proxy.folder().join("callgrind.out");
    let mut arguments = vec![
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={}", counted.display()),
        program.display().to_string(),
    ];
    arguments.extend(proxy.arguments());
    let running = Program::start(Path::new("valgrind"), &arguments, proxy.address, None).await?;
    let load = Load {
        requests: requests(side.grouping, side.streams, side.compressed).into(),
        count,
        first: 0,
        interval: None,
    };
    Connections::open(proxy.address, side.connections)
        .await?
        .send(load)
        .await?;
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
