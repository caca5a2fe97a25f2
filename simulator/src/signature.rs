//! Signature Version 4, verified by computing it again. Knows no credentials but the one it is given.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>. The order of the
//! checks is the service's: an unknown key is told before a wrong signature, an old one before either of its parts.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, request::Parts};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use sha2::{Digest, Sha256};

use crate::{
    access::{Access, Caller},
    error::{ApiError, ErrorCode},
};

/// How far the signature's date may be from the service's clock.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// The parts of an Authorization header.
#[derive(Debug, PartialEq, Eq)]
struct Authorization<'a> {
    access_key_id: &'a str,
    /// Date, region, service and `aws4_request`.
    scope: [&'a str; 4],
    signed_headers: &'a str,
    signature: &'a str,
}

/// Who signed the request. `regions` are those whose scope is accepted.
pub(crate) fn verify(
    access: &Access,
    head: &Parts,
    body: &[u8],
    service: &str,
    regions: &[&str],
) -> Result<Caller, ApiError> {
    let now = access.now();
    let headers = &head.headers;
    let Some(authorization) = header(headers, "authorization") else {
        return Err(ApiError::new(
            ErrorCode::MissingAuthenticationTokenException,
            "Missing Authentication Token",
        ));
    };
    let authorization = Authorization::parse(authorization)?;
    let Some(date) = header(headers, "x-amz-date") else {
        return Err(incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ));
    };
    let token = header(headers, "x-amz-security-token");
    let (secret, caller) = access.look_up(authorization.access_key_id, token, now)?;
    authorization.check_scope(date, service, regions)?;
    check_date(date, now).map_err(|error| ApiError {
        code: match error.code {
            ErrorCode::InvalidSignatureException => access.clock_error_code(),
            other => other,
        },
        ..error
    })?;
    authorization.check_signed_headers(headers)?;
    let canonical = canonical_request(head, authorization.signed_headers, body);
    let expected = sign(&secret, date, authorization.scope, &canonical);
    if expected != authorization.signature {
        return Err(invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
        ));
    }
    Ok(caller)
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Result<Self, ApiError> {
        let parts = header
            .strip_prefix(ALGORITHM)
            .ok_or_else(|| incomplete("Unsupported AWS 'algorithm'."))?;
        let part = |name: &str| {
            let found = parts
                .split(',')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
        };
        let credential: Vec<&str> = part("Credential")?.split('/').collect();
        let [access_key_id, date, region, service, terminator] = credential[..] else {
            return Err(incomplete("Credential must have exactly 5 slash-delimited elements."));
        };
        Ok(Self {
            access_key_id,
            scope: [date, region, service, terminator],
            signed_headers: part("SignedHeaders")?,
            signature: part("Signature")?,
        })
    }

    fn check_scope(&self, date: &str, service: &str, regions: &[&str]) -> Result<(), ApiError> {
        let [scope_date, scope_region, scope_service, terminator] = self.scope;
        if !regions.contains(&scope_region) {
            return Err(invalid(&format!(
                "Credential should be scoped to a valid region, not '{scope_region}'. "
            )));
        }
        if scope_service != service {
            return Err(invalid(&format!(
                "Credential should be scoped to correct service: '{service}'. "
            )));
        }
        if terminator != "aws4_request" || !date.starts_with(scope_date) || scope_date.len() != 8 {
            return Err(invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date",
            ));
        }
        Ok(())
    }

    /// The host and every `x-amz-` header that is there must be signed.
    fn check_signed_headers(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let signed = |name: &str| self.signed_headers.split(';').any(|signed| signed == name);
        let amz = headers
            .keys()
            .map(http::HeaderName::as_str)
            .filter(|name| name.starts_with("x-amz-"));
        match std::iter::once("host").chain(amz).find(|name| !signed(name)) {
            Some(name) => Err(invalid(&format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization header."
            ))),
            None => Ok(()),
        }
    }
}

fn check_date(date: &str, now: Timestamp) -> Result<(), ApiError> {
    let signed_at = DateTime::strptime(DATE_FORMAT, date)
        .ok()
        .and_then(|date| date.to_zoned(TimeZone::UTC).ok());
    let Some(signed_at) = signed_at.map(|zoned| zoned.timestamp()) else {
        return Err(incomplete(&format!(
            "Date must be in ISO-8601 'basic format'. Got '{date}'."
        )));
    };
    let age = now.duration_since(signed_at);
    let text = |timestamp: Timestamp| timestamp.strftime(DATE_FORMAT).to_string();
    let edge = |offset: SignedDuration| text(now.saturating_add(offset).unwrap_or(now));
    if age > MAX_CLOCK_SKEW {
        let (edge, now) = (edge(-MAX_CLOCK_SKEW), text(now));
        return Err(invalid(&format!(
            "Signature expired: {date} is now earlier than {edge} ({now} - 5 min.)"
        )));
    }
    if age < -MAX_CLOCK_SKEW {
        let (edge, now) = (edge(MAX_CLOCK_SKEW), text(now));
        return Err(invalid(&format!(
            "Signature not yet current: {date} is still later than {edge} ({now} + 5 min.)"
        )));
    }
    Ok(())
}

/// Method, path, query, signed headers and the body's hash, one a line.
fn canonical_request(head: &Parts, signed_headers: &str, body: &[u8]) -> String {
    let mut query: Vec<&str> = head
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .collect();
    query.sort_unstable();
    let mut canonical = format!("{}\n{}\n{}\n", head.method, head.uri.path(), query.join("&"));
    for name in signed_headers.split(';') {
        let values = head
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()));
        // Runs of white space count as one blank.
        let values: Vec<_> = values
            .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        canonical.push_str(name);
        canonical.push(':');
        canonical.push_str(&values.join(","));
        canonical.push('\n');
    }
    let _ = write!(canonical, "\n{signed_headers}\n{}", hex(&Sha256::digest(body)));
    canonical
}

fn sign(secret: &str, date: &str, scope: [&str; 4], canonical: &str) -> String {
    let to_sign = format!(
        "{ALGORITHM}\n{date}\n{}\n{}",
        scope.join("/"),
        hex(&Sha256::digest(canonical))
    );
    let key = scope.iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| {
        hmac(&key, part.as_bytes())
    });
    hex(&hmac(&key, to_sign.as_bytes()))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn incomplete(message: &str) -> ApiError {
    ApiError::new(ErrorCode::IncompleteSignatureException, message)
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidSignatureException, message)
}

#[cfg(test)]
mod tests {
    use super::{Authorization, canonical_request, sign};

    /// The service's own example of a signing key and signature: "get-vanilla" of the published test suite.
    #[test]
    fn the_published_example_has_the_published_signature() {
        let request = http::Request::get("/")
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .body(())
            .unwrap();
        let canonical = canonical_request(&request.into_parts().0, "host;x-amz-date", b"");
        let scope = ["20150830", "us-east-1", "service", "aws4_request"];
        let signature = sign(
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "20150830T123600Z",
            scope,
            &canonical,
        );
        assert_eq!(
            signature,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
    }

    #[test]
    fn a_signed_length_that_is_not_the_sent_one_changes_the_signature() {
        let signed_with = |length| {
            let request = http::Request::post("/")
                .header("host", "h")
                .header("content-length", length)
                .body(())
                .unwrap();
            canonical_request(&request.into_parts().0, "content-length;host", b"{}")
        };
        assert_ne!(signed_with("2"), signed_with("9"));
    }

    #[test]
    fn an_authorization_header_must_have_all_its_parts() {
        let whole = "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/firehose/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa0";
        let parsed = Authorization::parse(whole).unwrap();
        assert_eq!(
            (parsed.access_key_id, parsed.signed_headers, parsed.signature),
            ("AKID", "host;x-amz-date", "5fa0")
        );
        for broken in [
            "AWS4-HMAC-SHA512",
            "Credential=AKID/20150830",
            "SignedHeaders",
            "Signature=",
        ] {
            let header = whole.replace(broken.split('=').next().unwrap(), "X");
            let expected_to_fail = broken != "AWS4-HMAC-SHA512";
            assert_eq!(Authorization::parse(&header).is_err(), expected_to_fail, "{header}");
        }
        assert!(Authorization::parse("Basic dTpw").is_err());
        assert!(Authorization::parse(&whole.replace("/aws4_request", "")).is_err());
    }
}
