//! Where a JSON string may end: the bytes that end or interrupt one, found many at a time.
//!
//! Knows three kinds of bytes and nothing else. Whether a byte stands inside a string, which is what makes it mean
//! something, is its user's to know. So nothing is carried from one byte to the next, and whatever is wrong with one
//! event of a body cannot change what is said of another. See docs/adr/0024 for what else was weighed.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod block;
mod method;
mod portable;

use block::BLOCK_BYTES;
pub use method::Method;

/// Blocks that are looked at together.
const BLOCKS: usize = 16;

/// The bytes of a text that end or interrupt a JSON string: double quotes, backslashes and control characters
/// (U+0000 to U+001F).
///
/// Looks at the text a KiB at a time, when it is asked for, and keeps a bit for each byte of the last KiB only.
/// Allocates nothing.
#[derive(Debug, Clone)]
pub struct Marks<'a> {
    text: &'a [u8],
    /// A bit for each byte behind `from`, the first byte's the lowest of the first word. A byte that is no mark, or
    /// behind the end of the text, has none.
    words: [u64; BLOCKS],
    /// What `words` begins with; the length of the text while nothing is known.
    from: usize,
    method: Method,
}

impl<'a> Marks<'a> {
    /// Those of a text, found by the method that the process has [chosen](Method::chosen).
    pub fn of(text: &'a [u8]) -> Self {
        Self::by(Method::chosen(), text)
    }

    /// Those of a text, found by this method.
    pub fn by(method: Method, text: &'a [u8]) -> Self {
        Self {
            text,
            words: [0; BLOCKS],
            from: text.len(),
            method,
        }
    }

    /// The place of the first mark at `at` or behind; the length of the text when there is none.
    ///
    /// Any place may be asked for after any other; it is cheap when it is at most a KiB behind the last one.
    // Once for each string of an event: a call would cost more than what it does.
    #[inline(always)]
    pub fn next(&mut self, at: usize) -> usize {
        let behind = at.wrapping_sub(self.from);
        match self
            .words
            .get(behind / BLOCK_BYTES)
            .map(|word| word >> (behind % BLOCK_BYTES))
        {
            None | Some(0) => self.further(at),
            Some(marks) => at + marks.trailing_zeros() as usize,
        }
    }

    /// As [`Self::next`], when the answer is in another block.
    #[inline(never)]
    fn further(&mut self, mut at: usize) -> usize {
        while at < self.text.len() {
            let behind = at.wrapping_sub(self.from);
            let Some(word) = self.words.get(behind / BLOCK_BYTES) else {
                self.look(at);
                continue;
            };
            let marks = word >> (behind % BLOCK_BYTES);
            if marks != 0 {
                return at + marks.trailing_zeros() as usize;
            }
            at += BLOCK_BYTES - behind % BLOCK_BYTES;
        }
        self.text.len()
    }

    /// Looks at what follows `at`, which is in the text.
    fn look(&mut self, at: usize) {
        let rest = &self.text[at..];
        let (blocks, rest) = rest[..rest.len().min(BLOCKS * BLOCK_BYTES)].as_chunks::<BLOCK_BYTES>();
        self.from = at;
        self.method.mark(blocks, &mut self.words);
        if let Some((last, unused)) = self.words[blocks.len()..].split_first_mut() {
            let mut block = [b' '; BLOCK_BYTES];
            block[..rest.len()].copy_from_slice(rest);
            self.method.mark(&[block], std::array::from_mut(last));
            unused.fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    /// Every place, looked for one byte at a time.
    fn slowly(text: &[u8]) -> Vec<usize> {
        let is_mark = |at: &usize| matches!(text[*at], b'"' | b'\\' | 0..=0x1f);
        (0..text.len()).filter(is_mark).collect()
    }

    fn all(method: Method, text: &[u8]) -> Vec<usize> {
        let mut marks = Marks::by(method, text);
        let mut at = 0;
        let next = || {
            let mark = marks.next(at);
            at = mark + 1;
            (mark < text.len()).then_some(mark)
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn each_of_the_256_bytes_is_what_it_is_at_each_place_of_a_block() {
        for method in Method::available() {
            for byte in 0..=u8::MAX {
                for place in 0..2 * BLOCK_BYTES {
                    let mut text = [b'x'; 2 * BLOCK_BYTES];
                    text[place] = byte;
                    assert_eq!(all(method, &text), slowly(&text), "{method:?}: {byte} at {place}");
                }
            }
        }
    }

    #[test]
    fn every_length_at_every_alignment_ends_where_it_ends() {
        // Quotes before and behind, so that whoever reads too much finds one.
        let bytes = [b'"'; 300];
        for method in Method::available() {
            for alignment in 0..BLOCK_BYTES {
                for length in 0..=200 {
                    let mut bytes = bytes;
                    bytes[alignment..alignment + length].fill(b'~');
                    let text = &bytes[alignment..alignment + length];
                    assert_eq!(
                        Marks::by(method, text).next(0),
                        length,
                        "{method:?}: {alignment}, {length}"
                    );
                    assert_eq!(Marks::by(method, text).next(length), length);
                    let Some(last) = length.checked_sub(1) else { continue };
                    bytes[alignment + last] = b'\\';
                    let text = &bytes[alignment..alignment + length];
                    assert_eq!(
                        Marks::by(method, text).next(0),
                        last,
                        "{method:?}: {alignment}, {length}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_text_of_many_kib_is_looked_at_to_its_end_and_again() {
        for method in Method::available() {
            let mut text = vec![b'x'; 10 * BLOCKS * BLOCK_BYTES + 7];
            let last = text.len() - 1;
            text[last] = b'"';
            let mut marks = Marks::by(method, &text);
            assert_eq!(marks.next(0), last);
            assert_eq!(marks.next(3), last);
            assert_eq!(marks.next(last), last);
            assert_eq!(marks.next(last + 1), text.len());
        }
    }

    proptest! {
        #[test]
        fn every_method_finds_what_is_there(
            text in vec(prop_oneof![any::<u8>(), select(b"\"\\\n ~\x1f\x20\x7f\x80\xff".as_slice())], 0..1500),
            places in vec(any::<prop::sample::Index>(), 1..20),
        ) {
            let expected = slowly(&text);
            for method in Method::available() {
                prop_assert_eq!(&all(method, &text), &expected);
                // In any order, as after an event that is damaged.
                let mut marks = Marks::by(method, &text);
                for place in &places {
                    let at = place.index(text.len() + 1);
                    let first = expected.iter().copied().find(|mark| *mark >= at).unwrap_or(text.len());
                    prop_assert_eq!(marks.next(at), first);
                }
            }
        }
    }
}
