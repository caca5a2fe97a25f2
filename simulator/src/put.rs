//! PutRecord and PutRecordBatch: what the service checks, in its order, and what it answers.
//!
//! <https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html>

use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    error::{ApiError, ErrorCode},
    faults::{Fault, Operation, TakesEffect},
    protocol::{missing, parse, stream_name, to_json},
    registry::lock,
    reply::Reply,
    service::Service,
    stream::DeliveryStream,
};

/// Bytes of one record before base64: 1,000 KiB.
const MAX_RECORD_BYTES: usize = 1_024_000;
/// Records of one call.
const MAX_BATCH_RECORDS: usize = 500;
/// Bytes of one call before base64. The reference says "4 MB for the entire request"; four records of 1,000 KiB are
/// known to pass, so it is counted as 4 MiB of data.
const MAX_BATCH_BYTES: usize = 4 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordInput {
    delivery_stream_name: Option<String>,
    record: Option<RecordInput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordBatchInput {
    delivery_stream_name: Option<String>,
    records: Option<Vec<RecordInput>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecordInput {
    data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordOutput {
    record_id: String,
    encrypted: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordBatchOutput {
    failed_put_count: usize,
    encrypted: bool,
    request_responses: Vec<Entry>,
}

/// One record's result: an identifier, or a code and a message.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    #[serde(rename_all = "PascalCase")]
    Kept { record_id: String },
    #[serde(rename_all = "PascalCase")]
    Refused {
        error_code: ErrorCode,
        error_message: &'static str,
    },
}

/// A call that passed every check.
struct Put {
    stream: String,
    operation: Operation,
    records: Vec<Bytes>,
}

pub(crate) async fn put_record(service: &Service, body: &[u8]) -> Result<Reply, ApiError> {
    let input: PutRecordInput = parse(body)?;
    let stream = stream_name(input.delivery_stream_name)?;
    let record = input.record.ok_or_else(|| missing("record"))?;
    let records = vec![decode(record, "record.data")?];
    apply(
        service,
        Put {
            stream,
            operation: Operation::PutRecord,
            records,
        },
    )
    .await
}

pub(crate) async fn put_record_batch(service: &Service, body: &[u8]) -> Result<Reply, ApiError> {
    let input: PutRecordBatchInput = parse(body)?;
    let stream = stream_name(input.delivery_stream_name)?;
    let inputs = input.records.ok_or_else(|| missing("records"))?;
    let bound = match inputs.len() {
        0 => Some("greater than or equal to 1"),
        1..=MAX_BATCH_RECORDS => None,
        _ => Some("less than or equal to 500"),
    };
    if let Some(bound) = bound {
        let value = format!("'[{} records]'", inputs.len());
        return Err(ApiError::constraint(&value, "records", &format!("have length {bound}")));
    }
    let records = (1..)
        .zip(inputs)
        .map(|(position, record): (usize, _)| decode(record, &format!("records.{position}.member.data")))
        .collect::<Result<Vec<_>, _>>()?;
    if records.iter().map(Bytes::len).sum::<usize>() > MAX_BATCH_BYTES {
        return Err(ApiError::new(
            ErrorCode::InvalidArgumentException,
            "Records size exceeds 4 MB limit",
        ));
    }
    apply(
        service,
        Put {
            stream,
            operation: Operation::PutRecordBatch,
            records,
        },
    )
    .await
}

/// Strict base64: the standard alphabet with padding, no white space, no stray bits in the last character.
fn decode(record: RecordInput, member: &str) -> Result<Bytes, ApiError> {
    let text = record.data.ok_or_else(|| missing(member))?;
    let data = base64_simd::STANDARD.decode_to_vec(text).map_err(|_| {
        ApiError::new(
            ErrorCode::SerializationException,
            format!("'{member}' is not valid base64"),
        )
    })?;
    if data.len() > MAX_RECORD_BYTES {
        // The service quotes the value as a Java buffer; clients only look for the rest.
        let value = format!("'java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]'", data.len());
        let constraint = format!("have length less than or equal to {MAX_RECORD_BYTES}");
        return Err(ApiError::constraint(&value, member, &constraint));
    }
    Ok(Bytes::from(data))
}

/// Lets the stream's faults have their say, then writes.
async fn apply(service: &Service, put: Put) -> Result<Reply, ApiError> {
    let shared = service.stream_for_put(&put.stream)?;
    let decided = lock(&shared).begin(put.operation, put.records.len());
    let Some((fault, failing)) = decided else {
        return write(&mut lock(&shared), &put, None);
    };
    if let Fault::Slow {
        milliseconds,
        takes_effect,
    } = fault
    {
        let wait = tokio::time::sleep(Duration::from_millis(milliseconds));
        return match takes_effect {
            TakesEffect::BeforeTheWait => {
                let reply = write(&mut lock(&shared), &put, None);
                wait.await;
                reply
            }
            TakesEffect::AfterTheWait => {
                wait.await;
                write(&mut lock(&shared), &put, None)
            }
        };
    }
    let mut stream = lock(&shared);
    let refused = put.records.len() as u64;
    match fault {
        Fault::Slow { .. } => unreachable!("slow calls have been answered above"),
        Fault::RecordsFail { error_code, .. } => write(&mut stream, &put, Some((error_code, &failing))),
        Fault::CallFails {
            error_code,
            message,
            detail,
        } => {
            stream.summary.refused_records += refused;
            let message = message.unwrap_or_else(|| error_code.usual_message().to_owned());
            Err(ApiError {
                code: error_code,
                message,
                detail,
            })
        }
        Fault::RejectContaining { text, error_code } => {
            if !put.records.iter().any(|data| contains(data, text.as_bytes())) {
                return write(&mut stream, &put, None);
            }
            stream.summary.refused_records += refused;
            Err(ApiError::new(error_code, "A record of this call is not acceptable."))
        }
        Fault::Reset => Ok(Reply::Reset),
        Fault::EmptyAnswer => Ok(Reply::json("{}")),
        Fault::NotJson => Ok(Reply::json("<html><body>502 Bad Gateway</body></html>")),
        Fault::AppliedThenReset => {
            write(&mut stream, &put, None)?;
            stream.summary.unknown_outcomes += 1;
            Ok(Reply::Reset)
        }
        Fault::AppliedThenInternalFailure => {
            write(&mut stream, &put, None)?;
            stream.summary.unknown_outcomes += 1;
            Err(ApiError::new(
                ErrorCode::InternalFailure,
                ErrorCode::InternalFailure.usual_message(),
            ))
        }
        Fault::AppliedThenTruncated => {
            let reply = write(&mut stream, &put, None)?;
            stream.summary.unknown_outcomes += 1;
            Ok(match reply {
                Reply::Answer { body, .. } => Reply::Truncated(body),
                Reply::Truncated(_) | Reply::Reset => reply,
            })
        }
        Fault::ShortAnswer => {
            let mut entries = keep(&mut stream, &put, None)?;
            entries.pop();
            stream.summary.unknown_outcomes += 1;
            Ok(batch_answer(entries))
        }
    }
}

/// Keeps the records and answers as the operation does.
fn write(stream: &mut DeliveryStream, put: &Put, fails: Option<(ErrorCode, &[bool])>) -> Result<Reply, ApiError> {
    let mut entries = keep(stream, put, fails)?;
    if put.operation != Operation::PutRecord {
        return Ok(batch_answer(entries));
    }
    match entries.pop().expect("a put has at least one record") {
        Entry::Kept { record_id } => Ok(Reply::json(to_json(&PutRecordOutput {
            record_id,
            encrypted: false,
        }))),
        Entry::Refused {
            error_code,
            error_message,
        } => Err(ApiError::new(error_code, error_message)),
    }
}

/// Keeps the records that fit the quota and that `fails` does not name; one entry for each, in their order.
fn keep(stream: &mut DeliveryStream, put: &Put, fails: Option<(ErrorCode, &[bool])>) -> Result<Vec<Entry>, ApiError> {
    let Some(admitted) = stream.admit(&put.records, Instant::now()) else {
        stream.summary.refused_records += put.records.len() as u64;
        return Err(ApiError::new(ErrorCode::ServiceUnavailableException, "Slow down."));
    };
    let arrived_at = Timestamp::now();
    let entries = put
        .records
        .iter()
        .zip(admitted)
        .enumerate()
        .map(|(index, (data, admitted))| {
            let failure = match fails {
                Some((error_code, failing)) if failing.get(index) == Some(&true) => Some(error_code),
                Some(_) | None => (!admitted).then_some(ErrorCode::ServiceUnavailableException),
            };
            if let Some(error_code) = failure {
                stream.summary.refused_records += 1;
                return Entry::Refused {
                    error_code,
                    error_message: error_code.usual_message(),
                };
            }
            let mut record_id = String::new();
            stream.keep(data.clone(), arrived_at, &mut record_id);
            Entry::Kept { record_id }
        });
    Ok(entries.collect())
}

fn batch_answer(request_responses: Vec<Entry>) -> Reply {
    let failed_put_count = request_responses
        .iter()
        .filter(|entry| matches!(entry, Entry::Refused { .. }))
        .count();
    Reply::json(to_json(&PutRecordBatchOutput {
        failed_put_count,
        encrypted: false,
        request_responses,
    }))
}

/// Whether `text` occurs in `data`. An empty text occurs everywhere.
fn contains(data: &[u8], text: &[u8]) -> bool {
    text.is_empty() || data.windows(text.len()).any(|window| window == text)
}
