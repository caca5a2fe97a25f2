//! What a client sees when a stream is told to fail.

use std::time::Duration;

use aws_sdk_firehose::{
    error::{ProvideErrorMetadata, SdkError},
    operation::put_record_batch::PutRecordBatchError,
};
use firehose_simulator::{
    ErrorCode, Fault, Operation, Quota, Records, Rule, Simulator, StreamSettings, TakesEffect, Throttle,
};

use crate::{client, kept, numbered, record, start};

fn failing(fault: Fault) -> StreamSettings {
    StreamSettings {
        faults: vec![Rule::always(fault)],
        ..StreamSettings::default()
    }
}

/// One batch of three against a stream with this fault: the SDK's error and what was kept.
async fn batch_of_three(fault: Fault) -> (Result<(i32, usize), SdkError<PutRecordBatchError>>, Vec<String>) {
    let simulator = start().await;
    simulator.configure("orders", failing(fault)).unwrap();
    let put = client(&simulator)
        .put_record_batch()
        .delivery_stream_name("orders")
        .set_records(Some(numbered(3)));
    let answer = put
        .send()
        .await
        .map(|answer| (answer.failed_put_count(), answer.request_responses().len()));
    (answer, kept(&simulator, "orders"))
}

#[tokio::test]
async fn failed_records_are_index_aligned_and_not_kept() {
    let simulator = start().await;
    let records = Records::At {
        indexes: vec![1, 3, 99],
    };
    for error_code in [ErrorCode::ServiceUnavailableException, ErrorCode::InternalFailure] {
        simulator.reset();
        let fault = Fault::RecordsFail {
            error_code,
            records: records.clone(),
        };
        simulator.configure("orders", failing(fault)).unwrap();
        let put = client(&simulator)
            .put_record_batch()
            .delivery_stream_name("orders")
            .set_records(Some(numbered(5)));
        let answer = put.send().await.unwrap();
        assert_eq!(answer.failed_put_count(), 2);
        let codes: Vec<_> = answer
            .request_responses()
            .iter()
            .map(|entry| entry.error_code().is_some())
            .collect();
        assert_eq!(codes, [false, true, false, true, false]);
        let entry = &answer.request_responses()[1];
        assert_eq!((entry.record_id(), entry.error_message().is_some()), (None, true));
        assert_eq!(kept(&simulator, "orders"), ["0", "2", "4"]);
    }
}

#[tokio::test]
async fn a_call_fails_with_the_error_and_the_status_of_its_kind() {
    let cases = [
        (ErrorCode::ServiceUnavailableException, 503),
        (ErrorCode::InternalFailure, 500),
        (ErrorCode::ThrottlingException, 400),
        (ErrorCode::AccessDeniedException, 400),
        (ErrorCode::ExpiredTokenException, 400),
        (ErrorCode::InvalidKMSResourceException, 400),
    ];
    for (error_code, status) in cases {
        let fault = Fault::CallFails {
            error_code,
            message: Some("so it is".to_owned()),
            detail: None,
        };
        let (answer, kept) = batch_of_three(fault).await;
        let error = answer.unwrap_err();
        assert_eq!(
            error.raw_response().unwrap().status().as_u16(),
            status,
            "{error_code:?}"
        );
        let error = error.into_service_error();
        assert_eq!(error.code(), Some(format!("{error_code:?}").as_str()));
        assert_eq!(error.message(), Some("so it is"), "{error_code:?}");
        assert!(kept.is_empty());
    }
}

#[tokio::test]
async fn a_kms_error_with_its_code_member_is_read_by_that_code() {
    // The SDK takes the body's `code` before its `__type`, so the typed variant is not what a client gets here.
    let error_code = ErrorCode::InvalidKMSResourceException;
    let fault = Fault::CallFails {
        error_code,
        message: None,
        detail: Some("KMS.DisabledException".to_owned()),
    };
    let error = batch_of_three(fault).await.0.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("KMS.DisabledException"));
}

#[tokio::test]
async fn a_lost_answer_leaves_the_records_where_the_fault_says() {
    let cases = [
        (Fault::Reset, 0),
        (Fault::AppliedThenReset, 3),
        (Fault::AppliedThenTruncated, 3),
        (Fault::AppliedThenInternalFailure, 3),
        (Fault::NotJson, 0),
    ];
    for (fault, expected) in cases {
        let (answer, kept) = batch_of_three(fault.clone()).await;
        let error = answer.unwrap_err();
        let lost = matches!(error, SdkError::DispatchFailure(_) | SdkError::ResponseError(_));
        let told = matches!(fault, Fault::AppliedThenInternalFailure);
        assert_eq!(lost, !told, "{fault:?}: {error:?}");
        assert_eq!(kept.len(), expected, "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_may_lack_entries() {
    // The SDK takes both for success: a client that counts on FailedPutCount alone loses records here.
    let (answer, kept) = batch_of_three(Fault::EmptyAnswer).await;
    assert_eq!((answer.unwrap(), kept.len()), ((0, 0), 0));
    let (answer, kept) = batch_of_three(Fault::ShortAnswer).await;
    assert_eq!((answer.unwrap(), kept.len()), ((0, 2), 3));
}

#[tokio::test]
async fn a_slow_call_takes_effect_before_or_after_its_wait() {
    for (takes_effect, expected) in [(TakesEffect::BeforeTheWait, 3), (TakesEffect::AfterTheWait, 0)] {
        let simulator = start().await;
        let slow = Fault::Slow {
            milliseconds: 600_000,
            takes_effect,
        };
        simulator.configure("orders", failing(slow)).unwrap();
        let put = client(&simulator)
            .put_record_batch()
            .delivery_stream_name("orders")
            .set_records(Some(numbered(3)));
        let answer = tokio::spawn(put.send());
        // The call has arrived once it is counted, however busy the machine is.
        while simulator.streams()[0].calls == 0 {
            assert!(!answer.is_finished(), "the call failed before it arrived");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(
            !answer.is_finished(),
            "the answer must not come before the wait is over"
        );
        assert_eq!(kept(&simulator, "orders").len(), expected, "{takes_effect:?}");
    }
}

#[tokio::test]
async fn one_poisoned_record_fails_its_call_and_no_other() {
    let simulator = start().await;
    let fault = Fault::RejectContaining {
        text: "poison".to_owned(),
        error_code: ErrorCode::InvalidArgumentException,
    };
    simulator.configure("orders", failing(fault)).unwrap();
    let client = client(&simulator);
    let put = |records| {
        client
            .put_record_batch()
            .delivery_stream_name("orders")
            .set_records(Some(records))
            .send()
    };
    let error = put(vec![record("good"), record("with poison in it")])
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_invalid_argument_exception());
    put(vec![record("good")]).await.unwrap();
    assert_eq!(kept(&simulator, "orders"), ["good"]);
}

#[tokio::test]
async fn a_policy_may_allow_single_puts_only() {
    let simulator = start().await;
    let denied = Fault::CallFails {
        error_code: ErrorCode::AccessDeniedException,
        message: None,
        detail: None,
    };
    let rule = Rule {
        operation: Operation::PutRecordBatch,
        ..Rule::always(denied)
    };
    simulator
        .configure(
            "orders",
            StreamSettings {
                faults: vec![rule],
                ..StreamSettings::default()
            },
        )
        .unwrap();
    let client = client(&simulator);
    let batch = client
        .put_record_batch()
        .delivery_stream_name("orders")
        .set_records(Some(numbered(2)));
    assert_eq!(
        batch.send().await.unwrap_err().into_service_error().code(),
        Some("AccessDeniedException")
    );
    client
        .put_record()
        .delivery_stream_name("orders")
        .record(record("x"))
        .send()
        .await
        .unwrap();
}

async fn over_quota(quota: Quota, throttle: Throttle) -> (Simulator, Result<i32, Option<u16>>) {
    let simulator = start().await;
    simulator
        .configure(
            "orders",
            StreamSettings {
                quota,
                throttle,
                faults: Vec::new(),
            },
        )
        .unwrap();
    let put = client(&simulator)
        .put_record_batch()
        .delivery_stream_name("orders")
        .set_records(Some(numbered(10)));
    let answer = put.send().await.map(|answer| answer.failed_put_count());
    (
        simulator,
        answer.map_err(|error| error.raw_response().map(|response| response.status().as_u16())),
    )
}

#[tokio::test]
async fn over_its_quota_a_stream_throttles_single_records_or_the_whole_call() {
    // Rates so low that the refill during the test stays below one record.
    let records = Quota {
        records_per_second: Some(4),
        ..Quota::default()
    };
    let bytes = Quota {
        bytes_per_second: Some(4),
        ..Quota::default()
    };
    let requests = Quota {
        requests_per_second: Some(0),
        ..Quota::default()
    };
    let cases = [
        (records, Throttle::PerRecord, Ok(6), 4),
        (bytes, Throttle::PerRecord, Ok(6), 4),
        (records, Throttle::WholeCall, Err(Some(503)), 0),
        (requests, Throttle::PerRecord, Err(Some(503)), 0),
    ];
    for (quota, throttle, expected, expected_records) in cases {
        let (simulator, answer) = over_quota(quota, throttle).await;
        assert_eq!(answer, expected, "{quota:?} {throttle:?}");
        let summary = &simulator.streams()[0];
        assert_eq!(
            (summary.records, summary.refused_records),
            (expected_records, 10 - expected_records)
        );
    }
}
