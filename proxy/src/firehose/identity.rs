//! Why there is no identity to sign with: what STS, a credentials agent or the chain of sources has said.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::{Reason, decode, message};

/// What a failure to get credentials is in one word, and in the words of whoever was asked for them.
pub(super) fn cause(error: &CredentialsError) -> (Reason, Option<String>) {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
            return of_sts(error);
        }
        if let Some(error) = error.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>() {
            return of_sts(error);
        }
        next = error.source();
    }
    (Reason::SourceUnavailable, Some(message::of_chain(error)))
}

/// An answer of STS: about the identity that asked, or about the role.
fn of_sts<E>(error: &SdkError<E, HttpResponse>) -> (Reason, Option<String>)
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let SdkError::ServiceError(answer) = error else {
        let reason = match error {
            SdkError::ConstructionFailure(_) => Reason::SourceUnavailable,
            _ => Reason::AssumeRoleUnavailable,
        };
        return (reason, Some(message::of_chain(error)));
    };
    let (status, code) = (answer.raw().status().as_u16(), answer.err().code());
    let said = answer.err().message();
    let reason = decode::role_reason(status, code, said);
    (reason, code.map(|code| message::of(code, said)))
}
