//! Marks found in plain integers, eight bytes at a time.

use crate::block::Block;

/// Writes the marks of each block to the word that belongs to it.
pub(crate) fn mark(blocks: &[Block], words: &mut [u64]) {
    for (word, block) in words.iter_mut().zip(blocks) {
        let eights = block.as_chunks::<8>().0;
        *word = (0..).step_by(8).zip(eights).fold(0, |marks, (place, eight)| {
            marks | mark_eight(u64::from_le_bytes(*eight)) << place
        });
    }
}

/// A bit for each byte, the lowest byte's the lowest.
fn mark_eight(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // The high bit of each byte that is not zero: no sum of seven bits and seven ones reaches the next byte.
    let is_not_zero = |bytes: u64| ((bytes & LOW_BITS) + LOW_BITS) | bytes;
    let is_not = |byte: u8| is_not_zero(bytes ^ (ONES * u64::from(byte)));
    let is_not_control = is_not_zero(bytes & (ONES * 0xe0));
    let marks = !(is_not(b'"') & is_not(b'\\') & is_not_control) & !LOW_BITS;
    // Moves the high bit of byte n to bit 56 + n; the other products of the two stay below or leave the word.
    (marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
