use std::fmt;
use std::str::FromStr;

use super::{ParseIdError, quoted};

/// An AWS partition: a group of regions with its own accounts, credentials and endpoints. A role cannot be assumed
/// from another partition.
///
/// Source: <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// The commercial regions.
    Aws,
    /// China.
    AwsCn,
    /// GovCloud (US).
    AwsUsGov,
    /// The European Sovereign Cloud.
    AwsEusc,
    /// ISO (US).
    AwsIso,
    /// ISOB (US).
    AwsIsoB,
    /// ISOE (Europe).
    AwsIsoE,
    /// ISOF (US).
    AwsIsoF,
}

/// Each partition's name, the prefix of its regions, and the region to use where none is set.
const TABLE: [(Partition, &str, &str, &str); 8] = [
    (Partition::AwsCn, "aws-cn", "cn-", "cn-north-1"),
    (Partition::AwsUsGov, "aws-us-gov", "us-gov-", "us-gov-west-1"),
    (Partition::AwsEusc, "aws-eusc", "eusc-", "eusc-de-east-1"),
    (Partition::AwsIsoB, "aws-iso-b", "us-isob-", "us-isob-east-1"),
    (Partition::AwsIsoE, "aws-iso-e", "eu-isoe-", "eu-isoe-west-1"),
    (Partition::AwsIsoF, "aws-iso-f", "us-isof-", "us-isof-south-1"),
    (Partition::AwsIso, "aws-iso", "us-iso-", "us-iso-east-1"),
    // Last, because its prefix is empty: every other region is in the commercial partition.
    (Partition::Aws, "aws", "", "us-east-1"),
];

impl Partition {
    /// The name, which is the second field of an ARN.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// The region whose STS endpoint is used where the caller has set none.
    #[must_use]
    pub fn default_region(self) -> &'static str {
        self.row().3
    }

    /// The partition that a region belongs to, by the prefix of the region's name.
    #[must_use]
    pub fn from_region(region: &str) -> Self {
        TABLE.iter().find(|(_, _, prefix, _)| region.starts_with(prefix)).map_or(Self::Aws, |row| row.0)
    }

    fn row(self) -> (Self, &'static str, &'static str, &'static str) {
        TABLE.into_iter().find(|row| row.0 == self).unwrap_or((self, "aws", "", "us-east-1"))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Partition {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        TABLE.iter().find(|row| row.1 == text).map(|row| row.0).ok_or_else(|| {
            let known = TABLE.map(|row| row.1).join(", ");
            ParseIdError(format!("unknown partition {}; expected one of {known}", quoted(text)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Partition, TABLE};

    #[test]
    fn every_partition_has_its_row() {
        for (partition, name, _, region) in TABLE {
            assert_eq!(partition.as_str(), name);
            assert_eq!(name.parse::<Partition>().unwrap(), partition);
            assert_eq!(Partition::from_region(region), partition, "{region}");
        }
        assert_eq!(Partition::from_region("eu-central-1"), Partition::Aws);
        assert!("amazon".parse::<Partition>().is_err());
    }
}
