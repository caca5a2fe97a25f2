//! The program itself, as a process of its own: what can only be seen from outside.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::net::TcpStream;

/// A running proxy; it is killed when this is dropped.
pub(crate) struct Process {
    pub(crate) events: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
}

impl Process {
    /// Starts it with a folder that holds its configuration and one for its spool, and waits until it listens.
    pub(crate) async fn start(configuration: &Path, spool: &Path, environment: &[(&str, String)]) -> Self {
        let [events, admin] = [free_address(), free_address()];
        let child = Command::new(env!("CARGO_BIN_EXE_firehose-proxy"))
            .arg("--config-dir")
            .arg(configuration)
            .arg("--spool-dir")
            .arg(spool)
            .args(["--listen", &events.to_string(), "--admin-listen", &admin.to_string()])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("RUST_LOG", "error")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self { events, admin, child };
        for address in [events, admin] {
            while TcpStream::connect(address).await.is_err() {
                assert!(process.child.try_wait().unwrap().is_none(), "the proxy has ended");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        process
    }

    /// A value of `/proc/PID/status` in KiB: `VmRSS` is the memory now, `VmHWM` the most there ever was.
    pub(crate) fn memory_kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

/// A loopback port that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}
