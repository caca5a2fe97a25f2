//! Which service and which operation a request names, and whether its caller may do it. Keeps no state.

use std::time::Duration;

use http::{Method, request::Parts};
use serde::Deserialize;

use crate::{
    access::Caller,
    availability::Availability,
    error::{ApiError, ErrorCode},
    manage, put,
    reply::Reply,
    service::Service,
    signature, sts,
};

/// The version prefix of the service's target header.
const TARGET_PREFIX: &str = "Firehose_20150804.";

/// Bytes of a request's body that are read. Above the largest valid one (500 records of 4 MiB in all are 5.6 MB of
/// base64), so that a call over the service's own limits gets the service's own error.
pub(crate) const MAX_REQUEST_BODY_BYTES: usize = 16 << 20;

/// One request of the simulated services: Firehose, or STS.
pub(crate) async fn call(service: &Service, head: &Parts, body: &[u8], request_id: &str) -> Reply {
    let for_sts = sts::is_for_sts(head);
    let settings = service.service_settings();
    if settings.latency_milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(settings.latency_milliseconds)).await;
    }
    match if for_sts { settings.sts } else { settings.firehose } {
        Availability::Available if for_sts => sts::call(service, head, body, request_id),
        Availability::Available => firehose(service, head, body).await.unwrap_or_else(Reply::from),
        Availability::Unavailable => {
            ApiError::new(ErrorCode::ServiceUnavailableException, "The service is unavailable.").into()
        }
        Availability::Resetting => Reply::Reset,
        Availability::Silent => std::future::pending().await,
    }
}

async fn firehose(service: &Service, head: &Parts, body: &[u8]) -> Result<Reply, ApiError> {
    let unknown = || ApiError::new(ErrorCode::UnknownOperationException, "");
    if head.method != Method::POST {
        return Err(unknown());
    }
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .ok_or_else(unknown)?;
    let operation = target.strip_prefix(TARGET_PREFIX).ok_or_else(unknown)?;
    if service.access.verifies() {
        let caller = signature::verify(&service.access, head, body, "firehose", &[&service.options.region])?;
        authorize(service, &caller, operation, body)?;
    }
    match operation {
        "PutRecord" => put::put_record(service, body).await,
        "PutRecordBatch" => put::put_record_batch(service, body).await,
        "DescribeDeliveryStream" => manage::describe(service, body),
        "ListDeliveryStreams" => manage::list(service, body),
        "CreateDeliveryStream" => manage::create(service, body),
        "DeleteDeliveryStream" => manage::delete(service, body),
        _ => Err(unknown()),
    }
}

fn authorize(service: &Service, caller: &Caller, operation: &str, body: &[u8]) -> Result<(), ApiError> {
    /// The member that names the resource.
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "PascalCase")]
    struct Named {
        #[serde(default)]
        delivery_stream_name: String,
    }
    caller.authorize(&format!("firehose:{operation}"), || {
        // Read only when the answer is no. A body that is not JSON is refused before it reaches a stream.
        let named: Named = serde_json::from_slice(body).unwrap_or_default();
        service.arn(&named.delivery_stream_name)
    })
}
