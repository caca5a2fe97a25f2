//! The proleptic Gregorian calendar, in days since 1970-01-01.

/// A day that the calendar may or may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

impl Date {
    /// Days from 1970-01-01, or `None` when the calendar has no such day.
    pub(super) fn days_since_1970(self) -> Option<i64> {
        let exists = (1..=12).contains(&self.month) && (1..=days_of_month(self.year, self.month)).contains(&self.day);
        exists.then(|| days_since_1970(self.year, self.month, self.day))
    }

    /// The inverse of [`Self::days_since_1970`].
    pub(super) fn from_days_since_1970(days: i64) -> Self {
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
        Self {
            year: year + era * 400,
            month,
            day,
        }
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

/// The year is counted from March, so that the leap day is its last.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_ten_thousand_years_is_the_date_it_is() {
        let (mut year, mut month, mut day) = (0, 1, 1);
        for days in -719_528..=2_932_896 {
            let date = Date { year, month, day };
            assert_eq!(Date::from_days_since_1970(days), date);
            assert_eq!(date.days_since_1970(), Some(days));
            day += 1;
            if day > days_of_month(year, month) {
                assert_eq!(Date { year, month, day }.days_since_1970(), None);
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (10_000, 1, 1));
    }
}
