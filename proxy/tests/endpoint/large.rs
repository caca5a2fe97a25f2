//! A large body keeps no other connection waiting while its events are judged.

use std::time::Duration;

use tokio::time::Instant;

use crate::server::Server;

/// On one thread, so that whoever holds it holds everybody up. The two are measured in the same run.
#[tokio::test]
async fn another_connection_is_answered_while_a_large_body_is_judged() {
    let server = Server::start("ingest: {maxRequestSizeBytes: 33554432}").await;
    let event = format!(
        r#"{{"type":"track","userId":"u","event":"e","pad":"{}"}}"#,
        "\\n".repeat(300)
    );
    let events = vec![event; 16 << 10].join(",");
    let body = format!(r#"{{"batch":[{events}]}}"#);
    assert!(body.len() > 8 << 20);
    let large = async {
        let begun = Instant::now();
        assert_eq!(server.post("/v1/batch", &body).await.status, 200);
        begun.elapsed()
    };
    let others = async {
        let mut longest = Duration::ZERO;
        loop {
            let begun = Instant::now();
            assert_eq!(server.get("/version").await.status, 200);
            longest = longest.max(begun.elapsed());
            tokio::task::yield_now().await;
            if server
                .metrics
                .render()
                .contains(r#"firehose_proxy_events_total{outcome="Routed"} 16384"#)
            {
                return longest;
            }
        }
    };
    let (large, longest) = tokio::join!(large, others);
    assert!(
        longest < large / 4,
        "another connection waited for {longest:?} of the {large:?} that the large body took"
    );
}
