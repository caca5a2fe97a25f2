//! The endpoint refuses everything for a while, and says for how long: no SDK forgets an event, and none gives up for
//! good.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    thread::{self, sleep},
    time::Duration,
};

use firehose_tests::{
    http,
    local_path::LocalPath,
    sdk::{ALL, BROWSERS},
    wait::{SOON, until},
    workspace,
};

/// How long everything is refused.
const OUTAGE: Duration = Duration::from_secs(20);
/// An app says something every second: from the beginning of the outage until after its end.
const ROUNDS: usize = 25;
const PAUSE: Duration = Duration::from_secs(1);

/// The example's destination, with more to it.
struct Destination {
    folder: tempfile::TempDir,
    local: LocalPath,
}

impl Destination {
    fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("orders.yaml"), Self::manifest(more)).unwrap();
        let local = LocalPath::start(&folder.path().join("orders.yaml"));
        Self { folder, local }
    }

    fn manifest(more: &str) -> String {
        let example = fs::read_to_string(workspace::root().join("examples/orders.yaml")).unwrap();
        format!("{example}{more}")
    }

    fn edit(&self, more: &str) {
        fs::write(self.folder.path().join("orders.yaml"), Self::manifest(more)).unwrap();
    }

    /// Waits until a request with one event, which goes nowhere, has this status.
    fn until_answered(&self, status: u16) {
        let event = r#"{"userId":"u","integrations":{"All":false}}"#;
        until(&format!("the endpoint answers {status}"), SOON, || {
            match http::post(&format!("{}/v1/track", self.local.events), event) {
                Ok(answer) if answer.status == status => Ok(()),
                other => Err(other),
            }
        });
    }

    /// Requests that were answered with this status.
    fn answered(&self, status: u16) -> u64 {
        let metrics = http::get(&format!("{}/metrics", self.local.admin)).unwrap().body;
        let counted = format!("firehose_proxy_requests_total{{status=\"{status}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&counted));
        line.map_or(0, |count| count.parse().unwrap())
    }

    /// Apps with every SDK start now, when everything is answered `status`; `end` is called when the outage is over.
    fn outlive(&self, status: u16, end: impl FnOnce()) {
        let sdks = || ALL.into_iter().chain(BROWSERS);
        let before = self.answered(status);
        thread::scope(|scope| {
            for sdk in sdks() {
                let mut app = sdk.paced(&self.local.events, ROUNDS, PAUSE);
                scope.spawn(move || {
                    let output = app.output().unwrap();
                    assert!(output.status.success(), "{sdk:?}: {output:?}");
                });
            }
            sleep(OUTAGE);
            let refused = self.answered(status) - before;
            end();
            assert!(refused >= sdks().count() as u64, "{refused} requests were refused");
        });
        let expected: BTreeMap<_, _> = sdks().flat_map(|sdk| sdk.expected(ROUNDS)).collect();
        self.local.simulator().arrived().assert_exactly(&expected);
    }
}

#[test]
#[ignore = "needs the SDKs: cargo xtask test sdk"]
fn no_sdk_loses_an_event_while_the_endpoint_is_unavailable() {
    let destination = Destination::start("  ingest: {state: Unavailable}\n");
    destination.until_answered(503);
    destination.outlive(503, || destination.edit(""));
}

#[test]
#[ignore = "needs the SDKs: cargo xtask test sdk"]
fn no_sdk_loses_an_event_while_the_rate_limit_is_used_up() {
    const PER_SECOND: u64 = 1000;
    let destination = Destination::start(&format!("  ingest: {{eventsPerSecondPerPod: {PER_SECOND}}}\n"));
    // So many events at once that paying for them takes as long as the outage, and a second more that is let in on
    // credit.
    let mut batch = String::from(r#"{"batch":["#);
    for number in 0..PER_SECOND * (OUTAGE.as_secs() + 1) {
        write!(batch, r#"{{"userId":{number},"integrations":{{"All":false}}}},"#).unwrap();
    }
    batch.pop();
    batch.push_str("]}");
    let answer = http::post(&format!("{}/v1/batch", destination.local.events), batch).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    destination.until_answered(429);
    destination.outlive(429, || {});
}
