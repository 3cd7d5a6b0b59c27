//! What AWS's words say of a denial: who may not do what, and which type of policy decided it.
//!
//! AWS names one policy type at most, and across accounts often none.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

use serde::{Deserialize, Serialize};

/// The types of policies that AWS names in a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyType {
    /// A policy of the principal's own.
    Identity,
    /// The trust policy of a role.
    RoleTrust,
    /// A policy of the resource, other than a role's.
    Resource,
    /// A session policy.
    Session,
    /// A permissions boundary.
    PermissionsBoundary,
    /// A service control policy of the organization.
    ServiceControl,
    /// A resource control policy of the organization.
    ResourceControl,
    /// The policy of a VPC endpoint.
    VpcEndpoint,
}

/// AWS's words for each type, behind `because no` and behind `with an explicit deny in a`.
const WORDS: [(&str, PolicyType); 8] = [
    ("identity-based policy", PolicyType::Identity),
    ("role trust policy", PolicyType::RoleTrust),
    ("resource-based policy", PolicyType::Resource),
    ("session policy", PolicyType::Session),
    ("permissions boundary", PolicyType::PermissionsBoundary),
    ("service control policy", PolicyType::ServiceControl),
    ("resource control policy", PolicyType::ResourceControl),
    ("VPC endpoint policy", PolicyType::VpcEndpoint),
];

impl PolicyType {
    /// The name that AWS gives it.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        WORDS.iter().find(|(_, policy_type)| *policy_type == self).map_or("policy", |(words, _)| words)
    }
}

/// Why a request was denied, as far as AWS says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// No statement allows it.
    NotAllowed,
    /// A statement denies it.
    ExplicitDeny,
}

/// A denial in AWS's words, taken apart. What AWS does not say is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial<'a> {
    /// The ARN of the principal.
    pub principal: Option<&'a str>,
    /// The action, as `sts:AssumeRole`.
    pub action: Option<&'a str>,
    /// The resource: an ARN or `*`.
    pub resource: Option<&'a str>,
    /// The type of policy that decided it, and how.
    pub reason: Option<(PolicyType, Effect)>,
    /// The ARN of that policy.
    pub policy_arn: Option<&'a str>,
}

impl<'a> Denial<'a> {
    /// Takes the message of an access denied error apart.
    #[must_use]
    pub fn parse(message: &'a str) -> Self {
        let behind = |words: &str| message.split_once(words).map(|(_, behind)| behind);
        let word = |words: &str| behind(words).and_then(first_word);
        let allows = behind("because no ").and_then(|behind| {
            let (policy_type, behind) = policy_type(behind)?;
            // The action stands once more here, and here alone in some services' messages.
            let action = behind.trim_start().strip_prefix("allows the ").and_then(first_word);
            Some((policy_type, action))
        });
        let denies = behind("with an explicit deny in ").and_then(|behind| {
            let behind = ["an ", "a ", "the "].iter().find_map(|article| behind.strip_prefix(article));
            policy_type(behind?)
        });
        let policy_arn = denies.and_then(|(_, behind)| behind.strip_prefix(": ").and_then(first_word));
        Self {
            principal: word("User: ").filter(|word| word.starts_with("arn:")),
            action: word("not authorized to perform: ")
                .or(allows.and_then(|(_, action)| action))
                .filter(|word| is_action(word)),
            resource: word("on resource: "),
            reason: denies
                .map(|(policy_type, _)| (policy_type, Effect::ExplicitDeny))
                .or(allows.map(|(policy_type, _)| (policy_type, Effect::NotAllowed))),
            policy_arn: policy_arn.filter(|word| word.starts_with("arn:")),
        }
    }
}

fn policy_type(text: &str) -> Option<(PolicyType, &str)> {
    WORDS.iter().find_map(|(words, policy_type)| Some((*policy_type, text.strip_prefix(words)?)))
}

/// The text up to its first blank, without the punctuation of a sentence.
fn first_word(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next()?.trim_end_matches([',', '.', ';']);
    Some(word).filter(|word| !word.is_empty() && word.len() <= 2048)
}

fn is_action(text: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.split_once(':').is_some_and(|(service, name)| is_name(service) && is_name(name))
}

#[cfg(test)]
mod tests {
    use super::{Denial, Effect, PolicyType, WORDS};

    const BARE: &str = "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/x is not authorized to perform: \
                        sts:AssumeRole on resource: arn:aws:iam::111111111111:role/IAMListRole";

    #[test]
    fn every_policy_type_is_read_whether_it_denies_or_does_not_allow() {
        for (words, policy_type) in WORDS {
            let message = format!("{BARE} because no {words} allows the sts:AssumeRole action");
            assert_eq!(Denial::parse(&message).reason, Some((policy_type, Effect::NotAllowed)), "{message}");
            for article in ["a", "an", "the"] {
                let message = format!("{BARE} with an explicit deny in {article} {words}");
                let denial = Denial::parse(&message);
                assert_eq!(denial.reason, Some((policy_type, Effect::ExplicitDeny)), "{message}");
                assert_eq!(denial.policy_arn, None);
            }
            assert_eq!(policy_type.name(), words);
        }
    }

    #[test]
    fn principal_action_resource_and_policy_are_read() {
        let arn = "arn:aws:organizations::999999999999:policy/o-a/service_control_policy/p-2kgnabcd";
        let message = format!(
            "{BARE} with an explicit deny in a service control policy: {arn}, for complete details, or call the API"
        );
        let denial = Denial::parse(&message);
        assert_eq!(denial.principal, Some("arn:aws:sts::222222222222:assumed-role/LambdaRole/x"));
        assert_eq!(denial.action, Some("sts:AssumeRole"));
        assert_eq!(denial.resource, Some("arn:aws:iam::111111111111:role/IAMListRole"));
        assert_eq!(denial.policy_arn, Some(arn));
        let tag =
            Denial::parse("is not authorized because no role trust policy allows the sts:TagSession action");
        assert_eq!(
            (tag.action, tag.reason),
            (Some("sts:TagSession"), Some((PolicyType::RoleTrust, Effect::NotAllowed)))
        );
    }

    #[test]
    fn what_is_no_denial_tells_nothing() {
        for message in
            ["", "Rate exceeded", "with an explicit deny in ", "because no ", "User: ", "because no x"]
        {
            assert_eq!(Denial::parse(message), Denial::default(), "{message}");
        }
    }
}
