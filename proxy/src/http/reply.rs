//! What a client is told, and why. The error model of the event endpoint; every answer it can give is in this file.
//!
//! # Who listens
//!
//! The SDKs of RudderStack and Segment, which nobody patches for us. They read the status and little else:
//!
//! * **200** means that the events are safe, and the SDK forgets them. It must be exactly 200: one SDK takes 202 and
//!   204 for failures and sends again.
//! * **400, 401, 404, 413, 415** make every SDK drop the request's events for good; on 401 a mobile SDK shuts itself
//!   down, and on 404 it turns its source off until the next start. So these five are said only of what the client
//!   itself has to change, never because something on our side is missing, late or full.
//! * **429 and 5xx** make every SDK keep its events and try again later. Everything that is our fault, or may pass, is
//!   a **503**: no configuration yet, write keys that are named but not mounted, a full queue, Firehose unreachable, a
//!   shutdown, a body that a slow network did not bring in time.
//!
//! `Retry-After` stands on every 429 and 503, in whole seconds, and is never below [`SHORTEST_RETRY_AFTER`]. It is not
//! a courtesy: `@rudderstack/rudder-sdk-node` tries four times in all and then forgets, a second and a half after the
//! first try if nobody tells it to wait. What it is told to wait decides how long an outage it survives.
//!
//! # What they are told
//!
//! The bodies are the sentences of RudderStack's gateway where it has one, since SDKs and people's scripts have met
//! them. They are `text/plain`: one SDK retries for ever on a JSON error that lacks `code` and `message`.
//!
//! # All or nothing
//!
//! A request has one answer. With 200 every valid event in it is safe. With any other answer none of it is kept, so
//! that an SDK that sends all of it again creates no duplicates, except where Firehose had already taken some of the
//! events when their deadline passed. An event that is not valid is the client's mistake and no reason to send the
//! others again: it is counted and set aside, and its batch is answered 200, unless it has no valid event at all or the
//! destination asks for `RejectBatch`.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::{
    event::{Invalid, Malformed},
    queue,
};

/// The least that a client is asked to wait. Three times as long is what an SDK that tries four times bridges.
const SHORTEST_RETRY_AFTER: Duration = Duration::from_secs(10);

/// A complete answer.
pub(super) type Reply = Response<Full<Bytes>>;

/// Why a request is not answered 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The body is not JSON, or empty.
    NotJson {
        /// The byte of the body at which reading it ended.
        at: usize,
    },
    /// The event, or every event of the batch, is not an object.
    NotAnEvent,
    /// The event, or every event of the batch, says of nobody.
    NoIdentity,
    /// A batch without events.
    EmptyBatch,
    /// The body after decompression, or a record, is over its limit.
    TooLarge,
    /// The body ended early, or is not gzip although it says so.
    UnreadableBody,
    /// The body is in a coding that is not read here, or in several.
    UnknownCoding,
    /// The destination says that its source is gone, so that SDKs discard.
    Gone,
    /// The request presents no write key.
    NoWriteKey,
    /// The request presents a write key that is not known.
    UnknownWriteKey,
    /// The same, said to an SDK that has not started yet.
    UnknownSource,
    /// Over the rate limit.
    TooMany {
        /// When the limit is no longer used up.
        retry_after: Duration,
    },
    /// There is nothing at this path.
    NotFound,
    /// The path takes other methods.
    MethodNotAllowed {
        /// Those it takes.
        allow: &'static str,
    },
    /// Not now; see [`Unavailable`].
    Unavailable {
        /// Why not.
        why: Unavailable,
        /// When another try makes sense.
        retry_after: Duration,
    },
}

/// Why the endpoint takes nothing at the moment. All of it passes, and none of it is the client's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unavailable {
    /// No configuration was loaded yet.
    NoConfiguration,
    /// What an earlier process has left is still being read.
    Starting,
    /// The destination says so.
    Disabled,
    /// The write keys are named but not there.
    NoWriteKeys,
    /// The key of hashes is named but not there.
    NoHashKey,
    /// HTTPS is to be served, and the certificate is not there, or the client does not come by it.
    NoCertificate,
    /// Other requests take all the memory there is, or the peer's own take its share.
    Busy,
    /// The body did not arrive in time.
    SlowBody,
    /// Accepted events take all the room there is for them.
    QueueFull,
    /// The disk that accepted events are written to does not answer.
    DiskStalled,
    /// The events are not safe before the deadline.
    NotConfirmed,
    /// The destination is to have fewer pods, and this one is about to go.
    ScalingDown,
    /// The process ends.
    ShuttingDown,
}

impl Refusal {
    /// A refusal that passes soon.
    pub(super) const fn unavailable(why: Unavailable) -> Self {
        Self::Unavailable {
            why,
            retry_after: SHORTEST_RETRY_AFTER,
        }
    }

    /// What an SDK is told that asks for its configuration. Those for phones know 400 as the answer to a wrong write
    /// key; 401 is for requests with events.
    pub(super) fn before_start(self) -> Self {
        match self {
            Self::NoWriteKey | Self::UnknownWriteKey => Self::UnknownSource,
            other => other,
        }
    }

    /// Whether the body took too long to arrive.
    pub(super) fn is_for_slowness(self) -> bool {
        self == Self::unavailable(Unavailable::SlowBody)
    }

    /// The status of the answer.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::NotJson { .. } | Self::NotAnEvent | Self::NoIdentity | Self::EmptyBatch | Self::UnreadableBody => {
                StatusCode::BAD_REQUEST
            }
            Self::UnknownSource => StatusCode::BAD_REQUEST,
            Self::NoWriteKey | Self::UnknownWriteKey => StatusCode::UNAUTHORIZED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnknownCoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Gone | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Every word of [`Self::reason`], and of [`super::connection::server::NoRequest`].
    pub(super) const REASONS: [&'static str; 33] = [
        "NotJson",
        "NotAnEvent",
        "NoIdentity",
        "EmptyBatch",
        "TooLarge",
        "UnreadableBody",
        "UnknownCoding",
        "Gone",
        "NoWriteKey",
        "UnknownWriteKey",
        "TooMany",
        "NotFound",
        "MethodNotAllowed",
        "NoConfiguration",
        "Starting",
        "Disabled",
        "NoWriteKeys",
        "NoHashKey",
        "NoCertificate",
        "Busy",
        "SlowBody",
        "QueueFull",
        "DiskStalled",
        "NotConfirmed",
        "ScalingDown",
        "ShuttingDown",
        "NotHttp",
        "Http2",
        "HeadTooLarge",
        "SlowHead",
        "NoTls",
        "SlowHandshake",
        "HeadsBusy",
    ];

    /// The word that metrics and the log show.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::NotJson { .. } => "NotJson",
            Self::NotAnEvent => "NotAnEvent",
            Self::NoIdentity => "NoIdentity",
            Self::EmptyBatch => "EmptyBatch",
            Self::TooLarge => "TooLarge",
            Self::UnreadableBody => "UnreadableBody",
            Self::UnknownCoding => "UnknownCoding",
            Self::Gone => "Gone",
            Self::NoWriteKey => "NoWriteKey",
            Self::UnknownWriteKey | Self::UnknownSource => "UnknownWriteKey",
            Self::TooMany { .. } => "TooMany",
            Self::NotFound => "NotFound",
            Self::MethodNotAllowed { .. } => "MethodNotAllowed",
            Self::Unavailable { why, .. } => match why {
                Unavailable::NoConfiguration => "NoConfiguration",
                Unavailable::Starting => "Starting",
                Unavailable::Disabled => "Disabled",
                Unavailable::NoWriteKeys => "NoWriteKeys",
                Unavailable::NoHashKey => "NoHashKey",
                Unavailable::NoCertificate => "NoCertificate",
                Unavailable::Busy => "Busy",
                Unavailable::SlowBody => "SlowBody",
                Unavailable::QueueFull => "QueueFull",
                Unavailable::DiskStalled => "DiskStalled",
                Unavailable::NotConfirmed => "NotConfirmed",
                Unavailable::ScalingDown => "ScalingDown",
                Unavailable::ShuttingDown => "ShuttingDown",
            },
        }
    }

    /// The byte of the body that is the matter, where it is one.
    pub(super) const fn place(self) -> Option<usize> {
        match self {
            Self::NotJson { at } => Some(at),
            _ => None,
        }
    }

    /// The body of the answer.
    const fn sentence(self) -> &'static str {
        match self {
            Self::NotJson { .. } => "invalid json",
            Self::NotAnEvent => "event is not a valid rudder event",
            Self::NoIdentity => "request neither has anonymousId nor userId",
            Self::EmptyBatch => "empty batch payload",
            Self::TooLarge => "request size exceeds max limit",
            Self::UnreadableBody => "failed to read body from request",
            Self::UnknownCoding => "this content encoding is not supported, use gzip, deflate, zstd, br or none",
            Self::Gone => "source is disabled",
            Self::NoWriteKey => "failed to read writekey from header",
            Self::UnknownWriteKey | Self::UnknownSource => "invalid write key",
            Self::TooMany { .. } => "max requests limit reached",
            Self::NotFound => "there is nothing at this path",
            Self::MethodNotAllowed { .. } => "this path does not take this method",
            Self::Unavailable { why, .. } => match why {
                Unavailable::NoConfiguration => "no configuration is loaded yet",
                Unavailable::Starting => "starting, try again",
                Unavailable::Disabled => "events are not accepted at the moment",
                Unavailable::NoCertificate => "events are taken by HTTPS only, which is not available at the moment",
                Unavailable::NoHashKey => "the key of hashes is not available at the moment",
                Unavailable::NoWriteKeys => "the write keys are not available at the moment",
                Unavailable::Busy => "too many requests at the same time",
                Unavailable::SlowBody => "the request did not arrive in time",
                Unavailable::QueueFull => "the queue of events is full",
                Unavailable::DiskStalled => "the disk does not answer, try again",
                Unavailable::NotConfirmed => "the events could not be stored in time",
                Unavailable::ScalingDown => "this pod takes no more events, send to another",
                Unavailable::ShuttingDown => "shutting down",
            },
        }
    }

    /// The answer.
    pub(super) fn reply(self) -> Reply {
        let mut reply = text(self.status(), self.sentence());
        let headers = reply.headers_mut();
        match self {
            Self::Unavailable { retry_after, .. } | Self::TooMany { retry_after } => {
                let wait = retry_after.max(SHORTEST_RETRY_AFTER);
                let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                headers.insert(header::RETRY_AFTER, HeaderValue::from(rounded_up));
            }
            Self::MethodNotAllowed { allow } => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allow));
            }
            _ => {}
        }
        reply
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::NotJson { at } => Self::NotJson { at },
            Malformed::EmptyBatch => Self::EmptyBatch,
            Malformed::TooLarge => Self::TooLarge,
        }
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::NotJson => Self::NotJson { at: 0 },
            Invalid::NotAnObject => Self::NotAnEvent,
            Invalid::NoIdentity => Self::NoIdentity,
            Invalid::TooLarge => Self::TooLarge,
        }
    }
}

impl From<queue::AcceptError> for Refusal {
    fn from(refusal: queue::AcceptError) -> Self {
        match refusal {
            queue::AcceptError::Full { retry_after } => Self::Unavailable {
                why: Unavailable::QueueFull,
                retry_after,
            },
            queue::AcceptError::NoMemory { retry_after } => Self::Unavailable {
                why: Unavailable::Busy,
                retry_after,
            },
            queue::AcceptError::Stalled { retry_after } => Self::Unavailable {
                why: Unavailable::DiskStalled,
                retry_after,
            },
            queue::AcceptError::NotConfirmed { retry_after } => Self::Unavailable {
                why: Unavailable::NotConfirmed,
                retry_after,
            },
            queue::AcceptError::ShuttingDown => Self::unavailable(Unavailable::ShuttingDown),
        }
    }
}

/// An answer for people.
pub(super) fn text(status: StatusCode, body: &'static str) -> Reply {
    content(status, "text/plain; charset=utf-8", Bytes::from_static(body.as_bytes()))
}

/// An answer for programs.
pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    content(status, "application/json", body.into())
}

/// An answer that is its head.
pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}

/// Any answer with a body.
pub(super) fn content(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    reply.headers_mut().insert(header::CONTENT_TYPE, content_type);
    reply
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_reasons_of_refusals_are_those_that_the_description_of_metrics_lists() {
        let described = include_str!("../../../docs/metrics.md");
        let (_, section) = described.split_once("### Reasons of refused requests").unwrap();
        let section = section.split("\n#").next().unwrap();
        let listed: BTreeSet<_> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
            .map(|(word, _)| word)
            .filter(|word| !matches!(*word, "reason" | "---"))
            .collect();
        assert_eq!(listed, Refusal::REASONS.into_iter().collect());
    }
}
