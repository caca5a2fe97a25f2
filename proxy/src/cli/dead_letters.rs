//! `firehose-proxy dead-letters …`: asks the running proxy over its socket and prints the answer.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};

use crate::dead_letters::{Answer, Command, Summary};

/// How long the proxy may take for an answer. A re-drive waits for the disk.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

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
        }
    }
    Ok(())
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
                    super::run(&socket, &command, &mut out).map(|()| String::from_utf8(out).unwrap())
                };
                tokio::task::spawn_blocking(ask).await.unwrap()
            }
        };
        let list = order(Command::List(Selection::default())).await.unwrap();
        assert_eq!(list.lines().count(), 3, "{list}");
        let ids: Vec<String> = letters
            .list(&Selection::default())
            .await
            .unwrap()
            .into_iter()
            .map(|letter| letter.id)
            .collect();
        assert_eq!(order(Command::Show { id: ids[1].clone() }).await.unwrap(), "two\n");
        let unsure = order(Command::Drop(Selection::default())).await.unwrap_err();
        assert!(unsure.to_string().starts_with("say which"), "{unsure}");
        let only = |reason: &str| Selection {
            reason: Some(reason.to_owned()),
            ..Selection::default()
        };
        assert_eq!(
            order(Command::Redrive(only("TooOld"))).await.unwrap(),
            "1 dead letters\n"
        );
        assert_eq!(
            order(Command::Drop(only("RecordTooLarge"))).await.unwrap(),
            "1 dead letters\n"
        );
        assert_eq!(letters.count(), 0);
        controller.advance(Phase::Stopping);
        server.await.unwrap();
        assert_eq!(delivered.await.unwrap(), b"one\n");
    }
}
