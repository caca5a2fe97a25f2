//! The other ways in which people and programs write points in time: those that the date parser of RudderStack's server
//! reads ([araddon/dateparse](https://github.com/araddon/dateparse)), with its meaning where one has two.
//!
//! That parser guesses a layout from the text and has Go's `time.Parse` read it; this one is a grammar: a day, a time
//! of day, and what follows. Where the two differ is listed in `tests/field/departures.tsv`, with the reason beside
//! each.

mod clock;
mod date;
mod reader;
mod zone;

use self::{date::Style, reader::Reader};
use super::{calendar::Date, instant::Timestamp, number::number};

/// Reads a text in any of the forms.
pub(super) fn read(text: &[u8]) -> Option<Timestamp> {
    let text = text.trim_ascii_end();
    if text.iter().all(u8::is_ascii_digit) {
        return digits(text);
    }
    let mut reader = Reader::new(text);
    let day = date::read(&mut reader)?;
    if reader.peek().is_none() {
        return Timestamp::of(day.date()?, 0, 0);
    }
    let time = match (day.style, reader.peek()?) {
        // `2020-07-20+00:00` is a day in a zone.
        (Style::Dashed, b'+' | b'-') => 0,
        _ => {
            separator(&mut reader, day.style)?;
            clock::read(&mut reader)?
        }
    };
    let rest = zone::read(&mut reader)?;
    let ((Some(year), None) | (None, Some(year))) = (day.year, rest.year) else {
        return None;
    };
    let date = date::Day {
        year: Some(year),
        ..day
    }
    .date()?;
    Timestamp::of(date, time, rest.offset.unwrap_or(0))
}

/// What stands between the day and the time of day: a space, a comma, `at`, a `T`, a colon.
fn separator(reader: &mut Reader<'_>, style: Style) -> Option<()> {
    let direct = match style {
        Style::Dashed => reader.take_any(b"T,"),
        Style::Slashed => reader.take_any(b":,"),
        Style::Spaced => reader.take(b',').then_some(b','),
    };
    if !reader.spaces() && direct.is_none() {
        return None;
    }
    if reader.take_all(b"at") || reader.take_all(b"AT") {
        return reader.spaces().then_some(());
    }
    Some(())
}

/// Nothing but digits: how many they are says what they count.
fn digits(text: &[u8]) -> Option<Timestamp> {
    let date = |text: &[u8]| {
        Some(Date {
            year: number(&text[..4])?,
            month: number(&text[4..6])?,
            day: number(&text[6..8])?,
        })
    };
    match text.len() {
        4 => Timestamp::of(
            Date {
                year: number(text)?,
                month: 1,
                day: 1,
            },
            0,
            0,
        ),
        8 => Timestamp::of(date(text)?, 0, 0),
        10 => Timestamp::from_unix_milliseconds(number(text)? * 1000),
        13 => Timestamp::from_unix_milliseconds(number(text)?),
        14 => {
            let (hour, minute, second) = (number(&text[8..10])?, number(&text[10..12])?, number(&text[12..])?);
            let exists = hour < 24 && minute < 60 && second < 60;
            exists.then(|| Timestamp::of(date(text)?, ((hour * 60 + minute) * 60 + second) * 1000, 0))?
        }
        16 => Timestamp::from_unix_milliseconds(number(text)? / 1000),
        19 => Timestamp::from_unix_milliseconds(number(text)? / 1_000_000),
        _ => None,
    }
}
