//! Numbers as dates have them: decimal digits and nothing else.

/// A number of decimal digits, nothing else; `None` over 64 bits too.
pub(super) fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}
