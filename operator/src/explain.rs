//! From the flags of `explain` and the events of a file to what it prints: a line for each event, as it is read.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    path::Path,
};

use anyhow::Context as _;
use firehose_operator::{
    args::{AllowFlags, Explain, Output},
    cli::{self, Arrival, Explainer, Explanation},
};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

/// What `explain` does. Who has stopped reading has what they wanted.
pub(crate) fn explain(flags: &Explain, output: &mut impl Write) -> anyhow::Result<()> {
    let explainer = explainer(flags)?;
    let mut events: Box<dyn BufRead> = match flags.events.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::new(
            File::open(&flags.events).with_context(|| failed(&flags.events))?,
        )),
    };
    let mut line = Vec::new();
    let mut number = 0_u64;
    while read_line(&mut events, explainer.max_request_bytes(), &mut line).with_context(|| failed(&flags.events))? {
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let mut arrival = Arrival {
            milliseconds: Timestamp::now().as_millisecond(),
            random: &mut || Uuid::new_v4().into_bytes(),
        };
        let explanation = explainer.explain(&line, &mut arrival);
        let written = match flags.output {
            Output::Text => writeln!(output, "{number}: {}", sentence(&explanation)),
            Output::Json => writeln!(output, "{}", serde_json::to_string(&explanation)?),
        };
        match written.and_then(|()| output.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}

fn failed(path: &Path) -> String {
    format!("failed to read {}", path.display())
}

/// By a destination, or by a document that a person has written for a proxy.
fn explainer(flags: &Explain) -> anyhow::Result<Explainer> {
    let text = fs::read_to_string(&flags.filename).with_context(|| failed(&flags.filename))?;
    let hash_key = flags
        .hash_key_file
        .as_ref()
        .map(|path| fs::read(path).with_context(|| failed(path)));
    let hash_key = hash_key.transpose()?;
    let is_document = serde_yaml::from_str::<Value>(&text).is_ok_and(|value| value.get("formatVersion").is_some());
    let explainer = match is_document {
        true => {
            let document = firehose_proxy_config::parse(&text).with_context(|| flags.filename.display().to_string())?;
            Explainer::of_document(&document, hash_key.as_deref())
        }
        false => {
            let destination = cli::destination(&text).with_context(|| flags.filename.display().to_string())?;
            Explainer::of_destination(&destination, &AllowFlags::default().as_given()?, hash_key.as_deref())
        }
    };
    let explainer = explainer.and_then(|explainer| match &flags.source {
        Some(source) => explainer.from_source(source),
        None => Ok(explainer),
    });
    explainer.with_context(|| flags.filename.display().to_string())
}

/// Reads a line without its end; `false` when there is none any more. Of one that is longer than `most` as much is kept
/// as shows that it is.
fn read_line(events: &mut impl BufRead, most: usize, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut is_any = false;
    loop {
        let buffer = events.fill_buf()?;
        if buffer.is_empty() {
            return Ok(is_any);
        }
        is_any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        let room = most.saturating_add(1).saturating_sub(line.len());
        line.extend_from_slice(&piece[..piece.len().min(room)]);
        let read = end.map_or(buffer.len(), |end| end + 1);
        events.consume(read);
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn sentence(explanation: &Explanation) -> String {
    match (&explanation.stream, explanation.matched) {
        (Some(stream), Some(matched)) => format!("to {stream}, by {}", by(matched)),
        (Some(stream), None) => format!("to {stream}"),
        (None, _) => {
            let why = explanation.why.as_deref().unwrap_or_default();
            format!("not sent, {}: {why}", explanation.reason.unwrap_or_default())
        }
    }
}

fn by(matched: &str) -> &str {
    match matched {
        "event" => "its name",
        "type" => "its type",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_costs_no_memory_and_the_next_one_is_whole() {
        let text = [b"ab\n\n".as_slice(), &[b'x'; 10_000], b"\nlast"].concat();
        let mut events = BufReader::with_capacity(7, text.as_slice());
        let mut line = Vec::new();
        for expected in [b"ab".to_vec(), Vec::new(), vec![b'x'; 101], b"last".to_vec()] {
            assert!(read_line(&mut events, 100, &mut line).unwrap());
            assert_eq!(line, expected);
            assert!(line.capacity() < 1_000);
        }
        assert!(!read_line(&mut events, 100, &mut line).unwrap());
    }
}
