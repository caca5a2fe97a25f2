//! Events wait with their source: a backlog that is routed again after a restart goes where its source's rows lead.

use std::fs;

use firehose_simulator::Availability;
use http::StatusCode;

use crate::pod::{Place, until};

fn configuration(mappings: &str, keys: &str) -> String {
    format!(
        "delivery: {{acknowledge: WhenSpooled, lingerMilliseconds: 10}}
requires: [Sources]
spool: {{formatVersion: 2}}
ingest: {{sources: {{directory: {keys}, names: [shop, blog]}}}}
mappings: {mappings}
"
    )
}

fn page(id: &str, key: &str) -> String {
    format!(r#"{{"type":"page","anonymousId":"a","messageId":"{id}","writeKey":"{key}"}}"#)
}

#[tokio::test]
async fn a_backlog_is_routed_again_by_the_rows_of_its_source_after_a_restart() {
    let place = Place::unmapped().await;
    let keys = place.directory.path().join("sources");
    fs::create_dir(&keys).unwrap();
    for source in ["shop", "blog"] {
        fs::write(keys.join(source), format!("{source}-key\n")).unwrap();
    }
    let keys = keys.display().to_string();
    place.configure_unmapped(&configuration(
        "[{event: page, deliveryStreamName: typo}, {event: '*', deliveryStreamName: rest}]",
        &keys,
    ));
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    for number in 0..20 {
        for source in ["shop", "blog"] {
            let body = page(&format!("{source}-{number}"), &format!("{source}-key"));
            assert_eq!(pod.post("/v1/page", body).await.unwrap().status, StatusCode::OK);
        }
    }
    pod.kill();

    // The stream that they were accepted for is mapped no more.
    place.configure_unmapped(&configuration(
        "[{event: page, source: shop, deliveryStreamName: shop-pages}, {event: page, source: blog, deliveryStreamName: \
         blog-pages}, {event: '*', deliveryStreamName: rest}]",
        &keys,
    ));
    let pod = place.start();
    place.set_firehose(Availability::Available);
    until("everything has arrived", async || {
        let arrived = |stream| place.firehose.records(stream, 0, 1000).unwrap_or_default().len();
        arrived("shop-pages") + arrived("blog-pages") + arrived("rest") + arrived("typo") >= 40
    })
    .await;
    for source in ["shop", "blog"] {
        let records = place.firehose.records(&format!("{source}-pages"), 0, 1000).unwrap();
        assert_eq!(records.len(), 20);
        for record in records {
            let record = String::from_utf8(record.data.to_vec()).unwrap();
            assert!(record.contains(&format!(r#""messageId":"{source}-"#)), "{record}");
        }
    }
    let status = pod.admin("/status").await;
    assert!(
        status.contains(r#""sources":[{"name":"shop","writeKeys":{"state":"Loaded""#),
        "{status}"
    );
}
