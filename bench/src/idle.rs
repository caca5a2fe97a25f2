//! What the proxy takes while nothing is sent, and how soon it listens.

use std::{path::Path, time::Instant};

use firehose_proxy_config::Acknowledge;

use crate::{
    compare::Proxy,
    process::{Program, free_address},
};

const MIB: f64 = 1024.0 * 1024.0;

/// A figure with what it must not pass, and what it should not.
struct Line {
    what: &'static str,
    unit: &'static str,
    measured: f64,
    must: f64,
    goal: f64,
}

/// Prints a line for each figure and says whether all are as they must be.
pub(crate) async fn run(proxy: &Path, rounds: u8) -> anyhow::Result<bool> {
    // Nobody is there to call, and nobody calls.
    let endpoint = format!("https://{}", free_address().await?);
    let (mut resident_kib, mut milliseconds) = (u64::MAX, f64::MAX);
    for _ in 0..rounds {
        let prepared = Proxy::prepare(&endpoint, Acknowledge::WhenDelivered, 1, None).await?;
        let begun = Instant::now();
        let running = Program::start(proxy, &prepared.arguments(), prepared.address, None).await?;
        // The best round: whatever else the machine does can only make it later.
        milliseconds = milliseconds.min(begun.elapsed().as_secs_f64() * 1e3);
        resident_kib = resident_kib.min(running.peak_resident_kib()?);
    }
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    let (resident, binary) = (
        resident_kib as f64 / 1024.0,
        std::fs::metadata(proxy)?.len() as f64 / MIB,
    );
    let lines = [
        Line {
            what: "resident",
            unit: "MiB",
            measured: resident,
            must: 14.0,
            goal: 12.0,
        },
        Line {
            what: "binary",
            unit: "MiB",
            measured: binary,
            must: 14.0,
            goal: 12.0,
        },
        Line {
            what: "listening after",
            unit: "ms",
            measured: milliseconds,
            must: 30.0,
            goal: 15.0,
        },
    ];
    for line in &lines {
        let Line {
            what,
            unit,
            measured,
            must,
            goal,
        } = line;
        let verdict = if measured <= must { "pass" } else { "fail" };
        println!("idle            {what} {measured:.1} {unit}, must {must:.0}, goal {goal:.0}: {verdict}");
    }
    Ok(lines.iter().all(|line| line.measured <= line.must))
}
