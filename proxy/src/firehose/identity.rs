//! Why there is no identity to sign with: what STS, a credentials agent or the chain of sources has said.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::{Reason, decode};

/// What a failure to get credentials is in one word.
pub(super) fn reason(error: &CredentialsError) -> Reason {
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
    Reason::SourceUnavailable
}

/// An answer of STS: about the identity that asked, or about the role.
fn of_sts<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Reason {
    let SdkError::ServiceError(answer) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => Reason::SourceUnavailable,
            _ => Reason::AssumeRoleUnavailable,
        };
    };
    let (status, code) = (answer.raw().status().as_u16(), answer.err().code());
    match decode::error_reason(status, code, answer.err().message()) {
        Reason::Throttled | Reason::ServiceFailure => Reason::AssumeRoleUnavailable,
        about_identity if about_identity.is_about_credentials() => about_identity,
        _ => Reason::AssumeRoleDenied,
    }
}
