//! Reads a request's body whole: at most so many bytes after decompression, at a pace, under a bound on the
//! memory that all bodies take together.
//!
//! `Content-Type` is not looked at; what SDKs say there is not what they send.

use std::{
    io::{self, Write},
    net::IpAddr,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    coding::{Coding, Decoder, Output, UnknownCoding},
    pace::{BodyPace, Paced},
};
use crate::{
    account::{Account, Held, SMALL_BODY, Use},
    http::reply::{Refusal, Unavailable},
};

/// A body in memory. Its bytes count against the bound until it is dropped.
#[derive(Debug)]
pub(in crate::http) struct Body {
    bytes: Bytes,
    _memory: Memory,
}

/// Whose memory a body takes: the process's, within the share of the peer that it comes from. `None` stands for many.
#[derive(Debug, Clone)]
pub(in crate::http) struct Payer {
    pub(in crate::http) account: Account,
    pub(in crate::http) peer: Option<IpAddr>,
}

/// Memory of one body, as much as was allocated for it.
#[derive(Debug)]
struct Memory(Held);

/// Decides by what a body, or the beginning of a large one, says whether it is let in.
pub(in crate::http) type Entrance<'a> = dyn Fn(&[u8]) -> Result<(), Refusal> + Send + Sync + 'a;

/// Most bytes that are read before an [`Entrance`] is asked.
const ENTRANCE_BYTES: usize = 512 * 1024;

/// What the compressed form of a body may have beside its largest content and a 64th of that: there are frames that
/// hold nothing, and a body of nothing but those would have no end.
const MOST_OVERHEAD: usize = 64 * 1024;

/// Most bytes of a refused body that are read.
const MOST_DISCARDED: usize = 64 * 1024 * 1024;
/// Longest time that reading a refused body may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

impl Body {
    /// The content, decompressed.
    pub(in crate::http) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes to be read somewhere else, as long as the body itself is kept: it holds their memory.
    pub(in crate::http) fn content(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Reads it. `entrance` sees what has been read as soon as it is all of the body or [`ENTRANCE_BYTES`] of it, and
    /// decides whether the rest is read.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooLarge`], [`Refusal::UnreadableBody`], [`Refusal::UnknownCoding`], what `entrance` says, or
    /// [`Refusal::Unavailable`] because of memory or time.
    pub(in crate::http) async fn read(
        headers: &HeaderMap,
        incoming: &mut Incoming,
        limit: usize,
        payer: &Payer,
        pace: BodyPace,
        entrance: &Entrance<'_>,
    ) -> Result<Self, Refusal> {
        let coding = Coding::of(headers).map_err(|UnknownCoding| Refusal::UnknownCoding)?;
        let sink = Sink {
            bytes: Vec::new(),
            limit,
            memory: Memory(payer.begin(Use::SmallBodies)),
            decoder: payer.begin(Use::Decoders),
            entrance: Some(entrance),
            refusal: None,
        };
        let arriving = Arriving {
            incoming,
            pace: Paced::begin(pace, Instant::now()),
        };
        let Some(coding) = coding else {
            return plain(arriving, sink).await;
        };
        let decoder = Decoder::new(coding, sink).map_err(|_| Refusal::unavailable(Unavailable::Busy))?;
        encoded(arriving, decoder).await
    }
}

async fn plain(mut arriving: Arriving<'_>, mut sink: Sink<'_>) -> Result<Body, Refusal> {
    let announced = arriving.incoming.size_hint().lower();
    if announced > sink.limit as u64 {
        return Err(Refusal::TooLarge);
    }
    // A small body arrives in one piece and is used where it is.
    let Some(first) = arriving.next().await? else {
        return Err(Refusal::NotJson { at: 0 });
    };
    if first.len() as u64 == announced {
        sink.memory.grow_to(first.len())?;
        sink.ask(&first)?;
        return Ok(Body {
            bytes: first,
            _memory: sink.memory,
        });
    }
    let mut piece = Some(first);
    while let Some(data) = piece {
        sink.take(&data)?;
        piece = arriving.next().await?;
    }
    sink.finish()
}

async fn encoded(mut arriving: Arriving<'_>, mut decoder: Decoder<Sink<'_>>) -> Result<Body, Refusal> {
    // Whatever the sink refused is the reason; every other failure is in the compressed bytes.
    let reason = |decoder: &Decoder<Sink<'_>>| decoder.output().refusal.unwrap_or(Refusal::UnreadableBody);
    let limit = decoder.output().limit;
    let mut arrived = 0;
    while let Some(data) = arriving.next().await? {
        arrived += data.len();
        if arrived > limit + limit / 64 + MOST_OVERHEAD {
            return Err(Refusal::TooLarge);
        }
        if decoder.write(&data).is_err() {
            return Err(reason(&decoder));
        }
    }
    if decoder.finish().is_err() {
        return Err(reason(&decoder));
    }
    decoder.into_output().map_err(|_| Refusal::UnreadableBody)?.finish()
}

/// Reads the rest of a body and forgets it, so that a client that is still sending gets its answer: closing a
/// connection with unread bytes may destroy what was written to it. Gives up after so many bytes or so long.
pub(in crate::http) async fn discard(headers: &HeaderMap, incoming: &mut Incoming) {
    // A client that waits to be told to go on is answered instead.
    if incoming.is_end_stream() || headers.contains_key(header::EXPECT) {
        return;
    }
    let reading = async {
        let mut discarded = 0;
        while let Ok(Some(data)) = next(incoming).await {
            discarded += data.len();
            if discarded > MOST_DISCARDED {
                return;
            }
        }
    };
    // Whether it was read to the end or not, the answer is the same.
    let _ = timeout(DISCARD_TIMEOUT, reading).await;
}

/// A body on its way, no slower than it may be.
struct Arriving<'a> {
    incoming: &'a mut Incoming,
    pace: Paced,
}

impl Arriving<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let piece = timeout_at(self.pace.deadline(), next(self.incoming))
            .await
            .unwrap_or(Err(Refusal::unavailable(Unavailable::SlowBody)))?;
        if let Some(piece) = &piece {
            self.pace.arrived(piece.len(), Instant::now());
        }
        Ok(piece)
    }
}

/// The next piece of a body.
async fn next(incoming: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| Refusal::UnreadableBody)?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Where bytes are collected: never more than the limit, never more than there is memory for, and no more than those
/// that the entrance sees before it lets the rest in.
struct Sink<'a> {
    bytes: Vec<u8>,
    limit: usize,
    memory: Memory,
    /// What a decoder takes while it decodes.
    decoder: Held,
    /// Until it was asked.
    entrance: Option<&'a Entrance<'a>>,
    refusal: Option<Refusal>,
}

impl Sink<'_> {
    fn take(&mut self, data: &[u8]) -> Result<(), Refusal> {
        let length = self.bytes.len() + data.len();
        if length > self.limit {
            return Err(Refusal::TooLarge);
        }
        self.make_room(length)?;
        self.bytes.extend_from_slice(data);
        if self.entrance.is_some() && length >= ENTRANCE_BYTES {
            let bytes = std::mem::take(&mut self.bytes);
            let answer = self.ask(&bytes[..ENTRANCE_BYTES]);
            self.bytes = bytes;
            return answer;
        }
        Ok(())
    }

    /// Room for `length` bytes and, as long as there is memory, for as many again.
    fn make_room(&mut self, length: usize) -> Result<(), Refusal> {
        if length <= self.bytes.capacity() {
            return Ok(());
        }
        let roomy = length.saturating_mul(2).min(self.limit).max(length);
        let room = match self.memory.grow_to(roomy) {
            Ok(()) => roomy,
            Err(_) => self.memory.grow_to(length).map(|()| length)?,
        };
        self.bytes.reserve_exact(room - self.bytes.len());
        Ok(())
    }

    /// Asks the entrance, once.
    fn ask(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.entrance.take().map_or(Ok(()), |entrance| entrance(bytes))
    }

    fn finish(mut self) -> Result<Body, Refusal> {
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        self.ask(&bytes)?;
        Ok(Body {
            bytes,
            _memory: self.memory,
        })
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.take(data).map_err(|refusal| {
            self.refusal = Some(refusal);
            io::Error::from(io::ErrorKind::OutOfMemory)
        })?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Sink<'_> {
    fn claim(&mut self, bytes: usize) -> io::Result<()> {
        if bytes <= self.decoder.bytes() || self.decoder.grow(Use::Decoders, bytes) {
            return Ok(());
        }
        self.refusal = Some(Refusal::unavailable(Unavailable::Busy));
        Err(io::ErrorKind::OutOfMemory.into())
    }
}

impl Memory {
    fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let of = if bytes <= SMALL_BODY {
            Use::SmallBodies
        } else {
            Use::Bodies
        };
        let has_room = bytes <= self.0.bytes() || self.0.grow(of, bytes);
        has_room.then_some(()).ok_or(Refusal::unavailable(Unavailable::Busy))
    }
}

impl Payer {
    /// Nothing yet.
    fn begin(&self, of: Use) -> Held {
        let held = self.account.take_for(of, self.peer, 0);
        held.expect("nothing is never too much")
    }
}
