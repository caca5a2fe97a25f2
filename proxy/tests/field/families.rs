//! tryretool/retool-helm#335: a cluster of IPv6 alone, in which nothing listened. The program with its defaults, in
//! network namespaces of its own with one family of addresses each; they need `unshare` and `ip`, and a kernel that
//! lets a test have a namespace.

use std::{
    fs,
    process::{Command, Stdio},
};

/// What a request to the program in a namespace is answered, in one line a port. The namespace is set up by `prepare`.
fn answers(prepare: &str, address: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let document = "formatVersion: 1\nrevision: ''\ndestination: {namespace: n, name: d, uid: u}\nregion: eu-west-1\n\
                    mappings: [{event: '*', deliveryStreamName: all}]\n";
    fs::write(directory.path().join("config.yaml"), document).unwrap();
    let script = r#"
        set -eu
        ip link set lo up
        eval "$PREPARE"
        "$PROXY" --config-dir "$DIRECTORY" --spool-dir "$DIRECTORY/spool" &
        trap "kill $!" EXIT
        ask() {
            exec 3<>"/dev/tcp/$ADDRESS/$1"
            printf 'GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' "$2" >&3
            head -n 1 <&3
        }
        for attempt in $(seq 100); do
            (ask 8080 /health) 2>/dev/null | grep -q 200 && break
            sleep 0.1
        done
        ask 8080 /health
        ask 9090 /livez
    "#;
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "bash", "-c", script])
        .env("PREPARE", prepare)
        .env("ADDRESS", address)
        .env("PROXY", env!("CARGO_BIN_EXE_firehose-proxy"))
        .env("DIRECTORY", directory.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

const BOTH: &str = "HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n";

#[test]
fn where_there_is_only_ipv6_the_defaults_serve_it() {
    let only_v6 = "ip address del 127.0.0.1/8 dev lo; ip -6 address add fd00::a/128 dev lo";
    assert_eq!(answers(only_v6, "fd00::a"), BOTH);
    assert_eq!(answers(only_v6, "::1"), BOTH);
}

#[test]
fn where_there_is_only_ipv4_the_defaults_serve_it() {
    let only_v4 = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6";
    assert_eq!(answers(only_v4, "127.0.0.1"), BOTH);
}
