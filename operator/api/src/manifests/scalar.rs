//! What a scalar of YAML stands for, as the reader of sigs.k8s.io/yaml resolves it: YAML 1.1's booleans, Go's numbers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

/// What a scalar stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// Above the largest of the others.
    Uint(u64),
    Float(f64),
    Text(String),
}

/// A number that is too large for the API's whole ones is one with a fraction there.
pub(super) fn unsigned(value: u64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "it is what the API server does")]
    i64::try_from(value).map_or_else(|_| (value as f64).into(), Value::from)
}

/// kubectl writes every number as JSON on its way, and there `1e3` and `1000` are the same. None when it is not finite.
pub(super) fn fraction(value: f64) -> Option<Value> {
    /// From here on Go writes an exponent.
    const EXPONENT_FROM: f64 = 1e21;
    if value.fract() == 0.0 && value.abs() < EXPONENT_FROM {
        // The shortest digits that mean this number, padded with zeros, are not always the number itself.
        if let Ok(whole) = format!("{value}").parse::<i64>() {
            return Some(whole.into());
        }
    }
    serde_json::Number::from_f64(value).map(Value::Number)
}

impl Scalar {
    /// Reads a scalar with a tag: the name of one of YAML's own, such as `int`.
    ///
    /// # Errors
    ///
    /// When the text is none of the tag's.
    pub(super) fn tagged(tag: &str, text: &str) -> Result<Self, String> {
        let refused = || format!("{:?} is no !!{tag}", crate::structure::shown(text));
        let plain = Self::plain(text);
        match (tag, plain) {
            ("binary", _) => {
                let lines: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
                let bytes = STANDARD.decode(lines).map_err(|_| refused())?;
                Ok(Self::Text(String::from_utf8_lossy(&bytes).into_owned()))
            }
            ("null", Self::Null) => Ok(Self::Null),
            ("bool", plain @ Self::Bool(_))
            | ("int", plain @ (Self::Int(_) | Self::Uint(_)))
            | ("float", plain @ Self::Float(_)) => Ok(plain),
            #[expect(clippy::cast_precision_loss, reason = "the tag asks for it")]
            ("float", Self::Int(whole)) => Ok(Self::Float(whole as f64)),
            ("timestamp", Self::Text(text)) if is_date(&text) => Ok(Self::Text(text)),
            ("null" | "bool" | "int" | "float" | "timestamp", _) => Err(refused()),
            // A tag of somebody else's says nothing.
            _ => Ok(Self::Text(text.to_owned())),
        }
    }

    /// Reads a scalar without quotes and without a tag.
    pub(super) fn plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
                return Self::Bool(true);
            }
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
                return Self::Bool(false);
            }
            ".nan" | ".NaN" | ".NAN" => return Self::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Self::Float(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => return Self::Float(f64::NEG_INFINITY),
            _ => {}
        }
        let number = match text.as_bytes()[0] {
            b'.' => leading_point(text),
            b'0'..=b'9' | b'+' | b'-' => number(&text.replace('_', "")),
            _ => None,
        };
        number.unwrap_or_else(|| Self::Text(text.to_owned()))
    }

    /// The value, or what is wrong with it.
    pub(super) fn value(&self) -> Result<Value, String> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Uint(value) => unsigned(*value),
            Self::Float(value) => fraction(*value).ok_or("JSON has no number that is not finite")?,
            Self::Text(text) => text.as_str().into(),
        })
    }

    /// The name of a field, or what is wrong with it.
    pub(super) fn key(self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Bool(value) => Ok(value.to_string()),
            Self::Int(value) => Ok(value.to_string()),
            Self::Float(value) => Ok(float_key(value)),
            Self::Null => Err("nothing cannot be a key".to_owned()),
            Self::Uint(value) => Err(format!("{value} is too large for a key, write it in quotes")),
        }
    }
}

/// Go's ParseFloat, which allows underscores where Go's own literals do.
fn leading_point(text: &str) -> Option<Scalar> {
    let bytes = text.as_bytes();
    let between_digits = |at: usize| {
        let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    };
    let mut underscores = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_');
    if !underscores.all(|(at, _)| between_digits(at)) {
        return None;
    }
    decimal(&text.replace('_', ""))
}

/// A number of Go's, or one with a fraction as YAML writes them.
fn number(text: &str) -> Option<Scalar> {
    whole(text).or_else(|| decimal(text)).or_else(|| signed_binary(text))
}

/// Go's ParseInt and ParseUint with the base that the text says.
fn whole(text: &str) -> Option<Scalar> {
    let (sign, magnitude) = match text.as_bytes().first()? {
        b'-' => (Some('-'), &text[1..]),
        b'+' => (Some('+'), &text[1..]),
        _ => (None, text),
    };
    let bytes = magnitude.as_bytes();
    let (digits, radix) = match (bytes.first()?, bytes.get(1)) {
        (b'0', Some(b'x' | b'X')) => (&magnitude[2..], 16),
        (b'0', Some(b'b' | b'B')) => (&magnitude[2..], 2),
        (b'0', Some(b'o' | b'O')) => (&magnitude[2..], 8),
        (b'0', Some(_)) => (&magnitude[1..], 8),
        _ => (magnitude, 10),
    };
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None; // a second sign, which Rust would take
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match sign {
        Some('-') => 0_i64.checked_sub_unsigned(magnitude).map(Scalar::Int),
        _ => match i64::try_from(magnitude) {
            Ok(value) => Some(Scalar::Int(value)),
            Err(_) => sign.is_none().then_some(Scalar::Uint(magnitude)),
        },
    }
}

/// Digits with a fraction or an exponent. What is too large stays a text.
fn decimal(text: &str) -> Option<Scalar> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = unsigned.starts_with(|first: char| first == '.' || first.is_ascii_digit())
        && unsigned
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if !is_number {
        return None; // Rust would take `inf` and `nan`
    }
    let value: f64 = text.parse().ok()?;
    value.is_finite().then_some(Scalar::Float(value))
}

/// `0b-1`, which the reader takes.
fn signed_binary(text: &str) -> Option<Scalar> {
    let digits = text
        .strip_prefix("0b")
        .filter(|digits| digits.starts_with(['-', '+']))?;
    i64::from_str_radix(digits, 2).ok().map(Scalar::Int)
}

/// Whether a text begins as a date does. Its rest may be anything: the value is the text either way.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 4 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}

/// Go's `FormatFloat(value, 'g', -1, 32)`, by which the reader names a field.
fn float_key(value: f64) -> String {
    /// Exponents that are written out.
    const PLAIN: std::ops::Range<i32> = -4..6;
    if value.is_nan() {
        return ".nan".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "the reader takes 32 bits of it")]
    let value = value as f32;
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || PLAIN.contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
