//! Who asks, and whether a `Principal` element means them.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use std::str::FromStr;

/// The principal of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    text: String,
    partition: String,
    account_id: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// The root user of an account.
    Root,
    /// A role, or a session of it; its ARN, path and all, where that is known.
    Role { role_name: String, role_arn: Option<String> },
    /// A user, a federated user.
    Other,
    /// An AWS service.
    Service,
}

/// How near a `Principal` element comes to a caller. In the caller's own account a policy that names the account lets
/// its identity policies decide, one that names the caller decides by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Names {
    /// The caller's account.
    Account,
    /// The role that the caller is a session of.
    Role,
    /// Everybody.
    Everybody,
    /// The caller: a user, a session, a service.
    Caller,
}

impl Caller {
    /// The same session, of which it is known that its role is this one: a session's ARN has no path.
    #[must_use]
    pub fn of_role(mut self, arn: &str) -> Self {
        if let Kind::Role { role_arn, .. } = &mut self.kind {
            *role_arn = Some(arn.to_owned());
        }
        self
    }

    /// The partition, as `aws`; empty for a service.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The ARN, or the service's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The caller's account; empty for a service.
    #[must_use]
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Whether it is an account's root user, whom identity policies do not bind.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.kind == Kind::Root
    }

    /// Whether it is an AWS service, which no identity policy speaks of.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.kind == Kind::Service
    }

    /// Whether a value below `AWS` in a `Principal` element means the caller, and how nearly.
    #[must_use]
    pub fn named_by_aws(&self, value: &str) -> Option<Names> {
        if value == "*" {
            return Some(Names::Everybody);
        }
        if self.is_service() {
            return None;
        }
        if value == self.account_id {
            return Some(Names::Account);
        }
        if value == self.text {
            return Some(match self.kind {
                Kind::Role { .. } if self.text.contains(":role/") => Names::Role,
                Kind::Root => Names::Account,
                _ => Names::Caller,
            });
        }
        let (partition, account_id, resource) = iam_arn(value)?;
        if partition != self.partition || account_id != self.account_id {
            return None;
        }
        match (&self.kind, resource.split_once('/')) {
            _ if resource == "root" => Some(Names::Account),
            (Kind::Role { role_arn: Some(role_arn), .. }, _) => (value == role_arn).then_some(Names::Role),
            // A role's name is unique in its account whatever its path and its case, and a session's ARN has no path.
            (Kind::Role { role_name, role_arn: None }, Some(("role", path_and_name))) => {
                let named = path_and_name.rsplit('/').next().unwrap_or_default();
                named.eq_ignore_ascii_case(role_name).then_some(Names::Role)
            }
            _ => None,
        }
    }

    /// Whether a value below `Service` in a `Principal` element means the caller.
    #[must_use]
    pub fn named_by_service(&self, value: &str) -> Option<Names> {
        (self.is_service() && value == self.text).then_some(Names::Caller)
    }
}

/// Partition, account and resource of an ARN of IAM's.
fn iam_arn(text: &str) -> Option<(&str, &str, &str)> {
    let mut fields = text.splitn(6, ':');
    match [(); 6].map(|()| fields.next()) {
        [Some("arn"), Some(partition), Some("iam"), Some(""), Some(account_id), Some(resource)] => {
            Some((partition, account_id, resource))
        }
        _ => None,
    }
}

impl FromStr for Caller {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let new = |partition: &str, account_id: &str, kind| {
            Ok(Self {
                text: text.to_owned(),
                partition: partition.to_owned(),
                account_id: account_id.to_owned(),
                kind,
            })
        };
        let mut fields = text.splitn(6, ':');
        let [arn, partition, service, _, account_id, resource] =
            [(); 6].map(|()| fields.next().unwrap_or_default());
        if arn != "arn" {
            let is_service = text.contains('.') && !text.contains([':', '/', '*', ' ']);
            return if is_service { new("", "", Kind::Service) } else { Err(not_a_principal(text)) };
        }
        if account_id.len() != 12 || !account_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(not_a_principal(text));
        }
        let role = |role_name: &str| Kind::Role { role_name: role_name.to_owned(), role_arn: None };
        match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => new(partition, account_id, Kind::Root),
            ("iam", Some(("role", path_and_name))) => {
                new(partition, account_id, role(path_and_name.rsplit('/').next().unwrap_or_default()))
            }
            ("sts", Some(("assumed-role", rest))) if rest.contains('/') => {
                new(partition, account_id, role(rest.split('/').next().unwrap_or_default()))
            }
            ("iam", Some(("user", _))) | ("sts", Some(("federated-user", _))) => {
                new(partition, account_id, Kind::Other)
            }
            _ => Err(not_a_principal(text)),
        }
    }
}

fn not_a_principal(text: &str) -> String {
    format!(
        "principal {text:?} is none, one is like arn:aws:sts::222222222222:assumed-role/LambdaRole/session, \
         arn:aws:iam::222222222222:user/alice or lambda.amazonaws.com"
    )
}

#[cfg(test)]
mod tests {
    use super::{Caller, Names};

    #[test]
    fn a_session_is_meant_by_its_account_its_role_and_itself() {
        let session: Caller = "arn:aws:sts::222222222222:assumed-role/LambdaRole/s".parse().unwrap();
        for (value, names) in [
            ("*", Some(Names::Everybody)),
            ("222222222222", Some(Names::Account)),
            ("arn:aws:iam::222222222222:root", Some(Names::Account)),
            ("arn:aws:iam::222222222222:role/LambdaRole", Some(Names::Role)),
            ("arn:aws:iam::222222222222:role/service/LambdaRole", Some(Names::Role)),
            ("arn:aws:sts::222222222222:assumed-role/LambdaRole/s", Some(Names::Caller)),
            ("arn:aws:sts::222222222222:assumed-role/LambdaRole/t", None),
            ("arn:aws:iam::222222222222:role/*", None),
            ("arn:aws:iam::222222222222:user/LambdaRole", None),
            ("arn:aws:iam::333333333333:role/LambdaRole", None),
            ("arn:aws-cn:iam::222222222222:role/LambdaRole", None),
            ("333333333333", None),
            ("", None),
        ] {
            assert_eq!(session.named_by_aws(value), names, "{value}");
        }
    }

    #[test]
    fn what_is_no_principal_is_refused_with_the_value() {
        for text in [
            "",
            "alice",
            "arn:aws:iam::1:user/a",
            "arn:aws:s3:::bucket",
            "arn:aws:sts::222222222222:assumed-role/x",
        ] {
            let problem = text.parse::<Caller>().unwrap_err();
            assert!(problem.contains(text), "{problem}");
        }
    }
}
