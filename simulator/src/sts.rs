//! AssumeRole and AssumeRoleWithWebIdentity: the query protocol of AWS STS, as far as an SDK's credentials need it.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::{StatusCode, request::Parts};
use jiff::Timestamp;

use crate::{
    access::{Role, Session},
    error::ApiError,
    reply::Reply,
    service::Service,
    signature,
};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// Range and default of DurationSeconds.
const SESSION_SECONDS: std::ops::RangeInclusive<u64> = 900..=43_200;
const DEFAULT_SESSION_SECONDS: u64 = 3_600;

/// An error of the query protocol.
struct StsError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// Whether a request is for STS: it has no JSON target and its body is a form.
pub(crate) fn is_for_sts(head: &Parts) -> bool {
    let content_type = head
        .headers
        .get(http::header::CONTENT_TYPE)
        .map(http::HeaderValue::as_bytes);
    !head.headers.contains_key("x-amz-target")
        && content_type.is_some_and(|value| value.starts_with(b"application/x-www-form-urlencoded"))
}

pub(crate) fn call(service: &Service, head: &Parts, body: &[u8], request_id: &str) -> Reply {
    let form = parse_form(body);
    let answer = match form.get("Action").map(String::as_str) {
        Some("AssumeRole") => assume_role(service, head, body, &form, request_id),
        Some("AssumeRoleWithWebIdentity") => assume_role_with_web_identity(service, &form, request_id),
        Some(_) | None => Err(sts_error(
            StatusCode::BAD_REQUEST,
            "InvalidAction",
            "Could not find operation",
        )),
    };
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(StsError { status, code, message }) => {
            let (code, message) = (escape(code), escape(&message));
            let body = format!(
                r#"<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"#
            );
            (status, body)
        }
    };
    Reply::Answer {
        status,
        body: Bytes::from(body),
        content_type: "text/xml",
    }
}

type Form = HashMap<String, String>;

fn assume_role(
    service: &Service,
    head: &Parts,
    body: &[u8],
    form: &Form,
    request_id: &str,
) -> Result<String, StsError> {
    let caller = if service.access.verifies() {
        // The global endpoint is signed for us-east-1 whatever the region of the rest.
        signature::verify(
            &service.access,
            head,
            body,
            "sts",
            &[&service.options.region, "us-east-1"],
        )?
    } else {
        service.access.anybody()
    };
    let arn = required(form, "RoleArn")?;
    let denied = || {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            caller.arn
        );
        sts_error(StatusCode::FORBIDDEN, "AccessDenied", message)
    };
    caller
        .authorize("sts:AssumeRole", || arn.to_owned())
        .map_err(|_| denied())?;
    let role = service.access.role(arn).ok_or_else(denied)?;
    if role
        .external_id
        .as_deref()
        .is_some_and(|expected| form.get("ExternalId").map(String::as_str) != Some(expected))
    {
        return Err(denied());
    }
    let session = open_session(service, form, &role)?;
    Ok(answer("AssumeRole", &session, "", request_id))
}

fn assume_role_with_web_identity(service: &Service, form: &Form, request_id: &str) -> Result<String, StsError> {
    let arn = required(form, "RoleArn")?;
    let token = required(form, "WebIdentityToken")?;
    let Some(role) = service.access.role(arn) else {
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        return Err(sts_error(StatusCode::FORBIDDEN, "AccessDenied", message));
    };
    if role
        .web_identity_tokens
        .as_ref()
        .is_some_and(|tokens| !tokens.iter().any(|known| known == token))
    {
        let message = "The web identity token that was passed could not be validated by AWS.";
        return Err(sts_error(StatusCode::BAD_REQUEST, "InvalidIdentityToken", message));
    }
    let session = open_session(service, form, &role)?;
    let subject = "<SubjectFromWebIdentityToken>simulated</SubjectFromWebIdentityToken>";
    Ok(answer("AssumeRoleWithWebIdentity", &session, subject, request_id))
}

fn open_session(service: &Service, form: &Form, role: &Role) -> Result<Session, StsError> {
    let invalid = |message: &str| sts_error(StatusCode::BAD_REQUEST, "ValidationError", message);
    let name = required(form, "RoleSessionName")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if !(2..=64).contains(&name.len()) || !name.bytes().all(allowed) {
        return Err(invalid(
            "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint",
        ));
    }
    let seconds = match form.get("DurationSeconds") {
        Some(text) => text.parse().ok().filter(|seconds| SESSION_SECONDS.contains(seconds)),
        None => Some(DEFAULT_SESSION_SECONDS),
    };
    let Some(seconds) = seconds else {
        return Err(invalid(
            "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint",
        ));
    };
    Ok(service
        .access
        .open_session(role, name, Duration::from_secs(seconds), service.access.now()))
}

fn answer(action: &str, session: &Session, more: &str, request_id: &str) -> String {
    let credential = &session.credential;
    let (key, secret) = (escape(&credential.access_key_id), escape(&credential.secret_access_key));
    let token = escape(credential.session_token.as_deref().unwrap_or_default());
    let (arn, expires) = (escape(&session.arn), to_the_second(session.expires_at));
    let name = escape(session.arn.rsplit('/').next().unwrap_or_default());
    format!(
        r#"<{action}Response xmlns="{NAMESPACE}"><{action}Result><AssumedRoleUser><AssumedRoleId>AROASIMULATED:{name}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>{expires}</Expiration></Credentials>{more}</{action}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"#
    )
}

fn to_the_second(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn required<'a>(form: &'a Form, name: &str) -> Result<&'a str, StsError> {
    form.get(name).map(String::as_str).filter(|value| !value.is_empty()).ok_or_else(|| {
        let message = format!("1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null");
        sts_error(StatusCode::BAD_REQUEST, "ValidationError", message)
    })
}

fn sts_error(status: StatusCode, code: &'static str, message: impl Into<String>) -> StsError {
    StsError {
        status,
        code,
        message: message.into(),
    }
}

impl From<ApiError> for StsError {
    /// STS names the same errors as the JSON services do, but answers them with 403.
    fn from(error: ApiError) -> Self {
        let code = match error.code.name() {
            "UnrecognizedClientException" => "InvalidClientTokenId",
            "InvalidSignatureException" => "SignatureDoesNotMatch",
            "ExpiredTokenException" => "ExpiredToken",
            "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
            other => other,
        };
        Self {
            status: StatusCode::FORBIDDEN,
            code,
            message: error.message,
        }
    }
}

/// `application/x-www-form-urlencoded`; a broken escape is taken as the characters it is written with.
fn parse_form(body: &[u8]) -> Form {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescape(name), unescape(value))).collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.get(..2)).flatten();
        let decoded = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        rest = if decoded.is_some() { &after[2..] } else { after };
        bytes.push(decoded.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{escape, parse_form, unescape};

    #[test]
    fn a_form_is_unescaped() {
        let form = parse_form(b"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa+b&empty=");
        assert_eq!(form["RoleArn"], "arn:aws:iam::1:role/a b");
        assert_eq!(form["empty"], "");
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        for text in ["%", "%4", "%zz", "100%"] {
            assert_eq!(unescape(text), text);
        }
    }

    #[test]
    fn markup_does_not_get_into_an_answer() {
        assert_eq!(escape("<a&b>"), "&lt;a&amp;b&gt;");
    }
}
