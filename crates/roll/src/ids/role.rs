use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AccountId, ParseIdError, Partition, impl_text_id, is_name_character, quoted};

/// The name of an IAM role: 1 to 64 of `[\w+=,.@-]`, without its path.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(String);

impl_text_id!(RoleName);

impl FromStr for RoleName {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let quoted = quoted(text);
        if text.starts_with("arn:") {
            return Err(ParseIdError(format!(
                "role name {quoted} is an ARN; give it as the role ARN instead"
            )));
        }
        if text.contains('/') {
            return Err(ParseIdError(format!(
                "role name {quoted} has a path; give the role ARN instead: arn:aws:iam::ACCOUNT:role/PATH/NAME"
            )));
        }
        if text.is_empty() || text.len() > 64 || !text.chars().all(is_name_character) {
            return Err(ParseIdError(format!(
                "invalid role name {quoted}; IAM allows 1 to 64 letters, digits and any of _+=,.@-"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The ARN of an IAM role: `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleArn {
    text: String,
    partition: Partition,
    account_id: AccountId,
    role_name: RoleName,
}

impl RoleArn {
    /// Creates the ARN of a role with the path `/`.
    #[must_use]
    pub fn new(partition: Partition, account_id: AccountId, role_name: RoleName) -> Self {
        let text = format!("arn:{partition}:iam::{account_id}:role/{role_name}");
        Self { text, partition, account_id, role_name }
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The partition of the role's account.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The account that the role is in.
    #[must_use]
    pub fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The name of the role, without its path.
    #[must_use]
    pub fn role_name(&self) -> &RoleName {
        &self.role_name
    }
}

impl FromStr for RoleArn {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let quoted = quoted(text);
        let invalid = |problem: &str| {
            ParseIdError(format!("role ARN {quoted} {problem}; expected arn:aws:iam::123456789012:role/NAME"))
        };
        let invalid_part = |error: ParseIdError| ParseIdError(format!("role ARN {quoted}: {error}"));
        if text.contains(",arn:") {
            return Err(invalid("is a list, give each role ARN separately"));
        }
        let mut fields = text.splitn(6, ':');
        let mut field = || fields.next().unwrap_or_default();
        let (arn, partition, service, region) = (field(), field(), field(), field());
        let (account_id, resource) = (field(), field());
        if arn != "arn" {
            return Err(invalid("is not an ARN"));
        }
        let partition: Partition = partition.parse().map_err(invalid_part)?;
        if service == "sts" && resource.starts_with("assumed-role/") {
            return Err(invalid("is the ARN of a session, not of the role"));
        }
        if service != "iam" || !region.is_empty() {
            return Err(invalid("is not an IAM ARN"));
        }
        let account_text = account_id;
        let account_id: AccountId = account_text.parse().map_err(invalid_part)?;
        if account_id.as_str() != account_text {
            return Err(invalid("has dashes in its account id; an ARN has the 12 digits alone"));
        }
        let Some(path_and_name) = resource.strip_prefix("role/") else {
            return Err(invalid("does not name a role"));
        };
        let (path, role_name) = path_and_name.rsplit_once('/').unwrap_or(("", path_and_name));
        // IAM: a path is up to 512 characters of U+0021 to U+007E.
        if path.len() > 510 || !path.chars().all(|c| c.is_ascii_graphic()) {
            return Err(invalid("has an invalid path"));
        }
        let role_name = role_name.parse().map_err(invalid_part)?;
        Ok(Self { text: text.to_owned(), partition, account_id, role_name })
    }
}

impl std::fmt::Display for RoleArn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for RoleArn {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, ParseIdError> {
        text.parse()
    }
}

impl From<RoleArn> for String {
    fn from(role_arn: RoleArn) -> Self {
        role_arn.text
    }
}

#[cfg(test)]
mod tests {
    use super::{Partition, RoleArn, RoleName};

    #[test]
    fn a_role_arn_is_parsed_into_its_parts() {
        let arn: RoleArn = "arn:aws-cn:iam::000000000042:role/security/audit/IAMListRole".parse().unwrap();
        assert_eq!(arn.partition(), Partition::AwsCn);
        assert_eq!(arn.account_id().as_str(), "000000000042");
        assert_eq!(arn.role_name().as_str(), "IAMListRole");
        let text = arn.to_string();
        assert_eq!(text.parse::<RoleArn>().unwrap(), arn);
    }

    #[test]
    fn an_invalid_role_arn_is_an_error_with_the_value_and_the_reason() {
        for (text, reason) in [
            ("IAMListRole", "is not an ARN"),
            ("arn:aws:iam::1111111111:role/IAMListRole", "tutorials"),
            ("arn:aws:iam::1111-1111-1111:role/IAMListRole", "dashes in its account id"),
            ("arn:aws:iam::111111111111:user/alice", "does not name a role"),
            ("arn:aws:sts::111111111111:assumed-role/IAMListRole/x", "session"),
            ("arn:aws:s3:::bucket", "not an IAM ARN"),
            ("arn:amazon:iam::111111111111:role/R", "partition"),
            ("arn:aws:iam::111111111111:role/", "role name"),
            ("arn:aws:iam::111111111111:role/a b/R", "path"),
            ("arn:aws:iam:us-east-1:111111111111:role/R", "not an IAM ARN"),
            ("", "is not an ARN"),
            ("arn:aws:iam::111111111111:role/R,arn:aws:iam::333333333333:role/R", "is a list"),
        ] {
            let problem = text.parse::<RoleArn>().unwrap_err().to_string();
            assert!(problem.contains(reason), "{problem}");
            assert!(problem.contains(text), "{problem}");
        }
    }

    #[test]
    fn a_role_name_is_neither_a_path_nor_an_arn() {
        assert!("a/b".parse::<RoleName>().unwrap_err().to_string().contains("path"));
        assert!("arn:aws:iam::1:role/x".parse::<RoleName>().unwrap_err().to_string().contains("ARN"));
        assert!("x".repeat(65).parse::<RoleName>().is_err());
    }
}
