//! The proxy's side of `firehose-proxy dead-letters`: a socket in the letters' directory, so that whoever may exec into the pod
//! may use it and nobody else.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::timeout,
};

use super::{
    DeadLetters, Failed,
    command::{Answer, Command},
};
use crate::{
    shutdown::{Phase, Shutdown},
    spool::{Intake, Route},
};

/// Name of the socket in the letters' directory.
pub const SOCKET: &str = "socket";

/// Longest order in bytes.
const MAX_ORDER: u64 = 1 << 20;
/// How long a client may take to say what it wants, and to take the answer.
const CLIENT_WITHIN: Duration = Duration::from_secs(60);
/// Orders at a time: each holds letters in memory.
const AT_ONCE: usize = 2;

/// Carries out orders until the process stops. Letters that are sent again go to `intake`, by `route`.
///
/// # Errors
///
/// When the socket cannot be made.
pub async fn serve(letters: DeadLetters, intake: Intake, route: Route, mut shutdown: Shutdown) -> io::Result<()> {
    let path = letters.0.directory.join(SOCKET);
    // Left by a process that was killed; the directory's lock says that none has it now.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    let (route, slots) = (Arc::new(route), Arc::new(Semaphore::new(AT_ONCE)));
    loop {
        let (client, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = shutdown.reached(Phase::Stopping) => return Ok(()),
        };
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return Ok(());
        };
        let (letters, intake, route) = (letters.clone(), intake.clone(), Arc::clone(&route));
        tokio::spawn(async move {
            if let Err(error) = attend(client, &letters, &intake, &route).await {
                tracing::warn!(%error, "an order about dead letters broke off");
            }
            drop(slot);
        });
    }
}

async fn attend(client: UnixStream, letters: &DeadLetters, intake: &Intake, route: &Route) -> io::Result<()> {
    let (read, mut write) = client.into_split();
    let mut order = String::new();
    timeout(
        CLIENT_WITHIN,
        BufReader::new(read.take(MAX_ORDER)).read_line(&mut order),
    )
    .await??;
    let (answer, rest) = match serde_json::from_str(&order) {
        Ok(command) => carry_out(command, letters, intake, route)
            .await
            .unwrap_or_else(|failed| {
                let reason = anyhow::Error::new(failed);
                (Answer::Failed(format!("{reason:#}")), Vec::new())
            }),
        Err(error) => (
            Answer::Failed(format!("the order is not understood: {error}")),
            Vec::new(),
        ),
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(&rest);
    timeout(CLIENT_WITHIN, write.write_all(&bytes)).await?
}

async fn carry_out(
    command: Command,
    letters: &DeadLetters,
    intake: &Intake,
    route: &Route,
) -> Result<(Answer, Vec<u8>), Failed> {
    match command {
        Command::List(selection) => {
            let mut lines = Vec::new();
            for letter in letters.list(&selection)? {
                let line = serde_json::to_vec(&letter).expect("a summary is JSON");
                lines.extend_from_slice(&line);
                lines.push(b'\n');
            }
            Ok((Answer::Letters, lines))
        }
        Command::Show { id } => Ok((Answer::Bytes, letters.show(&id)?.bytes)),
        Command::Redrive(selection) => {
            let count = letters.redrive(&selection, intake, route).await?;
            Ok((Answer::Done(count), Vec::new()))
        }
        Command::Drop(selection) => Ok((Answer::Done(letters.discard(&selection).await?), Vec::new())),
    }
}
