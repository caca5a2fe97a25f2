//! `firehose-proxy dead-letters …`: a person's side of the dead letters. Talks to the running proxy over its socket.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::Summary;

/// What can be done with dead letters.
#[derive(Debug, Clone, clap::Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "command")]
pub enum Command {
    /// Show them, oldest first
    List(Selection),
    /// Write the exact bytes of one to standard output
    Show {
        /// Which
        id: String,
    },
    /// Put them back to be delivered, and drop each once it is safe again
    Redrive(Selection),
    /// Drop them for good
    Drop(Selection),
}

/// Which letters.
#[derive(Debug, Clone, Default, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selection {
    /// These only
    pub ids: Vec<String>,
    /// All of them, unless narrowed down by --stream and --reason
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// Only those for this delivery stream
    #[arg(long)]
    pub stream: Option<String>,
    /// Only those with this reason
    #[arg(long)]
    pub reason: Option<String>,
    /// Show at most so many
    #[arg(long)]
    pub limit: Option<usize>,
}

/// The first line of an answer; what was asked for comes behind it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Answer {
    /// JSON lines, one a letter.
    Letters,
    /// The bytes of an event.
    Bytes,
    /// So many letters.
    Done(usize),
    /// Why not.
    Failed(String),
}

/// How long the proxy may take for an answer. A re-drive waits for the disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);
/// Letters that a list shows when nobody says how many.
const DEFAULT_LIMIT: usize = 100;

impl Selection {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).max(1)
    }

    pub(super) fn contains(&self, ids: &BTreeSet<&str>, letter: &Summary) -> bool {
        (ids.is_empty() || ids.contains(letter.id.as_str()))
            && self
                .stream
                .as_ref()
                .is_none_or(|stream| letter.stream.as_ref() == Some(stream))
            && self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
    }

    /// Whether somebody has said which letters, so that none goes by accident.
    fn is_deliberate(&self) -> bool {
        self.all || !self.ids.is_empty() || self.stream.is_some() || self.reason.is_some()
    }
}

/// Carries out a command by way of the proxy whose socket this is, and writes what a person wants to see to `out`.
///
/// # Errors
///
/// When there is no proxy, or it says why not.
pub fn run(socket: &Path, command: &Command, out: &mut impl Write) -> anyhow::Result<()> {
    if let Command::Redrive(selection) | Command::Drop(selection) = command
        && !selection.is_deliberate()
    {
        bail!("say which: ids, --all, --stream or --reason");
    }
    let mut stream = UnixStream::connect(socket)
        .with_context(|| format!("failed to reach a proxy at {socket:?}; is it running, in this container?"))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    serde_json::to_writer(&mut stream, command)?;
    stream.write_all(b"\n")?;
    let mut answer = BufReader::new(stream);
    let mut first = String::new();
    answer
        .read_line(&mut first)
        .context("the proxy has not answered in time")?;
    match serde_json::from_str(&first).context("the proxy's answer is not understood")? {
        Answer::Failed(reason) => bail!("{reason}"),
        Answer::Done(count) => writeln!(out, "{count} dead letters")?,
        Answer::Bytes => {
            let mut bytes = Vec::new();
            answer.read_to_end(&mut bytes)?;
            out.write_all(&bytes)?;
        }
        Answer::Letters => {
            writeln!(
                out,
                "{:<12} {:<30} {:<24} {:<22} {:>9} DETAIL",
                "ID", "TIME", "STREAM", "REASON", "BYTES"
            )?;
            for line in answer.lines() {
                let letter: Summary = serde_json::from_str(&line?)?;
                let Summary {
                    id,
                    time,
                    stream,
                    event: _,
                    reason,
                    detail,
                    bytes,
                } = letter;
                let stream = stream.unwrap_or_else(|| "-".to_owned());
                let detail = detail.escape_debug(); // one line a letter, whatever AWS or a client has written
                writeln!(out, "{id:<12} {time:<30} {stream:<24} {reason:<22} {bytes:>9} {detail}")?;
            }
        }
    }
    Ok(())
}
