//! The principal of a request, and whether a `Principal` element of a policy matches it.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use std::str::FromStr;

/// The principal of a request: a user, a role, a session, an account's root user or an AWS service.
///
/// The ARN of a role has its path, and is matched with the path: `role/LambdaRole` is not
/// `role/service-role/LambdaRole`. The ARN of a session has no path; [`Principal::with_principal_arn`] adds it.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    text: String,
    partition: String,
    account_id: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// The root user of an account.
    Root,
    /// A user.
    User,
    /// A session of `sts:GetFederationToken`.
    FederatedUser,
    /// A role itself.
    Role,
    /// A session of a role; `role_arn` has the role's path, and is `None` where the path is not known.
    RoleSession { role_name: String, role_arn: Option<String> },
    /// An AWS service.
    Service,
}

/// How closely a `Principal` element matches the principal of a request, in ascending order.
///
/// In the principal's own account, a policy that names the account delegates to the identity-based policies; a policy
/// that names the principal allows by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PrincipalMatch {
    /// The element names the principal's account.
    Account,
    /// The element names the role, or the role of the session.
    Role,
    /// The element is `*`.
    Anyone,
    /// The element names the principal itself: a user, a session, a service.
    Exact,
}

/// A text that is not the principal of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid principal {0:?}; expected for example arn:aws:sts::222222222222:assumed-role/LambdaRole/session, \
     arn:aws:iam::222222222222:user/alice or lambda.amazonaws.com"
)]
pub struct ParsePrincipalError(String);

/// An `aws:PrincipalArn` that belongs to another principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{principal_arn:?} does not belong to principal {principal:?}; expected {expected}")]
pub struct PrincipalArnMismatch {
    principal_arn: String,
    principal: String,
    expected: String,
}

impl Principal {
    /// Sets the value of `aws:PrincipalArn`. For a session, AWS sets it to the ARN of the session's role, which has the
    /// path of the role; the session's own ARN adds nothing. For any other principal, it is the principal's ARN. AWS
    /// services have no `aws:PrincipalArn`, so it is ignored for them.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn>
    ///
    /// # Errors
    /// [`PrincipalArnMismatch`] where it belongs to another principal: another partition, account or name, or a path
    /// other than the one that was set before.
    pub fn with_principal_arn(mut self, principal_arn: &str) -> Result<Self, PrincipalArnMismatch> {
        if self.is_service() || principal_arn == self.text {
            return Ok(self);
        }
        let mismatch = |expected: String| PrincipalArnMismatch {
            principal_arn: principal_arn.to_owned(),
            principal: self.text.clone(),
            expected,
        };
        let Kind::RoleSession { role_name, role_arn } = &mut self.kind else {
            return Err(mismatch("its own ARN".to_owned()));
        };
        if let Some(known) = role_arn {
            return if principal_arn == known { Ok(self) } else { Err(mismatch(known.clone())) };
        }
        let is_role_of_session =
            parse_iam_arn(principal_arn).is_some_and(|(partition, account_id, resource)| {
                partition == self.partition
                    && account_id == self.account_id
                    && role_name_in(resource) == Some(role_name.as_str())
            });
        if !is_role_of_session {
            let role = format!("arn:{}:iam::{}:role/{role_name}", self.partition, self.account_id);
            return Err(mismatch(format!("{role}, with its path")));
        }
        *role_arn = Some(principal_arn.to_owned());
        Ok(self)
    }

    /// The partition, such as `aws`; empty for a service.
    pub(crate) fn partition(&self) -> &str {
        &self.partition
    }

    /// The ARN, or for a service its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The ARN, and that of the role where the principal is a session whose role is known; for a service its name.
    pub(crate) fn arns(&self) -> impl Iterator<Item = &str> {
        let role_arn = match &self.kind {
            Kind::RoleSession { role_arn, .. } => role_arn.as_deref(),
            _ => None,
        };
        [self.as_str()].into_iter().chain(role_arn)
    }

    /// The account id; empty for a service.
    #[must_use]
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Whether the principal is the root user of an account; identity-based policies do not apply to it.
    pub(crate) fn is_root(&self) -> bool {
        self.kind == Kind::Root
    }

    /// Whether the principal is an AWS service; identity-based policies do not apply to it.
    pub(crate) fn is_service(&self) -> bool {
        self.kind == Kind::Service
    }

    /// Whether the principal is a session that a user created with `sts:GetFederationToken`.
    #[must_use]
    pub fn is_federated_user(&self) -> bool {
        self.kind == Kind::FederatedUser
    }

    /// Whether the principal is a service-linked role or a session of one. For a session, `aws:PrincipalArn` says it.
    pub(crate) fn is_service_linked_role(&self) -> bool {
        match &self.kind {
            Kind::Role => is_service_linked_role(&self.text),
            Kind::RoleSession { role_arn, .. } => role_arn.as_deref().is_some_and(is_service_linked_role),
            _ => false,
        }
    }

    /// How closely a value of the key `AWS` in a `Principal` element matches; `None` where it does not.
    pub(crate) fn match_aws(&self, value: &str) -> Option<PrincipalMatch> {
        if value == "*" {
            return Some(PrincipalMatch::Anyone);
        }
        if self.is_service() {
            return None;
        }
        if value == self.account_id {
            return Some(PrincipalMatch::Account);
        }
        if value == self.text {
            return Some(match self.kind {
                Kind::Role => PrincipalMatch::Role,
                Kind::Root => PrincipalMatch::Account,
                _ => PrincipalMatch::Exact,
            });
        }
        let (partition, account_id, resource) = parse_iam_arn(value)?;
        if partition != self.partition || account_id != self.account_id {
            return None;
        }
        if resource == "root" {
            return Some(PrincipalMatch::Account);
        }
        let Kind::RoleSession { role_name, role_arn } = &self.kind else { return None };
        let is_role = match role_arn {
            Some(role_arn) => value == role_arn,
            // The name of a role is unique in its account, whatever its path and case. So without the path, the name
            // identifies the role, if there is a role with that ARN.
            None => role_name_in(resource).is_some_and(|name| name.eq_ignore_ascii_case(role_name)),
        };
        is_role.then_some(PrincipalMatch::Role)
    }

    /// How closely a value of the key `Service` in a `Principal` element matches; `None` where it does not.
    pub(crate) fn match_service(&self, value: &str) -> Option<PrincipalMatch> {
        (self.is_service() && value == self.text).then_some(PrincipalMatch::Exact)
    }
}

/// The partition, the account id and the resource of an IAM ARN.
fn parse_iam_arn(text: &str) -> Option<(&str, &str, &str)> {
    let mut fields = text.splitn(6, ':');
    match [(); 6].map(|()| fields.next()) {
        [Some("arn"), Some(partition), Some("iam"), Some(""), Some(account_id), Some(resource)] => {
            Some((partition, account_id, resource))
        }
        _ => None,
    }
}

/// Whether an ARN is that of a service-linked role: only AWS services create roles with this path.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html>
pub(crate) fn is_service_linked_role(arn: &str) -> bool {
    parse_iam_arn(arn).is_some_and(|(_, _, resource)| resource.starts_with("role/aws-service-role/"))
}

/// The name of the role in the resource of its ARN, `role/path/Name`.
fn role_name_in(resource: &str) -> Option<&str> {
    resource.strip_prefix("role/")?.rsplit('/').next()
}

impl FromStr for Principal {
    type Err = ParsePrincipalError;

    /// Parses an ARN as `sts:GetCallerIdentity` returns it, the ARN of a role, or the name of an AWS service.
    fn from_str(text: &str) -> Result<Self, ParsePrincipalError> {
        let invalid = || ParsePrincipalError(text.to_owned());
        let new = |partition: &str, account_id: &str, kind| Self {
            text: text.to_owned(),
            partition: partition.to_owned(),
            account_id: account_id.to_owned(),
            kind,
        };
        let mut fields = text.splitn(6, ':');
        let [arn, partition, service, _, account_id, resource] =
            [(); 6].map(|()| fields.next().unwrap_or_default());
        if arn != "arn" {
            let is_service = text.contains('.') && !text.contains([':', '/', '*', ' ']);
            return if is_service { Ok(new("", "", Kind::Service)) } else { Err(invalid()) };
        }
        if account_id.len() != 12 || !account_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let kind = match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => Kind::Root,
            ("iam", Some(("role", _))) => Kind::Role,
            ("iam", Some(("user", _))) => Kind::User,
            ("sts", Some(("federated-user", _))) => Kind::FederatedUser,
            ("sts", Some(("assumed-role", role_and_session))) => {
                // The ARN of a session has no path, and neither the role name nor the session name has a slash.
                let (role_name, session_name) = role_and_session.split_once('/').ok_or_else(invalid)?;
                if role_name.is_empty() || session_name.contains('/') {
                    return Err(invalid());
                }
                Kind::RoleSession { role_name: role_name.to_owned(), role_arn: None }
            }
            _ => return Err(invalid()),
        };
        // `role/` and `user/path/` have no name.
        if resource.ends_with('/') { Err(invalid()) } else { Ok(new(partition, account_id, kind)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Principal, PrincipalMatch};

    const SESSION: &str = "arn:aws:sts::222222222222:assumed-role/LambdaRole/s";

    fn principal(text: &str) -> Principal {
        text.parse().unwrap()
    }

    fn session_with_role(role_arn: &str) -> Principal {
        principal(SESSION).with_principal_arn(role_arn).unwrap()
    }

    fn assert_matches(principal: &Principal, expected: &[(&str, Option<PrincipalMatch>)]) {
        for (value, expected) in expected {
            assert_eq!(principal.match_aws(value), *expected, "{value} for {}", principal.as_str());
        }
    }

    #[test]
    fn a_session_matches_its_account_its_role_and_itself() {
        let always = [
            ("*", Some(PrincipalMatch::Anyone)),
            ("222222222222", Some(PrincipalMatch::Account)),
            ("arn:aws:iam::222222222222:root", Some(PrincipalMatch::Account)),
            (SESSION, Some(PrincipalMatch::Exact)),
            ("arn:aws:iam::222222222222:role/LambdaRole", Some(PrincipalMatch::Role)),
            ("arn:aws:sts::222222222222:assumed-role/LambdaRole/t", None),
            ("arn:aws:iam::222222222222:role/LambdaRole/s", None),
            ("arn:aws:iam::222222222222:role/*", None),
            ("arn:aws:iam::222222222222:user/LambdaRole", None),
            ("arn:aws:iam::333333333333:role/LambdaRole", None),
            ("arn:aws-cn:iam::222222222222:role/LambdaRole", None),
            ("333333333333", None),
            ("", None),
        ];
        assert_matches(&principal(SESSION), &always);
        assert_matches(&session_with_role("arn:aws:iam::222222222222:role/LambdaRole"), &always);
    }

    #[test]
    fn a_session_of_a_role_with_unknown_path_matches_by_the_name() {
        let expected = [
            ("arn:aws:iam::222222222222:role/service-role/LambdaRole", Some(PrincipalMatch::Role)),
            ("arn:aws:iam::222222222222:role/LAMBDAROLE", Some(PrincipalMatch::Role)),
            ("arn:aws:iam::222222222222:role/LambdaRole/Other", None),
        ];
        assert_matches(&principal(SESSION), &expected);
    }

    #[test]
    fn a_role_matches_with_its_path_and_so_does_a_session_with_a_known_role() {
        let role_arn = "arn:aws:iam::222222222222:role/service-role/LambdaRole";
        let expected = [
            (role_arn, Some(PrincipalMatch::Role)),
            ("222222222222", Some(PrincipalMatch::Account)),
            ("arn:aws:iam::222222222222:role/LambdaRole", None),
            ("arn:aws:iam::222222222222:role/Service-Role/LambdaRole", None),
            ("arn:aws:iam::222222222222:role/service-role/more/LambdaRole", None),
            // Paths and names are compared with case, as AWS compares them in AssumeRole.
            ("arn:aws:iam::222222222222:role/service-role/lambdarole", None),
            ("arn:aws:iam::222222222222:user/service-role/LambdaRole", None),
        ];
        assert_matches(&principal(role_arn), &expected);
        assert_matches(&session_with_role(role_arn), &expected);
        assert_eq!(principal(role_arn).match_aws(SESSION), None, "a role is not one of its sessions");
    }

    #[test]
    fn a_user_matches_with_its_path_and_a_federated_user_is_not_an_iam_user() {
        let user = "arn:aws:iam::222222222222:user/ops/bob";
        assert_matches(
            &principal(user),
            &[
                (user, Some(PrincipalMatch::Exact)),
                ("arn:aws:iam::222222222222:root", Some(PrincipalMatch::Account)),
                ("arn:aws:iam::222222222222:user/bob", None),
                ("arn:aws:iam::222222222222:user/ops/Bob", None),
                ("arn:aws:iam::222222222222:role/ops/bob", None),
            ],
        );
        let federated = "arn:aws:sts::222222222222:federated-user/bob";
        assert_matches(
            &principal(federated),
            &[
                (federated, Some(PrincipalMatch::Exact)),
                ("222222222222", Some(PrincipalMatch::Account)),
                ("arn:aws:iam::222222222222:user/bob", None),
            ],
        );
    }

    #[test]
    fn a_root_user_matches_as_its_account_and_a_service_only_as_a_service() {
        let root = "arn:aws:iam::222222222222:root";
        assert_matches(&principal(root), &[(root, Some(PrincipalMatch::Account))]);
        let service = principal("lambda.amazonaws.com");
        assert_matches(&service, &[("lambda.amazonaws.com", None), ("", None)]);
        assert_eq!(service.match_service("lambda.amazonaws.com"), Some(PrincipalMatch::Exact));
        assert_eq!(service.match_service("ec2.amazonaws.com"), None);
        assert_eq!(principal(root).match_service("lambda.amazonaws.com"), None);
    }

    #[test]
    fn the_principal_arn_of_another_principal_is_an_error_that_names_both() {
        let role = "arn:aws:iam::222222222222:role/service-role/LambdaRole";
        let user = "arn:aws:iam::222222222222:user/ops/bob";
        for (text, principal_arn) in [
            (SESSION, "arn:aws:iam::222222222222:role/Other"),
            (SESSION, "arn:aws:iam::222222222222:role/lambdarole"),
            (SESSION, "arn:aws:iam::333333333333:role/LambdaRole"),
            (SESSION, "arn:aws-cn:iam::222222222222:role/LambdaRole"),
            (SESSION, "arn:aws:iam::222222222222:user/LambdaRole"),
            (SESSION, "arn:aws:sts::222222222222:assumed-role/LambdaRole/t"),
            (SESSION, ""),
            (role, "arn:aws:iam::222222222222:role/LambdaRole"),
            (user, "arn:aws:iam::222222222222:user/bob"),
        ] {
            let mismatch = principal(text).with_principal_arn(principal_arn).unwrap_err().to_string();
            assert!(mismatch.contains(principal_arn) && mismatch.contains(text), "{mismatch}");
        }
        let twice = session_with_role(role).with_principal_arn("arn:aws:iam::222222222222:role/LambdaRole");
        assert!(twice.unwrap_err().to_string().contains(role), "a role has one path");
    }

    #[test]
    fn a_principal_arn_of_the_principal_itself_or_for_a_service_changes_nothing() {
        for text in [SESSION, "arn:aws:iam::222222222222:user/ops/bob", "arn:aws:iam::222222222222:root"] {
            assert_eq!(principal(text).with_principal_arn(text), Ok(principal(text)));
        }
        let service = principal("lambda.amazonaws.com");
        assert_eq!(service.clone().with_principal_arn("arn:aws:iam::222222222222:role/R"), Ok(service));
    }

    #[test]
    fn an_invalid_principal_is_an_error_with_the_value() {
        for text in [
            "",
            "alice",
            "arn:aws:iam::1:user/a",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::222222222222:role",
            "arn:aws:iam::222222222222:role/",
            "arn:aws:iam::222222222222:role/service-role/",
            "arn:aws:iam::222222222222:user/",
            "arn:aws:sts::222222222222:assumed-role/x",
            "arn:aws:sts::222222222222:assumed-role/x/",
            "arn:aws:sts::222222222222:assumed-role//s",
            "arn:aws:sts::222222222222:assumed-role/service-role/LambdaRole/s",
        ] {
            let problem = text.parse::<Principal>().unwrap_err().to_string();
            assert!(problem.contains(text), "{problem}");
        }
    }
}
