//! `dead-letters` over a fleet: three proxies, and in place of a cluster an API server of our own that lists them as
//! pods and runs in each what it is asked to, as kubelet would.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use firehose_tests::{
    document::DocumentText,
    http,
    program::Program,
    proxy::{self, ProxyProcess},
    simulator::Simulator,
    wait::{SOON, until},
    workspace,
};
use serde_json::{Value, json};
use tungstenite::{
    Message,
    handshake::server::{Request, Response},
    http::HeaderValue,
};

use crate::operator;

const PODS: [&str; 3] = ["orders-firehose-0", "orders-firehose-1", "orders-firehose-2"];

/// The pods by name: the directory of each, and its process while it runs.
type Pods = Arc<Mutex<BTreeMap<String, (PathBuf, Option<ProxyProcess>)>>>;

/// Answers for a cluster. A pod in `killed` is killed when it is asked to send letters again, before it can.
fn serve(listener: &TcpListener, pods: &Pods, killed: &Arc<Mutex<Option<String>>>) {
    for stream in listener.incoming() {
        let (stream, pods, killed) = (stream.unwrap(), Arc::clone(pods), Arc::clone(killed));
        thread::spawn(move || {
            let mut head = [0; 16 << 10];
            let mut length = 0;
            while !head[..length].windows(4).any(|end| end == b"\r\n\r\n") {
                length = stream.peek(&mut head).unwrap_or_default();
                if length == 0 {
                    return;
                }
            }
            match head[..length].windows(6).any(|part| part == b"/exec?") {
                true => run_in_a_pod(stream, &pods, &killed),
                false => list(stream, &pods),
            }
        });
    }
}

fn list(mut stream: TcpStream, pods: &Pods) {
    let mut request = [0; 16 << 10];
    let length = stream.read(&mut request).unwrap();
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let body = if request.contains("/firehosedestinations/orders") {
        json!({
            "apiVersion": "firehose-operator.dev/v1alpha1", "kind": "FirehoseDestination", "metadata": {"name": "orders"},
            "spec": {"region": "eu-west-1", "mappings": [{"event": "*", "deliveryStreamName": "all"}]},
            // One more than there are.
            "status": {"proxies": {"desired": 4}},
        })
    } else {
        let names: Vec<Value> = pods
            .lock()
            .unwrap()
            .keys()
            .map(|name| json!({"metadata": {"name": name}}))
            .collect();
        json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": names})
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// Runs a proxy's command beside it, in the words of `v4.channel.k8s.io`.
#[allow(clippy::result_large_err, reason = "the shape of the callback is tungstenite's")]
fn run_in_a_pod(stream: TcpStream, pods: &Pods, killed: &Mutex<Option<String>>) {
    let mut uri = String::new();
    let accept = |request: &Request, mut response: Response| {
        uri = request.uri().to_string();
        let protocol = HeaderValue::from_static("v4.channel.k8s.io");
        response.headers_mut().insert("sec-websocket-protocol", protocol);
        Ok(response)
    };
    let mut socket = tungstenite::accept_hdr(stream, accept).unwrap();
    let (path, query) = uri.split_once('?').unwrap();
    let pod = path.split('/').rev().nth(1).unwrap().to_owned();
    let words = query.split('&').filter_map(|pair| pair.strip_prefix("command="));
    let words: Vec<String> = words
        .map(|word| word.replace("%2F", "/").replace("%3D", "=").replace('+', " "))
        .collect();
    assert_eq!(words[0], "firehose-proxy");
    assert!(query.contains("container=proxy"), "{query}");
    if words.contains(&"redrive".to_owned()) && killed.lock().unwrap().take_if(|name| *name == pod).is_some() {
        pods.lock().unwrap().get_mut(&pod).unwrap().1.take().unwrap().kill();
    }
    let spool = pods.lock().unwrap()[&pod].0.join("spool");
    let output = Command::new(workspace::program("firehose-proxy"))
        .args(&words[1..])
        .arg("--spool-dir")
        .arg(spool)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let status = match output.status.code() {
        Some(0) => json!({"status": "Success"}),
        code => json!({
            "status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with non-zero exit code",
            "details": {"causes": [{"reason": "ExitCode", "message": code.unwrap().to_string()}]},
        }),
    };
    for (channel, bytes) in [
        (1, output.stdout),
        (2, output.stderr),
        (3, status.to_string().into_bytes()),
    ] {
        // Lines arrive in pieces, the status as a whole.
        for piece in bytes.chunks(if channel == 3 { usize::MAX } else { 100 }) {
            let _ = socket.send(Message::binary([&[channel], piece].concat()));
        }
    }
    let _ = socket.close(None);
    while socket.read().is_ok() {}
}

fn start(folder: &Path) -> ProxyProcess {
    let program = workspace::program("firehose-proxy");
    let mut command = proxy::command(&program, &[], &folder.join("config"), &folder.join("spool"));
    let keys = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "none")];
    ProxyProcess::start(command.envs(keys))
}

fn simulator() -> (Program, Simulator) {
    let mut command = Command::new(workspace::program("firehose-simulator"));
    let program = Program::start(command.args(["--listen", "127.0.0.1:0", "--create-on-demand"]));
    let ready = program.line("ready simulator=", SOON);
    let (_, url) = ready.split_once('=').unwrap();
    let url = url.to_owned();
    (program, Simulator { url })
}

#[test]
fn dead_letters_of_three_pods_are_listed_sent_again_and_dropped_while_a_pod_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (_program, simulator) = simulator();
    let poison = json!({"faults": [{"fault": {"kind": "RejectContaining", "text": "poison"}}]});
    let settings = format!("{}/_simulator/streams/all", simulator.url);
    assert!(http::put(&settings, &poison.to_string()).unwrap().status < 300);
    let pods: Pods = Arc::default();
    for pod in PODS {
        let at = folder.path().join(pod);
        fs::create_dir_all(at.join("config")).unwrap();
        DocumentText::everything_to("all")
            .uid(pod)
            .endpoint(&simulator.url)
            .more("ingest: {invalidEventPolicy: DeadLetter}\ndelivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}")
            .write(&at.join("config"));
        let process = start(&at);
        let url = format!("http://{}/v1/batch", process.events);
        // One that nobody can send again, and one that Firehose refuses among others.
        for number in 0..20 {
            let body = match number {
                0 => {
                    json!({"batch": [{"event": "no identity"}, {"userId": "u", "messageId": format!("{pod} poison")}]})
                }
                _ => json!({"batch": [{"userId": "u", "messageId": format!("{pod} good {number}")}]}),
            };
            assert_eq!(http::post(&url, body.to_string()).unwrap().status, 200);
        }
        until("both are dead letters", SOON, || {
            // What refuses an event is told from what refuses everything by others that get through.
            let _ = http::post(&url, json!({"batch": [{"userId": "u"}]}).to_string());
            let metrics = http::get(&format!("http://{}/metrics", process.admin)).unwrap().body;
            match metrics.lines().any(|line| line == "firehose_proxy_dead_letters 2") {
                true => Ok(()),
                false => Err("not yet".to_owned()),
            }
        });
        pods.lock().unwrap().insert(pod.to_owned(), (at, Some(process)));
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", listener.local_addr().unwrap())}}],
        "users": [{"name": "test", "user": {"token": "none"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    });
    fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string()).unwrap();
    let killed: Arc<Mutex<Option<String>>> = Arc::default();
    {
        let (pods, killed) = (Arc::clone(&pods), Arc::clone(&killed));
        thread::spawn(move || serve(&listener, &pods, &killed));
    }
    let ask = |arguments: &[&str]| -> (Output, Vec<Value>) {
        let output = Command::new(operator())
            .arg("dead-letters")
            .args(arguments)
            .env("KUBECONFIG", folder.path().join("kubeconfig"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        (output, lines)
    };
    let list = || ask(&["list", "orders", "-o", "json"]).1;

    // Two in each pod, under names of their own; and what is not there is said.
    let (output, listed) = ask(&["list", "orders", "-o", "json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let mut ids: Vec<&str> = listed.iter().filter_map(|letter| letter["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6, "{listed:?}");
    assert_eq!(listed.last().unwrap()["pod"], "orders-firehose-3", "{listed:?}");
    let stuck: Vec<&Value> = listed
        .iter()
        .filter(|letter| letter["reason"] == "NoIdentity")
        .collect();
    assert_eq!(stuck.len(), 3);
    let shown = ask(&["show", "orders", stuck[1]["id"].as_str().unwrap()]).0;
    assert_eq!(shown.stdout, br#"{"event":"no identity"}"#, "{shown:?}");
    assert_eq!(
        ask(&["drop", "orders"]).0.status.code(),
        Some(1),
        "somebody must say which"
    );

    // Firehose takes them now. The second pod is killed when it is asked.
    assert!(http::put(&settings, "").unwrap().status < 300);
    *killed.lock().unwrap() = Some(PODS[1].to_owned());
    let (output, told) = ask(&["redrive", "orders", "--all", "-o", "json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    for (number, pod) in PODS.iter().enumerate() {
        let of_pod = told.iter().rfind(|line| line["pod"] == **pod).unwrap();
        if number == 1 {
            assert!(
                of_pod["error"]
                    .as_str()
                    .is_some_and(|why| why.contains("failed to reach a proxy")),
                "{of_pod}"
            );
            continue;
        }
        let gone = &of_pod["gone"];
        assert_eq!((&gone["sent"], &gone["stuckCount"]), (&json!(1), &json!(1)), "{of_pod}");
        assert_eq!(gone["stuck"][0]["reason"], "NoIdentity", "{of_pod}");
        assert_eq!(
            gone["stuck"][0]["id"].as_str().unwrap().split('/').next(),
            Some(*pod),
            "{of_pod}"
        );
    }
    assert!(
        told.iter().any(|line| line["progress"]["of"].as_u64().is_some()),
        "{told:?}"
    );

    // It comes back with both of its letters; then it goes as with the others.
    let at = pods.lock().unwrap()[PODS[1]].0.clone();
    let again = start(&at);
    pods.lock().unwrap().get_mut(PODS[1]).unwrap().1 = Some(again);
    assert_eq!(list().iter().filter(|letter| letter["id"].is_string()).count(), 4);
    let text = ask(&["redrive", "orders", "--all"]).0;
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains(&format!(
            "{}: 1 sent again\n{}: 1 cannot be sent again\n",
            PODS[1], PODS[1]
        )),
        "{text}"
    );
    until("every one of them arrives, once", SOON, || {
        let arrived = simulator.arrived();
        let places = arrived.places();
        let missing = PODS
            .iter()
            .filter(|pod| places.get(&*format!("{pod} poison")).map(Vec::len) != Some(1));
        match missing.count() {
            0 => Ok(()),
            missing => Err(format!("{missing} are missing")),
        }
    });

    // What nobody can send again is dropped, by name and by reason; a name that is gone is said.
    let first = stuck[0]["id"].as_str().unwrap();
    let (output, told) = ask(&["drop", "orders", first, "-o", "json"]);
    assert_eq!(
        (output.status.code(), &told[0]["gone"]["dropped"]),
        (Some(0), &json!(1)),
        "{output:?}"
    );
    let (output, told) = ask(&["drop", "orders", first, "-o", "json"]);
    assert_eq!(
        (output.status.code(), &told[0]["gone"]["unknown"]),
        (Some(3), &json!([first])),
        "{output:?}"
    );
    ask(&["drop", "orders", "--reason", "NoIdentity"]);
    assert_eq!(list().iter().filter(|letter| letter["id"].is_string()).count(), 0);
}
