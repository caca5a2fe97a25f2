//! What decodes a frame, for the codings that are driven step by step, and what memory it takes for it: its window,
//! which the frame's first bytes announce, and which is refused when it is too large before any of it is taken.

use std::io;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, InBuffer, Operation as _, OutBuffer};

/// Largest window of zstd, as a power of two: 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;
/// What a decoder of zstd takes beside its window: tables, and two blocks of 128 KiB.
const ZSTD_BYTES: usize = 512 * 1024;
/// Largest window of brotli, as a power of two: 4 MiB. Its format goes to 24, and beyond in a variant that is no
/// standard.
const BROTLI_WINDOW_LOG: u8 = 22;
/// What a decoder of brotli takes beside its window, for tables of a usual size.
const BROTLI_BYTES: usize = 256 * 1024;
/// What a decoder of deflate takes: its window of 32 KiB, and tables.
const DEFLATE_BYTES: usize = 48 * 1024;

/// What decodes. `None` until the beginning of the body was seen.
pub(super) enum Engine {
    Deflate(Option<Decompress>),
    Zstd(ZstdDecoder<'static>),
    Brotli(Option<Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>>),
}

/// What one step did.
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// The frame has ended, and everything of it was handed out.
    pub(super) is_end: bool,
}

impl Engine {
    pub(super) fn deflate() -> Self {
        Self::Deflate(None)
    }

    pub(super) fn zstd() -> io::Result<Self> {
        let mut decoder = ZstdDecoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
        Ok(Self::Zstd(decoder))
    }

    pub(super) fn brotli() -> Self {
        Self::Brotli(None)
    }

    /// Whether another frame may follow one.
    pub(super) fn has_several_frames(&self) -> bool {
        match self {
            Self::Zstd(_) => true,
            Self::Deflate(_) | Self::Brotli(_) => false,
        }
    }

    /// Prepares for a frame that begins with these bytes, and returns the memory that it takes. `None` when it takes
    /// one byte more to know.
    ///
    /// # Errors
    ///
    /// When it is no such frame, its window is too large, or it may not follow the one before.
    pub(super) fn begin(&mut self, beginning: &[u8]) -> io::Result<Option<usize>> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        match self {
            Self::Deflate(engine @ None) => {
                let [first, second, ..] = *beginning else {
                    return Ok(None);
                };
                let has_frame = first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0;
                *engine = Some(Decompress::new(has_frame));
                Ok(Some(DEFLATE_BYTES))
            }
            Self::Brotli(engine @ None) => {
                let Some(first) = beginning.first() else {
                    return Ok(None);
                };
                let log = brotli_window_log(*first).filter(|log| *log <= BROTLI_WINDOW_LOG);
                let log = log.ok_or_else(invalid)?;
                let allocator = StandardAlloc::default;
                *engine = Some(Box::new(BrotliState::new(allocator(), allocator(), allocator())));
                Ok(Some((1 << log) + BROTLI_BYTES))
            }
            Self::Zstd(_) => match zstd_window(beginning) {
                Some(window) if window > 1 << ZSTD_WINDOW_LOG => Err(invalid()),
                Some(window) => Ok(Some(usize::try_from(window).map_err(|_| invalid())? + ZSTD_BYTES)),
                None => Ok(None),
            },
            Self::Deflate(Some(_)) | Self::Brotli(Some(_)) => Err(invalid()),
        }
    }

    /// Decodes some of `bytes` into `piece`.
    ///
    /// # Errors
    ///
    /// When the bytes are not what they should be.
    pub(super) fn step(&mut self, bytes: &[u8], piece: &mut [u8]) -> io::Result<Step> {
        match self {
            Self::Deflate(Some(engine)) => {
                let (consumed, produced) = (engine.total_in(), engine.total_out());
                let status = engine.decompress(bytes, piece, FlushDecompress::None)?;
                Ok(Step {
                    consumed: usize::try_from(engine.total_in() - consumed).expect("no more than was given"),
                    produced: usize::try_from(engine.total_out() - produced).expect("no more than there is room for"),
                    is_end: status == Status::StreamEnd,
                })
            }
            Self::Zstd(engine) => {
                let (mut input, mut output) = (InBuffer::around(bytes), OutBuffer::around(piece));
                let left = engine.run(&mut input, &mut output)?;
                Ok(Step {
                    consumed: input.pos(),
                    produced: output.pos(),
                    is_end: left == 0,
                })
            }
            Self::Brotli(Some(engine)) => {
                let (mut available, mut consumed, mut room, mut produced, mut total) =
                    (bytes.len(), 0, piece.len(), 0, 0);
                let result = BrotliDecompressStream(
                    &mut available,
                    &mut consumed,
                    bytes,
                    &mut room,
                    &mut produced,
                    piece,
                    &mut total,
                    engine,
                );
                if let BrotliResult::ResultFailure = result {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                Ok(Step {
                    consumed,
                    produced,
                    is_end: matches!(result, BrotliResult::ResultSuccess),
                })
            }
            Self::Deflate(None) | Self::Brotli(None) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The window that a body of brotli announces in its first byte, as a power of two (RFC 7932, section 9.1). `None` for
/// the pattern that is reserved, which a variant with windows of up to 1 GiB uses.
pub(super) fn brotli_window_log(first: u8) -> Option<u8> {
    match (first & 1, first >> 1 & 7, first >> 4 & 7) {
        (0, ..) => Some(16),
        (_, 0, 0) => Some(17),
        (_, 0, 1) => None,
        (_, 0, low) => Some(8 + low),
        (_, high, _) => Some(17 + high),
    }
}

/// The bytes of window that a frame of zstd announces (RFC 8878, section 3.1.1.1); 0 for a frame that is skipped, and
/// for what is no frame, which the decoder refuses. `None` when it takes one byte more to know.
pub(super) fn zstd_window(beginning: &[u8]) -> Option<u64> {
    const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
    let (magic, header) = beginning.split_first_chunk()?;
    if *magic != MAGIC {
        return Some(0);
    }
    let (descriptor, header) = header.split_first()?;
    let (is_single_segment, dictionary) = (descriptor >> 5 & 1 == 1, [0, 1, 2, 4][usize::from(descriptor & 3)]);
    if !is_single_segment {
        let window = header.first()?;
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    let size_length = 1 << (descriptor >> 6);
    let size = header.get(dictionary..dictionary + size_length)?;
    let size = size.iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte));
    Some(if size_length == 2 { size + 256 } else { size })
}
