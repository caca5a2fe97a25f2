//! A proxy as a process of its own, the simulated Firehose that it delivers to, and a client that says what it was
//! answered.

use std::{
    collections::BTreeMap,
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use firehose_simulator::{Availability, ServiceSettings, Simulator};
pub(crate) use firehose_tests::proxy::{SOON, run_to_its_end};
use firehose_tests::{
    client::{Answer, Client},
    document::{DocumentText, write_access_key},
    proxy::{self, ProxyProcess},
};
use tempfile::TempDir;

/// What outlives a proxy: its configuration, its spool, Firehose.
pub(crate) struct Place {
    pub(crate) firehose: Simulator,
    pub(crate) directory: TempDir,
    /// Put in front of the command line: a tracer, say.
    pub(crate) wrapper: Vec<String>,
}

/// A running proxy, and a client of it. Killed when dropped.
pub(crate) struct Pod {
    process: ProxyProcess,
    client: Client,
}

impl Place {
    /// A destination whose every event goes to the stream `all`, with more lines of the configuration document.
    pub(crate) async fn new(more: &str) -> Self {
        let firehose = Simulator::start(firehose_simulator::Options {
            region: "eu-west-1".to_owned(),
            create_on_demand: true,
            keep_bytes_per_stream: 1 << 30,
            ..firehose_simulator::Options::default()
        });
        let place = Self {
            firehose: firehose.await.unwrap(),
            directory: tempfile::tempdir().unwrap(),
            wrapper: Vec::new(),
        };
        write_access_key(&place.directory.path().join("key"), "AKIDEXAMPLE", "secret");
        fs::create_dir(place.directory.path().join("configuration")).unwrap();
        place.configure("test", more);
        place
    }

    /// Writes the configuration document of a destination with this UID.
    pub(crate) fn configure(&self, uid: &str, more: &str) {
        DocumentText::everything_to("all")
            .uid(uid)
            .endpoint(&self.firehose.url())
            .static_credentials(&self.directory.path().join("key"))
            .more(more)
            .write(&self.directory.path().join("configuration"));
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.directory.path().join("spool")
    }

    /// Whether Firehose can be reached.
    pub(crate) fn set_firehose(&self, firehose: Availability) {
        self.firehose.configure_service(ServiceSettings {
            firehose,
            ..ServiceSettings::default()
        });
    }

    /// The command that runs a proxy here.
    pub(crate) fn command(&self) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_firehose-proxy"));
        let configuration = self.directory.path().join("configuration");
        proxy::command(program, &self.wrapper, &configuration, &self.spool())
    }

    /// Starts a proxy and waits until it serves.
    pub(crate) fn start(&self) -> Pod {
        self.start_with(&mut self.command())
    }

    /// Starts one by a command of [`Place::command`] that was changed, and waits until it serves.
    #[expect(clippy::unused_self, reason = "a pod is nothing without its place")]
    pub(crate) fn start_with(&self, command: &mut Command) -> Pod {
        Pod {
            process: ProxyProcess::start(command),
            client: Client::default(),
        }
    }

    /// Starts a proxy in the pod of this name and waits until it serves.
    pub(crate) fn start_as(&self, pod: &str) -> Pod {
        Pod {
            process: ProxyProcess::start(self.command().env("POD_NAME", pod)),
            client: Client::default(),
        }
    }

    /// Starts a proxy and waits until it answers, be it 503.
    pub(crate) fn start_listening(&self) -> Pod {
        Pod {
            process: ProxyProcess::start_listening(&mut self.command()),
            client: Client::default(),
        }
    }

    /// How often each event has arrived, by messageId, with the numbers that Firehose gave its records.
    pub(crate) fn arrived(&self) -> BTreeMap<String, Vec<u64>> {
        let mut arrived: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for record in self.firehose.records("all", 0, usize::MAX).unwrap_or_default() {
            for line in record.data.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let event: serde_json::Value = serde_json::from_slice(line).unwrap();
                let id = event["messageId"].as_str().unwrap().to_owned();
                arrived.entry(id).or_default().push(record.sequence);
            }
        }
        arrived
    }

    /// Runs `firehose-proxy dead-letters …` beside the running proxy; what it wrote, or the reason why not.
    pub(crate) fn dead_letters(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(env!("CARGO_BIN_EXE_firehose-proxy"))
            .arg("dead-letters")
            .args(arguments)
            .arg("--spool-dir")
            .arg(self.spool())
            .output()
            .unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap()),
            false => Err(String::from_utf8(output.stderr).unwrap()),
        }
    }
}

impl Pod {
    /// Sends one event; `Err` when there is no answer.
    pub(crate) async fn send(&self, id: &str, padding: usize) -> Result<Answer, String> {
        let padding = "x".repeat(padding);
        let body = format!(r#"{{"type":"track","anonymousId":"a","messageId":"{id}","pad":"{padding}"}}"#);
        self.post("/v1/track", body).await
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> Result<Answer, String> {
        let answer = self.client.post(self.events, path, body);
        tokio::time::timeout(SOON, answer)
            .await
            .map_err(|_| "no answer".to_owned())?
    }

    /// A page of the admin endpoint.
    pub(crate) async fn admin(&self, path: &str) -> String {
        self.client.page(self.admin, path).await
    }

    /// A metric without labels, or the sum over its labels. What this counts are whole things.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        self.client.metric(self.admin, name).await as u64
    }

    /// Ends it as a power cut of the process would.
    pub(crate) fn kill(self) {
        self.process.kill();
    }

    /// Asks it to end (SIGTERM), waits, and returns what it logged.
    pub(crate) fn terminate(self) -> (ExitStatus, String) {
        self.process.terminate()
    }

    /// Waits until it has ended, and returns what it logged.
    pub(crate) fn wait_for_its_end(self) -> (ExitStatus, String) {
        self.process.wait_for_its_end()
    }
}

impl Deref for Pod {
    type Target = ProxyProcess;

    fn deref(&self) -> &ProxyProcess {
        &self.process
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < 2 * SOON, "not within {:?}: {what}", 2 * SOON);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A number from the environment: how long a proof is.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// The files of a directory.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
