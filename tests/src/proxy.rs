//! The proxy as a process of its own: how it is started, what it says, how it ends.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Longest wait for anything that a process does at once.
pub const SOON: Duration = Duration::from_secs(60);

/// A running proxy. Killed when dropped, with the tracer that may be around it.
#[derive(Debug)]
pub struct ProxyProcess {
    child: Child,
    /// Where it takes events.
    pub events: SocketAddr,
    /// Where it is asked about itself.
    pub admin: SocketAddr,
    said: Arc<Mutex<String>>,
}

/// The command that runs a proxy, the file `program`, on loopback ports of its own, with nothing of this machine's AWS.
/// `wrapper` is put in front of the command line: a tracer, say.
pub fn command(program: &Path, wrapper: &[String], configuration: &Path, spool: &Path) -> Command {
    let program = program.to_string_lossy().into_owned();
    let mut line = wrapper.iter().chain([&program]);
    let mut command = Command::new(line.next().expect("a program is at the end"));
    command
        .args(line)
        .arg("--config-dir")
        .arg(configuration)
        .arg("--spool-dir")
        .arg(spool)
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .args(["--drain-delay", "0.2", "--drain-timeout", "5"])
        .env("NO_COLOR", "1")
        .env("RUST_LOG", "info")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

impl ProxyProcess {
    /// Starts one and waits until it serves.
    ///
    /// # Panics
    ///
    /// When it ends or does not serve in time.
    pub fn start(command: &mut Command) -> Self {
        Self::start_until("serving", command)
    }

    /// Starts one and waits until it answers, which it does before it accepts events.
    ///
    /// # Panics
    ///
    /// When it ends or does not listen in time.
    pub fn start_listening(command: &mut Command) -> Self {
        Self::start_until("listening", command)
    }

    fn start_until(stage: &str, command: &mut Command) -> Self {
        let (mut child, said) = spawn(command);
        let address = |said: &str, name: &str| -> Option<SocketAddr> {
            let line = said.lines().find(|line| line.contains(stage))?;
            line.split(' ').find_map(|word| word.strip_prefix(name)?.parse().ok())
        };
        let begun = Instant::now();
        loop {
            let text = said.lock().unwrap().clone();
            if let (Some(events), Some(admin)) = (address(&text, "events="), address(&text, "admin=")) {
                return Self {
                    child,
                    events,
                    admin,
                    said,
                };
            }
            assert!(child.try_wait().unwrap().is_none(), "the proxy has ended: {text}");
            assert!(begun.elapsed() < SOON, "the proxy is not {stage}: {text}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// What it has logged so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Number of the process; the tracer's, if there is one.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A value of `/proc/PID/status` in KiB: `VmRSS` is the memory now, `VmHWM` the most there ever was.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub fn memory_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
    }

    /// Ends it as a power cut of the process would.
    pub fn kill(mut self) {
        kill_group(&self.child).unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end (SIGTERM), waits, and returns what it logged.
    pub fn terminate(self) -> (ExitStatus, String) {
        self.tell_to_end();
        self.wait_for_its_end()
    }

    /// Asks it to end (SIGTERM).
    pub fn tell_to_end(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits until it has ended, and returns what it logged.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    pub fn wait_for_its_end(mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child).unwrap_or_else(|| panic!("it does not end: {}", self.said()));
        // The rest of what it wrote is on its way through the pipe.
        let begun = Instant::now();
        while !self.said().contains("stopped")
            && !self.said().contains("the process ends")
            && begun.elapsed() < Duration::from_secs(5)
        {
            thread::sleep(Duration::from_millis(5));
        }
        (status, self.said())
    }
}

impl Drop for ProxyProcess {
    fn drop(&mut self) {
        // One that has ended is no problem.
        let _ = kill_group(&self.child);
        let _ = self.child.wait();
    }
}

/// Starts a program that is expected to end by itself; its status and what it logged.
///
/// # Panics
///
/// When it does not end in time.
pub fn run_to_its_end(command: &mut Command) -> (ExitStatus, String) {
    let (mut child, said) = spawn(command);
    let Some(status) = wait(&mut child) else {
        child.kill().unwrap();
        panic!("it does not end: {}", said.lock().unwrap());
    };
    thread::sleep(Duration::from_millis(100));
    let said = said.lock().unwrap().clone();
    (status, said)
}

/// Ends a program and, when that is a tracer, the program that it traces.
fn kill_group(child: &Child) -> rustix::io::Result<()> {
    kill_process_group(Pid::from_child(child), Signal::KILL)
}

fn spawn(command: &mut Command) -> (Child, Arc<Mutex<String>>) {
    let mut child = command
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = Arc::new(Mutex::new(String::new()));
    let (kept, stderr) = (Arc::clone(&said), child.stderr.take().unwrap());
    thread::spawn(move || listen(stderr, &kept));
    (child, said)
}

fn listen(stderr: impl Read, said: &Mutex<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let mut said = said.lock().unwrap();
        said.push_str(&line);
        said.push('\n');
    }
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < SOON {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}
