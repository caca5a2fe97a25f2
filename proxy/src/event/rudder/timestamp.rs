//! Points in time as events carry them: RFC 3339 text, milliseconds.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z, within the years 0 to 9999, which RFC 3339 can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// 0000-01-01T00:00:00.000Z.
const MIN: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const MAX: i64 = 253_402_300_799_999;
const DAY: i64 = 86_400_000;

impl Timestamp {
    /// Length of a timestamp's text in bytes.
    pub(in crate::event) const LENGTH: usize = "2006-01-02T15:04:05.000Z".len();

    /// A point in time, in milliseconds since 1970; `None` outside the years that RFC 3339 can write.
    pub fn from_unix_milliseconds(milliseconds: i64) -> Option<Self> {
        (MIN..=MAX).contains(&milliseconds).then_some(Self(milliseconds))
    }

    /// Milliseconds since 1970.
    pub fn unix_milliseconds(self) -> i64 {
        self.0
    }

    /// Reads a date with or without a time of day, a fraction of any length and an offset (none is UTC), as the SDKs write
    /// them and people type them: `2026-01-02T03:04:05.678Z`, `2026-01-02 03:04:05+01:00`, `2026-01-02`.
    pub(in crate::event) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (date, rest) = bytes.split_at_checked(10)?;
        if date[4] != b'-' || date[7] != b'-' {
            return None;
        }
        let (year, month, day) = (number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?);
        if !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day) {
            return None;
        }
        let midnight = days_since_1970(year, month, day) * DAY;
        if rest.is_empty() {
            return Self::from_unix_milliseconds(midnight);
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
        Self::from_unix_milliseconds(midnight + milliseconds - offset_milliseconds(offset)?)
    }

    /// `received − (sent − original)`: when the event happened by the server's clock, whatever the client's clock says.
    /// `received` itself when that is not a year RFC 3339 can write.
    pub(in crate::event) fn corrected(received: Self, sent: Self, original: Self) -> Self {
        Self::from_unix_milliseconds(received.0 - (sent.0 - original.0)).unwrap_or(received)
    }

    /// The text, without quotes: always UTC, always three digits of a fraction.
    pub(in crate::event) fn text(self) -> [u8; Self::LENGTH] {
        let (days, time) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = date(days);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |mut end: usize, mut value: i64| {
            while value > 0 {
                end -= 1;
                text[end] += u8::try_from(value % 10).expect("a digit is below 10");
                value /= 10;
            }
        };
        put(4, year);
        put(7, month);
        put(10, day);
        put(13, time / 3_600_000);
        put(16, time / 60_000 % 60);
        put(19, time / 1000 % 60);
        put(23, time % 1000);
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::str::from_utf8(&self.text()).expect("a timestamp's text is ASCII"))
    }
}

/// A number of decimal digits, nothing else.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
    })
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

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar. The year is counted from March, so that the leap
/// day is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + leap_days + day_of_year - 719_468
}

/// The inverse of [`days_since_1970`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (year_of_era, month + 3)
    } else {
        (year_of_era + 1, month - 9)
    };
    (year + era * 400, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> Option<String> {
        Timestamp::parse(text).map(|time| String::from_utf8(time.text().to_vec()).unwrap())
    }

    #[test]
    fn every_form_that_sdks_write_reads_as_the_same_instant() {
        for text in [
            "2026-01-02T03:04:05.678Z",
            "2026-01-02t03:04:05.678z",
            "2026-01-02 03:04:05.678",
            "2026-01-02T03:04:05.678999999Z",
            "2026-01-02T03:04:05.678+00:00",
            "2026-01-02T04:34:05.678+01:30",
            "2026-01-02T04:34:05.678+0130",
            "2026-01-01T22:04:05.678-05",
        ] {
            assert_eq!(round_trip(text).as_deref(), Some("2026-01-02T03:04:05.678Z"), "{text}");
        }
        for (text, expected) in [
            ("2026-01-02", "2026-01-02T00:00:00.000Z"),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
            ("2026-01-02T03:04:05.6Z", "2026-01-02T03:04:05.600Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(round_trip(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_not_read() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-29",
            "2026-00-10",
            "2026-01-32",
            "2026-01-02T",
            "2026-01-02T24:00:00Z",
            "2026-01-02T03:60:05Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05X",
            "2026-01-02T03:04:05*01:00",
            "2026-01-02T03:04:05+24:00",
            "9999-12-31T23:59:59-01:00",
            "20260102",
            "２０２６-01-02",
        ] {
            assert_eq!(round_trip(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_ten_thousand_years_is_written_as_the_date_it_is() {
        let (mut year, mut month, mut day) = (0, 1, 1);
        for days in MIN / DAY..=MAX / DAY {
            assert_eq!(date(days), (year, month, day));
            assert_eq!(days_since_1970(year, month, day), days);
            day += 1;
            if day > days_of_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn a_correction_out_of_range_is_no_correction() {
        let at = |text| Timestamp::parse(text).unwrap();
        let received = at("2026-01-02T00:00:10Z");
        let corrected = Timestamp::corrected(received, at("2026-01-01T12:00:05Z"), at("2026-01-01T12:00:00Z"));
        assert_eq!(corrected, at("2026-01-02T00:00:05Z"));
        assert_eq!(
            Timestamp::corrected(received, at("9999-01-01"), at("0000-01-01")),
            received
        );
    }
}
