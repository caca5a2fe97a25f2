//! Names of AWS: partitions, accounts, ARNs.

use std::{fmt, str::FromStr};

/// Partitions, by how the names of their regions begin. The last row is every other region's.
///
/// Source: [partitions](https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html).
const PARTITIONS: &[(&str, &str)] = &[
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
    ("", "aws"),
];

/// The partition of a region.
pub(super) fn partition(region: &str) -> &'static str {
    let row = PARTITIONS.iter().find(|(beginning, _)| region.starts_with(beginning));
    row.map_or("aws", |(_, partition)| partition)
}

/// The ARN of a delivery stream.
pub(super) fn delivery_stream(region: &str, account: &AccountId, name: &str) -> String {
    format!(
        "arn:{}:firehose:{region}:{account}:deliverystream/{name}",
        partition(region)
    )
}

/// An AWS account: 12 digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountId(String);

/// Why a text is no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an account has 12 digits, for example 123456789012")]
pub struct NoAccountId;

impl FromStr for AccountId {
    type Err = NoAccountId;

    fn from_str(text: &str) -> Result<Self, NoAccountId> {
        let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_account.then(|| Self(text.to_owned())).ok_or(NoAccountId)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_is_of_its_partition() {
        for (region, expected) in [
            ("eu-west-1", "aws"),
            ("us-east-1", "aws"),
            ("ap-southeast-7", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(partition(region), expected, "{region}");
        }
    }

    #[test]
    fn an_account_has_twelve_digits() {
        assert!("123456789012".parse::<AccountId>().is_ok());
        for bad in [
            "",
            "12345678901",
            "1234567890123",
            "12345678901a",
            "1234-5678-9012",
            "١٢٣٤٥٦",
        ] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
    }
}
