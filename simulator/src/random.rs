//! A small generator whose stream of numbers is fixed by its seed on every platform. Not for secrets.

use rand_xoshiro::{
    SplitMix64,
    rand_core::{Rng as _, SeedableRng as _},
};

/// Draws for one purpose.
#[derive(Debug, Clone)]
pub(crate) struct Random(SplitMix64);

impl Random {
    /// A generator for one purpose, so that draws for one stream do not shift another's.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a: the purpose only has to be spread over the state, not to resist anybody.
        let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(SplitMix64::seed_from_u64(seed ^ hash))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// True with the given probability; 0 never and 1 always.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits fill the mantissa: a value in [0, 1) without rounding.
        #[expect(
            clippy::cast_precision_loss,
            reason = "both operands are at most 2^53, where f64 is exact"
        )]
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < probability
    }

    /// Appends `length` characters of the base64 alphabet.
    pub(crate) fn text(&mut self, length: usize, into: &mut String) {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut left = length;
        while left > 0 {
            let mut bits = self.next();
            // Ten characters of six bits from each draw.
            for _ in 0..left.min(10) {
                into.push(char::from(ALPHABET[(bits & 63) as usize]));
                bits >>= 6;
            }
            left -= left.min(10);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn one_seed_and_purpose_give_one_history() {
        let draw = |seed, purpose| {
            let mut random = Random::new(seed, purpose);
            (0..4).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, "orders"), draw(7, "orders"));
        assert_ne!(draw(7, "orders"), draw(8, "orders"));
        assert_ne!(draw(7, "orders"), draw(7, "pages"));
    }

    #[test]
    fn a_chance_is_met_about_as_often_as_it_says() {
        let mut random = Random::new(1, "chance");
        let hits = (0..10_000).filter(|_| random.chance(0.25)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| random.chance(1.0)));
        assert!(!(0..1_000).any(|_| random.chance(0.0)));
    }

    #[test]
    fn text_has_the_length_asked_for() {
        for length in [0, 1, 10, 11, 224] {
            let mut text = String::new();
            Random::new(1, "text").text(length, &mut text);
            assert_eq!(text.len(), length);
        }
    }
}
