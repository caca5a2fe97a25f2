//! A proxy as a process of its own, the simulated Firehose that it delivers to, and a client that says what it was answered.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use firehose_simulator::{Availability, ServiceSettings, Simulator};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tempfile::TempDir;

/// Long enough for anything that a loaded machine does in a second.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// What outlives a proxy: its configuration, its spool, Firehose.
pub(crate) struct Place {
    pub(crate) firehose: Simulator,
    pub(crate) directory: TempDir,
    /// Put in front of the command line: a tracer, say.
    pub(crate) wrapper: Vec<String>,
}

/// A running proxy. Killed when dropped.
pub(crate) struct Pod {
    child: Child,
    pub(crate) events: SocketAddr,
    pub(crate) admin: SocketAddr,
    said: Arc<Mutex<String>>,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
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
        let key = place.directory.path().join("key");
        fs::create_dir(&key).unwrap();
        fs::write(key.join("accessKeyID"), "AKIDEXAMPLE").unwrap();
        fs::write(key.join("secretAccessKey"), "secret").unwrap();
        fs::create_dir(place.directory.path().join("configuration")).unwrap();
        place.configure("test", more);
        place
    }

    /// Writes the configuration document of a destination with this UID.
    pub(crate) fn configure(&self, uid: &str, more: &str) {
        let text = format!(
            "formatVersion: 1
revision: ''
destination: {{namespace: test, name: test, uid: {uid}}}
region: eu-west-1
endpointURL: {}
credentials: {{type: Static, static: {{directory: {}}}}}
mappings: [{{event: '*', deliveryStreamName: all}}]
{more}
",
            self.firehose.url(),
            self.directory.path().join("key").display()
        );
        let file = self
            .directory
            .path()
            .join("configuration")
            .join(firehose_proxy_config::FILE_NAME);
        fs::write(file, text).unwrap();
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
        let program = env!("CARGO_BIN_EXE_firehose-proxy").to_owned();
        let mut line = self.wrapper.iter().chain([&program]);
        let mut command = Command::new(line.next().unwrap());
        command
            .args(line)
            .arg("--config-dir")
            .arg(self.directory.path().join("configuration"))
            .arg("--spool-dir")
            .arg(self.spool())
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

    /// Starts a proxy and waits until it serves.
    pub(crate) fn start(&self) -> Pod {
        Pod::start(&mut self.command())
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
    fn start(command: &mut Command) -> Self {
        let (mut child, said) = spawn(command);
        let address = |said: &str, name: &str| -> Option<SocketAddr> {
            let line = said.lines().find(|line| line.contains("serving"))?;
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
                    client: Client::builder(TokioExecutor::new()).build_http(),
                };
            }
            assert!(child.try_wait().unwrap().is_none(), "the proxy has ended: {text}");
            assert!(begun.elapsed() < SOON, "the proxy does not serve: {text}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends one event; `Err` when there is no answer.
    pub(crate) async fn send(&self, id: &str, padding: usize) -> Result<Answer, String> {
        let padding = "x".repeat(padding);
        let body = format!(r#"{{"type":"track","anonymousId":"a","messageId":"{id}","pad":"{padding}"}}"#);
        self.post("/v1/track", body).await
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> Result<Answer, String> {
        let request = Request::post(format!("http://{}{path}", self.events)).body(Full::new(body.into()));
        let answer = async {
            let response = self
                .client
                .request(request.unwrap())
                .await
                .map_err(|error| error.to_string())?;
            let retry_after = response.headers().get("retry-after");
            let answer = Answer {
                status: response.status(),
                retry_after: retry_after.map(|value| value.to_str().unwrap().to_owned()),
            };
            response
                .into_body()
                .collect()
                .await
                .map_err(|error| error.to_string())?;
            Ok(answer)
        };
        tokio::time::timeout(SOON, answer)
            .await
            .map_err(|_| "no answer".to_owned())?
    }

    /// A page of the admin endpoint.
    pub(crate) async fn admin(&self, path: &str) -> String {
        let uri = format!("http://{}{path}", self.admin).parse().unwrap();
        let response = self.client.get(uri).await.unwrap();
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// A metric without labels, or the sum over its labels.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let page = self.admin("/metrics").await;
        let lines = page
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    /// What it has logged so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut of the process would.
    pub(crate) fn kill(mut self) {
        kill_group(&self.child).unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end (SIGTERM), waits, and returns what it logged.
    pub(crate) fn terminate(self) -> (ExitStatus, String) {
        self.tell_to_end();
        self.wait_for_its_end()
    }

    /// Waits until it has ended, and returns what it logged.
    pub(crate) fn wait_for_its_end(mut self) -> (ExitStatus, String) {
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

    /// Asks it to end (SIGTERM).
    pub(crate) fn tell_to_end(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // One that has ended is no problem.
        let _ = kill_group(&self.child);
        let _ = self.child.wait();
    }
}

/// Ends a program and, when that is a tracer, the program that it traces.
fn kill_group(child: &Child) -> rustix::io::Result<()> {
    let id = rustix::process::Pid::from_child(child);
    rustix::process::kill_process_group(id, rustix::process::Signal::KILL)
}

/// Starts a program that is expected to end by itself; its status and what it logged.
pub(crate) fn run_to_its_end(command: &mut Command) -> (ExitStatus, String) {
    let (mut child, said) = spawn(command);
    let Some(status) = wait(&mut child) else {
        child.kill().unwrap();
        panic!("it does not end: {}", said.lock().unwrap());
    };
    thread::sleep(Duration::from_millis(100));
    let said = said.lock().unwrap().clone();
    (status, said)
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
