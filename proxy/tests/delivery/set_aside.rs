//! Events of a stream that takes none are kept on the disk and sent again by themselves
//! (`delivery.undeliverable: DeadLetter`).

use firehose_simulator::StreamSettings;
use http::StatusCode;

use super::rig::{Rig, Setup, batch};

fn ids(first: usize, count: usize) -> impl Iterator<Item = String> {
    (first..first + count).map(|number| format!("m-{number}"))
}

/// Was: refused as not implemented by the operator, and 503 by the proxy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_missing_stream_are_kept_and_sent_again_when_it_is_there() {
    for acknowledge in ["WhenDelivered", "WhenSpooled"] {
        let more =
            format!("delivery: {{lingerMilliseconds: 5, acknowledge: {acknowledge}, undeliverable: DeadLetter}}");
        let rig = Rig::start(Setup {
            missing: vec!["missing"],
            more: &more,
            ..Setup::default()
        })
        .await;
        for first in [0, 40] {
            let answer = rig.send(0, batch("missing", ids(first, 40), 10)).await;
            assert_eq!(answer.status, StatusCode::OK, "{acknowledge}");
        }
        rig.until("they are on the disk", async || {
            rig.metric(0, "firehose_proxy_dead_letters").await == 80.0
        })
        .await;

        rig.simulator.configure("missing", StreamSettings::default()).unwrap();
        let mut sent = 80;
        rig.until("all of them have arrived", async || {
            // What comes meanwhile shows that the stream is there.
            if rig.arrived("missing").is_empty() {
                let answer = rig.send(0, batch("missing", ids(sent, 1), 10)).await;
                assert_eq!(answer.status, StatusCode::OK, "{acknowledge}");
                sent += 1;
            }
            rig.arrived("missing").len() == sent
        })
        .await;
        let arrived = rig.arrived("missing");
        assert!(arrived.values().all(|times| *times == 1), "{arrived:?}");
        rig.until("no letter is left", async || {
            rig.metric(0, "firehose_proxy_dead_letters").await == 0.0
        })
        .await;
    }
}
