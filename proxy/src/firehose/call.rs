//! The adapter to AWS: makes one call and says what became of it. Decides nothing and retries nothing.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_firehose::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{put_record::PutRecordOutput, put_record_batch::PutRecordBatchOutput},
    types::Record,
};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextMut, dyn_dispatch_hint},
        orchestrator::HttpResponse,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{Blob, body::SdkBody, config_bag::ConfigBag};
use bytes::Bytes;
use tracing::{Instrument as _, debug_span};

use super::{
    Confirmation, Operation, Outcome, Reason,
    decode::{self, Entry},
    encode,
};
use crate::stream::StreamName;

/// One call, ready to be made.
#[derive(Debug)]
pub(crate) struct Call {
    operation: Operation,
    stream: StreamName,
    records: usize,
    body: Vec<u8>,
}

impl Call {
    /// A call with these records, each the bytes of one or more events; `bytes` are all of them together, before
    /// base64.
    pub(crate) fn new<'call, Events: Iterator<Item = &'call [u8]>>(
        operation: Operation,
        stream: &StreamName,
        records: impl ExactSizeIterator<Item = Events>,
        bytes: usize,
    ) -> Self {
        Self {
            operation,
            stream: stream.clone(),
            records: records.len(),
            body: encode::body(operation, stream, records, bytes),
        }
    }
}

impl Call {
    /// Bytes of memory that it takes.
    pub(crate) fn size(&self) -> usize {
        self.body.capacity()
    }
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// What is to be said to a person where it failed.
    pub(crate) detail: Option<String>,
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, detail: None }
    }
}

/// Makes a call, in a span of its own. The client's operation timeout is its deadline.
pub(crate) async fn put(client: &Client, call: Call) -> Answer {
    let span = debug_span!("call", stream = call.stream.as_str(), records = call.records);
    made(client, call).instrument(span).await
}

async fn made(client: &Client, call: Call) -> Answer {
    let confirmation = Confirmation::of(call.records);
    let prebuilt = Prebuilt {
        body: Bytes::from(call.body),
        confirmation: confirmation.clone(),
    };
    match call.operation {
        Operation::PutRecordBatch => {
            let answer = client
                .put_record_batch()
                .delivery_stream_name(call.stream.as_str())
                .set_records(Some(Vec::new()))
                .customize()
                .interceptor(prebuilt)
                .send()
                .await;
            match answer {
                Ok(_) if confirmation.is_confirmed() => Outcome::Records(Vec::new()).into(),
                Ok(answer) => batch_outcome(call.records, &answer).into(),
                Err(error) => failure(&error),
            }
        }
        Operation::PutRecord => {
            // The builder insists on a record; the interceptor replaces it.
            let placeholder = Record::builder()
                .data(Blob::new(Vec::new()))
                .build()
                .expect("a record with data is complete");
            let answer = client
                .put_record()
                .delivery_stream_name(call.stream.as_str())
                .record(placeholder)
                .customize()
                .interceptor(prebuilt)
                .send()
                .await;
            match answer {
                Ok(answer) => single_outcome(&answer).into(),
                Err(error) => failure(&error),
            }
        }
    }
}

fn batch_outcome(records: usize, answer: &PutRecordBatchOutput) -> Outcome {
    let entries = answer.request_responses().iter().map(|entry| {
        match (entry.error_code().filter(|code| !code.is_empty()), entry.record_id()) {
            (Some(code), _) => Entry::Error(code),
            (None, Some(id)) if !id.is_empty() => Entry::Id,
            (None, _) => Entry::Neither,
        }
    });
    decode::outcome(records, answer.failed_put_count(), entries)
}

fn single_outcome(answer: &PutRecordOutput) -> Outcome {
    if answer.record_id().is_empty() {
        Outcome::Failed(Reason::UnexpectedAnswer)
    } else {
        Outcome::Records(Vec::new())
    }
}

fn failure<E>(error: &SdkError<E, HttpResponse>) -> Answer
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (reason, detail) = match error {
        SdkError::ServiceError(answer) => {
            let raw = answer.raw();
            let kind = raw.body().bytes().and_then(decode::error_type);
            let code = kind.as_deref().or_else(|| answer.err().code());
            let message = answer.err().message();
            let reason = decode::error_reason(raw.status().as_u16(), code, message);
            (reason, decode::detail(code, message))
        }
        SdkError::ResponseError(_) => (Reason::UnexpectedAnswer, None),
        _ => cause(error).unwrap_or_else(|| (Reason::Unanswered, root(error))),
    };
    Answer {
        outcome: Outcome::Failed(reason),
        detail,
    }
}

/// Why a request was not even sent, if that can be told. Of several causes the innermost: a role cannot be assumed
/// without the source's credentials.
fn cause(error: &(dyn Error + 'static)) -> Option<(Reason, Option<String>)> {
    let mut next = Some(error);
    let mut found = None;
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<CredentialsError>() {
            found = Some((Reason::SourceUnavailable, root(error)));
        }
        if let Some(answer) = error.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
            found = Some(match answer {
                SdkError::ServiceError(answer) => {
                    let (code, status) = (answer.err().code(), answer.raw().status().as_u16());
                    let reason = decode::role_reason(status, code);
                    return Some((reason, decode::detail(code, answer.err().message())));
                }
                _ => (Reason::AssumeRoleUnavailable, root(error)),
            });
        }
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>()
            && error.is_connect()
        {
            return Some(found.unwrap_or_else(|| (Reason::Unreachable, root(error))));
        }
        next = error.source();
    }
    found
}

/// The innermost cause in its own words, which say more than those around it.
fn root(error: &(dyn Error + 'static)) -> Option<String> {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    Some(decode::bounded(&innermost.to_string())).filter(|words| !words.is_empty())
}

/// Puts the prebuilt body in the place of the serialized one, before the request is signed.
#[derive(Debug)]
struct Prebuilt {
    body: Bytes,
    confirmation: Confirmation,
}

#[dyn_dispatch_hint]
impl Intercept for Prebuilt {
    fn name(&self) -> &'static str {
        "Prebuilt"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request
            .headers_mut()
            .insert("content-length", self.body.len().to_string());
        *request.body_mut() = SdkBody::from(self.body.clone());
        request.add_extension(self.confirmation.clone());
        Ok(())
    }
}
