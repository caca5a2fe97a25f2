//! What may stand behind a time of day: an offset, the name of a zone, a year, and what programs add for people.

use super::{date, reader::Reader};
use crate::event::rudder::timestamp::number::number;

/// What was read behind a time of day.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    /// Milliseconds that local time is ahead of UTC; `None` when only a name says which zone it is.
    pub(super) offset: Option<i64>,
    /// `Sun Nov  3 21:07:08 2019`.
    pub(super) year: Option<i64>,
}

/// Reads to the end of the text.
///
/// A name of a zone alone is read as UTC, whatever zone it is, which is what the reference does: the letters are not
/// unique (`IST` is three zones, `CST` two). An offset beside one counts, except behind `UTC`.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Rest> {
    let mut rest = Rest::default();
    while let Some(next) = reader.peek() {
        match next {
            b' ' => {
                reader.spaces();
            }
            b'+' | b'-' => {
                let offset = offset(reader, false)?;
                // Go prints zones without a name as `+0300 +03`.
                rest.offset.get_or_insert(offset);
            }
            b'0'..=b'9' if rest.year.is_none() => rest.year = Some(date::year(reader)?),
            // For people: `GMT+0100 (Central European Standard Time)`, `+01:00[Europe/Berlin]`.
            b'(' => reader.skip_past(b')').then_some(())?,
            b'[' if rest.offset.is_some() => reader.skip_past(b']').then_some(())?,
            b'm' => monotonic_clock(reader)?,
            b'A'..=b'Z' => {
                let name = reader.letters();
                if name != b"Z" && !matches!(name.len(), 2..=5) || !name.iter().all(u8::is_ascii_uppercase) {
                    return None;
                }
                if matches!(name, b"UTC" | b"Z") {
                    rest.offset.get_or_insert(0);
                }
                if let Some(b'+' | b'-') = reader.peek() {
                    let offset = offset(reader, true)?;
                    rest.offset.get_or_insert(offset);
                }
            }
            _ => return None,
        }
    }
    Some(rest)
}

/// An offset in milliseconds: `+01`, `+0100`, `+01:00`; behind a name also `+1`.
fn offset(reader: &mut Reader<'_>, behind_a_name: bool) -> Option<i64> {
    let sign = if reader.take_any(b"+-")? == b'-' { -1 } else { 1 };
    let digits = reader.digits();
    let (hours, minutes) = match digits.len() {
        1 if behind_a_name => (number(digits)?, 0),
        2 if reader.take(b':') => {
            let minutes = reader.digits();
            (number(digits)?, (minutes.len() == 2).then(|| number(minutes))??)
        }
        2 => (number(digits)?, 0),
        4 => (number(&digits[..2])?, number(&digits[2..])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

/// What Go prints of its monotonic clock: `m=+0.000000001`.
fn monotonic_clock(reader: &mut Reader<'_>) -> Option<()> {
    if !reader.take_all(b"m=") || reader.take_any(b"+-").is_none() {
        return None;
    }
    reader.digits();
    reader.take(b'.');
    reader.digits();
    Some(())
}
