//! Which write key a request presents, and whether it lets the request in.

use http::{HeaderMap, header, request::Parts};

use super::{
    keys::{KeyRing, Verdict},
    query,
};
use crate::{
    config::Snapshot,
    http::reply::{Refusal, Unavailable},
    source::SourceName,
};

/// Longest `Authorization` header that is read: a write key and a password in base64 with room to spare.
const MAX_HEADER_BYTES: usize = 1024;

/// Where a request presents its write key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Presented {
    /// Under this configuration nobody needs one.
    Needless,
    /// In the head: `Authorization` first, then the query.
    InHead(String),
    /// If anywhere, in the body.
    InBody,
}

/// Looks for the write key in the head of a request.
pub(super) fn presented(configuration: &Snapshot, head: &Parts) -> Presented {
    if configuration.key_places.is_none() {
        return Presented::Needless;
    }
    basic_user(&head.headers)
        .or_else(|| query_key(head))
        .map_or(Presented::InBody, Presented::InHead)
}

/// The write key in the query.
pub(super) fn query_key(head: &Parts) -> Option<String> {
    query::value(head.uri.query(), "writeKey").filter(|key| !key.is_empty())
}

/// Lets a request in that presents a known write key, or any request when the configuration names no keys. Returns the
/// source that the key is of, if it is one's.
///
/// # Errors
///
/// [`Refusal::NoWriteKey`], [`Refusal::UnknownWriteKey`], or [`Refusal::Unavailable`] while the keys are not there.
pub(super) fn check(
    configuration: &Snapshot,
    keys: &KeyRing,
    presented: Option<&str>,
) -> Result<Option<SourceName>, Refusal> {
    let Some(named) = &configuration.key_places else {
        return Ok(None);
    };
    let presented = presented.filter(|key| !key.is_empty()).ok_or(Refusal::NoWriteKey);
    // Whether the keys are there comes first: a client must not be told that it lacks one by a pod that has none
    // itself.
    match (keys.judge(named, presented.unwrap_or_default()), presented) {
        (Verdict::NoKeys, _) => Err(Refusal::unavailable(Unavailable::NoWriteKeys)),
        (Verdict::StillOpen, _) => Ok(None),
        (_, Err(missing)) => Err(missing),
        (Verdict::Unknown, Ok(_)) => Err(Refusal::UnknownWriteKey),
        (Verdict::Known(source), Ok(_)) => Ok(source),
    }
}

/// Whether any of the write keys that the configuration names, if it names any, are there to be compared with.
///
/// # Errors
///
/// [`Refusal::Unavailable`] while they are not.
pub(super) fn are_there(configuration: &Snapshot, keys: &KeyRing) -> Result<(), Refusal> {
    match &configuration.key_places {
        Some(named) if !keys.has_any(named) => Err(Refusal::unavailable(Unavailable::NoWriteKeys)),
        _ => Ok(()),
    }
}

/// The source whose write key stands in the head of a request, for a line of the log.
pub(super) fn source_in_head(configuration: &Snapshot, keys: &KeyRing, head: &Parts) -> Option<SourceName> {
    match (&configuration.key_places, presented(configuration, head)) {
        (Some(named), Presented::InHead(key)) => match keys.judge(named, &key) {
            Verdict::Known(source) => source,
            _ => None,
        },
        _ => None,
    }
}

/// The user of HTTP Basic authentication ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)), unless it is empty; its
/// password counts for nothing.
pub(super) fn basic_user(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || credentials.len() > MAX_HEADER_BYTES {
        return None;
    }
    let decoded = base64_simd::STANDARD.decode_to_vec(credentials.trim()).ok()?;
    let user = decoded.split(|byte| *byte == b':').next()?;
    String::from_utf8(user.to_vec()).ok().filter(|user| !user.is_empty())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_user_is_read_and_the_password_is_not() {
        for (header, user) in [
            ("Basic a2V5Og==", Some("key")),
            ("basic a2V5OnBhc3M6d29yZA==", Some("key")),
            ("BASIC  a2V5", Some("key")),
            ("Basic Og==", None),
            ("Basic a2V5Og", None),
            ("Basic !", None),
            ("Bearer a2V5Og==", None),
            ("a2V5Og==", None),
            ("Basic /w==", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(header));
            assert_eq!(basic_user(&headers).as_deref(), user, "{header}");
        }
        assert_eq!(basic_user(&HeaderMap::new()), None);
    }
}
