//! From the flags of `dead-letters` to what it prints.

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use firehose_operator::{
    args::{DeadLetters, Output, Which},
    cli::cluster::{Fleet, FleetProgress, Letters, OfPod, Order, Said},
};
use firehose_proxy_config::letters::{Gone, Summary};
use serde_json::json;

use crate::{
    online::{answer, connect},
    print,
};

/// Progress is told no more often.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// What `dead-letters` does.
pub(crate) async fn dead_letters(command: &DeadLetters) -> anyhow::Result<ExitCode> {
    match command {
        DeadLetters::List { which, limit } => list(which, *limit).await,
        DeadLetters::Show { destination, id, at } => {
            let fleet = Fleet::of(&connect(at).await?, destination).await?;
            io::stdout().write_all(&fleet.show(id).await?)?;
            Ok(ExitCode::SUCCESS)
        }
        DeadLetters::Redrive(which) => carry_out(Order::Redrive, which).await,
        DeadLetters::Drop(which) => carry_out(Order::Drop, which).await,
    }
}

fn letters(which: &Which, limit: Option<usize>) -> Letters {
    Letters {
        ids: which.ids.clone(),
        all: which.all,
        stream: which.stream.clone(),
        reason: which.reason.clone(),
        limit,
    }
}

async fn list(which: &Which, limit: Option<usize>) -> anyhow::Result<ExitCode> {
    let fleet = Fleet::of(&connect(&which.at).await?, &which.destination).await?;
    let pods = fleet.list(&letters(which, limit)).await?;
    let mut text = String::new();
    if which.output == Output::Text {
        text.push_str(&row(["ID", "TIME", "STREAM", "SOURCE", "REASON", "BYTES", "DETAIL"]));
    }
    let mut is_all = true;
    for OfPod { pod, said } in &pods {
        match (said, which.output) {
            (Said::Answer(letters), Output::Text) => letters.iter().for_each(|letter| text.push_str(&written(letter))),
            (Said::Answer(letters), Output::Json) => {
                for letter in letters {
                    text.push_str(&format!("{}\n", serde_json::to_string(letter)?));
                }
            }
            (Said::Error(why), output) => {
                is_all = false;
                match output {
                    Output::Text => eprintln!("without {pod}: {why}"),
                    Output::Json => text.push_str(&format!("{}\n", json!({"pod": pod, "error": why}))),
                }
            }
        }
    }
    print(&text)?;
    Ok(answer(is_all))
}

fn written(letter: &Summary) -> String {
    let stream = letter.stream.as_deref().unwrap_or("-");
    let detail = letter.detail.escape_debug().to_string(); // one line a letter, whatever AWS or a client has written
    let source = if letter.source.is_empty() { "-" } else { &letter.source };
    let bytes = letter.bytes.to_string();
    row([
        &letter.id,
        &letter.time,
        stream,
        source,
        &letter.reason,
        &bytes,
        &detail,
    ])
}

fn row([id, time, stream, source, reason, bytes, detail]: [&str; 7]) -> String {
    format!("{id:<32} {time:<30} {stream:<24} {source:<16} {reason:<22} {bytes:>9} {detail}\n")
}

async fn carry_out(order: Order, which: &Which) -> anyhow::Result<ExitCode> {
    let fleet = Fleet::of(&connect(&which.at).await?, &which.destination).await?;
    let mut told: Option<Instant> = None;
    let is_watched = io::stderr().is_terminal();
    let tell = |progress: FleetProgress| {
        if told.is_some_and(|told| told.elapsed() < TOLD_EVERY) {
            return;
        }
        told = Some(Instant::now());
        match which.output {
            // Who has stopped reading learns nothing from the end either.
            Output::Json => drop(print(&format!("{}\n", json!({"progress": progress})))),
            Output::Text if is_watched => eprintln!("{}", far(progress)),
            Output::Text => {}
        }
    };
    let pods = fleet.carry_out(order, &letters(which, None), tell).await?;
    let mut is_all = true;
    for OfPod { pod, said } in &pods {
        is_all &= matches!(said, Said::Answer(gone) if gone.is_all());
        match (which.output, said) {
            (Output::Json, Said::Answer(gone)) => print(&format!("{}\n", json!({"pod": pod, "gone": gone})))?,
            (Output::Json, Said::Error(why)) => print(&format!("{}\n", json!({"pod": pod, "error": why})))?,
            (Output::Text, Said::Answer(gone)) => print(&came_to(order, pod, gone))?,
            (Output::Text, Said::Error(why)) => print(&format!("{pod}: {why}\n"))?,
        }
    }
    Ok(answer(is_all))
}

fn far(progress: FleetProgress) -> String {
    let FleetProgress {
        done,
        of,
        per_second,
        seconds_left,
    } = progress;
    let left = seconds_left.map_or_else(String::new, |seconds| format!(", {seconds:.0} s left"));
    format!("{done} of {of}, {per_second:.0} a second{left}")
}

/// In the words of the proxy's own command.
fn came_to(order: Order, pod: &str, gone: &Gone) -> String {
    let mut text = match order {
        Order::Redrive => format!("{pod}: {} sent again\n", gone.sent),
        Order::Drop => format!("{pod}: {} dropped\n", gone.dropped),
    };
    if gone.stuck_count > 0 {
        text.push_str(&format!("{pod}: {} cannot be sent again\n", gone.stuck_count));
        for stuck in &gone.stuck {
            text.push_str(&format!("  {} {}: {}\n", stuck.id, stuck.reason, stuck.why));
        }
    }
    for id in &gone.unknown {
        text.push_str(&format!("there is no {}\n", id.escape_debug()));
    }
    if let Some(why) = &gone.failed {
        text.push_str(&format!("{pod}: it ended before its end: {why}\n"));
    }
    text
}
