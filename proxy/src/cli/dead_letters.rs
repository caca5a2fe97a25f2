//! `firehose-proxy dead-letters …`: asks the running proxy over its socket and prints the answer.

use std::{
    io::{self, BufRead, BufReader, Read as _, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use firehose_proxy_config::letters::{Gone, Stuck, Summary, Told};

use super::Output;
use crate::dead_letters::{Answer, Command};

/// How long the proxy may take for an answer. A re-drive waits for the disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

/// Carries out a command by way of the proxy whose socket this is, and writes what a person wants to see to `out`.
/// Returns whether all was done that was asked for.
///
/// # Errors
///
/// When there is no proxy, or it says why not.
pub fn run(socket: &Path, command: &Command, output: Output, out: &mut impl Write) -> anyhow::Result<bool> {
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
        Answer::Told => return told(answer, matches!(command, Command::Drop(_)), output, out),
        Answer::Bytes => {
            let mut bytes = Vec::new();
            answer.read_to_end(&mut bytes)?;
            out.write_all(&bytes)?;
        }
        Answer::Letters if output == Output::Json => drop(io::copy(&mut answer, out)?),
        Answer::Letters => list(answer, out)?,
    }
    Ok(true)
}

fn list(answer: impl BufRead, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "{:<12} {:<30} {:<24} {:<16} {:<22} {:>9} DETAIL",
        "ID", "TIME", "STREAM", "SOURCE", "REASON", "BYTES"
    )?;
    for line in answer.lines() {
        let letter: Summary = serde_json::from_str(&line?)?;
        let Summary {
            id,
            time,
            stream,
            event: _,
            source,
            reason,
            detail,
            bytes,
        } = letter;
        let stream = stream.unwrap_or_else(|| "-".to_owned());
        let source = if source.is_empty() { "-" } else { &source };
        let detail = detail.escape_debug(); // one line a letter, whatever AWS or a client has written
        writeln!(
            out,
            "{id:<12} {time:<30} {stream:<24} {source:<16} {reason:<22} {bytes:>9} {detail}"
        )?;
    }
    Ok(())
}

/// What became of letters, as it goes on.
fn told(answer: impl BufRead, is_drop: bool, output: Output, out: &mut impl Write) -> anyhow::Result<bool> {
    for line in answer.lines() {
        let line = line?;
        let told = serde_json::from_str(&line).context("the proxy's answer is not understood")?;
        if output == Output::Json {
            writeln!(out, "{line}")?;
            out.flush()?;
        }
        match told {
            Told::Progress(_) => {}
            Told::Gone(gone) => {
                if output == Output::Text {
                    write_gone(&gone, is_drop, out)?;
                }
                return Ok(gone.is_all());
            }
        }
    }
    bail!("the proxy has ended before the order did; look at what is left with list")
}

/// What was done, and what was not and why.
fn write_gone(gone: &Gone, is_drop: bool, out: &mut impl Write) -> io::Result<()> {
    let Gone {
        sent,
        dropped,
        stuck,
        stuck_count,
        unknown,
        failed,
    } = gone;
    match is_drop {
        true => writeln!(out, "{dropped} dropped")?,
        false => writeln!(out, "{sent} sent again")?,
    }
    if *stuck_count > 0 {
        writeln!(out, "{stuck_count} cannot be sent again")?;
        for Stuck { id, reason, why } in stuck {
            writeln!(out, "  {id} {reason}: {why}")?;
        }
    }
    for id in unknown {
        writeln!(out, "there is no {}", id.escape_debug())?;
    }
    match failed {
        Some(reason) => writeln!(out, "it ended before its end: {reason}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        dead_letters::{DeadLetters, Letter, SOCKET, Selection, serve},
        queue::memory,
        shutdown::{Phase, shutdown},
        stream::{StreamName, Streams},
    };

    fn letter(stream: &str, reason: &str, bytes: &str) -> Letter {
        Letter {
            stream: Some(StreamName::try_from(stream).unwrap()),
            event: "product added".to_owned(),
            r#type: "track".to_owned(),
            source: String::new(),
            reason: reason.to_owned(),
            detail: "a message\nof two lines".to_owned(),
            bytes: bytes.as_bytes().to_vec(),
        }
    }

    #[tokio::test]
    async fn the_command_line_lists_shows_redrives_and_drops() {
        let directory = tempfile::tempdir().unwrap();
        let letters = DeadLetters::open(
            directory.path(),
            "0b9d6f3e",
            16 << 20,
            1,
            Arc::new(Streams::default()),
            crate::account::Account::unlimited(),
        )
        .unwrap();
        letters.put(&letter("orders", "TooOld", "one\n")).await.unwrap();
        letters.put(&letter("pages", "RecordTooLarge", "two\n")).await.unwrap();
        let no_event = Letter {
            stream: None,
            ..letter("none", "NoIdentity", "three")
        };
        letters.put(&no_event).await.unwrap();
        let (intake, mut outlet) = memory(1 << 20);
        let delivered = tokio::spawn(async move {
            let batch = outlet.next().await.unwrap();
            batch.settle(1);
            batch.entry(0).unwrap().record.to_vec()
        });
        let (controller, listener) = shutdown();
        let serving = serve(letters.clone(), intake, Box::new(|entry| entry.stream), listener).unwrap();
        let server = tokio::spawn(serving);
        let socket = directory.path().join(SOCKET);
        let order = |command: Command| {
            let socket = socket.clone();
            async move {
                let ask = move || {
                    let mut out = Vec::new();
                    super::run(&socket, &command, Output::Text, &mut out)
                        .map(|is_all| (is_all, String::from_utf8(out).unwrap()))
                };
                tokio::task::spawn_blocking(ask).await.unwrap()
            }
        };
        let list = order(Command::List(Selection::default())).await.unwrap().1;
        assert_eq!(list.lines().count(), 4, "{list}");
        let ids: Vec<String> = letters
            .list(&Selection::default())
            .await
            .unwrap()
            .into_iter()
            .map(|letter| letter.id)
            .collect();
        assert_eq!(order(Command::Show { id: ids[1].clone() }).await.unwrap().1, "two\n");
        let unsure = order(Command::Drop(Selection::default())).await.unwrap_err();
        assert!(unsure.to_string().starts_with("say which"), "{unsure}");
        let only = |reason: &str| Selection {
            reason: Some(reason.to_owned()),
            ..Selection::default()
        };
        let (is_all, said) = order(Command::Redrive(only("TooOld"))).await.unwrap();
        assert_eq!((is_all, said.as_str()), (true, "1 sent again\n"));
        let (is_all, said) = order(Command::Drop(only("RecordTooLarge"))).await.unwrap();
        assert_eq!((is_all, said.as_str()), (true, "1 dropped\n"));
        // What cannot be sent again is named with the reason, and stays.
        let all = Selection {
            all: true,
            ..Selection::default()
        };
        let (is_all, said) = order(Command::Redrive(all)).await.unwrap();
        let expected = format!(
            "0 sent again\n1 cannot be sent again\n  {} NoIdentity: it never had a delivery stream",
            ids[2]
        );
        assert!(!is_all && said.starts_with(&expected), "{said}");
        let gone = Selection {
            ids: vec![ids[0].clone(), ids[2].clone()],
            ..Selection::default()
        };
        let (is_all, said) = order(Command::Drop(gone)).await.unwrap();
        assert_eq!((is_all, said), (false, format!("1 dropped\nthere is no {}\n", ids[0])));
        assert_eq!(letters.count(), 0);
        controller.advance(Phase::Stopping);
        server.await.unwrap();
        assert_eq!(delivered.await.unwrap(), b"one\n");
    }
}
