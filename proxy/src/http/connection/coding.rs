//! How bodies are compressed, and one bounded decoder for each way.
//!
//! A decoder hands what it makes to a sink a few kilobytes at a time, so that the sink's bound is the bound on what
//! comes out; what a decoder itself may hold is bounded here, by the window that it grants.

use std::io::{self, Write};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status, write::MultiGzDecoder};
use http::{HeaderMap, header};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, InBuffer, Operation as _, OutBuffer};

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// [RFC 1952](https://www.rfc-editor.org/rfc/rfc1952), any number of members.
    Gzip,
    /// [RFC 1950](https://www.rfc-editor.org/rfc/rfc1950), and what some clients send under its name: RFC 1951 without
    /// a frame.
    Deflate,
    /// [RFC 8878](https://www.rfc-editor.org/rfc/rfc8878), any number of frames, a window of at most 8 MiB as RFC 9659
    /// asks.
    Zstd,
    /// [RFC 7932](https://www.rfc-editor.org/rfc/rfc7932), a window of at most 4 MiB.
    Brotli,
}

/// Largest window of zstd, as a power of two.
pub(super) const ZSTD_WINDOW_LOG: u32 = 23;
/// Largest window of brotli, as a power of two. Its format goes to 24, and beyond in a variant that is no standard.
pub(super) const BROTLI_WINDOW_LOG: u8 = 22;
/// Bytes that a decoder makes at a time.
const PIECE: usize = 16 * 1024;

/// A body in a coding that nobody here reads, or in several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownCoding;

impl Coding {
    /// Reads every line of `Content-Encoding`. `None` is no compression.
    ///
    /// # Errors
    ///
    /// [`UnknownCoding`].
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, UnknownCoding> {
        let lines = headers.get_all(header::CONTENT_ENCODING).iter();
        let named = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let mut coding = None;
        for name in named.map(<[u8]>::trim_ascii) {
            let known = match name.to_ascii_lowercase().as_slice() {
                b"" | b"identity" => continue,
                b"gzip" | b"x-gzip" => Self::Gzip,
                b"deflate" => Self::Deflate,
                b"zstd" => Self::Zstd,
                b"br" => Self::Brotli,
                _ => return Err(UnknownCoding),
            };
            if coding.replace(known).is_some() {
                return Err(UnknownCoding);
            }
        }
        Ok(coding)
    }
}

/// Decodes a body into a sink.
pub(super) enum Decoder<S: Write> {
    /// Members of gzip.
    Gzip(Box<MultiGzDecoder<S>>),
    /// Everything that is decoded step by step.
    Stepped(Box<Stepped<S>>),
}

impl<S: Write> Decoder<S> {
    /// A decoder that has read nothing yet.
    ///
    /// # Errors
    ///
    /// Without memory.
    pub(super) fn new(coding: Coding, sink: S) -> io::Result<Self> {
        let engine = match coding {
            Coding::Gzip => return Ok(Self::Gzip(Box::new(MultiGzDecoder::new(sink)))),
            Coding::Deflate => Engine::Deflate(None),
            Coding::Zstd => {
                let mut decoder = ZstdDecoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                Engine::Zstd(decoder)
            }
            Coding::Brotli => Engine::Brotli(None),
        };
        Ok(Self::Stepped(Box::new(Stepped {
            engine,
            sink,
            beginning: Vec::new(),
            is_complete: false,
            frames: 1,
            piece: [0; PIECE],
        })))
    }

    /// Decodes the next bytes.
    ///
    /// # Errors
    ///
    /// What the sink says, or that the bytes are not what they should be.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.write_all(bytes),
            Self::Stepped(stepped) => stepped.write(bytes),
        }
    }

    /// Requires that the body has come to its end, and hands out the sink.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Stepped(stepped) if stepped.is_complete => Ok(()),
            Self::Stepped(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Frames that have begun, of what is decoded frame by frame here.
    pub(super) fn frames(&self) -> u32 {
        match self {
            Self::Gzip(_) => 1,
            Self::Stepped(stepped) => stepped.frames,
        }
    }

    /// The sink.
    pub(super) fn sink(&self) -> &S {
        match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Stepped(stepped) => &stepped.sink,
        }
    }

    /// The sink, behind a [`Self::finish`] that went well.
    pub(super) fn into_sink(self) -> io::Result<S> {
        match self {
            Self::Gzip(decoder) => decoder.finish(),
            Self::Stepped(stepped) => Ok(stepped.sink),
        }
    }
}

/// A decoder that is driven from here.
pub(super) struct Stepped<S> {
    engine: Engine,
    sink: S,
    /// The first bytes, until there are enough to choose by.
    beginning: Vec<u8>,
    /// The end of the body was read, or of one of its frames.
    is_complete: bool,
    /// Frames that have begun.
    frames: u32,
    piece: [u8; PIECE],
}

/// What decodes. `None` until the beginning of the body was seen.
enum Engine {
    Deflate(Option<Decompress>),
    Zstd(ZstdDecoder<'static>),
    Brotli(Option<Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>>),
}

/// What one step did.
struct Step {
    consumed: usize,
    produced: usize,
    is_end: bool,
}

impl<S: Write> Stepped<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let needed = match &self.engine {
            Engine::Deflate(None) => 2,
            Engine::Brotli(None) => 1,
            _ => return self.decode(bytes),
        };
        self.beginning.extend_from_slice(bytes);
        if self.beginning.len() < needed {
            return Ok(());
        }
        let beginning = std::mem::take(&mut self.beginning);
        self.engine.choose(&beginning)?;
        self.decode(&beginning)
    }

    fn decode(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        loop {
            if self.is_complete {
                if bytes.is_empty() {
                    return Ok(());
                }
                self.engine.begin_another()?;
                self.frames = self.frames.saturating_add(1);
                self.is_complete = false;
            }
            let step = self.engine.step(bytes, &mut self.piece)?;
            self.sink.write_all(&self.piece[..step.produced])?;
            bytes = &bytes[step.consumed..];
            self.is_complete = step.is_end;
            // Room was left, so there is nothing more to be had from what was given.
            if bytes.is_empty() && step.produced < PIECE {
                return Ok(());
            }
            if step.consumed == 0 && step.produced == 0 && !step.is_end {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }
}

impl Engine {
    /// Chooses by the first bytes of the body how to go on.
    fn choose(&mut self, beginning: &[u8]) -> io::Result<()> {
        match self {
            Self::Deflate(engine) => {
                let [first, second, ..] = *beginning else {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                };
                let has_frame = first & 0x0f == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0;
                *engine = Some(Decompress::new(has_frame));
            }
            Self::Brotli(engine) => {
                if beginning
                    .first()
                    .is_none_or(|first| brotli_window_log(*first).is_none_or(|log| log > BROTLI_WINDOW_LOG))
                {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                let allocator = StandardAlloc::default;
                *engine = Some(Box::new(BrotliState::new(allocator(), allocator(), allocator())));
            }
            Self::Zstd(_) => {}
        }
        Ok(())
    }

    /// Goes on behind the end of a frame, where the coding has several.
    fn begin_another(&self) -> io::Result<()> {
        match self {
            Self::Zstd(_) => Ok(()),
            Self::Deflate(_) | Self::Brotli(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn step(&mut self, bytes: &[u8], piece: &mut [u8]) -> io::Result<Step> {
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

#[cfg(test)]
mod tests {
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use http::HeaderValue;

    use super::*;

    const TEXT: &[u8] = br#"{"userId":"u1","x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}"#;

    fn encoded(coding: Coding, text: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Zstd => zstd::encode_all(text, 3).unwrap(),
            Coding::Brotli => uncompressed_brotli(text),
        }
    }

    /// Brotli without compression (RFC 7932, section 9.2): a window of 64 KiB, one meta-block of literals, an empty
    /// last one.
    fn uncompressed_brotli(text: &[u8]) -> Vec<u8> {
        let length = u32::try_from(text.len() - 1).unwrap();
        assert!(length < 1 << 16);
        // WBITS 0; ISLAST 0; MNIBBLES 00; MLEN - 1 in 16 bits; ISUNCOMPRESSED 1; padding.
        let header = length << 4 | 1 << 20;
        [&header.to_le_bytes()[..3], text, &[0b11]].concat()
    }

    fn decoded(coding: Coding, bytes: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let mut decoder = Decoder::new(coding, Vec::new())?;
        for piece in bytes.chunks(piece.max(1)) {
            decoder.write(piece)?;
        }
        decoder.finish()?;
        decoder.into_sink()
    }

    const CODINGS: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Zstd, Coding::Brotli];

    #[test]
    fn every_coding_is_read_in_pieces_of_any_size_and_not_without_its_end() {
        let long: Vec<u8> = TEXT.iter().copied().cycle().take(60_000).collect();
        for coding in CODINGS {
            for text in [TEXT, &long] {
                let bytes = encoded(coding, text);
                for piece in [1, 2, 3, 7, 100, bytes.len()] {
                    assert_eq!(decoded(coding, &bytes, piece).unwrap(), text, "{coding:?} {piece}");
                }
                for cut in [1, 2, 3, bytes.len() / 2, bytes.len() - 1] {
                    assert!(decoded(coding, &bytes[..cut], 7).is_err(), "{coding:?} {cut}");
                }
            }
            assert!(decoded(coding, b"", 1).is_err(), "{coding:?}");
            assert!(decoded(coding, TEXT, 10).is_err(), "{coding:?}");
        }
    }

    #[test]
    fn frames_follow_each_other_where_the_coding_has_them() {
        for (coding, several) in [
            (Coding::Gzip, true),
            (Coding::Zstd, true),
            (Coding::Deflate, false),
            (Coding::Brotli, false),
        ] {
            let (first, second) = TEXT.split_at(20);
            let bytes = [encoded(coding, first), encoded(coding, second)].concat();
            for piece in [1, bytes.len()] {
                let read = decoded(coding, &bytes, piece).ok();
                assert_eq!(read.as_deref(), several.then_some(TEXT), "{coding:?}");
            }
        }
    }

    #[test]
    fn deflate_is_read_with_and_without_its_frame() {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(TEXT).unwrap();
        let raw = encoder.finish().unwrap();
        assert_eq!(decoded(Coding::Deflate, &raw, 1).unwrap(), TEXT);
        let mut damaged = encoded(Coding::Deflate, TEXT);
        *damaged.last_mut().unwrap() ^= 1;
        assert!(decoded(Coding::Deflate, &damaged, 5).is_err(), "the checksum counts");
    }

    #[test]
    fn windows_are_bounded() {
        for (log, is_read) in [(23, true), (24, false), (27, false)] {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            encoder
                .set_parameter(zstd::stream::raw::CParameter::WindowLog(log))
                .unwrap();
            encoder.include_contentsize(false).unwrap();
            encoder.write_all(TEXT).unwrap();
            let bytes = encoder.finish().unwrap();
            assert_eq!(decoded(Coding::Zstd, &bytes, 9).is_ok(), is_read, "{log}");
        }
        for (first, log) in [
            (0b0000_0000, Some(16)),
            (0b0000_0001, Some(17)),
            (0b0000_0011, Some(18)),
            (0b0000_1011, Some(22)),
            (0b0000_1101, Some(23)),
            (0b0000_1111, Some(24)),
            (0b0010_0001, Some(10)),
            (0b0111_0001, Some(15)),
            (0b0001_0001, None),
        ] {
            assert_eq!(brotli_window_log(first), log, "{first:#010b}");
        }
        assert!(decoded(Coding::Brotli, &[0b0000_1111, 0, 0, 0], 4).is_err());
    }

    #[test]
    fn a_sink_that_is_full_ends_a_bomb() {
        struct Small(usize);
        impl Write for Small {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                assert!(bytes.len() <= 64 * 1024);
                self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::OutOfMemory)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Zstd] {
            let bomb = encoded(coding, &vec![0; 50_000_000]);
            let mut decoder = Decoder::new(coding, Small(100_000)).unwrap();
            assert!(decoder.write(&bomb).is_err(), "{coding:?}");
        }
    }

    #[test]
    fn all_lines_name_at_most_one_coding() {
        for (lines, coding) in [
            (&[][..], Ok(None)),
            (&["identity"], Ok(None)),
            (&["gzip"], Ok(Some(Coding::Gzip))),
            (&["X-GZIP"], Ok(Some(Coding::Gzip))),
            (&["identity", "gzip"], Ok(Some(Coding::Gzip))),
            (&["identity, , deflate"], Ok(Some(Coding::Deflate))),
            (&["zstd"], Ok(Some(Coding::Zstd))),
            (&["br"], Ok(Some(Coding::Brotli))),
            (&["gzip", "br"], Err(UnknownCoding)),
            (&["gzip, gzip"], Err(UnknownCoding)),
            (&["lzma"], Err(UnknownCoding)),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(line));
            }
            assert_eq!(Coding::of(&headers), coding, "{lines:?}");
        }
    }
}
