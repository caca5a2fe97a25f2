//! The programs under test as processes of their own, and the CPU time they take.

use std::{fs, net::SocketAddr, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, bail, ensure};
use rustix::{
    process::{Pid, Signal, kill_process},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{Instant, timeout},
};

/// Longest wait for a program to listen; far more than any takes, because the machine may be busy.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A program that listens. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Program {
    /// Starts a program with its arguments, which make it listen on `address`, and waits until it does. It runs on
    /// `core` alone, if one is given.
    pub(crate) async fn start(
        program: &Path,
        arguments: &[String],
        address: SocketAddr,
        core: Option<usize>,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        // One worker thread for everybody: what is compared is the work, not how it spreads. No AWS but what is given.
        command
            .args(arguments)
            .env("TOKIO_WORKER_THREADS", "1")
            .env("AWS_ACCESS_KEY_ID", "bench")
            .env("AWS_SECRET_ACCESS_KEY", "bench")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        // A process begins where the thread that starts it may run, and nothing is awaited between the two.
        let here = sched_getaffinity(None)?;
        if let Some(core) = core {
            pin(core)?;
        }
        let child = command.spawn();
        sched_setaffinity(None, &here)?;
        let mut child = child.with_context(|| format!("failed to start \"{}\"", program.display()))?;
        let deadline = Instant::now() + START_DEADLINE;
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("\"{}\" ended with {status} instead of listening", program.display());
            }
            if Instant::now() > deadline {
                bail!("\"{}\" does not listen on {address}", program.display());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Self { address, child })
    }

    /// Asks it to end, as the kubelet does, and waits until it has.
    pub(crate) async fn end(mut self, longest: Duration) -> anyhow::Result<()> {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        kill_process(pid.context("the program has ended")?, Signal::TERM)?;
        let status = timeout(longest, self.child.wait())
            .await
            .context("the program does not end")??;
        ensure!(status.success(), "the program ended with {status}");
        Ok(())
    }

    /// CPU time of all its threads so far, user and system, in nanoseconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<u64> {
        let pid = self.child.id().context("the program has ended")?;
        let mut total = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat")).context("failed to read schedstat")?;
            let running = text.split_whitespace().next().context("schedstat is empty")?;
            total += running.parse::<u64>()?;
        }
        Ok(total)
    }

    /// Most memory it has had resident, in KiB.
    pub(crate) fn peak_resident_kib(&self) -> anyhow::Result<u64> {
        let pid = self.child.id().context("the program has ended")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .context("no VmHWM")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }
}

/// The cores of the machine that the programs under test, and everybody else, are kept on. None when there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) program: Option<usize>,
    pub(crate) others: Option<usize>,
}

impl Cores {
    /// Divides those that this process may run on, and leaves it all but the program's.
    pub(crate) fn divided() -> anyhow::Result<Self> {
        let mut set = sched_getaffinity(None)?;
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect();
        let [program, .., others] = *cores else {
            return Ok(Self {
                program: None,
                others: None,
            });
        };
        set.unset(program);
        sched_setaffinity(None, &set)?;
        Ok(Self {
            program: Some(program),
            others: Some(others),
        })
    }
}

/// Keeps this thread, and the threads and processes that it starts, on one core.
fn pin(core: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// A loopback port that was free a moment ago.
pub(crate) async fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}
