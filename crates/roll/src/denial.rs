//! Parses AWS's access denied message: the principal, the action, the resource, and the type of policy that denied it.
//!
//! AWS names at most one policy type, and across accounts often none.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

use serde::{Deserialize, Serialize};

/// The policy types that AWS names in an access denied message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyType {
    /// A policy that is attached to the principal.
    Identity,
    /// The trust policy of a role.
    RoleTrust,
    /// A resource-based policy other than a role trust policy.
    Resource,
    /// A policy that was passed when the session was created.
    Session,
    /// The permissions boundary of a user or role.
    PermissionsBoundary,
    /// A service control policy of the organization.
    ServiceControl,
    /// A resource control policy of the organization.
    ResourceControl,
    /// The policy of a VPC endpoint.
    VpcEndpoint,
}

/// The name of each policy type in AWS's messages, after `because no` and after `with an explicit deny in a`.
const NAMES: [(&str, PolicyType); 8] = [
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
    /// Whether a policy of this type applies to the resource, and so belongs to the resource's account or organization.
    #[must_use]
    pub(crate) fn is_of_resource(self) -> bool {
        matches!(self, Self::RoleTrust | Self::Resource | Self::ResourceControl)
    }

    /// The name in AWS's messages, such as `service control policy`.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, policy_type)| *policy_type == self).map_or("policy", |(name, _)| name)
    }
}

/// How a policy denied a request: by an explicit or an implicit deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// No statement allows the action (implicit deny).
    NotAllowed,
    /// A statement denies the action.
    ExplicitDeny,
}

/// The parts of an access denied message. A part that the message does not contain is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial<'a> {
    /// The ARN of the principal.
    pub principal: Option<&'a str>,
    /// The action, such as `sts:AssumeRole`.
    pub action: Option<&'a str>,
    /// The resource: an ARN or `*`.
    pub resource: Option<&'a str>,
    /// The type of the policy that denied the action, and how.
    pub reason: Option<(PolicyType, Effect)>,
    /// The ARN of that policy; AWS names it for some explicit denies only.
    pub policy_arn: Option<&'a str>,
    /// The id by which AWS's authorization details of the request can be read, for at least 24 hours.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied-authorization-id.html>
    pub authorization_id: Option<&'a str>,
}

impl<'a> Denial<'a> {
    /// Parses the message of an access denied error. Any text parses: what is not found stays `None`.
    #[must_use]
    pub fn parse(message: &'a str) -> Self {
        let text_after = |marker: &str| message.split_once(marker).map(|(_, rest)| rest);
        let word_after = |marker: &str| text_after(marker).and_then(first_word);
        let not_allowed = text_after("because no ").and_then(|rest| {
            let (policy_type, rest) = strip_policy_type(rest)?;
            // The action is repeated here; in the messages of some services it is only here.
            let action = rest.trim_start().strip_prefix("allows the ").and_then(first_word);
            Some((policy_type, action))
        });
        let explicit_deny = text_after("with an explicit deny in ").and_then(|rest| {
            let rest = ["an ", "a ", "the "].iter().find_map(|article| rest.strip_prefix(article));
            strip_policy_type(rest?)
        });
        let policy_arn = explicit_deny.and_then(|(_, rest)| rest.strip_prefix(": ").and_then(first_word));
        Self {
            principal: word_after("User: ").filter(|word| word.starts_with("arn:")),
            action: word_after("not authorized to perform: ")
                .or(not_allowed.and_then(|(_, action)| action))
                .filter(|word| is_action(word)),
            resource: word_after("on resource: "),
            reason: explicit_deny
                .map(|(policy_type, _)| (policy_type, Effect::ExplicitDeny))
                .or(not_allowed.map(|(policy_type, _)| (policy_type, Effect::NotAllowed))),
            policy_arn: policy_arn.filter(|word| word.starts_with("arn:")),
            authorization_id: word_after("authorization id: ")
                .filter(|word| word.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())),
        }
    }
}

/// The policy type that a text begins with, and the rest of the text.
fn strip_policy_type(text: &str) -> Option<(PolicyType, &str)> {
    NAMES.iter().find_map(|(name, policy_type)| Some((*policy_type, text.strip_prefix(name)?)))
}

/// The text up to the first white space, without the punctuation of a sentence.
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
    use super::{Denial, Effect, NAMES, PolicyType};

    const BARE: &str = "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/x is not authorized to perform: \
                        sts:AssumeRole on resource: arn:aws:iam::111111111111:role/IAMListRole";

    #[test]
    fn every_policy_type_is_read_whether_it_denies_or_does_not_allow() {
        for (name, policy_type) in NAMES {
            let message = format!("{BARE} because no {name} allows the sts:AssumeRole action");
            assert_eq!(Denial::parse(&message).reason, Some((policy_type, Effect::NotAllowed)), "{message}");
            for article in ["a", "an", "the"] {
                let message = format!("{BARE} with an explicit deny in {article} {name}");
                let denial = Denial::parse(&message);
                assert_eq!(denial.reason, Some((policy_type, Effect::ExplicitDeny)), "{message}");
                assert_eq!(denial.policy_arn, None);
            }
            assert_eq!(policy_type.name(), name);
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
    fn the_authorization_id_is_read() {
        let id = |text: &str| {
            let message = format!(
                "{BARE} with an explicit deny in an identity-based policy: arn:aws:iam::222222222222:policy/Deny. Go to \
                 https://us-east-1.console.aws.amazon.com/iam/home?region=us-east-1#/authorization-details/{text} for complete \
                 details, or call the GetRequestAuthorizationDetails API with the following authorization id: {text}"
            );
            let denial = Denial::parse(&message);
            assert_eq!(denial.policy_arn, Some("arn:aws:iam::222222222222:policy/Deny"));
            denial.authorization_id.map(str::to_owned)
        };
        assert_eq!(id("1a2b3c4d5e").as_deref(), Some("1a2b3c4d5e"));
        assert_eq!(id("../../etc"), None, "an id is letters and digits");
    }

    #[test]
    fn a_message_that_is_not_a_denial_has_no_parts() {
        for message in
            ["", "Rate exceeded", "with an explicit deny in ", "because no ", "User: ", "because no x"]
        {
            assert_eq!(Denial::parse(message), Denial::default(), "{message}");
        }
    }
}
