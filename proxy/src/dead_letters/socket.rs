//! The proxy's side of `firehose-proxy dead-letters`: a socket in the letters' directory, so that whoever may exec into
//! the pod may use it and nobody else.

use std::{io, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinSet,
    time::timeout,
};

use super::{
    DeadLetters, Failed,
    command::{Answer, Command},
};
use crate::{
    descriptors::say_shortage,
    queue::Intake,
    shutdown::{Phase, Shutdown},
    spool::Router,
};

/// Name of the socket in the letters' directory.
pub const SOCKET: &str = "socket";

/// Longest order in bytes.
const MAX_ORDER: u64 = 1 << 20;
/// How long a client may take to say what it wants, and to take the answer.
const CLIENT_WITHIN: Duration = Duration::from_secs(60);
/// Pause after the kernel refused a connection, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Orders at a time: each holds letters in memory.
const AT_ONCE: usize = 2;

/// Listens at once, and gives what carries out orders until the process stops; one that is under way then breaks off.
/// Letters that are sent again go to `intake`, by `route`.
///
/// # Errors
///
/// When the socket cannot be made.
pub fn serve(
    letters: DeadLetters,
    intake: Intake,
    route: Router,
    shutdown: Shutdown,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let path = letters.0.directory.join(SOCKET);
    let listener = listen(&path)?;
    Ok(accept_orders(listener, Removed(path), letters, intake, route, shutdown))
}

async fn accept_orders(
    listener: UnixListener,
    _removed: Removed,
    letters: DeadLetters,
    intake: Intake,
    route: Router,
    mut shutdown: Shutdown,
) {
    let (route, mut orders) = (Arc::new(route), JoinSet::new());
    loop {
        tokio::select! {
            () = shutdown.reached(Phase::Stopping) => return,
            Some(_) = orders.join_next() => {}
            accepted = listener.accept(), if orders.len() < AT_ONCE => {
                let client = match accepted {
                    Ok((client, _)) => client,
                    Err(error) => {
                        say_shortage("accepting an order about dead letters", &error);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                };
                let (letters, intake, route) = (letters.clone(), intake.clone(), Arc::clone(&route));
                orders.spawn(async move {
                    if let Err(error) = attend(client, &letters, &intake, &route).await {
                        tracing::warn!(%error, "an order about dead letters broke off");
                    }
                });
            }
        }
    }
}

fn listen(path: &std::path::Path) -> io::Result<UnixListener> {
    // Left by a process that was killed; the directory's lock says that none has it now.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Takes the socket's name away at the end, so that nobody waits for an answer there.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // The next process removes it if this one cannot.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn attend(client: UnixStream, letters: &DeadLetters, intake: &Intake, route: &Arc<Router>) -> io::Result<()> {
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
    route: &Arc<Router>,
) -> Result<(Answer, Vec<u8>), Failed> {
    match command {
        Command::List(selection) => {
            let mut lines = Vec::new();
            for letter in letters.list(&selection).await? {
                let line = serde_json::to_vec(&letter).expect("a summary is JSON");
                lines.extend_from_slice(&line);
                lines.push(b'\n');
            }
            Ok((Answer::Letters, lines))
        }
        Command::Show { id } => Ok((Answer::Bytes, letters.show(&id).await?.bytes)),
        Command::Redrive(selection) => {
            let count = letters.redrive(&selection, intake, route).await?;
            Ok((Answer::Done(count), Vec::new()))
        }
        Command::Drop(selection) => Ok((Answer::Done(letters.discard(&selection).await?), Vec::new())),
    }
}
