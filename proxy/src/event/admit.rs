//! Admits the events of one request: checks each, routes it, and writes the records of those that are sent into one batch.

use std::ops::Range;

use firehose_proxy_config::RecordDelimiter;

use super::{
    json::{
        scan::{Cursor, Syntax},
        text::LoneSurrogate,
    },
    rudder::{
        enrich::{Surroundings, enrich},
        envelope,
        fields::{Event, Field},
        gate,
        identity::Identity,
        timestamp::Timestamp,
    },
};
use crate::{
    queue::{BatchTooLarge, EventBatch},
    routing::{Table, push_lowercase},
    stream::{MAX_RECORD_BYTES, RoutingKey},
};

/// What a request's events are judged by, and what they do not say themselves.
pub struct Context<'a> {
    /// Where events go.
    pub table: &'a Table,
    /// What ends a record.
    pub delimiter: RecordDelimiter,
    /// When the request arrived.
    pub received_at: Timestamp,
    /// Where it came from: the value of `request_ip`. Empty when that is not known.
    pub request_ip: &'a str,
    /// Most bytes that the records of one request may take. Small events grow when they are enriched.
    pub max_frame_bytes: usize,
    /// 128 random bits for an event without a `messageId`.
    pub random: &'a mut dyn FnMut() -> [u8; 16],
}

/// A request whose events were judged.
#[derive(Debug, Default)]
pub struct Admission {
    /// The records of the events that are sent.
    pub batch: EventBatch,
    /// What became of all of them.
    pub counts: Counts,
    /// The first [`MAX_REFUSED`] events of a batch that are not valid.
    pub refused: Vec<Refused>,
}

/// An event that is not valid, by its place in the request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Invalid,
    /// Where it stands.
    pub place: Range<usize>,
}

/// How many events of one batch are remembered that are not valid; the rest is counted. A batch may have a million.
pub const MAX_REFUSED: usize = 1000;

/// What became of a request's events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// In the batch.
    pub routed: u32,
    /// Valid, and neither name, type nor `*` leads to a stream.
    pub unmapped: u32,
    /// Valid, and kept back by its own `integrations`.
    pub withheld: u32,
    /// Not valid, by [`Invalid`].
    pub invalid: [u32; Invalid::ALL.len()],
    /// Why the first that is not valid is not.
    pub first_invalid: Option<Invalid>,
}

/// Why one event is not valid. The others of its batch are not concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invalid {
    /// Not a JSON object.
    NotAnObject,
    /// Neither `userId` nor `anonymousId`.
    NoIdentity,
    /// A string that the proxy must understand has half a character (a lone surrogate).
    BrokenText,
    /// The record would take more than [`MAX_RECORD_BYTES`].
    TooLarge,
}

/// Why a request's body has no events to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Not UTF-8, not JSON, or nested too deeply.
    NotJson,
    /// No `batch`, or nothing in it.
    EmptyBatch,
    /// The records would take more than [`Context::max_frame_bytes`].
    TooLarge,
}

/// Judges the one event that is a request's whole body; the path has named its type.
///
/// # Errors
///
/// See [`Malformed`]. An event that is not valid is no error; it is counted.
pub fn single(body: &[u8], path_type: &str, context: &mut Context<'_>) -> Result<Admission, Malformed> {
    let text = simdutf8::basic::from_utf8(body).map_err(|_| Malformed::NotJson)?;
    let mut admitting = Admitting::new(text, context, Some(path_type), None);
    admitting.admission.batch = EventBatch::with_capacity(text.len() + 512, 1);
    let mut cursor = Cursor::new(text);
    let event = match cursor.peek() {
        Some(b'{') => Some(Event::read(&mut cursor)?),
        _ => {
            cursor.value(0)?;
            None
        }
    };
    cursor.end()?;
    admitting.judge(event.as_ref(), text);
    admitting.close()
}

/// Judges the events of a batch.
///
/// # Errors
///
/// See [`Malformed`]. An event that is not valid is no error; it is counted.
pub fn batch(body: &[u8], context: &mut Context<'_>) -> Result<Admission, Malformed> {
    let text = simdutf8::basic::from_utf8(body).map_err(|_| Malformed::NotJson)?;
    let guess = envelope::guess_sent_at(text);
    let mut admitting = Admitting::new(text, context, None, guess);
    admitting.reserve(text);
    let sent_at = envelope::read(text, &mut admitting)?;
    if sent_at != guess {
        // Rare: the batch's own `sentAt` stands before its events, or something behind them looked like one.
        admitting = Admitting::new(text, context, None, sent_at);
        admitting.reserve(text);
        envelope::read(text, &mut admitting)?;
    }
    if admitting.admission.counts.total() == 0 {
        return Err(Malformed::EmptyBatch);
    }
    admitting.close()
}

/// The `writeKey` in the body of a client that cannot set headers.
///
/// # Errors
///
/// See [`Malformed`].
pub fn write_key(body: &[u8]) -> Result<Option<String>, Malformed> {
    let text = simdutf8::basic::from_utf8(body).map_err(|_| Malformed::NotJson)?;
    Ok(envelope::write_key(text)?)
}

/// Where one request's events are judged.
struct Admitting<'d, 'c> {
    context: &'d mut Context<'c>,
    path_type: Option<&'d str>,
    batch_sent_at: Option<Timestamp>,
    admission: Admission,
    /// Where the request's body begins in memory; every text of it is behind.
    body: usize,
    /// The records passed the context's bound.
    overflowed: bool,
    /// The routing key of the event at hand; kept for its memory.
    key: String,
    /// A string of the event at hand without its escapes; kept for its memory.
    decoded: String,
}

/// What becomes of one valid event.
enum Verdict {
    Routed,
    Unmapped,
    Withheld,
}

impl<'d, 'c> Admitting<'d, 'c> {
    fn new(
        body: &str,
        context: &'d mut Context<'c>,
        path_type: Option<&'d str>,
        batch_sent_at: Option<Timestamp>,
    ) -> Self {
        Self {
            body: body.as_ptr().addr(),
            context,
            path_type,
            batch_sent_at,
            admission: Admission::default(),
            overflowed: false,
            key: String::new(),
            decoded: String::new(),
        }
    }

    /// Makes room for the events of `text`, which grow by a third or so.
    fn reserve(&mut self, text: &str) {
        let bytes = (text.len() + text.len() / 2 + 512).min(self.context.max_frame_bytes);
        self.admission.batch = EventBatch::with_capacity(bytes, text.len() / 1024);
    }

    fn close(self) -> Result<Admission, Malformed> {
        if self.overflowed {
            return Err(Malformed::TooLarge);
        }
        Ok(self.admission)
    }

    /// Judges one event, or what stands in the place of one, and counts it.
    fn judge(&mut self, event: Option<&Event<'_>>, text: &str) {
        if self.overflowed {
            return;
        }
        let verdict = event.ok_or(Invalid::NotAnObject).and_then(|event| self.admit(event));
        let counts = &mut self.admission.counts;
        match verdict {
            Ok(Verdict::Routed) => counts.routed += 1,
            Ok(Verdict::Unmapped) => counts.unmapped += 1,
            Ok(Verdict::Withheld) => counts.withheld += 1,
            Err(reason) => {
                counts.invalid[reason as usize] += 1;
                counts.first_invalid.get_or_insert(reason);
                if self.admission.refused.len() < MAX_REFUSED {
                    let start = text.as_ptr().addr() - self.body;
                    let place = start..start + text.len();
                    self.admission.refused.push(Refused { reason, place });
                }
            }
        }
        self.overflowed = self.admission.batch.size() > self.context.max_frame_bytes;
    }

    fn admit(&mut self, event: &Event<'_>) -> Result<Verdict, Invalid> {
        self.key.clear();
        if let Some(name) = event.text_of(Field::Event) {
            push_lowercase(name.decode(&mut self.decoded)?, &mut self.key);
        }
        let name_length = self.key.len();
        match (self.path_type, event.text_of(Field::Type)) {
            (Some(path_type), _) => self.key.push_str(path_type),
            (None, Some(text)) => push_lowercase(text.decode(&mut self.decoded)?, &mut self.key),
            (None, None) => {}
        }
        let (name, r#type) = self.key.split_at(name_length);
        let key = RoutingKey { event: name, r#type };

        let identity = Identity::of(event)?;
        if !identity.is_known && !matches!(r#type, "extract" | "record") {
            return Err(Invalid::NoIdentity);
        }
        if !gate::lets_pass(event.value(Field::Integrations)) {
            return Ok(Verdict::Withheld);
        }
        let Some(stream) = self.context.table.stream(key) else {
            return Ok(Verdict::Unmapped);
        };
        let surroundings = Surroundings {
            path_type: self.path_type,
            received_at: self.context.received_at,
            batch_sent_at: self.batch_sent_at,
            request_ip: self.context.request_ip,
            rudder_id: identity.rudder_id,
        };
        let edits = enrich(event, &surroundings, self.context.random)?;
        let delimiter: &[u8] = match self.context.delimiter {
            RecordDelimiter::Newline => b"\n",
            RecordDelimiter::None => b"",
        };
        self.admission.batch.push(stream, key, |out| {
            let start = out.len();
            edits.write(event, delimiter, out);
            if out.len() - start > MAX_RECORD_BYTES {
                return Err(Invalid::TooLarge);
            }
            Ok(())
        })?;
        Ok(Verdict::Routed)
    }
}

impl<'a> envelope::Elements<'a> for Admitting<'_, '_> {
    fn begin(&mut self) {
        self.admission.counts = Counts::default();
        self.admission.refused.clear();
        self.admission.batch.clear();
        self.overflowed = false;
    }

    fn element(&mut self, event: Option<Event<'a>>, text: &'a str) {
        self.judge(event.as_ref(), text);
    }
}

impl Counts {
    /// Events that are valid.
    pub fn valid(&self) -> u32 {
        self.routed + self.unmapped + self.withheld
    }

    /// Events in all.
    pub fn total(&self) -> u32 {
        self.valid() + self.invalid.iter().sum::<u32>()
    }
}

impl Invalid {
    /// Every reason, in the order of [`Counts::invalid`].
    pub const ALL: [Self; 4] = [Self::NotAnObject, Self::NoIdentity, Self::BrokenText, Self::TooLarge];

    /// The word that metrics and dead letters show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAnObject => "NotAnObject",
            Self::NoIdentity => "NoIdentity",
            Self::BrokenText => "BrokenText",
            Self::TooLarge => "TooLarge",
        }
    }
}

impl From<LoneSurrogate> for Invalid {
    fn from(_: LoneSurrogate) -> Self {
        Self::BrokenText
    }
}

impl From<BatchTooLarge> for Invalid {
    fn from(_: BatchTooLarge) -> Self {
        Self::TooLarge
    }
}

impl From<Syntax> for Malformed {
    fn from(_: Syntax) -> Self {
        Self::NotJson
    }
}
