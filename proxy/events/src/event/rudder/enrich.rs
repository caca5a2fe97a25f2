//! What the proxy adds to an event and what it corrects: identifiers, the peer's address, times.
//!
//! A field whose value is already what it should be is left alone, down to its escapes.

use uuid::{Builder, Uuid};

use super::{
    fields::{Event, Field, STATED_TIMES, Unread},
    splice::{Edits, New},
    timestamp::{Stated, Timestamp},
};
use crate::event::json::text::{Text, is_visible};

/// What an event does not say itself.
pub(in crate::event) struct Surroundings<'a> {
    /// The type that the request's path names.
    pub(in crate::event) path_type: Option<&'a str>,
    /// When the request arrived.
    pub(in crate::event) received_at: Timestamp,
    /// When the batch says it was sent.
    pub(in crate::event) batch_sent_at: Stated<'a>,
    /// Where the request came from; empty when that is not known.
    pub(in crate::event) request_ip: &'a str,
    /// Whether what cannot be read as a point in time may be kept.
    pub(in crate::event) keeps_unread: bool,
    /// See [`super::identity`].
    pub(in crate::event) rudder_id: Uuid,
}

/// What becomes of an event.
pub(in crate::event) struct Enriched<'a> {
    /// The edits that make it a record.
    pub(in crate::event) edits: Edits<'a>,
    /// Which of [`STATED_TIMES`] could not be read.
    pub(in crate::event) unread: [bool; STATED_TIMES.len()],
    /// Whether its client gave it a `messageId`.
    pub(in crate::event) has_message_id: bool,
}

/// The edits that make an event a record, and what was noticed on the way.
pub(in crate::event) fn enrich<'a>(
    event: &Event<'a>,
    surroundings: &Surroundings<'a>,
    random: &mut dyn FnMut() -> [u8; 16],
) -> Enriched<'a> {
    let mut edits = Edits::default();
    if let Some(name) = surroundings.path_type
        && event.text_of(Field::Type).and_then(Text::plain) != Some(name)
    {
        edits.set(event, Field::Type, New::Text(name));
    }
    let message_id = MessageId::of(event);
    let has_message_id = !matches!(message_id, MessageId::Missing);
    match message_id {
        MessageId::Good => {}
        MessageId::Soiled(text) => edits.set(event, Field::MessageId, New::Visible(text)),
        MessageId::Missing => {
            let id = Builder::from_random_bytes(random()).into_uuid();
            edits.set(event, Field::MessageId, New::Id(id));
        }
    }
    edits.set(event, Field::RudderId, New::Id(surroundings.rudder_id));
    // A server that passes on the events of its visitors says whose address it is; this one's is not the visitor's.
    let has_address = event.text_of(Field::RequestIp).is_some_and(|text| !text.is(""));
    if !has_address && !surroundings.request_ip.is_empty() {
        edits.set(event, Field::RequestIp, New::Text(surroundings.request_ip));
    }
    let unread = times(event, surroundings, &mut edits);
    Enriched {
        edits,
        unread: unread.map(|value| value.is_some()),
        has_message_id,
    }
}

fn times<'a>(event: &Event<'a>, surroundings: &Surroundings<'a>, edits: &mut Edits<'a>) -> Unread<'a> {
    let received = surroundings.received_at;
    let [original, sent, happened] = STATED_TIMES.map(|field| Stated::of(event.value(field)));
    let sent = match sent {
        Stated::Nothing => surroundings.batch_sent_at,
        stated => stated,
    };
    let unread = [original, sent, happened].map(Stated::unread);
    let original = original.time().unwrap_or(received);
    let sent = sent.time().unwrap_or(received);
    let happened = happened
        .time()
        .unwrap_or_else(|| Timestamp::corrected(received, sent, original));
    for (field, time) in [
        (Field::ReceivedAt, received),
        (Field::OriginalTimestamp, original),
        (Field::SentAt, sent),
        (Field::Timestamp, happened),
    ] {
        let written = event.text_of(field).and_then(Text::plain);
        if written.is_none_or(|text| text.as_bytes() != time.text()) {
            edits.set(event, field, New::Time(time));
        }
    }
    if surroundings.keeps_unread && unread.iter().any(Option::is_some) {
        edits.keep_unread(event, unread);
    }
    unread
}

/// What an event's `messageId` is good for.
enum MessageId<'a> {
    /// Kept as it is.
    Good,
    /// Has characters that nobody sees beside some that one does.
    Soiled(Text<'a>),
    /// Not there, not a string, or blank.
    Missing,
}

impl<'a> MessageId<'a> {
    fn of(event: &Event<'a>) -> Self {
        let Some(text) = event.text_of(Field::MessageId) else {
            return Self::Missing;
        };
        if text
            .printable()
            .is_some_and(|text| text.bytes().any(|byte| byte != b' '))
        {
            return Self::Good;
        }
        let (mut blank, mut clean) = (true, true);
        for character in text.characters() {
            clean &= is_visible(character);
            blank &= character == ' ' || !is_visible(character);
        }
        match (blank, clean) {
            (true, _) => Self::Missing,
            (false, true) => Self::Good,
            (false, false) => Self::Soiled(text),
        }
    }
}
