//! The adapter to AWS: makes one call and says what became of it. Decides nothing and retries nothing.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_firehose::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{put_record::PutRecordOutput, put_record_batch::PutRecordBatchOutput},
    types::Record,
};
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
    encode, identity, message,
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

/// What became of a call, and what AWS has said to it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// In AWS's own words, when something failed. Bounded, without anything of a record.
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
                Ok(answer) => batch_answer(call.records, &answer),
                Err(error) => failed(&error),
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
                Err(error) => failed(&error),
            }
        }
    }
}

fn batch_answer(records: usize, answer: &PutRecordBatchOutput) -> Answer {
    let entries = answer.request_responses().iter().map(|entry| {
        match (entry.error_code().filter(|code| !code.is_empty()), entry.record_id()) {
            (Some(code), _) => Entry::Error(code),
            (None, Some(id)) if !id.is_empty() => Entry::Id,
            (None, _) => Entry::Neither,
        }
    });
    let refused = answer
        .request_responses()
        .iter()
        .find_map(|entry| Some(message::of(entry.error_code()?, entry.error_message())));
    Answer {
        outcome: decode::outcome(records, answer.failed_put_count(), entries),
        detail: refused,
    }
}

fn single_outcome(answer: &PutRecordOutput) -> Outcome {
    if answer.record_id().is_empty() {
        Outcome::Failed(Reason::UnexpectedAnswer)
    } else {
        Outcome::Records(Vec::new())
    }
}

fn failed<E>(error: &SdkError<E, HttpResponse>) -> Answer
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (reason, message) = match error {
        SdkError::ServiceError(answer) => {
            let raw = answer.raw();
            let kind = raw.body().bytes().and_then(decode::error_type);
            let code = kind.as_deref().or_else(|| answer.err().code());
            let said = answer.err().message();
            let reason = decode::error_reason(raw.status().as_u16(), code, said);
            (reason, code.map(|code| message::of(code, said)))
        }
        SdkError::ResponseError(_) => (Reason::UnexpectedAnswer, None),
        // Nothing was sent: neither the outcome is unknown, nor can anything arrive twice.
        SdkError::ConstructionFailure(_) => {
            cause(error).unwrap_or_else(|| (Reason::CallNotMade, Some(message::of_chain(error))))
        }
        _ => cause(error).unwrap_or((Reason::Unanswered, None)),
    };
    Answer {
        outcome: Outcome::Failed(reason),
        detail: message,
    }
}

/// Why a request was not even sent, if that can be told, and what was said to it.
fn cause(error: &(dyn Error + 'static)) -> Option<(Reason, Option<String>)> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<CredentialsError>() {
            return Some(identity::cause(error));
        }
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>()
            && error.is_connect()
        {
            return Some((Reason::Unreachable, Some(message::of_chain(error))));
        }
        next = error.source();
    }
    None
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

#[cfg(test)]
mod tests {
    use aws_sdk_firehose::operation::put_record_batch::PutRecordBatchError;

    use super::*;

    /// Was: unanswered, and so a possible duplicate.
    #[test]
    fn a_call_that_cannot_be_put_together_was_not_made_and_has_no_unknown_outcome() {
        let error: SdkError<PutRecordBatchError, HttpResponse> = SdkError::construction_failure("no such host");
        let answer = failed(&error);
        assert_eq!(answer.outcome, Outcome::Failed(Reason::CallNotMade));
        assert!(answer.detail.unwrap().contains("no such host"));
        assert!(!Reason::CallNotMade.is_unknown_outcome());
    }
}
