//! The two threads of a log: one commits, one keeps house. What ends a process when its disk fails is here.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::time::Instant;

use super::{disk::RealDisk, log::Log, maintenance::MaintenanceTimes};

/// A log and its threads. Dropping it stops them.
#[derive(Debug)]
pub(crate) struct Running {
    log: Arc<Log<RealDisk>>,
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

type Work = fn(&Arc<Log<RealDisk>>, &AtomicBool) -> Result<(), String>;

impl Running {
    /// Starts the threads.
    pub(crate) fn start(log: Arc<Log<RealDisk>>, name: &str) -> io::Result<Self> {
        let mut running = Self {
            log,
            stopping: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
        };
        running.spawn(format!("{name}-commit"), commit)?;
        running.spawn(format!("{name}-maintain"), maintain)?;
        Ok(running)
    }

    fn spawn(&mut self, name: String, work: Work) -> io::Result<()> {
        let (log, stopping) = (Arc::clone(&self.log), Arc::clone(&self.stopping));
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            if let Err(error) = work(&log, &stopping) {
                // What is on the disk is unknown. Nobody has been answered; the next process reads what is there.
                tracing::error!(error, "the spool's disk failed, the process ends");
                std::process::exit(DISK_FAILED);
            }
        })?;
        self.threads.push(thread);
        Ok(())
    }

    pub(crate) fn log(&self) -> &Arc<Log<RealDisk>> {
        &self.log
    }

    /// Writes what was accepted, syncs what was settled, ends the threads and the outlet.
    pub(crate) fn stop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.log.close_intake();
        self.log.to_maintain.notify();
        for thread in self.threads.drain(..) {
            // A thread that has panicked has ended, which is all that is asked of it.
            let _ = thread.join();
        }
        self.log.close_outlet();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Exit code of a process whose disk has failed.
const DISK_FAILED: i32 = 74; // EX_IOERR of sysexits.h

fn commit(log: &Arc<Log<RealDisk>>, stopping: &AtomicBool) -> Result<(), String> {
    loop {
        let last = stopping.load(Ordering::Acquire);
        while log.commit().map_err(describe)? {}
        if last {
            return Ok(());
        }
        log.to_commit.wait(None);
    }
}

fn maintain(log: &Arc<Log<RealDisk>>, stopping: &AtomicBool) -> Result<(), String> {
    let mut times = MaintenanceTimes::new(Instant::now());
    loop {
        if stopping.load(Ordering::Acquire) {
            return log.finish().map_err(describe);
        }
        let sleep = log.maintain(&mut times, Instant::now()).map_err(describe)?;
        if sleep != Some(Duration::ZERO) {
            log.to_maintain.wait(sleep);
        }
    }
}

/// An error with its causes, on one line.
fn describe(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
