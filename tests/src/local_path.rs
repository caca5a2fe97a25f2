//! The whole product in one process, started as a person starts it.

use std::{path::Path, process::Command};

use crate::{program::Program, simulator::Simulator, wait::SOON, workspace};

/// A running `firehose-local`.
#[derive(Debug)]
pub struct LocalPath {
    /// The process.
    pub program: Program,
    /// Where events go: `http://…`.
    pub events: String,
    /// Metrics, probes, status: `http://…`.
    pub admin: String,
    simulator: String,
}

impl LocalPath {
    /// Starts it with a manifest and waits for its ready line.
    pub fn start(manifest: &Path) -> Self {
        Self::start_with(manifest, &[])
    }

    /// Starts it with more options.
    pub fn start_with(manifest: &Path, options: &[&str]) -> Self {
        Self::of(Program::start(command(manifest).args(options)))
    }

    /// Reads the ready line of a program that was started otherwise.
    ///
    /// # Panics
    ///
    /// When it does not come.
    pub fn of(program: Program) -> Self {
        let ready = program.line("ready ", SOON);
        let part = |name: &str| {
            let value = ready
                .split(' ')
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            value.unwrap_or_else(|| panic!("no {name} in `{ready}`")).to_owned()
        };
        Self {
            events: part("events"),
            admin: part("admin"),
            simulator: part("simulator"),
            program,
        }
    }

    /// Its simulator.
    ///
    /// # Panics
    ///
    /// When the manifest names another address.
    pub fn simulator(&self) -> Simulator {
        assert_ne!(self.simulator, "-", "the address in the manifest is taken at its word");
        Simulator {
            url: self.simulator.clone(),
        }
    }

    /// Whether it runs without a simulator.
    pub fn has_no_simulator(&self) -> bool {
        self.simulator == "-"
    }
}

/// The command, on free ports, with nothing of this machine's AWS settings.
pub fn command(manifest: &Path) -> Command {
    let mut command = Command::new(workspace::program("firehose-local"));
    command
        .arg(manifest)
        .args([
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--simulator-listen",
            "127.0.0.1:0",
        ])
        .current_dir(workspace::root())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "none")
        .env_remove("AWS_PROFILE");
    command
}
