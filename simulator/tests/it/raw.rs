//! Bare HTTP: the control API, and requests that no SDK sends.

use firehose_simulator::{Options, Simulator};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::start;

/// Sends one request on a connection of its own; status, head and body of the answer.
async fn send(simulator: &Simulator, head: &str, body: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    let length = body.len();
    let request = format!("{head}\r\nhost: simulator\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

async fn control(simulator: &Simulator, line: &str, body: &str) -> (u16, Value) {
    let (status, _, body) = send(simulator, &format!("{line} HTTP/1.1"), body).await;
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

async fn firehose(simulator: &Simulator, operation: &str, body: &str) -> (u16, String, Value) {
    let head = format!("POST / HTTP/1.1\r\nx-amz-target: Firehose_20150804.{operation}");
    let (status, head, body) = send(simulator, &head, body).await;
    (status, head, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn the_wire_is_aws_json_1_1() {
    let simulator = start().await;
    let body = r#"{"DeliveryStreamName":"orders","Record":{"Data":"eA=="}}"#;
    let (status, head, answer) = firehose(&simulator, "PutRecord", body).await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/x-amz-json-1.1"), "{head}");
    assert!(head.contains("x-amzn-requestid: "), "{head}");
    assert_eq!(answer["Encrypted"], false);

    let missing = Simulator::start(Options::default()).await.unwrap();
    let (status, _, answer) = firehose(&missing, "PutRecord", body).await;
    let message = "Firehose orders not found under account 123456789012.";
    assert_eq!(
        (status, answer),
        (400, json!({"__type": "ResourceNotFoundException", "message": message}))
    );
}

#[tokio::test]
async fn a_malformed_call_is_refused_with_the_type_the_service_uses() {
    let put =
        |data: &str| format!(r#"{{"DeliveryStreamName":"orders","Records":[{{"Data":"eA=="}},{{"Data":"{data}"}}]}}"#);
    let cases = [
        ("not JSON", "PutRecordBatch", "{".to_owned(), "SerializationException"),
        ("no padding", "PutRecordBatch", put("eA"), "SerializationException"),
        (
            "URL-safe alphabet",
            "PutRecordBatch",
            put("-_8="),
            "SerializationException",
        ),
        ("white space", "PutRecordBatch", put("eA ="), "SerializationException"),
        ("stray bits", "PutRecordBatch", put("eB=="), "SerializationException"),
        (
            "no stream",
            "PutRecordBatch",
            r#"{"Records":[]}"#.to_owned(),
            "ValidationException",
        ),
        (
            "no records",
            "PutRecordBatch",
            r#"{"DeliveryStreamName":"orders"}"#.to_owned(),
            "ValidationException",
        ),
        (
            "no data",
            "PutRecord",
            r#"{"DeliveryStreamName":"orders","Record":{}}"#.to_owned(),
            "ValidationException",
        ),
        (
            "unknown operation",
            "PutRecords",
            "{}".to_owned(),
            "UnknownOperationException",
        ),
    ];
    let simulator = start().await;
    for (name, operation, body, expected) in cases {
        let (status, _, answer) = firehose(&simulator, operation, &body).await;
        assert_eq!((status, &answer["__type"]), (400, &json!(expected)), "{name}");
    }
    assert!(simulator.streams().is_empty(), "a refused call creates no stream");
}

#[tokio::test]
async fn the_control_api_creates_reads_and_resets() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let settings =
        r#"{"faults":[{"fault":{"kind":"RecordsFail","errorCode":"InternalFailure"},"skipCalls":2,"times":1}]}"#;
    assert_eq!(
        control(&simulator, "PUT /_simulator/streams/orders", settings).await.0,
        200
    );
    for data in ["YQ==", "Yg==", "Yw=="] {
        let body = format!(r#"{{"DeliveryStreamName":"orders","Records":[{{"Data":"{data}"}}]}}"#);
        assert_eq!(firehose(&simulator, "PutRecordBatch", &body).await.0, 200);
    }
    let (_, streams) = control(&simulator, "GET /_simulator/streams", "").await;
    assert_eq!(
        (&streams[0]["name"], &streams[0]["records"], &streams[0]["bytes"]),
        (&json!("orders"), &json!(2), &json!(2))
    );
    assert_eq!(streams[0]["refusedRecords"], 1);

    let (status, _, lines) = send(
        &simulator,
        "GET /_simulator/streams/orders/records?after=1&limit=5 HTTP/1.1",
        "",
    )
    .await;
    assert_eq!((status, lines.lines().count()), (200, 1));
    let line: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((&line["sequence"], &line["data"]), (&json!(2), &json!("Yg==")));
    assert!(line["arrivedAt"].as_str().unwrap().ends_with('Z'), "{line}");

    assert_eq!(
        control(&simulator, "GET /_simulator/streams/orders", "").await.1["faults"][0]["skipCalls"],
        2
    );
    assert_eq!(control(&simulator, "POST /_simulator/reset", "").await.0, 200);
    assert_eq!(
        control(&simulator, "GET /_simulator/streams", "").await,
        (200, json!([]))
    );
}

#[tokio::test]
async fn the_control_api_says_what_is_wrong() {
    let simulator = start().await;
    let cases = [
        ("PUT /_simulator/streams/orders", r#"{"fault":[]}"#, 400),
        (
            "PUT /_simulator/streams/orders",
            r#"{"faults":[{"fault":{"kind":"Reset"},"probability":2}]}"#,
            400,
        ),
        ("PUT /_simulator/streams/a%20b", "", 400),
        ("GET /_simulator/streams/none", "", 404),
        ("GET /_simulator/streams/none/records", "", 404),
        ("DELETE /_simulator/streams/none", "", 404),
        ("GET /_simulator/elsewhere", "", 404),
        ("POST /_simulator/streams", "", 405),
    ];
    for (line, body, expected) in cases {
        let (status, answer) = control(&simulator, line, body).await;
        assert_eq!(status, expected, "{line} {body}");
        assert!(answer["error"].is_string(), "{line}: {answer}");
    }
    control(&simulator, "PUT /_simulator/streams/orders", "").await;
    assert_eq!(
        control(&simulator, "GET /_simulator/streams/orders/records?first=1", "")
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let simulator = start().await;
    let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: simulator\r\ncontent-length: 99999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn events_packed_in_a_record_are_shown_as_deaggregation_takes_them_apart() {
    let simulator = start().await;
    let packed = |count: usize| base64_simd::STANDARD.encode_to_string("{\"a\":1.50}\n".repeat(count));
    for count in [2, 501] {
        let body = format!(
            r#"{{"DeliveryStreamName":"orders","Record":{{"Data":"{}"}}}}"#,
            packed(count)
        );
        assert_eq!(
            firehose(&simulator, "PutRecord", &body).await.0,
            200,
            "the put itself never fails for this"
        );
    }
    let (_, _, lines) = send(&simulator, "GET /_simulator/streams/orders/events HTTP/1.1", "").await;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines[0],
        json!({"sequence": 1, "events": ["{\"a\":1.50}", "{\"a\":1.50}"], "givenUp": false})
    );
    assert_eq!(lines[1], json!({"sequence": 2, "events": [], "givenUp": true}));
}

#[tokio::test]
async fn access_and_service_are_set_through_the_control_api_and_forgotten_by_a_reset() {
    let simulator = start().await;
    let access =
        r#"{"signatures":"Verified","credentials":[{"accessKeyId":"AKID","secretAccessKey":"s","state":"Expired"}]}"#;
    assert_eq!(control(&simulator, "PUT /_simulator/access", access).await.0, 200);
    assert_eq!(
        control(&simulator, "GET /_simulator/access", "").await.1["credentials"][0]["state"],
        "Expired"
    );
    let (status, _, answer) = firehose(&simulator, "ListDeliveryStreams", "{}").await;
    assert_eq!(
        (status, &answer["__type"]),
        (400, &json!("MissingAuthenticationTokenException"))
    );

    assert_eq!(
        control(&simulator, "PUT /_simulator/service", r#"{"firehose":"Unavailable"}"#)
            .await
            .0,
        200
    );
    assert_eq!(firehose(&simulator, "ListDeliveryStreams", "{}").await.0, 503);
    for (path, body) in [("service", r#"{"firehose":"Down"}"#), ("access", r#"{"keys":[]}"#)] {
        assert_eq!(
            control(&simulator, &format!("PUT /_simulator/{path}"), body).await.0,
            400,
            "{path}"
        );
    }

    control(&simulator, "POST /_simulator/reset", "").await;
    assert_eq!(firehose(&simulator, "ListDeliveryStreams", "{}").await.0, 200);
}

#[tokio::test]
async fn a_reset_is_a_reset_and_not_an_orderly_end() {
    let simulator = start().await;
    for kind in ["Reset", "AppliedThenReset"] {
        let settings = format!(r#"{{"faults":[{{"fault":{{"kind":"{kind}"}}}}]}}"#);
        assert_eq!(
            control(&simulator, "PUT /_simulator/streams/orders", &settings).await.0,
            200
        );
        let mut stream = TcpStream::connect(simulator.address()).await.unwrap();
        let body = r#"{"DeliveryStreamName":"orders","Record":{"Data":"eA=="}}"#;
        let length = body.len();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: s\r\nx-amz-target: Firehose_20150804.PutRecord\r\ncontent-length: {length}"
        );
        stream
            .write_all(format!("{head}\r\n\r\n{body}").as_bytes())
            .await
            .unwrap();
        let ended = stream.read_to_end(&mut Vec::new()).await;
        assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset, "{kind}");
    }
}
