//! A point in time, and how it is written.

use std::fmt;

use super::calendar::Date;

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

    /// A date, the milliseconds since its midnight, and those that its clock is ahead of UTC.
    pub(super) fn of(date: Date, time: i64, ahead: i64) -> Option<Self> {
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
        let mut put = |at: usize, value: i64| {
            let value = u8::try_from(value).expect("two digits are below 100");
            text[at] += value / 10;
            text[at + 1] += value % 10;
        };
        put(0, year / 100);
        put(2, year % 100);
        put(5, month);
        put(8, day);
        put(11, time / 3_600_000);
        put(14, time / 60_000 % 60);
        put(17, time / 1000 % 60);
        // The first of three digits is the last of two whose other one is a point, which a zero leaves alone.
        put(19, time / 100 % 10);
        put(21, time % 100);
        text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::str::from_utf8(&self.text()).expect("a timestamp's text is ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_out_of_range_is_no_correction() {
        let at = |milliseconds| Timestamp::from_unix_milliseconds(milliseconds).unwrap();
        let received = at(1_767_312_010_000);
        assert_eq!(
            Timestamp::corrected(received, at(1_767_268_805_000), at(1_767_268_800_000)),
            at(1_767_312_005_000)
        );
        assert_eq!(Timestamp::corrected(received, at(MAX), at(MIN)), received);
    }
}
