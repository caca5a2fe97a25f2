//! Decodes a body into an output, a few kilobytes at a time, so that the output's bound is the bound on what comes out.
//! What a decoder itself takes is bounded by the windows of [`super::engine`], and claimed before it is taken.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::{Coding, engine::Engine};

/// Bytes that a decoder makes at a time.
const PIECE: usize = 16 * 1024;
/// What a decoder of gzip takes: its window of 32 KiB, tables and a buffer.
const GZIP_BYTES: usize = 64 * 1024;

/// Where decoded bytes go.
pub(in crate::http::connection) trait Output: Write {
    /// The decoder is about to take so many bytes of memory, all that it took before among them.
    ///
    /// # Errors
    ///
    /// When there is no room for them.
    fn claim(&mut self, bytes: usize) -> io::Result<()>;
}

/// Decodes a body into an output.
pub(in crate::http::connection) enum Decoder<O: Output> {
    /// Members of gzip.
    Gzip(Box<MultiGzDecoder<O>>),
    /// Everything that is decoded step by step.
    Stepped(Box<Stepped<O>>),
}

/// A decoder that is driven from here.
pub(in crate::http::connection) struct Stepped<O> {
    engine: Engine,
    output: O,
    /// The first bytes of a frame, until there are enough to know what it takes.
    beginning: Vec<u8>,
    /// The next byte is a frame's first, or one of its beginning.
    is_beginning: bool,
    /// A frame was read to its end, and nothing behind it.
    is_complete: bool,
    piece: [u8; PIECE],
}

impl<O: Output> Decoder<O> {
    /// A decoder that has read nothing yet.
    ///
    /// # Errors
    ///
    /// Without memory.
    pub(in crate::http::connection) fn new(coding: Coding, mut output: O) -> io::Result<Self> {
        let engine = match coding {
            Coding::Gzip => {
                output.claim(GZIP_BYTES)?;
                return Ok(Self::Gzip(Box::new(MultiGzDecoder::new(output))));
            }
            Coding::Deflate => Engine::deflate(),
            Coding::Zstd => Engine::zstd()?,
            Coding::Brotli => Engine::brotli(),
        };
        Ok(Self::Stepped(Box::new(Stepped {
            engine,
            output,
            beginning: Vec::new(),
            is_beginning: true,
            is_complete: false,
            piece: [0; PIECE],
        })))
    }

    /// Decodes the next bytes.
    ///
    /// # Errors
    ///
    /// What the output says, or that the bytes are not what they should be.
    pub(in crate::http::connection) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.write_all(bytes),
            Self::Stepped(stepped) => stepped.write(bytes),
        }
    }

    /// Requires that the body has come to its end.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub(in crate::http::connection) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Stepped(stepped) if stepped.is_complete => Ok(()),
            Self::Stepped(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// The output.
    pub(in crate::http::connection) fn output(&self) -> &O {
        match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Stepped(stepped) => &stepped.output,
        }
    }

    /// The output, behind a [`Self::finish`] that went well.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub(in crate::http::connection) fn into_output(self) -> io::Result<O> {
        match self {
            Self::Gzip(decoder) => decoder.finish(),
            Self::Stepped(stepped) => Ok(stepped.output),
        }
    }
}

impl<O: Output> Stepped<O> {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some((first, rest)) = bytes.split_first() {
            if !self.is_beginning {
                let left = self.decode(bytes)?;
                bytes = &bytes[bytes.len() - left..];
                continue;
            }
            self.is_complete = false;
            self.beginning.push(*first);
            bytes = rest;
            let Some(needed) = self.engine.begin(&self.beginning)? else {
                continue;
            };
            self.output.claim(needed + PIECE)?;
            self.is_beginning = false;
            let beginning = std::mem::take(&mut self.beginning);
            if self.decode(&beginning)? > 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(())
    }

    /// Decodes to the end of the bytes or of the frame, and returns how many bytes are left behind that.
    fn decode(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        loop {
            let step = self.engine.step(bytes, &mut self.piece)?;
            self.output.write_all(&self.piece[..step.produced])?;
            bytes = &bytes[step.consumed..];
            if step.is_end {
                self.is_complete = true;
                self.is_beginning = true;
                return match bytes {
                    [] => Ok(0),
                    _ if self.engine.has_several_frames() => Ok(bytes.len()),
                    _ => Err(io::ErrorKind::InvalidData.into()),
                };
            }
            // Room was left, so there is nothing more to be had from what was given.
            if bytes.is_empty() && step.produced < PIECE {
                return Ok(0);
            }
            if step.consumed == 0 && step.produced == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }
}
