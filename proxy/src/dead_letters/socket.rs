//! The proxy's side of `firehose-proxy dead-letters`: a socket in the letters' directory, so that whoever may exec into
//! the pod may use it and nobody else.

use std::{io, os::unix::fs::PermissionsExt as _, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use firehose_proxy_config::letters::{Gone, Told};
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    task::JoinSet,
    time::timeout,
};

use super::{
    DeadLetters, Failed,
    command::{Answer, Command},
    emptying::Emptying,
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
    let Ok(command) = serde_json::from_str(&order) else {
        return say(
            &mut write,
            &Answer::Failed("the order is not understood".to_owned()),
            &[],
        )
        .await;
    };
    let answered = match command {
        Command::List(selection) => letters
            .list(&selection)
            .await
            .map(|found| (Answer::Letters, lines(&found))),
        Command::Show { id } => letters.show(&id).await.map(|letter| (Answer::Bytes, letter.bytes)),
        Command::Redrive(selection) => {
            let emptying = Emptying::default();
            let mut progress = emptying.subscribe();
            let mut order = pin!(letters.redrive(&selection, intake, route, &emptying));
            say(&mut write, &Answer::Told, &[]).await?;
            let gone = loop {
                tokio::select! {
                    gone = &mut order => break gone,
                    Ok(()) = progress.changed() => {
                        let progress = *progress.borrow_and_update();
                        tell(&mut write, &Told::Progress(progress)).await?;
                    }
                }
            };
            return tell(&mut write, &Told::Gone(gone.unwrap_or_else(not_begun))).await;
        }
        Command::Drop(selection) => {
            let gone = letters.discard(&selection).await.unwrap_or_else(not_begun);
            Ok((Answer::Told, lines(&[Told::Gone(gone)])))
        }
    };
    let (answer, rest) = answered.unwrap_or_else(|failed| (Answer::Failed(words(failed)), Vec::new()));
    say(&mut write, &answer, &rest).await
}

/// The first line of an answer, and what follows it at once.
async fn say(client: &mut OwnedWriteHalf, answer: &Answer, rest: &[u8]) -> io::Result<()> {
    let mut bytes = lines(&[answer]);
    bytes.extend_from_slice(rest);
    timeout(CLIENT_WITHIN, client.write_all(&bytes)).await?
}

async fn tell(client: &mut OwnedWriteHalf, told: &Told) -> io::Result<()> {
    timeout(CLIENT_WITHIN, client.write_all(&lines(&[told]))).await?
}

/// JSON, a line each.
fn lines<T: Serialize>(all: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for one in all {
        serde_json::to_writer(&mut bytes, one).expect("plain data is JSON");
        bytes.push(b'\n');
    }
    bytes
}

/// An order that was not begun.
fn not_begun(failed: Failed) -> Gone {
    Gone {
        failed: Some(words(failed)),
        ..Gone::default()
    }
}

fn words(failed: Failed) -> String {
    format!("{:#}", anyhow::Error::new(failed))
}
