//! Points in time as events carry them: read in many forms, written in one, RFC 3339 in milliseconds.

mod calendar;
mod forms;
mod rfc3339;
mod stated;

use std::fmt;

use self::calendar::Date;
pub(in crate::event) use self::stated::Stated;

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

    /// Reads a point in time in any of the forms that RudderStack's server reads: RFC 3339 first, as nearly every SDK
    /// writes it, then those in [`forms`].
    pub(in crate::event) fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        rfc3339::read(bytes).or_else(|| forms::read(bytes))
    }

    /// A date, the milliseconds since its midnight, and those that its clock is ahead of UTC.
    fn of(date: Date, time: i64, ahead: i64) -> Option<Self> {
        Self::from_unix_milliseconds(date.days_since_1970()? * DAY + time - ahead)
    }

    /// `received − (sent − original)`: when the event happened by the server's clock, whatever the client's clock says.
    /// `received` itself when that is not a year RFC 3339 can write.
    pub(in crate::event) fn corrected(received: Self, sent: Self, original: Self) -> Self {
        Self::from_unix_milliseconds(received.0 - (sent.0 - original.0)).unwrap_or(received)
    }

    /// The text, without quotes: always UTC, always three digits of a fraction.
    pub(in crate::event) fn text(self) -> [u8; Self::LENGTH] {
        let (days, time) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let Date { year, month, day } = Date::from_days_since_1970(days);
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

/// A number of decimal digits, nothing else; `None` over 64 bits too.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> Option<String> {
        Timestamp::read(text).map(|time| String::from_utf8(time.text().to_vec()).unwrap())
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
            "2026-01-02T03:04:05X",
            "2026-01-02T03:04:05*01:00",
            "2026-01-02T03:04:05+24:00",
            "9999-12-31T23:59:59-01:00",
            "２０２６-01-02",
        ] {
            assert_eq!(round_trip(text), None, "{text}");
        }
    }

    #[test]
    fn a_correction_out_of_range_is_no_correction() {
        let at = |text| Timestamp::read(text).unwrap();
        let received = at("2026-01-02T00:00:10Z");
        let corrected = Timestamp::corrected(received, at("2026-01-01T12:00:05Z"), at("2026-01-01T12:00:00Z"));
        assert_eq!(corrected, at("2026-01-02T00:00:05Z"));
        assert_eq!(
            Timestamp::corrected(received, at("9999-01-01"), at("0000-01-01")),
            received
        );
    }
}
