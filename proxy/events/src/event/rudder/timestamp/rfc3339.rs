//! The form that nearly every event has: [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339), and what ISO 8601 allows
//! around it. Read where it stands, without looking twice.

use super::{calendar::Date, instant::Timestamp, number::number};

/// Reads a date, or a date and a time of day with a fraction of any length and an offset; none is UTC:
/// `2026-01-02T03:04:05.678Z`, `2026-01-02 03:04:05+01:00`, `2026-01-02`.
pub(super) fn read(bytes: &[u8]) -> Option<Timestamp> {
    let (date, rest) = bytes.split_at_checked(10)?;
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let date = Date {
        year: number(&date[..4])?,
        month: number(&date[5..7])?,
        day: number(&date[8..])?,
    };
    if rest.is_empty() {
        return Timestamp::of(date, 0, 0);
    }
    let (time, rest) = rest.split_at_checked(9)?;
    if !matches!(time[0], b'T' | b't' | b' ') || time[3] != b':' || time[6] != b':' {
        return None;
    }
    let (hour, minute, second) = (number(&time[1..3])?, number(&time[4..6])?, number(&time[7..])?);
    // Second 60 is a leap second and reads as the first of the next minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, offset) = fraction(rest)?;
    let milliseconds = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
    Timestamp::of(date, milliseconds, offset_milliseconds(offset)?)
}

/// Milliseconds of a fraction of a second, and what follows it. More digits than three are cut off.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(b'.' | b',') = text.first() else {
        return Some((0, text));
    };
    let digits = text[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let kept = &text[1..=digits.min(3)];
    let scale = match kept.len() {
        0 => return None,
        1 => 100,
        2 => 10,
        _ => 1,
    };
    Some((number(kept)? * scale, &text[1 + digits..]))
}

/// Milliseconds that local time is ahead of UTC.
fn offset_milliseconds(text: &[u8]) -> Option<i64> {
    let (hours, minutes) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [_, hours @ .., b':', m1, m2] if hours.len() == 2 => (number(hours)?, number(&[*m1, *m2])?),
        [_, h1, h2, m1, m2] => (number(&[*h1, *h2])?, number(&[*m1, *m2])?),
        [_, h1, h2] => (number(&[*h1, *h2])?, 0),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let ahead = (hours * 60 + minutes) * 60_000;
    match text[0] {
        b'+' => Some(ahead),
        b'-' => Some(-ahead),
        _ => None,
    }
}
