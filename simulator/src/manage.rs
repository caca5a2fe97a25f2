//! Describe-, List-, Create- and DeleteDeliveryStream, as much as clients need to find and make their streams.
//!
//! A created stream is ACTIVE at once; the destination of a create request is not looked at, because nothing is
//! delivered. <https://docs.aws.amazon.com/firehose/latest/APIReference/API_Operations.html>

use serde::Deserialize;
use serde_json::json;

use crate::{
    error::{ApiError, ErrorCode},
    protocol::{parse, stream_name, to_json},
    registry::lock,
    reply::Reply,
    service::Service,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NameInput {
    delivery_stream_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListInput {
    limit: Option<usize>,
    exclusive_start_delivery_stream_name: Option<String>,
}

pub(crate) fn describe(service: &Service, body: &[u8]) -> Result<Reply, ApiError> {
    let name = stream_name(parse::<NameInput>(body)?.delivery_stream_name)?;
    let stream = service.registry.get(&name).ok_or_else(|| service.not_found(&name))?;
    let created_at = lock(&stream).created_at_seconds();
    Ok(Reply::json(to_json(&json!({ "DeliveryStreamDescription": {
        "DeliveryStreamName": name,
        "DeliveryStreamARN": service.arn(&name),
        "DeliveryStreamStatus": "ACTIVE",
        "DeliveryStreamType": "DirectPut",
        "DeliveryStreamEncryptionConfiguration": { "Status": "DISABLED" },
        "VersionId": "1",
        "CreateTimestamp": created_at,
        "HasMoreDestinations": false,
        "Destinations": [{
            "DestinationId": "destinationId-000000000001",
            "ExtendedS3DestinationDescription": {
                "RoleARN": format!("arn:aws:iam::{}:role/firehose-simulator", service.options.account),
                "BucketARN": "arn:aws:s3:::firehose-simulator",
                "BufferingHints": { "SizeInMBs": 5, "IntervalInSeconds": 300 },
                "CompressionFormat": "UNCOMPRESSED",
                "EncryptionConfiguration": { "NoEncryptionConfig": "NoEncryption" },
            },
        }],
    }}))))
}

pub(crate) fn list(service: &Service, body: &[u8]) -> Result<Reply, ApiError> {
    let input: ListInput = parse(body)?;
    // Documented default and range: 10, and 1 to 10000.
    let limit = input.limit.unwrap_or(10);
    if !(1..=10_000).contains(&limit) {
        let bound = if limit == 0 {
            "greater than or equal to 1"
        } else {
            "less than or equal to 10000"
        };
        return Err(ApiError::constraint(
            &format!("'{limit}'"),
            "limit",
            &format!("have value {bound}"),
        ));
    }
    let mut names = service.registry.names();
    if let Some(start) = input.exclusive_start_delivery_stream_name {
        names.retain(|name| *name > start);
    }
    let more = names.len() > limit;
    names.truncate(limit);
    Ok(Reply::json(to_json(
        &json!({ "DeliveryStreamNames": names, "HasMoreDeliveryStreams": more }),
    )))
}

pub(crate) fn create(service: &Service, body: &[u8]) -> Result<Reply, ApiError> {
    let name = stream_name(parse::<NameInput>(body)?.delivery_stream_name)?;
    let (_, is_new) = service
        .registry
        .get_or_create(&name)
        .map_err(|error| ApiError::new(ErrorCode::LimitExceededException, error.to_string()))?;
    if !is_new {
        let message = format!(
            "Firehose {name} under accountId {} already exists",
            service.options.account
        );
        return Err(ApiError::new(ErrorCode::ResourceInUseException, message));
    }
    Ok(Reply::json(to_json(
        &json!({ "DeliveryStreamARN": service.arn(&name) }),
    )))
}

pub(crate) fn delete(service: &Service, body: &[u8]) -> Result<Reply, ApiError> {
    let name = stream_name(parse::<NameInput>(body)?.delivery_stream_name)?;
    if service.registry.remove(&name) {
        Ok(Reply::json("{}"))
    } else {
        Err(service.not_found(&name))
    }
}
