//! Programs that go on when the command that started them has ended, and how they are found and ended again: by a file
//! with the process's number and start time, so that a number that was given to another process is never signalled.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::state::State;
use crate::command::Run;

/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// A program of the cluster that runs in the background.
pub(crate) struct Daemon<'a> {
    state: &'a State,
    name: &'a str,
}

impl<'a> Daemon<'a> {
    /// Names a program; it may run or not.
    pub(crate) fn new(state: &'a State, name: &'a str) -> Self {
        Self { state, name }
    }

    /// Starts `command` in a session of its own, its output in `logs/<name>.log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[String]) -> Result<()> {
        let log = self.state.log(self.name);
        let log = File::create(&log).with_context(|| format!("failed to create {}", log.display()))?;
        // setsid replaces itself by the program as long as it leads no process group, which a child never does: the
        // number of this child is the number of the program.
        let child = Command::new("setsid")
            .arg(program.as_ref())
            .args(arguments)
            .current_dir(self.state.folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to start {}", self.name))?;
        let started = start_time(child.id()).with_context(|| format!("{} ended at once", self.name))?;
        fs::write(self.file(), format!("{} {started}", child.id()))?;
        Ok(())
    }

    /// The number of the process while it runs.
    pub(crate) fn process(&self) -> Option<u32> {
        let text = fs::read_to_string(self.file()).ok()?;
        let (process, started) = text.split_once(' ')?;
        let process = process.parse().ok()?;
        (start_time(process)? == started.parse::<u64>().ok()?).then_some(process)
    }

    /// The only child of the process, for a program that forks once (`unshare --fork`).
    pub(crate) fn child(&self) -> Option<u32> {
        let process = self.process()?;
        let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    /// Ends it and waits until it is gone: asks first, then insists.
    ///
    /// # Errors
    /// When it is still there after SIGKILL.
    pub(crate) fn stop(&self) -> Result<()> {
        self.end("-TERM")
    }

    /// Ends it as a power cut would.
    ///
    /// # Errors
    /// When it is still there after SIGKILL.
    pub(crate) fn kill(&self) -> Result<()> {
        self.end("-KILL")
    }

    fn end(&self, signal: &str) -> Result<()> {
        let Some(process) = self.process() else {
            return Ok(());
        };
        let number = process.to_string();
        // A process that ended meanwhile makes kill fail; the loop sees that it is gone.
        Run::new("kill").args([signal, &number]).succeeds();
        let deadline = Instant::now() + GRACE;
        while self.process().is_some() {
            if Instant::now() > deadline {
                Run::new("kill").args(["-KILL", &number]).quietly()?;
                thread::sleep(Duration::from_secs(1));
                anyhow::ensure!(self.process().is_none(), "{} ({number}) cannot be ended", self.name);
            }
            thread::sleep(Duration::from_millis(20));
        }
        fs::remove_file(self.file()).with_context(|| format!("failed to forget {}", self.name))
    }

    fn file(&self) -> PathBuf {
        self.state.process_file(self.name)
    }
}

/// When a process started, in ticks since boot, or `None` when it is gone or only waits to be reaped.
fn start_time(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name is in parentheses and may hold anything: fields are counted from behind it (proc(5)).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then_some(())?;
    fields.nth(18)?.parse().ok()
}
