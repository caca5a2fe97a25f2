//! A program that a test runs: its output is read line by line, and it ends with the test.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::wait::until;

/// A running program. Killed by its handle when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
    errors: Arc<Mutex<String>>,
}

impl Program {
    /// Starts a program; what it writes is kept for the test's report.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, lines) = mpsc::channel();
        let stdout = child.stdout.take().expect("standard output is a pipe");
        thread::spawn(move || each_line(stdout, |line| drop(sender.send(line))));
        let errors = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&errors);
        let stderr = child.stderr.take().expect("standard error is a pipe");
        thread::spawn(move || {
            each_line(stderr, |line| {
                let mut kept = kept.lock().expect("nobody panics while writing a line");
                kept.push_str(&line);
                kept.push('\n');
            });
        });
        Self { child, lines, errors }
    }

    /// The next line of standard output that begins with `beginning`.
    ///
    /// # Panics
    ///
    /// When it does not come in time, or the program ends without it.
    pub fn line(&self, beginning: &str, deadline: Duration) -> String {
        let ends = Instant::now() + deadline;
        loop {
            match self.lines.recv_timeout(ends.saturating_duration_since(Instant::now())) {
                Ok(line) if line.starts_with(beginning) => return line,
                Ok(_) => {}
                Err(error) => panic!("no line `{beginning}…`: {error}\n{}", self.errors()),
            }
        }
    }

    /// What it has written to standard error so far.
    pub fn errors(&self) -> String {
        self.errors.lock().expect("nobody panics while writing a line").clone()
    }

    /// Waits until standard error contains `text`.
    pub fn says(&self, text: &str, deadline: Duration) {
        until(&format!("the program says {text:?}"), deadline, || {
            let errors = self.errors();
            if errors.contains(text) { Ok(()) } else { Err(errors) }
        });
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    pub fn terminate(&mut self, deadline: Duration) -> ExitStatus {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(asked.is_ok_and(|status| status.success()), "kill failed");
        self.ends(deadline)
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    pub fn ends(&mut self, deadline: Duration) -> ExitStatus {
        until("the program ends", deadline, || {
            let errors = self.errors();
            self.child.try_wait().expect("a child can be waited for").ok_or(errors)
        })
    }

    /// Whether it is still there.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has nothing to save, and one that is gone already is no problem.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn each_line(source: impl Read, mut take: impl FnMut(String)) {
    let mut reader = BufReader::new(source);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        take(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
}
