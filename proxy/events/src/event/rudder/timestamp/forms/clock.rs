//! The ways to write a time of day.

use super::reader::Reader;
use crate::event::rudder::timestamp::number::number;

/// Reads a time of day, in milliseconds: `21:07`, `9:7:8`, `21:07:08.123456`, `21:07:08,123`, `9:07 PM`.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<i64> {
    let hour = part(reader, 24)?;
    let minute = reader.take(b':').then(|| part(reader, 60))??;
    let (second, fraction) = if reader.take(b':') {
        (part(reader, 60)?, fraction(reader)?)
    } else {
        (0, 0)
    };
    let hour = half(reader, hour)?;
    Some(((hour * 60 + minute) * 60 + second) * 1000 + fraction)
}

/// One or two digits below a limit.
fn part(reader: &mut Reader<'_>, limit: i64) -> Option<i64> {
    let digits = reader.digits();
    let value = matches!(digits.len(), 1 | 2).then(|| number(digits))??;
    (value < limit).then_some(value)
}

/// Milliseconds of a fraction behind a point, a comma or a colon; digits behind the third are cut off.
fn fraction(reader: &mut Reader<'_>) -> Option<i64> {
    if reader.take_any(b".,:").is_none() {
        return Some(0);
    }
    let mut milliseconds = [b'0'; 3];
    for (place, digit) in milliseconds.iter_mut().zip(reader.digits()) {
        *place = *digit;
    }
    number(&milliseconds)
}

/// The hour of 24 when `am` or `pm` follows.
fn half(reader: &mut Reader<'_>, hour: i64) -> Option<i64> {
    let mut ahead = *reader;
    ahead.spaces();
    let word = ahead.letters();
    let is_afternoon = word.eq_ignore_ascii_case(b"pm");
    if !is_afternoon && !word.eq_ignore_ascii_case(b"am") {
        return Some(hour); // the word belongs to a zone, or there is none
    }
    *reader = ahead;
    (hour <= 12).then_some(hour % 12 + if is_afternoon { 12 } else { 0 })
}
