//! Codings by their bytes.

use std::io::{self, Write};

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

use super::{
    engine::{brotli_window_log, zstd_window},
    *,
};

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
    decoder.into_output()
}

impl Output for Vec<u8> {
    fn claim(&mut self, _bytes: usize) -> io::Result<()> {
        Ok(())
    }
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
    impl Output for Small {
        fn claim(&mut self, bytes: usize) -> io::Result<()> {
            assert!(bytes < 9 * 1024 * 1024);
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
fn nothing_may_stand_behind_the_end() {
    for coding in CODINGS {
        for garbage in [&b"\0"[..], b"x", b"{}", &[0; 40], &b"garbage".repeat(9)] {
            let bytes = [&encoded(coding, TEXT), garbage].concat();
            for piece in [1, 5, bytes.len() - garbage.len(), bytes.len()] {
                assert!(
                    decoded(coding, &bytes, piece).is_err(),
                    "{coding:?} {garbage:?} {piece}"
                );
            }
        }
    }
}

#[test]
fn frames_without_content_count_for_nothing() {
    let skipped = [&0x184d_2a50_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), b"abc"].concat();
    let frame = encoded(Coding::Zstd, TEXT);
    for bytes in [
        [&skipped[..], &frame].concat(),
        [&frame[..], &skipped].concat(),
        [
            &encoded(Coding::Zstd, b"")[..],
            &skipped,
            &frame,
            &encoded(Coding::Zstd, b""),
        ]
        .concat(),
    ] {
        for piece in [1, 3, bytes.len()] {
            assert_eq!(decoded(Coding::Zstd, &bytes, piece).unwrap(), TEXT);
        }
    }
    let cut = [&frame[..], &skipped[..10]].concat();
    assert!(decoded(Coding::Zstd, &cut, 4).is_err());
}

#[test]
fn a_decoder_claims_its_window_before_it_takes_it() {
    struct Room(usize, Vec<u8>);
    impl Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Output for Room {
        fn claim(&mut self, bytes: usize) -> io::Result<()> {
            if bytes > self.0 {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            Ok(())
        }
    }
    let with_window = |log| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder
            .set_parameter(zstd::stream::raw::CParameter::WindowLog(log))
            .unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(TEXT).unwrap();
        encoder.finish().unwrap()
    };
    let (small, large) = (encoded(Coding::Zstd, TEXT), with_window(22));
    for (coding, bytes, claimed) in [
        (Coding::Gzip, encoded(Coding::Gzip, TEXT), 64 * 1024),
        (Coding::Deflate, encoded(Coding::Deflate, TEXT), 64 * 1024),
        (Coding::Brotli, encoded(Coding::Brotli, TEXT), (64 + 256 + 16) * 1024),
        (Coding::Zstd, large.clone(), (4096 + 512 + 16) * 1024),
        (Coding::Zstd, small.clone(), (512 + 16) * 1024 + TEXT.len()),
        // Every frame has a window of its own.
        (
            Coding::Zstd,
            [small.clone(), large.clone()].concat(),
            (4096 + 512 + 16) * 1024,
        ),
    ] {
        for (room, is_read) in [(claimed, true), (claimed - 1, false)] {
            let read = Decoder::new(coding, Room(room, Vec::new())).and_then(|mut decoder| {
                decoder.write(&bytes)?;
                decoder.finish()
            });
            assert_eq!(read.is_ok(), is_read, "{coding:?} {room}: {read:?}");
        }
    }
}

#[test]
fn the_window_of_a_frame_of_zstd_is_read_from_its_header() {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    for (header, window) in [
        (&[0x00, 0x00][..], Some(1024)),
        (&[0x00, 0x01], Some(1024 + 128)),
        (&[0x00, 13 << 3], Some(8 << 20)),
        (&[0x00, 0xff], Some(15 << 38)),
        (&[0x20, 7], Some(7)),
        (&[0x21, 9, 7], Some(7)),
        (&[0x60, 1, 1], Some(513)),
        (&[0x60, 1], None),
        (&[0xa0, 0, 0, 0, 1], Some(1 << 24)),
        (&[0xe3, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0xff], Some(0xff << 56)),
        (&[0xe3, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0], None),
        (&[], None),
    ] {
        assert_eq!(zstd_window(&[&MAGIC, header].concat()), window, "{header:x?}");
    }
    assert_eq!(zstd_window(&MAGIC[..3]), None);
    assert_eq!(zstd_window(b"{\"us"), Some(0));
}
