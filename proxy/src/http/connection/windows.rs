//! What a decoder may hold for itself, by what its body says at its beginning.

use super::coding::{BROTLI_WINDOW_LOG, Coding, ZSTD_WINDOW_LOG, brotli_window_log};

/// States and tables of a decoder beside its window.
const TABLES: usize = 256 * 1024;
/// Those of zlib, window included.
const ZLIB: usize = 64 * 1024;
/// Most of one block of zstd, which its decoder holds twice.
const ZSTD_BLOCK: usize = 128 * 1024;

/// Bytes that a decoder holds at most. `beginning` are the first bytes of the body; `frames` says how many frames have
/// begun: later ones may have larger windows.
pub(super) fn bytes(coding: Coding, beginning: &[u8], frames: u32) -> usize {
    match coding {
        Coding::Gzip | Coding::Deflate => ZLIB,
        Coding::Brotli => {
            let log = beginning.first().and_then(|first| brotli_window_log(*first));
            (1 << log.unwrap_or(BROTLI_WINDOW_LOG).min(BROTLI_WINDOW_LOG)) + TABLES
        }
        Coding::Zstd => {
            let most = 1 << ZSTD_WINDOW_LOG;
            let window = zstd_window(beginning).filter(|_| frames <= 1).unwrap_or(most);
            window.min(most) + 2 * ZSTD_BLOCK + TABLES
        }
    }
}

/// The window of a zstd frame (RFC 8878, section 3.1.1.1). `None` when the beginning does not say.
fn zstd_window(beginning: &[u8]) -> Option<usize> {
    let rest = beginning.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd])?;
    let (descriptor, rest) = rest.split_first()?;
    let is_single_segment = descriptor & 0x20 != 0;
    if !is_single_segment {
        let window = rest.first()?;
        let base = 1_usize.checked_shl(10 + u32::from(window >> 3))?;
        return Some(base + base / 8 * usize::from(window & 7));
    }
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let (length, more) = [(1, 0), (2, 256), (4, 0), (8, 0)][usize::from(descriptor >> 6)];
    let size = rest.get(dictionary..dictionary + length)?;
    let size = size.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    usize::try_from(size.saturating_add(more)).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_small_body_of_zstd_needs_a_small_window_and_one_that_does_not_say_the_largest() {
        let small = zstd::encode_all(&[b'x'; 1000][..], 3).unwrap();
        let mut streamed = zstd::Encoder::new(Vec::new(), 3).unwrap();
        streamed.write_all(&[b'x'; 1000]).unwrap();
        let streamed = streamed.finish().unwrap();
        let largest = bytes(Coding::Zstd, b"", 1);
        assert!(bytes(Coding::Zstd, &small, 1) < largest / 8);
        assert!(bytes(Coding::Zstd, &streamed, 1) < largest);
        assert_eq!(bytes(Coding::Zstd, &small, 2), largest, "the next frame may be larger");
        assert_eq!(bytes(Coding::Zstd, &small[..5], 1), largest);
        assert_eq!(zstd_window(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68]), Some(8 << 20));
        assert_eq!(zstd_window(&[0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x00, 0x01]), Some(512));
    }

    #[test]
    fn brotli_says_its_window_in_the_first_byte() {
        assert_eq!(bytes(Coding::Brotli, &[0], 1), (1 << 16) + TABLES);
        assert_eq!(bytes(Coding::Brotli, &[0x0b], 1), (1 << 22) + TABLES);
        assert_eq!(bytes(Coding::Brotli, &[], 1), (1 << 22) + TABLES);
        assert_eq!(bytes(Coding::Gzip, &[], 9), ZLIB);
    }
}
