//! How bodies are compressed, and one bounded [`Decoder`] for each way.

mod decoder;
mod engine;
#[cfg(test)]
mod tests;

use http::{HeaderMap, header};

pub(super) use self::decoder::{Decoder, Output};

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

#[cfg(test)]
mod names {
    use http::HeaderValue;

    use super::*;

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
