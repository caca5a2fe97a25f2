//! Each 200 comes after the fdatasync that covers its events: seen from outside, in the process's system calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use firehose_simulator::Availability;
use futures::future::join_all;
use http::StatusCode;

use crate::pod::Place;

const EVENTS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: cargo xtask test durability"]
async fn each_200_comes_after_the_sync_that_covers_it() {
    let mut place = Place::new("delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}").await;
    place.set_firehose(Availability::Resetting);
    let trace = place.directory.path().join("trace");
    let calls = "trace=pwrite64,fdatasync,fsync,read,recvfrom,readv,write,writev,sendto,sendmsg,accept4,close";
    let strace = [
        "strace",
        "--follow-forks",
        "--string-limit=200000",
        "-e",
        calls,
        "-o",
        trace.to_str().unwrap(),
    ];
    place.wrapper = strace.map(str::to_owned).to_vec();
    let pod = place.start();
    // Alone, and several at a time that share a sync.
    for numbers in [(0..10).collect::<Vec<_>>(), (10..EVENTS).collect()] {
        let markers: Vec<String> = numbers.into_iter().map(marker).collect();
        let answers = markers.iter().map(|marker| pod.send(marker, 100));
        for answer in join_all(answers).await {
            assert_eq!(answer.unwrap().status, StatusCode::OK);
        }
    }
    drop(pod);
    let text = String::from_utf8_lossy(&fs::read(&trace).unwrap()).into_owned();
    let history = read(&text);
    let answered: BTreeSet<_> = history.answered.iter().map(|(marker, _)| marker.clone()).collect();
    assert_eq!(
        answered,
        (0..EVENTS).map(marker).collect(),
        "the trace does not show every answer"
    );
    for (marker, safe) in &history.answered {
        assert!(safe, "{marker} was answered 200 before it was synced");
    }
    println!(
        "{} answers, each after the sync that covers it; {} syncs",
        history.answered.len(),
        history.syncs
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: cargo xtask test durability"]
async fn directories_that_are_made_survive_a_power_cut() {
    let mut place = Place::new("delivery: {acknowledge: WhenSpooled}").await;
    let trace = place.directory.path().join("trace");
    let strace = [
        "strace",
        "--follow-forks",
        "--decode-fds=path",
        "-e",
        "trace=mkdir,fsync",
        "-o",
    ];
    place.wrapper = strace.map(str::to_owned).to_vec();
    place.wrapper.push(trace.to_str().unwrap().to_owned());
    drop(place.start());
    let text = fs::read_to_string(&trace).unwrap();
    for made in [place.spool().join("dead-letters"), place.spool()] {
        let [name, parent] = [made.as_path(), made.parent().unwrap()].map(|path| path.to_str().unwrap());
        let mut lines = text.lines();
        let is_made = lines.any(|line| line.contains(&format!("mkdir(\"{name}\"")) && line.ends_with("= 0"));
        let is_synced = lines.any(|line| line.contains("fsync(") && line.contains(&format!("<{parent}>")));
        assert!(
            is_made && is_synced,
            "{name}: made {is_made}, then its parent synced {is_synced}:\n{text}"
        );
    }
}

/// The trace is read rightly: a history in which an answer comes too early is noticed.
#[test]
fn an_answer_before_its_sync_is_noticed() {
    let lines = |order: [usize; 4]| {
        let lines = [
            r#"7 recvfrom(9, "POST /v1/track HTTP/1.1\r\n{\"messageId\":\"marker-0001-\"}", 8192, 0, NULL, NULL) = 99"#,
            r#"8 pwrite64(5, "FRAM{\"messageId\":\"marker-0001-\"}", 512, 1024) = 512"#,
            "8 fdatasync(5 <unfinished ...>\n8 <... fdatasync resumed>) = 0",
            r#"7 writev(9, [{iov_base="HTTP/1.1 200 OK\r\n", iov_len=40}], 1) = 40"#,
        ];
        order.map(|line| lines[line]).join("\n")
    };
    assert_eq!(read(&lines([0, 1, 2, 3])).answered, [(marker(1), true)]);
    for early in [[0, 3, 1, 2], [0, 1, 3, 2], [0, 2, 1, 3]] {
        assert_eq!(read(&lines(early)).answered, [(marker(1), false)], "{early:?}");
    }
}

fn marker(number: usize) -> String {
    format!("marker-{number:04}-")
}

/// What a trace says.
#[derive(Debug, Default)]
struct History {
    /// Each event that was answered 200, and whether a sync of its bytes had ended before that.
    answered: Vec<(String, bool)>,
    syncs: usize,
}

/// Reads the system calls in the order in which they began and ended.
fn read(trace: &str) -> History {
    let mut history = History::default();
    // What was read from each connection; what was written to each file since its last sync began; what is safe.
    let mut asked: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut written: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut syncing: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let mut unfinished: BTreeMap<String, String> = BTreeMap::new();
    let mut safe = BTreeSet::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.trim_start().split_once(' ') else {
            continue;
        };
        let (thread, call) = (thread.to_owned(), call.trim_start());
        let begins = !call.starts_with("<...");
        let ends = !call.ends_with("<unfinished ...>");
        // A call in two lines has its arguments in the first (writes) or in both (reads).
        let whole = match begins {
            true => call.to_owned(),
            false => format!("{}{call}", unfinished.remove(&thread).unwrap_or_default()),
        };
        if !ends {
            unfinished.insert(thread.clone(), call.to_owned());
        }
        let Some((name, arguments)) = whole.split_once('(') else {
            continue;
        };
        let file: String = arguments.chars().take_while(char::is_ascii_digit).collect();
        let succeeded = whole
            .rsplit_once("= ")
            .is_some_and(|(_, result)| !result.starts_with('-'));
        match name {
            "read" | "recvfrom" | "readv" if ends => {
                asked.entry(file).or_default().extend(markers(arguments));
            }
            "pwrite64" if ends && succeeded => {
                written.entry(file).or_default().extend(markers(arguments));
            }
            "fdatasync" | "fsync" => {
                if begins {
                    let covered = written.remove(&file).unwrap_or_default();
                    syncing.insert(thread.clone(), (file, covered));
                }
                if ends && let Some((_, covered)) = syncing.remove(&thread) {
                    assert!(succeeded, "{whole}");
                    history.syncs += 1;
                    safe.extend(covered);
                }
            }
            "write" | "writev" | "sendto" | "sendmsg" if begins && arguments.contains("HTTP/1.1 200") => {
                for marker in asked.remove(&file).unwrap_or_default() {
                    let is_safe = safe.contains(&marker);
                    history.answered.push((marker, is_safe));
                }
            }
            _ => {}
        }
    }
    history
}

/// The events that are named in some bytes.
fn markers(bytes: &str) -> Vec<String> {
    let ends = bytes.match_indices("marker-").map(|(start, _)| start);
    let marker = |start: usize| bytes.get(start..start + "marker-0000-".len());
    ends.filter_map(marker).map(str::to_owned).collect()
}
