//! The errors of the service's API, as it writes them: a status, a `__type` and a message.
//!
//! Two families share the wire. The operation's own exceptions carry `message`
//! (<https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html#API_PutRecordBatch_Errors>); the
//! common ones come from the layer in front, which knows credentials and throttling but no stream
//! (<https://docs.aws.amazon.com/firehose/latest/APIReference/CommonErrors.html>).

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Every error the simulator answers with, and the ones a fault may ask for. Serialized as the name on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the names are the service's own and its API reference explains them"
)]
pub enum ErrorCode {
    AccessDeniedException,
    ConcurrentModificationException,
    ExpiredTokenException,
    IncompleteSignatureException,
    InternalFailure,
    InvalidArgumentException,
    InvalidKMSResourceException,
    InvalidSignatureException,
    InvalidSourceException,
    LimitExceededException,
    MissingAuthenticationTokenException,
    RequestEntityTooLargeException,
    RequestExpired,
    ResourceInUseException,
    ResourceNotFoundException,
    SerializationException,
    ServiceUnavailableException,
    ThrottlingException,
    UnknownOperationException,
    UnrecognizedClientException,
    ValidationException,
}

/// One error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// The `code` member that only `InvalidKMSResourceException` and `InvalidSourceException` have.
    pub(crate) detail: Option<String>,
}

impl ErrorCode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccessDeniedException => "AccessDeniedException",
            Self::ConcurrentModificationException => "ConcurrentModificationException",
            Self::ExpiredTokenException => "ExpiredTokenException",
            Self::IncompleteSignatureException => "IncompleteSignatureException",
            Self::InternalFailure => "InternalFailure",
            Self::InvalidArgumentException => "InvalidArgumentException",
            Self::InvalidKMSResourceException => "InvalidKMSResourceException",
            Self::InvalidSignatureException => "InvalidSignatureException",
            Self::InvalidSourceException => "InvalidSourceException",
            Self::LimitExceededException => "LimitExceededException",
            Self::MissingAuthenticationTokenException => "MissingAuthenticationTokenException",
            Self::RequestEntityTooLargeException => "RequestEntityTooLargeException",
            Self::RequestExpired => "RequestExpired",
            Self::ResourceInUseException => "ResourceInUseException",
            Self::ResourceNotFoundException => "ResourceNotFoundException",
            Self::SerializationException => "SerializationException",
            Self::ServiceUnavailableException => "ServiceUnavailableException",
            Self::ThrottlingException => "ThrottlingException",
            Self::UnknownOperationException => "UnknownOperationException",
            Self::UnrecognizedClientException => "UnrecognizedClientException",
            Self::ValidationException => "ValidationException",
        }
    }

    /// The HTTP status. Nearly everything is a 400 in this protocol; clients tell errors apart by `__type`.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ServiceUnavailableException => StatusCode::SERVICE_UNAVAILABLE,
            Self::RequestEntityTooLargeException => StatusCode::PAYLOAD_TOO_LARGE,
            Self::AccessDeniedException
            | Self::ConcurrentModificationException
            | Self::ExpiredTokenException
            | Self::IncompleteSignatureException
            | Self::InvalidArgumentException
            | Self::InvalidKMSResourceException
            | Self::InvalidSignatureException
            | Self::InvalidSourceException
            | Self::LimitExceededException
            | Self::MissingAuthenticationTokenException
            | Self::RequestExpired
            | Self::ResourceInUseException
            | Self::ResourceNotFoundException
            | Self::SerializationException
            | Self::ThrottlingException
            | Self::UnknownOperationException
            | Self::UnrecognizedClientException
            | Self::ValidationException => StatusCode::BAD_REQUEST,
        }
    }

    /// What the message says when a fault does not bring its own.
    pub(crate) fn usual_message(self) -> &'static str {
        match self {
            Self::ServiceUnavailableException => "Slow down.",
            Self::InternalFailure => "Internal service failure.",
            Self::ThrottlingException => "Rate exceeded",
            Self::ExpiredTokenException => "The security token included in the request is expired",
            Self::UnrecognizedClientException => "The security token included in the request is invalid.",
            Self::AccessDeniedException => "User is not authorized to perform this action",
            Self::InvalidKMSResourceException => "The KMS key used to encrypt the delivery stream is disabled.",
            Self::ConcurrentModificationException
            | Self::IncompleteSignatureException
            | Self::InvalidArgumentException
            | Self::InvalidSignatureException
            | Self::InvalidSourceException
            | Self::LimitExceededException
            | Self::MissingAuthenticationTokenException
            | Self::RequestEntityTooLargeException
            | Self::RequestExpired
            | Self::ResourceInUseException
            | Self::ResourceNotFoundException
            | Self::SerializationException
            | Self::UnknownOperationException
            | Self::ValidationException => "The simulator was told to fail this call.",
        }
    }
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
        }
    }

    /// A constraint of the service's model that a member does not meet, in the words the service uses.
    pub(crate) fn constraint(value: &str, member: &str, constraint: &str) -> Self {
        Self::new(
            ErrorCode::ValidationException,
            format!(
                "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: Member must {constraint}"
            ),
        )
    }

    /// The body. The layer in front writes `Message` for a denied access, everything else writes `message`.
    pub(crate) fn body(&self) -> Bytes {
        let key = if self.code == ErrorCode::AccessDeniedException {
            "Message"
        } else {
            "message"
        };
        let mut body = serde_json::Map::new();
        body.insert("__type".to_owned(), self.code.name().into());
        if let Some(detail) = &self.detail {
            body.insert("code".to_owned(), detail.as_str().into());
        }
        body.insert(key.to_owned(), self.message.as_str().into());
        Bytes::from(serde_json::Value::Object(body).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn the_control_api_names_an_error_as_the_wire_does() {
        for code in [
            ErrorCode::InvalidKMSResourceException,
            ErrorCode::InternalFailure,
            ErrorCode::RequestExpired,
        ] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        }
    }
}
