//! Kubernetes quantities, as far as this resource uses them: sizes in bytes, and amounts of a pod's resources.
//!
//! Read as the API server reads them: `1.5Gi`, `1e3`, `2E`, and numbers without quotes. A bound is a rule that compares
//! quantities, because a `minimum` would see numbers only.

use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::formats::rule;

/// Longest text of a quantity. It also bounds what the API server thinks that a rule costs.
const MAX_QUANTITY_LENGTH: u32 = 26;

/// The quantities that offline checks can compute with: digits, a fraction, and an exponent or a unit. Their arithmetic
/// overflows beyond it; the API server also reads more digits, which nobody writes.
#[cfg(feature = "admission")]
pub(crate) const COMPUTABLE: &str =
    r"^[+-]?([0-9]{1,15}(\.[0-9]{0,9})?|\.[0-9]{1,9})([eE](\+?(0?[0-9]|1[0-8])|-0?[0-9])|[numkMGTPE]|[KMGTPE]i)?$";

/// A number of bytes, as Kubernetes writes quantities: 1048576, 1Mi, 1.5Gi, 5e6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ByteSize(String);

/// An amount of a pod's resource, as Kubernetes writes it: 500m, 2, 256Mi.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Amount(String);

impl ByteSize {
    /// The size as a person wrote it. [`ByteSize::bytes`] says whether it is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The size of this many bytes, in the largest unit that divides it.
    pub fn of_bytes(bytes: u64) -> Self {
        let units = [(40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")];
        let divides = |shift: &u32| bytes > 0 && bytes.trailing_zeros() >= *shift;
        let unit = units.iter().find(|(shift, _)| divides(shift));
        Self(unit.map_or_else(
            || bytes.to_string(),
            |(shift, name)| format!("{}{name}", bytes >> shift),
        ))
    }

    /// The text as a person wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The size in bytes, or `None` when the text is not a whole number of bytes or does not fit. The API server's
    /// schema has let only such sizes in.
    pub fn bytes(&self) -> Option<u64> {
        let text = self.0.strip_prefix('+').unwrap_or(&self.0);
        let digits = text.find(|byte: char| !byte.is_ascii_digit() && byte != '.');
        let (number, suffix) = text.split_at(digits.unwrap_or(text.len()));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()?;
        let (unit, exponent) = unit(suffix)?;
        let scaled = digits.checked_mul(unit)?;
        let bytes = match exponent - places {
            up @ 0.. => scaled.checked_mul(10_u128.checked_pow(up.unsigned_abs())?)?,
            down => {
                let divisor = 10_u128.checked_pow(down.unsigned_abs())?;
                scaled.is_multiple_of(divisor).then_some(scaled / divisor)?
            }
        };
        u64::try_from(bytes).ok()
    }
}

/// What a suffix multiplies by: a factor, and a power of ten.
fn unit(suffix: &str) -> Option<(u128, i32)> {
    Some(match suffix {
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "" => (1, 0),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        other => (1, other.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

impl Amount {
    /// The text as a person wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number_or_text(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number_or_text(deserializer).map(Self)
    }
}

fn quantity(rules: &serde_json::Value) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "maxLength": MAX_QUANTITY_LENGTH,
        "x-kubernetes-validations": rules,
    })
}

/// A whole number of bytes between two quantities.
fn bytes(least: &str, most: &str, example: &str) -> Schema {
    let sentence = format!("must be a whole number of bytes between {least} and {most}, for example {example}");
    quantity(&json!([rule(&whole_between(least, most), &sentence)]))
}

/// Not by `isInteger`, which takes `1.5Gi` for no whole number, and `5000m` neither.
fn whole_between(least: &str, most: &str) -> String {
    let bytes = "quantity(string(self)).asApproximateFloat()";
    format!("{} && double(int({bytes})) == {bytes}", between(least, most))
}

fn between(least: &str, most: &str) -> String {
    format!(
        "isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('{least}')) >= 0 && \
         quantity(string(self)).compareTo(quantity('{most}')) <= 0"
    )
}

pub(crate) fn max_request_size(_: &mut SchemaGenerator) -> Schema {
    bytes("1Ki", "64Mi", "10Mi")
}

pub(crate) fn deduplication_memory(_: &mut SchemaGenerator) -> Schema {
    bytes("1Mi", "1Gi", "32Mi")
}

pub(crate) fn bytes_per_second(_: &mut SchemaGenerator) -> Schema {
    bytes("1Ki", "1Ti", "5Mi")
}

pub(crate) fn spool_size(_: &mut SchemaGenerator) -> Schema {
    bytes("16Mi", "64Ti", "4Gi")
}

pub(crate) fn dead_letters_size(_: &mut SchemaGenerator) -> Schema {
    bytes("8Mi", "1Ti", "64Mi")
}

/// The size of a claim, which only grows.
pub(crate) fn storage(_: &mut SchemaGenerator) -> Schema {
    let sentence = "must be a whole number of bytes between 64Mi and 64Ti, for example 5Gi";
    quantity(&json!([
        rule(&whole_between("64Mi", "64Ti"), sentence),
        {
            "rule": "quantity(string(self)).compareTo(quantity(string(oldSelf))) >= 0",
            "message": "must not shrink, because no volume does",
            "reason": "FieldValueForbidden",
        },
    ]))
}

pub(crate) fn cpu(_: &mut SchemaGenerator) -> Schema {
    quantity(&json!([rule(
        &between("1m", "1k"),
        "must be between 1m and 1k CPUs, for example 500m"
    )]))
}

pub(crate) fn memory(_: &mut SchemaGenerator) -> Schema {
    bytes("16Mi", "16Ti", "512Mi")
}

/// Of an entry of `streams`. Its bounds are the plan's: before Kubernetes 1.34 the API server takes a quantity for 3 MB
/// of text when it estimates what a rule costs, and would refuse the definition for a rule that may run a thousand
/// times.
pub(crate) fn in_a_list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "maxLength": MAX_QUANTITY_LENGTH,
        "minimum": 1,
    })
}

/// YAML reads `5` as a number and `5Mi` as text; a quantity is both.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NumberOrText {
        Number(i64),
        Text(String),
    }
    Ok(match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(number) => number.to_string(),
        NumberOrText::Text(text) => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_kubernetes_reads_it() {
        for (text, bytes) in [
            ("1", Some(1)),
            ("10Mi", Some(10 * 1024 * 1024)),
            ("5k", Some(5000)),
            ("4Gi", Some(4 << 30)),
            ("2T", Some(2_000_000_000_000)),
            ("1.5Gi", Some(3 << 29)),
            ("+1.5k", Some(1500)),
            (".5Ki", Some(512)),
            ("5.", Some(5)),
            ("1e3", Some(1000)),
            ("1E3", Some(1000)),
            ("5000m", Some(5)),
            ("5000e-3", Some(5)),
            ("1E", Some(1_000_000_000_000_000_000)),
            ("1Ei", Some(1 << 60)),
            ("1m", None),
            ("1.5", None),
            ("", None),
            ("Mi", None),
            (".", None),
            ("-1", None),
            ("1ki", None),
            ("1e", None),
            ("16Ei", None),
            ("99999999999999Ti", None),
        ] {
            assert_eq!(ByteSize::new(text).bytes(), bytes, "{text:?}");
        }
    }

    #[test]
    fn a_size_is_written_in_the_largest_unit_that_divides_it() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1"),
            (1 << 10, "1Ki"),
            (3 << 29, "1536Mi"),
            (4 << 30, "4Gi"),
            (1025, "1025"),
        ] {
            assert_eq!(ByteSize::of_bytes(bytes).as_str(), text);
            assert_eq!(ByteSize::new(text).bytes(), Some(bytes));
        }
    }

    #[test]
    fn a_size_may_be_written_as_a_number() {
        let sizes: Vec<ByteSize> = serde_json::from_str(r#"[1024, "1Ki"]"#).unwrap();
        assert_eq!(sizes[0].bytes(), sizes[1].bytes());
    }
}
