//! The key of hashes: HMAC-SHA-256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)).

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Characters of a hash: 256 bits in hexadecimal digits.
pub const HASH_LENGTH: usize = 64;

/// A key. Prepared once, so that a value costs what its own bytes cost.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

impl HashKey {
    /// A key of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Hmac::new_from_slice(bytes).expect("a key may have any length"))
    }

    /// The hash of a value that comes in pieces, in lower-case hexadecimal digits.
    pub fn hash<Piece: AsRef<[u8]>>(&self, pieces: impl IntoIterator<Item = Piece>) -> [u8; HASH_LENGTH] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut mac = self.0.clone();
        for piece in pieces {
            mac.update(piece.as_ref());
        }
        let mut text = [0; HASH_LENGTH];
        for (digits, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(mac.finalize().into_bytes()) {
            *digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        text
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HashKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_rfc_4231() {
        for (key, data, hash) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            let key = HashKey::new(key);
            assert_eq!(key.hash([data]), hash.as_bytes());
            assert_eq!(key.hash(data.chunks(3)), hash.as_bytes());
        }
        assert!(!format!("{:?}", HashKey::new(b"secret")).contains("secret"));
    }
}
