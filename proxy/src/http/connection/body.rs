//! Reads a request's body whole: at most so many bytes after decompression, within a deadline, under a bound on the
//! memory that all bodies take together.
//!
//! `Content-Type` is not looked at; what SDKs say there is not what they send.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use crate::http::reply::{Refusal, Unavailable};

/// A body in memory. Its bytes count against the bound until it is dropped.
#[derive(Debug)]
pub(in crate::http) struct Body {
    bytes: Bytes,
    _memory: Memory,
}

/// The bytes that all bodies may take together. Cloning shares the bound.
#[derive(Debug, Clone)]
pub struct BodyMemory(Arc<Semaphore>);

/// Bytes of one body, taken from a [`BodyMemory`] in steps and given back on drop.
#[derive(Debug)]
struct Memory {
    all: BodyMemory,
    taken: Option<OwnedSemaphorePermit>,
}

/// Bytes that are taken at a time after the first, so that a body of many small pieces is not as many steps.
const STEP: usize = 64 * 1024;

/// Most bytes of a refused body that are read.
const MOST_DISCARDED: usize = 64 * 1024 * 1024;
/// Longest time that reading a refused body may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

impl Body {
    /// The content, decompressed.
    pub(in crate::http) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooLarge`], [`Refusal::UnreadableBody`], or [`Refusal::Unavailable`] because of memory or time.
    pub(in crate::http) async fn read(
        headers: &HeaderMap,
        incoming: &mut Incoming,
        limit: usize,
        memory: &BodyMemory,
        deadline: Instant,
    ) -> Result<Self, Refusal> {
        let is_gzip = match headers
            .get(header::CONTENT_ENCODING)
            .map(|value| value.as_bytes().trim_ascii())
        {
            None | Some(b"") => false,
            Some(coding) if coding.eq_ignore_ascii_case(b"identity") => false,
            Some(coding) if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") => true,
            Some(_) => return Err(Refusal::UnreadableBody),
        };
        let memory = Memory {
            all: memory.clone(),
            taken: None,
        };
        let reading = async {
            if is_gzip {
                inflate(incoming, limit, memory).await
            } else {
                plain(incoming, limit, memory).await
            }
        };
        timeout_at(deadline, reading)
            .await
            .unwrap_or(Err(Refusal::unavailable(Unavailable::SlowBody)))
    }
}

async fn plain(incoming: &mut Incoming, limit: usize, mut memory: Memory) -> Result<Body, Refusal> {
    let announced = incoming.size_hint().lower();
    if announced > limit as u64 {
        return Err(Refusal::TooLarge);
    }
    // A small body arrives in one piece and is used where it is.
    let Some(first) = next(incoming).await? else {
        return Err(Refusal::NotJson);
    };
    memory.grow_to(first.len())?;
    if first.len() as u64 == announced {
        return Ok(Body {
            bytes: first,
            _memory: memory,
        });
    }
    let mut bytes = Vec::with_capacity(first.len() * 2);
    let mut piece = Some(first);
    while let Some(data) = piece {
        if bytes.len() + data.len() > limit {
            return Err(Refusal::TooLarge);
        }
        memory.grow_to(bytes.len() + data.len())?;
        bytes.extend_from_slice(&data);
        piece = next(incoming).await?;
    }
    Ok(Body {
        bytes: bytes.into(),
        _memory: memory,
    })
}

async fn inflate(incoming: &mut Incoming, limit: usize, memory: Memory) -> Result<Body, Refusal> {
    let sink = Sink {
        bytes: Vec::new(),
        limit,
        memory,
        refusal: None,
    };
    let mut decoder = MultiGzDecoder::new(sink);
    // Whatever the sink refused is the reason; every other failure is in the compressed bytes.
    let reason = |decoder: &MultiGzDecoder<Sink>| decoder.get_ref().refusal.unwrap_or(Refusal::UnreadableBody);
    while let Some(data) = next(incoming).await? {
        if decoder.write_all(&data).is_err() {
            return Err(reason(&decoder));
        }
    }
    if decoder.try_finish().is_err() {
        return Err(reason(&decoder));
    }
    let sink = decoder.finish().map_err(|_| Refusal::UnreadableBody)?;
    Ok(Body {
        bytes: sink.bytes.into(),
        _memory: sink.memory,
    })
}

/// Reads the rest of a body and forgets it, so that a client that is still sending gets its answer: closing a connection
/// with unread bytes may destroy what was written to it. Gives up after so many bytes or so long.
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

/// Where inflated bytes go: never more than the limit, never more than there is memory for.
#[derive(Debug)]
struct Sink {
    bytes: Vec<u8>,
    limit: usize,
    memory: Memory,
    refusal: Option<Refusal>,
}

impl Sink {
    fn take(&mut self, data: &[u8]) -> Result<(), Refusal> {
        let length = self.bytes.len() + data.len();
        if length > self.limit {
            return Err(Refusal::TooLarge);
        }
        self.memory.grow_to(length)?;
        self.bytes.extend_from_slice(data);
        Ok(())
    }
}

impl Write for Sink {
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

impl BodyMemory {
    /// A bound of `bytes`.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0)
            .try_acquire_many_owned(u32::try_from(bytes).ok()?)
            .ok()
    }
}

impl Memory {
    fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if bytes <= taken {
            return Ok(());
        }
        // The first step is exact, because most bodies are one piece; so is the last that there is memory for.
        let needed = bytes - taken;
        let step = (taken > 0 && needed < STEP).then(|| self.all.take(STEP)).flatten();
        let step = step
            .or_else(|| self.all.take(needed))
            .ok_or(Refusal::unavailable(Unavailable::Busy))?;
        match &mut self.taken {
            Some(taken) => taken.merge(step),
            None => self.taken = Some(step),
        }
        Ok(())
    }
}
