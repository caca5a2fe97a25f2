//! Kubernetes quantities, as far as this resource uses them: sizes in bytes, and amounts of a pod's resources.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// A number of bytes: a whole number, or one with a suffix k, M, G, T or Ki, Mi, Gi, Ti.
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

    /// The text as a person wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The size in bytes, or `None` when the text is not a size or does not fit. The API server's schema has let only sizes in.
    pub fn bytes(&self) -> Option<u64> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (number, suffix) = self.0.split_at(digits);
        let unit: u64 = match suffix {
            "" => 1,
            "k" => 1000,
            "M" => 1000_u64.pow(2),
            "G" => 1000_u64.pow(3),
            "T" => 1000_u64.pow(4),
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            "Ti" => 1 << 40,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit)
    }
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

impl JsonSchema for ByteSize {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "pattern": "^[1-9][0-9]{0,14}([kMGT]|[KMGT]i)?$",
            "maxLength": 17,
            "minimum": 1,
            "maximum": 999_999_999_999_999_i64,
        })
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "pattern": "^[0-9]{1,12}(\\.[0-9]{1,9})?(m|[kMGT]|[KMGT]i)?$",
            "maxLength": 26,
            "minimum": 0,
            "maximum": 999_999_999_999_i64,
        })
    }
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
            ("", None),
            ("Mi", None),
            ("1.5Gi", None),
            ("-1", None),
            ("99999999999999Ti", None),
        ] {
            assert_eq!(ByteSize::new(text).bytes(), bytes, "{text:?}");
        }
    }

    #[test]
    fn a_size_may_be_written_as_a_number() {
        let sizes: Vec<ByteSize> = serde_json::from_str(r#"[1024, "1Ki"]"#).unwrap();
        assert_eq!(sizes[0].bytes(), sizes[1].bytes());
    }
}
