//! What AWS says of a failure is what a person is told.

use std::time::Duration;

use firehose_simulator::{ErrorCode, Fault, Rule, StreamSettings};

use super::rig::{Rig, Setup, batch};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn awss_own_words_are_in_the_status_and_once_in_the_log() {
    let said = |error_code, message: &str| StreamSettings {
        faults: vec![Rule::always(Fault::CallFails {
            error_code,
            message: Some(message.to_owned()),
            detail: None,
        })],
        ..StreamSettings::default()
    };
    let kinesis = "This operation is not permitted on KinesisStreamAsSource delivery stream type.";
    let key = "The key of the stream is disabled.";
    let rig = Rig::start(Setup {
        streams: vec![
            ("kinesis", said(ErrorCode::InvalidSourceException, kinesis)),
            ("key", said(ErrorCode::InvalidKMSResourceException, key)),
        ],
        missing: vec!["missing"],
        as_processes: true,
        environment: vec![("FIREHOSE_PROXY_ACKNOWLEDGE_TIMEOUT_SECONDS", "2".to_owned())],
        acknowledge_timeout: Duration::from_secs(2),
        ..Setup::default()
    })
    .await;
    let cases = [
        ("kinesis", "NotDirectPut", format!("InvalidSourceException: {kinesis}")),
        ("key", "KeyUnavailable", format!("InvalidKMSResourceException: {key}")),
        (
            "missing",
            "StreamNotFound",
            "ResourceNotFoundException: Firehose missing not found under account 123456789012.".to_owned(),
        ),
    ];
    for (stream, word, message) in &cases {
        rig.until(word, async || {
            rig.send(0, batch(stream, ["m".to_owned()], 10)).await;
            let told =
                format!(r#"{{"name":"{stream}","state":"Failing","reason":"{word}","detail":"{message}","mapping":""#);
            rig.admin(0, "/status").await.contains(&told)
        })
        .await;
        let log = rig.processes[0].said();
        assert_eq!(log.matches(message.as_str()).count(), 1, "{log}");
    }
    rig.simulator.configure("key", StreamSettings::default()).unwrap();
    rig.until("what is over is not told", async || {
        rig.send(0, batch("key", ["m".to_owned()], 10)).await;
        rig.admin(0, "/status")
            .await
            .contains(r#"{"name":"key","state":"Delivering","reason":"Succeeded"}"#)
    })
    .await;
}
