//! The cluster as a person sees it: everything goes through kubectl and Helm, as in the documentation.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Runs kubectl; `line` is split at its spaces.
pub(crate) fn kubectl(line: &str) -> String {
    try_kubectl(line).unwrap_or_else(|error| panic!("kubectl {line}: {error}"))
}

/// Runs kubectl and keeps its complaint.
pub(crate) fn try_kubectl(line: &str) -> Result<String, String> {
    let mut command = Command::new("kubectl");
    command.args(line.split_whitespace());
    text(command.stdin(Stdio::null()).output().unwrap())
}

/// Reads an object, or a list of them.
pub(crate) fn get(line: &str) -> Value {
    serde_json::from_str(&kubectl(&format!("get --output json {line}"))).unwrap()
}

/// Applies a manifest as a user would.
pub(crate) fn apply(manifest: &str) -> String {
    try_apply(manifest).unwrap_or_else(|error| panic!("failed to apply: {error}\n{manifest}"))
}

/// Applies a manifest and keeps the API server's complaint.
pub(crate) fn try_apply(manifest: &str) -> Result<String, String> {
    let mut child = Command::new("kubectl")
        .args(["apply", "--filename", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
    text(child.wait_with_output().unwrap())
}

/// Runs Helm, version 4.
pub(crate) fn helm<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    helm_at("helm", arguments)
}

/// Runs the Helm of this path.
pub(crate) fn helm_at<'a>(program: &str, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let arguments: Vec<&str> = arguments.into_iter().collect();
    let output = Command::new(program).args(&arguments).stdin(Stdio::null()).output();
    text(output.unwrap()).unwrap_or_else(|error| panic!("{program} {}: {error}", arguments.join(" ")))
}

/// A namespace that refuses every pod that is not restricted. What an earlier run left behind is removed.
pub(crate) fn fresh_namespace(name: &str) {
    kubectl(&format!(
        "delete namespace {name} --ignore-not-found --wait --timeout 120s"
    ));
    kubectl(&format!("create namespace {name}"));
    kubectl(&format!(
        "label namespace {name} pod-security.kubernetes.io/enforce=restricted"
    ));
}

/// Asks again and again until there is an answer; after `deadline`, fails and shows the state of the cluster.
pub(crate) fn wait_for<T>(what: &str, deadline: Duration, mut answer: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + deadline;
    loop {
        match answer() {
            Ok(answer) => return answer,
            Err(state) if Instant::now() > end => {
                panic!(
                    "{what}: not within {} s, but {state}\n{}",
                    deadline.as_secs(),
                    diagnosis()
                )
            }
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// What a person would look at first.
fn diagnosis() -> String {
    let mut shown = String::new();
    for line in [
        "get pods --all-namespaces --output wide",
        "get firehosedestinations --all-namespaces --output yaml",
        "get events --all-namespaces --sort-by .lastTimestamp",
        "logs --namespace firehose-system --selector app.kubernetes.io/name=firehose-operator --tail 40 --prefix",
    ] {
        let output = try_kubectl(line).unwrap_or_else(|error| error);
        let lines: Vec<&str> = output.lines().collect();
        let newest = lines[lines.len().saturating_sub(120)..].join("\n");
        writeln!(shown, "--- kubectl {line}\n{newest}").unwrap();
    }
    shown
}

fn text(output: Output) -> Result<String, String> {
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
