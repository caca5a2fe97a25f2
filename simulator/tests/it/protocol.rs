//! The operations as the SDK sees them.

use aws_sdk_firehose::{
    error::ProvideErrorMetadata,
    operation::RequestId,
    types::{DeliveryStreamStatus, DeliveryStreamType},
};
use firehose_simulator::{Options, Simulator};

use crate::{client, kept, numbered, record, start};

#[tokio::test]
async fn a_record_that_is_put_can_be_read_back() {
    let simulator = start().await;
    let put = client(&simulator)
        .put_record()
        .delivery_stream_name("orders")
        .record(record("one\n"))
        .send()
        .await
        .unwrap();
    assert_eq!(put.record_id().len(), 224);
    assert_eq!(put.encrypted(), Some(false));
    assert_eq!(put.request_id().map(str::len), Some(36));
    assert_eq!(kept(&simulator, "orders"), ["one\n"]);
}

#[tokio::test]
async fn a_batch_has_one_identifier_for_each_record_and_keeps_their_order() {
    let simulator = start().await;
    let batch = client(&simulator)
        .put_record_batch()
        .delivery_stream_name("orders")
        .set_records(Some(numbered(500)));
    let answer = batch.send().await.unwrap();
    assert_eq!(answer.failed_put_count(), 0);
    let identifiers: std::collections::HashSet<_> = answer
        .request_responses()
        .iter()
        .map(|entry| entry.record_id().unwrap())
        .collect();
    assert_eq!(identifiers.len(), 500);
    let expected: Vec<_> = (0..500).map(|number| number.to_string()).collect();
    assert_eq!(kept(&simulator, "orders"), expected);
}

#[tokio::test]
async fn an_unknown_stream_is_not_found_until_it_is_created() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let client = client(&simulator);
    let put = || {
        client
            .put_record()
            .delivery_stream_name("orders")
            .record(record("x"))
            .send()
    };
    let error = put().await.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception());
    assert_eq!(
        error.message(),
        Some("Firehose orders not found under account 123456789012.")
    );

    let created = Box::pin(client.create_delivery_stream().delivery_stream_name("orders").send())
        .await
        .unwrap();
    let arn = "arn:aws:firehose:us-east-1:123456789012:deliverystream/orders";
    assert_eq!(created.delivery_stream_arn(), Some(arn));
    put().await.unwrap();

    let again = Box::pin(client.create_delivery_stream().delivery_stream_name("orders").send())
        .await
        .unwrap_err();
    assert!(again.into_service_error().is_resource_in_use_exception());

    let described = client
        .describe_delivery_stream()
        .delivery_stream_name("orders")
        .send()
        .await
        .unwrap();
    let description = described.delivery_stream_description().unwrap();
    assert_eq!(description.delivery_stream_arn(), arn);
    assert_eq!(description.delivery_stream_status(), &DeliveryStreamStatus::Active);
    assert_eq!(description.delivery_stream_type(), &DeliveryStreamType::DirectPut);
    assert!(description.create_timestamp().unwrap().secs() > 1_700_000_000);

    client
        .delete_delivery_stream()
        .delivery_stream_name("orders")
        .send()
        .await
        .unwrap();
    assert!(
        put()
            .await
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );
}

#[tokio::test]
async fn streams_are_listed_in_pages_by_name() {
    let streams = ["c", "a", "d", "b"].map(str::to_owned).to_vec();
    let simulator = Simulator::start(Options {
        streams,
        ..Options::default()
    })
    .await
    .unwrap();
    let client = client(&simulator);
    let first = client.list_delivery_streams().limit(3).send().await.unwrap();
    assert_eq!(
        (first.delivery_stream_names(), first.has_more_delivery_streams()),
        (&["a", "b", "c"].map(str::to_owned)[..], true)
    );
    let rest = client
        .list_delivery_streams()
        .exclusive_start_delivery_stream_name("c")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (rest.delivery_stream_names(), rest.has_more_delivery_streams()),
        (&["d".to_owned()][..], false)
    );
}

#[tokio::test]
async fn the_limits_of_a_call_are_the_documented_ones() {
    let simulator = start().await;
    let client = client(&simulator);
    let largest = vec![b'x'; 1_024_000];
    let too_large = vec![b'x'; 1_024_001];
    let put = |records| {
        client
            .put_record_batch()
            .delivery_stream_name("orders")
            .set_records(Some(records))
            .send()
    };

    put(vec![record(&largest); 4])
        .await
        .expect("four of the largest records are within 4 MB");
    let cases = [
        ("no record", vec![], "ValidationException", "greater than or equal to 1"),
        (
            "501 records",
            numbered(501),
            "ValidationException",
            "less than or equal to 500",
        ),
        (
            "one record too large",
            vec![record("x"), record(&too_large)],
            "ValidationException",
            "'records.2.member.data'",
        ),
        (
            "one record too large",
            vec![record(&too_large)],
            "ValidationException",
            "length less than or equal to 1024000",
        ),
        (
            "over 4 MB",
            vec![record(&largest); 5],
            "InvalidArgumentException",
            "Records size exceeds 4 MB limit",
        ),
    ];
    for (name, records, code, message) in cases {
        let error = put(records).await.unwrap_err().into_service_error();
        assert_eq!(error.code(), Some(code), "{name}");
        assert!(
            error.message().unwrap().contains(message),
            "{name}: {:?}",
            error.message()
        );
    }
    assert_eq!(simulator.streams()[0].records, 4, "nothing of a refused call is kept");
}

#[tokio::test]
async fn a_name_that_cannot_be_is_refused_in_the_words_of_the_service() {
    let simulator = start().await;
    let client = client(&simulator);
    for (name, constraint) in [
        ("a b", "regular expression pattern"),
        (&*"x".repeat(65), "length less than or equal to 64"),
    ] {
        let error = client
            .put_record()
            .delivery_stream_name(name)
            .record(record("x"))
            .send()
            .await
            .unwrap_err();
        let error = error.into_service_error();
        assert_eq!(error.code(), Some("ValidationException"));
        assert!(error.message().unwrap().contains(constraint), "{:?}", error.message());
    }
    assert!(simulator.streams().is_empty());
}
