//! kubectl with the cluster's own credentials, and waiting.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::command::Run;

/// kubectl and the cluster it talks to.
pub(crate) struct Kubectl {
    /// The program.
    pub(crate) program: PathBuf,
    /// Whom it talks to, and as whom.
    pub(crate) kubeconfig: PathBuf,
}

impl Kubectl {
    /// A call; `line` is split at its spaces.
    pub(crate) fn run(&self, line: &str) -> Run {
        Run::new(&self.program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            // A call that hangs would hang its caller; every command here is a short one.
            .arg("--request-timeout=30s")
            .args(line.split_whitespace())
    }

    /// Applies a manifest.
    ///
    /// # Errors
    /// What kubectl reports.
    pub(crate) fn apply(&self, manifest: &str) -> Result<()> {
        self.run("apply -f -").feed(manifest).map(drop)
    }

    /// Asks `done` again and again until it is.
    ///
    /// # Errors
    /// When it is not within `deadline`.
    pub(crate) fn wait_for(&self, what: &str, deadline: Duration, done: impl Fn(&Self) -> bool) -> Result<()> {
        let end = Instant::now() + deadline;
        while !done(self) {
            if Instant::now() > end {
                bail!("{what} did not get ready within {} s", deadline.as_secs());
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}
