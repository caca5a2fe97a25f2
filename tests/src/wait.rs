//! Waiting for something with a deadline: polls, and says in the end what did not happen.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// Long enough for anything that a loaded machine does in a second.
pub const SOON: Duration = Duration::from_secs(30);

/// Calls `attempt` until it is `Ok`.
///
/// # Panics
///
/// After `deadline`, with the last error.
pub fn until<T, E: Debug>(what: &str, deadline: Duration, mut attempt: impl FnMut() -> Result<T, E>) -> T {
    let started = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) if started.elapsed() > deadline => panic!("{what}: not within {deadline:?}: {error:?}"),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}
