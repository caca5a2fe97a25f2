//! How this machine reaches Services and pods. On our own nodes their addresses are routed; on a cluster that was
//! given, a Service gets a node port beside it and a pod is reached through kubectl.

use std::{
    collections::HashMap,
    io::{self, BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
};

use crate::{
    environment::environment,
    kubectl::{apply, get},
};

/// A base URL for `port` of a Service.
pub(crate) fn service(namespace: &str, name: &str, port: u16) -> String {
    let service = get(&format!("service {name} --namespace {namespace}"));
    if environment().own {
        return format!("http://{}:{port}", service["spec"]["clusterIP"].as_str().unwrap());
    }
    let selector = &service["spec"]["selector"];
    let target = service["spec"]["ports"]
        .as_array()
        .unwrap()
        .iter()
        .find(|candidate| candidate["port"] == port)
        .map(|found| found["targetPort"].clone())
        .unwrap();
    apply(&format!(
        r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{name}-test","namespace":"{namespace}"}},
        "spec":{{"type":"NodePort","selector":{selector},"ports":[{{"port":{port},"targetPort":{target}}}]}}}}"#
    ));
    let node_port = &get(&format!("service {name}-test --namespace {namespace}"))["spec"]["ports"][0]["nodePort"];
    let nodes = get("nodes");
    let address = nodes["items"][0]["status"]["addresses"]
        .as_array()
        .unwrap()
        .iter()
        .find(|address| address["type"] == "InternalIP")
        .unwrap();
    format!("http://{}:{node_port}", address["address"].as_str().unwrap())
}

/// Seconds.
const LONGEST_FORWARD: &str = "1800";

/// Address and port of a pod to the kubectl that forwards to it and the URL that it serves.
type Forwards = HashMap<(String, u16), (Child, String)>;

/// A base URL for `port` of one pod.
pub(crate) fn pod(namespace: &str, name: &str, address: &str, port: u16) -> String {
    if environment().own {
        return format!("http://{address}:{port}");
    }
    static FORWARDS: Mutex<Option<Forwards>> = Mutex::new(None);
    let mut forwards = FORWARDS.lock().unwrap();
    let forwards = forwards.get_or_insert_default();
    // By address: a pod of a StatefulSet that was replaced keeps its name and has another address.
    let key = (address.to_owned(), port);
    let (_, url) = forwards.entry(key).or_insert_with(|| {
        // Bounded, because nobody is left to end it when the tests have ended.
        let mut child = Command::new("timeout")
            .args([
                LONGEST_FORWARD,
                "kubectl",
                "port-forward",
                "--namespace",
                namespace,
                name,
                &format!(":{port}"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        // It says a line for each connection, and ends when nobody reads them.
        thread::spawn(move || io::copy(&mut stdout, &mut io::sink()));
        // `Forwarding from 127.0.0.1:40000 -> 8080`
        let address = line
            .split_whitespace()
            .nth(2)
            .unwrap_or_else(|| panic!("no port in {line:?}"));
        (child, format!("http://{address}"))
    });
    url.clone()
}
