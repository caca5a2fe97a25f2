//! Reads a point in time in any of the forms that RudderStack's server reads.

use super::{forms, instant::Timestamp, rfc3339};

/// Reads a point in time: RFC 3339 first, as nearly every SDK writes it, then the other [`forms`].
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    rfc3339::read(bytes).or_else(|| forms::read(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> Option<String> {
        read(text).map(|time| String::from_utf8(time.text().to_vec()).unwrap())
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
    fn every_instant_is_read_as_it_was_written() {
        // Steps of a prime, so that every digit of every place occurs.
        for milliseconds in (-62_167_219_200_000..253_402_300_800_000).step_by(15_485_863_001) {
            let time = Timestamp::from_unix_milliseconds(milliseconds);
            assert_eq!(time.and_then(|time| read(&time.to_string())), time, "{milliseconds}");
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
}
