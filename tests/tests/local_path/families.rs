//! The programs with their defaults in network namespaces with one family of addresses; they need `unshare` and `ip`,
//! and a kernel that lets a test have a namespace. The proxy's own are beside its field cases.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use firehose_tests::workspace;

/// What requests to a program in a namespace are answered, a line each. The namespace is set up by `prepare`.
fn answers(prepare: &str, program: &str, arguments: &[&str], requests: &[(&str, &str)]) -> String {
    let script = r#"
        set -eu
        ip link set lo up
        eval "$PREPARE"
        "$PROGRAM" "$@" >/dev/null &
        trap "kill $!" EXIT
        ask() {
            exec 3<>"/dev/tcp/$1"
            printf 'GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' "$2" >&3
            head -n 1 <&3
        }
        while read -r address path; do
            for attempt in $(seq 100); do
                (ask "$address" "$path") 2>/dev/null | grep -q ' 200 ' && break
                sleep 0.1
            done
            ask "$address" "$path"
        done <<< "$REQUESTS"
    "#;
    let requests: Vec<String> = requests
        .iter()
        .map(|(address, path)| format!("{address} {path}"))
        .collect();
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "bash", "-c", script, "bash"])
        .args(arguments)
        .env("PREPARE", prepare)
        .env("PROGRAM", workspace::program(program))
        .env("REQUESTS", requests.join("\n"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("KUBECONFIG")
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

const ONLY_V6: &str = "ip address del 127.0.0.1/8 dev lo; ip -6 address add fd00::a/128 dev lo";
const ONLY_V4: &str = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6";
const BOTH: &str = "true";
const OK: &str = "HTTP/1.1 200 OK\r\n";

#[test]
fn the_local_path_serves_loopback_in_every_family_that_there_is() {
    let manifest = ["examples/orders.yaml"];
    for (prepare, hosts) in [
        (ONLY_V6, vec!["::1"]),
        (ONLY_V4, vec!["127.0.0.1"]),
        (BOTH, vec!["127.0.0.1", "::1"]),
    ] {
        for host in hosts {
            let requests = [
                (&*format!("{host}/8080"), "/health"),
                (&*format!("{host}/9090"), "/livez"),
                (&*format!("{host}/4573"), "/_simulator/streams"),
            ];
            assert_eq!(
                answers(prepare, "firehose-local", &manifest, &requests),
                OK.repeat(3),
                "{prepare}: {host}"
            );
        }
    }
}

#[test]
fn the_simulator_serves_every_family_when_it_is_told_to() {
    for (prepare, host) in [(ONLY_V6, "fd00::a"), (ONLY_V4, "127.0.0.1")] {
        let requests = [(&*format!("{host}/4573"), "/_simulator/streams")];
        assert_eq!(
            answers(prepare, "firehose-simulator", &["--listen", "[::]:4573"], &requests),
            OK
        );
    }
}

/// It finds no API server here, so it waits for its watches; its probes answer.
#[test]
fn the_operators_admin_port_serves_every_family() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    write_kubeconfig(&kubeconfig);
    let kubeconfig = format!("export KUBECONFIG={}", kubeconfig.display());
    for (prepare, host) in [(ONLY_V6, "fd00::a"), (ONLY_V4, "127.0.0.1")] {
        let requests = [(&*format!("{host}/9090"), "/livez")];
        let prepare = format!("{kubeconfig}; {prepare}");
        assert_eq!(
            answers(&prepare, "firehose-operator", &["run", "--proxy-image", "p"], &requests),
            OK
        );
    }
}

fn write_kubeconfig(path: &Path) {
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'http://localhost:1'}}]\n\
                contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n";
    std::fs::write(path, text).unwrap();
}
