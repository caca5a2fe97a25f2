//! Running other programs: what was run stands in every error, and output is only shown when something failed.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// A program with its arguments, run to its end.
pub(crate) struct Run(Command);

impl Run {
    /// Prepares `program`, which is looked up in `PATH`.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self(Command::new(program))
    }

    /// Splits a line at its spaces: `Run::line("ip link set k8s0 up")`. For lines without quotes only.
    pub(crate) fn line(line: &str) -> Self {
        let mut words = line.split_whitespace();
        Self::new(words.next().expect("a command line names a program")).args(words)
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.0.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Sets environment variables.
    pub(crate) fn envs<V: AsRef<OsStr>>(mut self, variables: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        self.0.envs(variables);
        self
    }

    /// Sets the working directory.
    pub(crate) fn within(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    /// Runs quietly.
    ///
    /// # Errors
    /// When the program cannot be started or does not end with 0; its output is part of the error.
    pub(crate) fn quietly(self) -> Result<()> {
        self.output().map(drop)
    }

    /// Runs and returns what was written to standard output, without the line feed at its end.
    ///
    /// # Errors
    /// As [`Run::quietly`].
    pub(crate) fn output(mut self) -> Result<String> {
        let shown = self.shown();
        let output = self
            .0
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("failed to start `{shown}`"))?;
        if !output.status.success() {
            let (stdout, stderr) = (
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
            bail!("`{shown}` ended with {}:\n{stdout}{stderr}", output.status);
        }
        let mut text = String::from_utf8(output.stdout).with_context(|| format!("`{shown}` wrote bytes, not text"))?;
        text.truncate(text.trim_end().len());
        Ok(text)
    }

    /// Runs with this process's own standard output and error.
    ///
    /// # Errors
    /// When the program cannot be started or does not end with 0.
    pub(crate) fn visibly(mut self) -> Result<()> {
        let shown = self.shown();
        let status = self.0.status().with_context(|| format!("failed to start `{shown}`"))?;
        if !status.success() {
            bail!("`{shown}` ended with {status}");
        }
        Ok(())
    }

    /// Runs with this process's own output and hands each line of standard output to `on_line` as well; says whether
    /// the program ended with 0.
    ///
    /// # Errors
    /// When the program cannot be started or read.
    pub(crate) fn visibly_by_line(mut self, mut on_line: impl FnMut(&str)) -> Result<bool> {
        let shown = self.shown();
        let mut child = self
            .0
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start `{shown}`"))?;
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut line = Vec::new();
        while stdout
            .read_until(b'\n', &mut line)
            .with_context(|| format!("failed to read from `{shown}`"))?
            > 0
        {
            let text = String::from_utf8_lossy(&line);
            println!("{}", text.trim_end_matches('\n'));
            on_line(text.trim_end());
            line.clear();
        }
        let status = child.wait().with_context(|| format!("failed to wait for `{shown}`"))?;
        Ok(status.success())
    }

    /// Runs with `input` on standard input and returns standard output.
    ///
    /// # Errors
    /// As [`Run::quietly`].
    pub(crate) fn feed(mut self, input: &str) -> Result<String> {
        let shown = self.shown();
        let mut child = self
            .0
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start `{shown}`"))?;
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        stdin
            .write_all(input.as_bytes())
            .with_context(|| format!("failed to write to `{shown}`"))?;
        drop(stdin);
        let output = child
            .wait_with_output()
            .with_context(|| format!("failed to wait for `{shown}`"))?;
        if !output.status.success() {
            bail!(
                "`{shown}` ended with {}:\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether the program ends with 0. A program that cannot be started does not.
    pub(crate) fn succeeds(mut self) -> bool {
        self.0
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn shown(&self) -> String {
        let mut shown = self.0.get_program().to_string_lossy().into_owned();
        for argument in self.0.get_args() {
            write!(shown, " {}", argument.to_string_lossy()).expect("a string takes any text");
        }
        shown
    }
}
