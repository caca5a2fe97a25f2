//! Admits the events of one request: checks each, routes it, and writes the records of those that are sent into one
//! batch.

use std::borrow::Cow;

use firehose_proxy_config::RecordDelimiter;

use super::{
    body::Body,
    invalid::{Invalid, Refused, Remembered},
    json::scan::{Cursor, Syntax},
    redaction::{Leaves, outside, redact},
    rudder::{
        enrich::{Enriched, Surroundings, enrich},
        envelope::{self, Element},
        fields::{Event, Field},
        gate,
        identity::Identity,
        timestamp::{Stated, Timestamp},
    },
    sourced,
};
use crate::{
    batch::EventBatch,
    identity::{IdentityKey, Sent},
    privacy::Privacy,
    routing::{Table, push_lowercase},
    source::Sender,
    stream::{MAX_RECORD_BYTES, RoutingKey},
};

/// How many times as large as the largest body the records of one request may be. Small events grow by what
/// is added to them, and a body of nothing but the smallest would grow thirtyfold.
pub const MOST_GROWTH: usize = 4;

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
    /// What is taken out of events before anything else is done with them.
    pub privacy: Option<Privacy<'a>>,
    /// Who sends them.
    pub sender: Sender<'a>,
    /// Most bytes that the records of one request may take. Small events grow when they are enriched.
    pub max_frame_bytes: usize,
    /// What the events are known by when they come again is made with it. `None` when they are not to be known.
    pub identity_key: Option<&'a IdentityKey>,
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
    /// The first [`super::MAX_REFUSED`] events of a batch that are not valid.
    pub refused: Vec<Refused>,
}

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
    /// Among those in the batch, values that cannot be read as points in time, by [`Self::STATED_TIMES`].
    pub unread_times: [u32; Self::STATED_TIMES.len()],
}

/// Why a request's body has no events to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Not UTF-8, not JSON, or nested too deeply, and it cannot be said where what is not ends.
    NotJson {
        /// The byte of the body at which reading it ended.
        at: usize,
    },
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
    let body = Body::of(body);
    let text = &*body.text;
    let mut admitting = Admitting::new(&body, context, Some(path_type), Stated::Nothing);
    admitting.admission.batch = EventBatch::with_capacity(text.len() + 512, 1);
    let mut cursor = Cursor::new(text);
    match read_single(&mut cursor) {
        Ok(Some(event)) => admitting.judge(Element::Event(&event), text),
        Ok(None) => admitting.judge(Element::NoObject, text),
        Err(Syntax) => return Err(broken(&body, &cursor)),
    }
    admitting.close()
}

/// Reads a text that is an event, or another value and `None`.
fn read_single<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Event<'a>>, Syntax> {
    let event = match cursor.peek() {
        Some(b'{') => Some(Event::read(cursor)?),
        _ => cursor.value(0).map(|_value| None)?,
    };
    cursor.end()?;
    Ok(event)
}

/// Judges the events of a batch.
///
/// # Errors
///
/// See [`Malformed`]. An event that is not valid is no error; it is counted.
pub fn batch(body: &[u8], context: &mut Context<'_>) -> Result<Admission, Malformed> {
    let body = Body::of(body);
    let text = &*body.text;
    // The batch's own is as much a member of its events as theirs.
    let takes_sent_at = |privacy: Privacy<'_>| privacy.rules.action(Field::SentAt.key()).is_some();
    let is_taken = context.privacy.is_some_and(takes_sent_at);
    let unless_taken = |sent_at| if is_taken { Stated::Nothing } else { sent_at };
    let guess = unless_taken(envelope::guess_sent_at(text));
    let mut admitting = Admitting::new(&body, context, None, guess);
    let sent_at = unless_taken(admitting.read(&body)?);
    if sent_at != guess {
        // Rare: the batch's own `sentAt` stands before its events, or something behind them looked like one.
        admitting = Admitting::new(&body, context, None, sent_at);
        admitting.read(&body)?;
    }
    if admitting.admission.counts.total() == 0 {
        return Err(Malformed::EmptyBatch);
    }
    admitting.close()
}

/// The `writeKey` in the body of a client that cannot set headers, or in the beginning of one.
pub fn write_key(body: &[u8]) -> Option<String> {
    envelope::write_key(&Body::of(body).text)
}

fn broken(body: &Body<'_>, cursor: &Cursor<'_>) -> Malformed {
    Malformed::NotJson {
        at: body.skipped + cursor.at(),
    }
}

/// Where one request's events are judged.
struct Admitting<'d, 'c> {
    context: &'d mut Context<'c>,
    path_type: Option<&'d str>,
    batch_sent_at: Stated<'d>,
    /// What privacy rules leave of [`Context::request_ip`].
    request_ip: Cow<'d, str>,
    /// Whether they leave what cannot be read of stated times.
    keeps_unread: bool,
    admission: Admission,
    remembered: Remembered,
    /// Where the request's body begins in memory, or would if its text is a copy; every text of it is behind.
    body: usize,
    /// The records passed the context's bound.
    overflowed: bool,
    /// The routing key of the event at hand; kept for its memory.
    key: String,
    /// A string of the event at hand without its escapes; kept for its memory.
    decoded: String,
    /// The event at hand without what privacy rules take out of it; kept for its memory.
    redacted: String,
}

/// What becomes of one valid event.
enum Verdict {
    Routed,
    Unmapped,
    Withheld,
}

impl<'d, 'c> Admitting<'d, 'c> {
    fn new(
        body: &Body<'_>,
        context: &'d mut Context<'c>,
        path_type: Option<&'d str>,
        batch_sent_at: Stated<'d>,
    ) -> Self {
        let request_ip = match context.privacy {
            Some(privacy) => Cow::Owned(outside(Field::RequestIp.key(), context.request_ip, privacy)),
            None => Cow::Borrowed(context.request_ip),
        };
        let takes_unread = |privacy: Privacy<'_>| privacy.rules.action(Field::UnreadTimes.key()).is_some();
        Self {
            request_ip,
            keeps_unread: !context.privacy.is_some_and(takes_unread),
            remembered: Remembered::default(),
            redacted: String::new(),
            body: body.text.as_ptr().addr() - body.skipped,
            context,
            path_type,
            batch_sent_at,
            admission: Admission::default(),
            overflowed: false,
            key: String::new(),
            decoded: String::new(),
        }
    }

    /// Judges the events of an envelope and returns its `sentAt`.
    fn read<'b>(&mut self, body: &'b Body<'_>) -> Result<Stated<'b>, Malformed> {
        self.reserve(&body.text);
        let mut cursor = Cursor::new(&body.text);
        envelope::read(&mut cursor, self).map_err(|Syntax| broken(body, &cursor))
    }

    /// Makes room for the events of `text`, which grow by a third or so.
    fn reserve(&mut self, text: &str) {
        let bytes = (text.len() + text.len() / 2 + 512).min(self.context.max_frame_bytes);
        self.admission.batch = EventBatch::with_capacity(bytes, text.len() / 1024);
    }

    fn close(mut self) -> Result<Admission, Malformed> {
        if self.overflowed {
            return Err(Malformed::TooLarge);
        }
        self.admission.refused = self.remembered.events;
        Ok(self.admission)
    }

    /// Judges one event, or what stands in the place of one, and counts it.
    fn judge(&mut self, element: Element<'_, '_>, text: &str) {
        if self.overflowed {
            return;
        }
        let mut redacted = std::mem::take(&mut self.redacted);
        let (verdict, leaves) = match (element, self.context.privacy) {
            (Element::Event(event), None) => (self.admit(event), Leaves::All),
            (Element::Event(event), Some(privacy)) => {
                let leaves = redact(event.text, privacy, MAX_RECORD_BYTES, &mut redacted);
                let verdict = match leaves {
                    Leaves::All => self.admit(event),
                    Leaves::Some => Event::read(&mut Cursor::new(&redacted))
                        .map_err(|Syntax| Invalid::NotJson)
                        .and_then(|event| self.admit(&event)),
                    Leaves::Nothing => Err(Invalid::TooLarge),
                };
                (verdict, leaves)
            }
            (Element::NoObject, privacy) => (Err(Invalid::NotAnObject), Leaves::unless(privacy.is_some())),
            (Element::NoJson, privacy) => (Err(Invalid::NotJson), Leaves::unless(privacy.is_some())),
        };
        let counts = &mut self.admission.counts;
        match verdict {
            Ok(Verdict::Routed) => counts.routed += 1,
            Ok(Verdict::Unmapped) => counts.unmapped += 1,
            Ok(Verdict::Withheld) => counts.withheld += 1,
            Err(reason) => {
                counts.invalid[reason as usize] += 1;
                counts.first_invalid.get_or_insert(reason);
                let start = text.as_ptr().addr() - self.body;
                let place = start..start + text.len();
                let most_bytes = self.context.max_frame_bytes;
                self.remembered
                    .push(|| Refused::new(reason, leaves, place, &redacted), most_bytes);
            }
        }
        self.redacted = redacted;
        self.overflowed = self.admission.batch.size() > self.context.max_frame_bytes;
    }

    fn admit(&mut self, event: &Event<'_>) -> Result<Verdict, Invalid> {
        self.key.clear();
        if let Some(name) = event.text_of(Field::Event) {
            push_lowercase(name.decode(&mut self.decoded), &mut self.key);
        }
        let name_length = self.key.len();
        match (self.path_type, event.text_of(Field::Type)) {
            (Some(path_type), _) => self.key.push_str(path_type),
            (None, Some(text)) => push_lowercase(text.decode(&mut self.decoded), &mut self.key),
            (None, None) => {}
        }
        let (name, r#type) = self.key.split_at(name_length);
        let key = RoutingKey {
            event: name,
            r#type,
            source: self.context.sender.source,
        };

        let identity = Identity::of(event);
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
            request_ip: &self.request_ip,
            keeps_unread: self.keeps_unread,
            rudder_id: identity.rudder_id,
        };
        let Enriched {
            edits,
            unread,
            has_message_id,
        } = enrich(event, &surroundings, self.context.random);
        let delimiter: &[u8] = match self.context.delimiter {
            RecordDelimiter::Newline => b"\n",
            RecordDelimiter::None => b"",
        };
        self.admission.batch.push(stream, key, |out| {
            let start = out.len();
            edits.write(event, b"", out);
            if let Some(field) = self.context.sender.field {
                sourced::name_source(out, start, field, self.context.sender.source);
            }
            out.extend_from_slice(delimiter);
            if out.len() - start > MAX_RECORD_BYTES {
                return Err(Invalid::TooLarge);
            }
            Ok(())
        })?;
        if let Some(identity_key) = self.context.identity_key
            && has_message_id
            && let Some(message_id) = event.value(Field::MessageId)
        {
            self.admission.batch.identify(identity_key.of(&Sent {
                stream: self.context.table.fingerprint(stream),
                source: self.context.sender.source,
                path_type: self.path_type.unwrap_or_default(),
                message_id: message_id.text,
                text: event.around(Field::SentAt),
            }));
        }
        for (count, unread) in self.admission.counts.unread_times.iter_mut().zip(unread) {
            *count += u32::from(unread);
        }
        Ok(Verdict::Routed)
    }
}

impl<'a> envelope::Elements<'a> for Admitting<'_, '_> {
    fn begin(&mut self) {
        self.admission.counts = Counts::default();
        self.remembered.clear();
        self.admission.batch.clear();
        self.overflowed = false;
    }

    fn element(&mut self, element: envelope::Element<'a, '_>, text: &'a str) {
        self.judge(element, text);
    }
}

impl Counts {
    /// The fields in which a client states points in time, in the order of [`Self::unread_times`].
    pub const STATED_TIMES: [&'static str; 3] = ["originalTimestamp", "sentAt", "timestamp"];

    /// Events that are valid.
    pub fn valid(&self) -> u32 {
        self.routed + self.unmapped + self.withheld
    }

    /// Events in all.
    pub fn total(&self) -> u32 {
        self.valid() + self.invalid.iter().sum::<u32>()
    }
}
