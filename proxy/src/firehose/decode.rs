//! What an answer of Firehose means for its call's records.

use super::{FailedRecord, Outcome, Reason};

/// One entry of `RequestResponses`, reduced to what decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry<'answer> {
    /// It has a record ID: Firehose has the record.
    Id,
    /// It has an error code.
    Error(&'answer str),
    /// It has neither.
    Neither,
}

/// The outcome of a batch call with `records` records that was answered 200.
///
/// An answer is believed only if it accounts for every record and its count agrees with its entries: `200 {}` is no
/// success.
pub(crate) fn outcome<'answer>(
    records: usize,
    failed_put_count: i32,
    entries: impl ExactSizeIterator<Item = Entry<'answer>>,
) -> Outcome {
    let unexpected = Outcome::Failed(Reason::UnexpectedAnswer);
    if entries.len() != records {
        return unexpected;
    }
    let mut failed = Vec::new();
    for (index, entry) in entries.enumerate() {
        match entry {
            Entry::Id => {}
            Entry::Neither => return unexpected,
            Entry::Error(code) => failed.push(FailedRecord {
                index,
                reason: record_reason(code),
            }),
        }
    }
    if i32::try_from(failed.len()) == Ok(failed_put_count) {
        Outcome::Records(failed)
    } else {
        unexpected
    }
}

fn record_reason(code: &str) -> Reason {
    match code {
        "ServiceUnavailableException" | "ThrottlingException" => Reason::Throttled,
        _ => Reason::ServiceFailure,
    }
}

/// The error's type. The SDK takes a `code` member for it where there is one, but in two errors of Firehose that member
/// is a detail (`InvalidKMSResourceException` has `KMS.DisabledException` there).
pub(crate) fn error_type(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(rename = "__type")]
        kind: String,
    }
    let Body { kind } = serde_json::from_slice(body).ok()?;
    let name = kind.rsplit('#').next().unwrap_or_default(); // com.amazonaws.firehose#Name
    Some(name.split(':').next().unwrap_or_default().to_owned())
}

/// The reason that an error answer of STS to the request for a role gives.
///
/// Source: [AssumeRole](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html) and the errors that
/// are common to its operations.
pub(super) fn role_reason(status: u16, code: Option<&str>, message: Option<&str>) -> Reason {
    match error_reason(status, code, message) {
        reason @ (Reason::CredentialsExpired | Reason::CredentialsRejected | Reason::ClockSkew) => reason,
        Reason::Throttled | Reason::ServiceFailure => Reason::AssumeRoleUnavailable,
        _ => Reason::AssumeRoleDenied,
    }
}

/// The reason that an error answer gives.
///
/// Source: [common errors](https://docs.aws.amazon.com/firehose/latest/APIReference/CommonErrors.html) and those of the
/// two operations.
pub(crate) fn error_reason(status: u16, code: Option<&str>, message: Option<&str>) -> Reason {
    match code.unwrap_or_default() {
        "ResourceNotFoundException" => Reason::StreamNotFound,
        "InvalidKMSResourceException" => Reason::KeyUnavailable,
        "InvalidSourceException" => Reason::NotDirectPut,
        "ServiceUnavailableException"
        | "ServiceUnavailable"
        | "ThrottlingException"
        | "Throttling"
        | "LimitExceededException"
        | "RequestLimitExceeded"
        | "SlowDown" => Reason::Throttled,
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" | "OptInRequired" => Reason::AccessDenied,
        "ExpiredTokenException" | "ExpiredToken" => Reason::CredentialsExpired,
        "RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture" => Reason::ClockSkew,
        "InvalidSignatureException" | "SignatureDoesNotMatch" if is_about_time(message) => Reason::ClockSkew,
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => Reason::CredentialsRejected,
        "ValidationException" | "ValidationError" | "InvalidArgumentException" | "SerializationException" => {
            // "Records size exceeds 4 MB limit"
            if message.is_some_and(|message| message.contains("4 MB") || message.contains("4MB")) {
                Reason::CallTooLarge
            } else {
                Reason::RecordRejected
            }
        }
        "RequestEntityTooLargeException" => Reason::CallTooLarge,
        "InternalFailure" | "InternalServerError" | "InternalServiceError" => Reason::ServiceFailure,
        _ => match status {
            413 => Reason::CallTooLarge,
            429 | 503 => Reason::Throttled,
            401 | 403 => Reason::AccessDenied,
            500.. => Reason::ServiceFailure,
            _ => Reason::CallRefused,
        },
    }
}

/// What AWS says of a signature whose date is too far from its own clock.
fn is_about_time(message: Option<&str>) -> bool {
    message
        .is_some_and(|message| message.contains("Signature expired") || message.contains("Signature not yet current"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(records: usize, count: i32, entries: &[Entry<'_>]) -> Outcome {
        outcome(records, count, entries.iter().copied())
    }

    #[test]
    fn an_answer_is_believed_only_if_it_accounts_for_every_record() {
        let unexpected = Outcome::Failed(Reason::UnexpectedAnswer);
        assert_eq!(of(2, 0, &[]), unexpected);
        assert_eq!(of(2, 0, &[Entry::Id]), unexpected);
        assert_eq!(of(1, 0, &[Entry::Id, Entry::Id]), unexpected);
        assert_eq!(of(2, 0, &[Entry::Id, Entry::Neither]), unexpected);
        assert_eq!(of(2, 0, &[Entry::Id, Entry::Error("InternalFailure")]), unexpected);
        assert_eq!(of(2, 1, &[Entry::Id, Entry::Id]), unexpected);
        assert_eq!(of(2, 0, &[Entry::Id, Entry::Id]), Outcome::Records(vec![]));
    }

    #[test]
    fn failed_records_keep_their_places_and_reasons() {
        let answer = [
            Entry::Error("ServiceUnavailableException"),
            Entry::Id,
            Entry::Error("InternalFailure"),
        ];
        let failed = |index, reason| FailedRecord { index, reason };
        assert_eq!(
            of(3, 2, &answer),
            Outcome::Records(vec![failed(0, Reason::Throttled), failed(2, Reason::ServiceFailure)])
        );
    }

    #[test]
    fn an_errors_type_is_not_its_detail() {
        let typed = |body: &str| error_type(body.as_bytes());
        let kms = r#"{"__type":"InvalidKMSResourceException","code":"KMS.DisabledException","message":"m"}"#;
        assert_eq!(typed(kms).as_deref(), Some("InvalidKMSResourceException"));
        assert_eq!(
            typed(r#"{"__type":"com.amazonaws.firehose#ResourceNotFoundException"}"#).as_deref(),
            Some("ResourceNotFoundException")
        );
        assert_eq!(typed("<html>"), None);
    }

    #[test]
    fn every_documented_error_has_its_reason_and_an_unknown_one_loses_nothing() {
        let cases = [
            (400, "ResourceNotFoundException", "", Reason::StreamNotFound),
            (400, "InvalidKMSResourceException", "", Reason::KeyUnavailable),
            (503, "ServiceUnavailableException", "Slow down.", Reason::Throttled),
            (400, "ThrottlingException", "", Reason::Throttled),
            (400, "AccessDeniedException", "", Reason::AccessDenied),
            (400, "ExpiredTokenException", "", Reason::CredentialsExpired),
            (403, "InvalidSignatureException", "", Reason::CredentialsRejected),
            (
                400,
                "InvalidSignatureException",
                "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z",
                Reason::ClockSkew,
            ),
            (
                403,
                "SignatureDoesNotMatch",
                "Signature not yet current: 20260101T000000Z is still later than 20251231T235500Z",
                Reason::ClockSkew,
            ),
            (400, "RequestExpired", "", Reason::ClockSkew),
            (
                400,
                "InvalidArgumentException",
                "Records size exceeds 4 MB limit",
                Reason::CallTooLarge,
            ),
            (
                400,
                "ValidationException",
                "Member must have length less than or equal to 1024000",
                Reason::RecordRejected,
            ),
            (500, "InternalFailure", "", Reason::ServiceFailure),
            (502, "", "", Reason::ServiceFailure),
            (503, "", "", Reason::Throttled),
            (413, "", "", Reason::CallTooLarge),
            (404, "UnknownOperationException", "", Reason::CallRefused),
        ];
        for (status, code, message, reason) in cases {
            assert_eq!(
                error_reason(status, Some(code), Some(message)),
                reason,
                "{status} {code}"
            );
        }
    }

    #[test]
    fn a_role_that_is_refused_is_told_from_an_sts_that_fails() {
        for (status, code, reason) in [
            (403, "AccessDenied", Reason::AssumeRoleDenied),
            (400, "MalformedPolicyDocument", Reason::AssumeRoleDenied),
            (403, "ExpiredToken", Reason::CredentialsExpired),
            (403, "InvalidClientTokenId", Reason::CredentialsRejected),
            (403, "SignatureDoesNotMatch", Reason::CredentialsRejected),
            (500, "InternalFailure", Reason::AssumeRoleUnavailable),
            (503, "", Reason::AssumeRoleUnavailable),
            (400, "Throttling", Reason::AssumeRoleUnavailable),
        ] {
            assert_eq!(role_reason(status, Some(code), None), reason, "{status} {code}");
        }
    }
}
