//! The ways to write a day.

use super::reader::Reader;
use crate::event::rudder::timestamp::{calendar::Date, number::number};

/// A day as it was written; the year may follow the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: Option<i64>,
    pub(super) month: i64,
    pub(super) day: i64,
    /// Which of the ways, as far as it decides what may stand between the day and the time of day.
    pub(super) style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `2019-11-03`: a `T` or an offset may follow at once.
    Dashed,
    /// `03/Nov/2019`: a colon may follow, as in the logs of web servers.
    Slashed,
    /// A space or a comma must follow.
    Spaced,
}

/// Two-digit years from here on are of the twentieth century, those before of the twenty-first.
const PIVOT: i64 = 69;

impl Day {
    /// The date, if the year was written.
    pub(super) fn date(self) -> Option<Date> {
        Some(Date {
            year: self.year?,
            month: self.month,
            day: self.day,
        })
    }
}

/// Reads a day, a weekday before it passed over: nobody checks whether it fits.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Day> {
    if let Some(b'0'..=b'9') = reader.peek() {
        return digit_first(reader);
    }
    let word = reader.letters();
    if let Some(month) = month(word) {
        return month_first(reader, month);
    }
    if !is_weekday(word) {
        return None;
    }
    let comma = reader.take(b',');
    if !reader.spaces() && !comma {
        return None;
    }
    if let Some(b'0'..=b'9') = reader.peek() {
        return digit_first(reader);
    }
    let month = month(reader.letters())?;
    month_first(reader, month)
}

/// `Nov 3, 2019`, `Nov. 3 2019`, `November 3rd, 2019`, `nov 3, '19`, `Nov  3 21:07:08 2019`.
fn month_first(reader: &mut Reader<'_>, month: i64) -> Option<Day> {
    reader.take(b'.');
    if !reader.spaces() {
        return None;
    }
    let day = one_or_two_digits(reader)?;
    let suffix = reader.letters();
    let suffixes: [&[u8]; 5] = [b"", b"st", b"nd", b"rd", b"th"];
    if !suffixes.iter().any(|known| suffix.eq_ignore_ascii_case(known)) {
        return None;
    }
    let before = *reader;
    let comma = reader.take(b',');
    let year = if reader.spaces() || comma {
        reader.take(b'\'');
        let year = year(reader);
        // Digits before a colon are an hour: the year stands behind the time of day.
        year.filter(|_| reader.peek() != Some(b':'))
    } else {
        None
    };
    if year.is_none() {
        *reader = before;
    }
    Some(Day {
        year,
        month,
        day,
        style: Style::Spaced,
    })
}

fn digit_first(reader: &mut Reader<'_>) -> Option<Day> {
    let first = reader.digits();
    match (first.len(), reader.peek()?) {
        (4, separator @ (b'-' | b'/' | b':' | b'.')) => {
            reader.take(separator);
            year_first(reader, number(first)?, separator)
        }
        (4, _) if reader.take_all("年".as_bytes()) => {
            let month = two_digits(reader)?;
            let day = reader.take_all("月".as_bytes()).then(|| two_digits(reader))??;
            let closed = reader.take_all("日".as_bytes());
            closed.then_some(Day {
                year: Some(number(first)?),
                month,
                day,
                style: Style::Spaced,
            })
        }
        (6, b' ') => Some(Day {
            year: Some(of_century(number(&first[..2])?)),
            month: number(&first[2..4])?,
            day: number(&first[4..])?,
            style: Style::Spaced,
        }),
        (1 | 2, separator @ (b'-' | b'/' | b':' | b'.' | b' ')) => {
            reader.take(separator);
            reader.spaces();
            match reader.peek()? {
                b'0'..=b'9' if !matches!(separator, b'-' | b' ') => american(reader, number(first)?, separator),
                b'A'..=b'Z' | b'a'..=b'z' if !matches!(separator, b':' | b'.') => day_first(reader, number(first)?),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `2019-11-03`, `2019-Nov-3`, `2019/11/3`, `2019:11:03`, `2019.11.03`, and months: `2019-11`.
fn year_first(reader: &mut Reader<'_>, year: i64, separator: u8) -> Option<Day> {
    let month = match reader.peek()? {
        b'0'..=b'9' => one_or_two_digits(reader)?,
        _ if separator == b'-' => month(reader.letters())?,
        _ => return None,
    };
    let day = if reader.take(separator) {
        one_or_two_digits(reader)?
    } else {
        1
    };
    let style = match separator {
        b'-' => Style::Dashed,
        b'/' => Style::Slashed,
        _ => Style::Spaced,
    };
    Some(Day {
        year: Some(year),
        month,
        day,
        style,
    })
}

/// `11/3/2019`, `11:03:2019`, `11.3.19`: the month comes first, as in the United States, whatever separates it.
fn american(reader: &mut Reader<'_>, month: i64, separator: u8) -> Option<Day> {
    let day = one_or_two_digits(reader)?;
    let year = reader.take(separator).then(|| year(reader))??;
    let style = if separator == b'/' {
        Style::Slashed
    } else {
        Style::Spaced
    };
    Some(Day {
        year: Some(year),
        month,
        day,
        style,
    })
}

/// `3 Nov 2019`, `3 November 19`, `03-Nov-2019`, `03/Nov/2019`.
fn day_first(reader: &mut Reader<'_>, day: i64) -> Option<Day> {
    let month = month(reader.letters())?;
    let separator = reader.take_any(b"-/ ,.")?;
    reader.spaces();
    let style = if separator == b'/' {
        Style::Slashed
    } else {
        Style::Spaced
    };
    Some(Day {
        year: Some(year(reader)?),
        month,
        day,
        style,
    })
}

fn one_or_two_digits(reader: &mut Reader<'_>) -> Option<i64> {
    let digits = reader.digits();
    matches!(digits.len(), 1 | 2).then(|| number(digits))?
}

fn two_digits(reader: &mut Reader<'_>) -> Option<i64> {
    let digits = reader.digits();
    (digits.len() == 2).then(|| number(digits))?
}

/// A year of four digits, or of two.
pub(super) fn year(reader: &mut Reader<'_>) -> Option<i64> {
    let digits = reader.digits();
    match digits.len() {
        4 => number(digits),
        2 => number(digits).map(of_century),
        _ => None,
    }
}

fn of_century(year: i64) -> i64 {
    year + if year < PIVOT { 2000 } else { 1900 }
}

/// The month that a word names: `Nov`, `november`, `Sept`.
fn month(word: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8]; 12] = [
        b"january",
        b"february",
        b"march",
        b"april",
        b"may",
        b"june",
        b"july",
        b"august",
        b"september",
        b"october",
        b"november",
        b"december",
    ];
    let abbreviates = word.len() == 3 || word.eq_ignore_ascii_case(b"sept");
    let names = |month: &[u8]| {
        let written = if abbreviates {
            month.get(..word.len())
        } else {
            Some(month)
        };
        written.is_some_and(|written| written.eq_ignore_ascii_case(word))
    };
    let at = MONTHS.iter().position(|month| names(month))?;
    i64::try_from(at + 1).ok()
}

fn is_weekday(word: &[u8]) -> bool {
    const WEEKDAYS: [&[u8]; 7] = [
        b"monday",
        b"tuesday",
        b"wednesday",
        b"thursday",
        b"friday",
        b"saturday",
        b"sunday",
    ];
    let begins = |day: &&[u8]| {
        word.len() >= 3
            && day
                .get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    WEEKDAYS.iter().any(begins)
}
