//! Runs a command in the proxy's container of a pod, by way of the API server: whoever may exec into the pod may, and
//! nobody else. Nothing is started on this machine.

use std::time::Duration;

use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kube::{Api, api::AttachParams};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::timeout,
};

use super::redact::OWN_CONTAINER;

/// How long a proxy may say nothing. A step of an order may wait a minute for its spool.
const SAYS_WITHIN: Duration = Duration::from_secs(120);
/// Longest line that is kept of an answer, and most of what is said on standard error.
const MAX_LINE: usize = 1 << 20;
const MAX_COMPLAINT: usize = 4_096;
/// Between the proxy's words and ours.
const PIPE: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("failed to run a command in the pod")]
    Exec(#[source] kube::Error),
    #[error("the pod says nothing for {} s", SAYS_WITHIN.as_secs())]
    Silent,
    #[error("the connection to the pod broke off")]
    Broken(#[source] std::io::Error),
    #[error("the pod's answer has a line of more than {MAX_LINE} bytes")]
    TooLong,
    #[error("the connection to the pod ended without a word about how the command did")]
    NoStatus,
    #[error("{0}")]
    Failed(String),
}

/// How the command ended: its exit code. What it wrote is handed on piece by piece.
///
/// # Errors
///
/// See [`NoAnswer`]; a command that fails has said why on its standard error.
pub(super) async fn exec(
    pods: &Api<Pod>,
    pod: &str,
    command: &[String],
    mut take: impl FnMut(&[u8]) -> Result<(), NoAnswer>,
) -> Result<i32, NoAnswer> {
    let how = AttachParams {
        container: Some(OWN_CONTAINER.to_owned()),
        max_stdout_buf_size: Some(PIPE),
        max_stderr_buf_size: Some(PIPE),
        ..AttachParams::default()
    };
    let mut process = pods.exec(pod, command, &how).await.map_err(NoAnswer::Exec)?;
    let status = process.take_status();
    let (stdout, stderr) = (process.stdout(), process.stderr());
    let answer = read(stdout, &mut take);
    let mut complaint = Vec::new();
    let complaints = read(stderr, |piece| {
        let room = MAX_COMPLAINT.saturating_sub(complaint.len());
        complaint.extend_from_slice(&piece[..piece.len().min(room)]);
        Ok(())
    });
    let (answer, complaints) = tokio::join!(answer, complaints);
    answer.and(complaints)?;
    let status = match status {
        Some(status) => timeout(SAYS_WITHIN, status).await.map_err(|_| NoAnswer::Silent)?,
        None => None,
    };
    let status = status.ok_or(NoAnswer::NoStatus)?;
    match exit_code(&status) {
        Some(code) if complaint.is_empty() => Ok(code),
        _ if complaint.is_empty() => Err(NoAnswer::Failed(status.message.unwrap_or_default())),
        _ => Err(NoAnswer::Failed(String::from_utf8_lossy(&complaint).trim().to_owned())),
    }
}

async fn read(
    from: Option<impl AsyncRead + Unpin>,
    mut take: impl FnMut(&[u8]) -> Result<(), NoAnswer>,
) -> Result<(), NoAnswer> {
    let Some(mut from) = from else { return Ok(()) };
    let mut buffer = vec![0; PIPE];
    loop {
        let read = timeout(SAYS_WITHIN, from.read(&mut buffer)).await;
        let read = read.map_err(|_| NoAnswer::Silent)?.map_err(NoAnswer::Broken)?;
        if read == 0 {
            return Ok(());
        }
        take(&buffer[..read])?;
    }
}

/// Source: the channel of errors of
/// [`v4.channel.k8s.io`](https://pkg.go.dev/k8s.io/apimachinery/pkg/util/remotecommand).
fn exit_code(status: &Status) -> Option<i32> {
    if status.status.as_deref() == Some("Success") {
        return Some(0);
    }
    let causes = status
        .details
        .iter()
        .flat_map(|details| details.causes.iter().flatten());
    let code = causes
        .into_iter()
        .find(|cause| cause.reason.as_deref() == Some("ExitCode"))?;
    code.message.as_deref()?.parse().ok()
}

/// Cuts what comes in pieces into lines.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Takes a piece; hands on each line that is whole with it.
    pub(super) fn take(&mut self, piece: &[u8], mut line: impl FnMut(&[u8])) -> Result<(), NoAnswer> {
        self.0.extend_from_slice(piece);
        let mut start = 0;
        while let Some(length) = self.0[start..].iter().position(|byte| *byte == b'\n') {
            line(&self.0[start..start + length]);
            start += length + 1;
        }
        self.0.drain(..start);
        match self.0.len() > MAX_LINE {
            true => Err(NoAnswer::TooLong),
            false => Ok(()),
        }
    }
}
