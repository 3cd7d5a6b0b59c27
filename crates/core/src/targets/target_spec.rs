//! From an account that somebody spec to how it is asked.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use rolecall_roll::{Account, AccountId, ExternalId, Partition, RoleArn, RoleName, Terms};

use super::{Access, Role, Target};

/// An account as somebody spec it: with its role, or with less than that.
#[derive(Debug, Clone)]
pub struct TargetSpec {
    /// The account.
    pub account_id: AccountId,
    /// The role to become, where it was spec whole.
    pub role_arn: Option<RoleArn>,
    /// The name of the role to become.
    pub role_name: Option<RoleName>,
    /// What the role's trust policy asks for.
    pub external_id: Option<ExternalId>,
    /// The roles to become on the way.
    pub via: Vec<RoleArn>,
    /// Why it is not to be asked.
    pub skipped: Option<String>,
    /// What is known of it besides.
    pub account: Option<Account>,
}

impl TargetSpec {
    /// Accounts of a list, those of them asked otherwise that are written down, and behind them what is written down and
    /// not in the list.
    #[must_use]
    pub fn with_overrides(list: Vec<Self>, written: &[Self]) -> Vec<Self> {
        let listed: BTreeSet<AccountId> = list.iter().map(|spec| spec.account_id.clone()).collect();
        let written_of = |spec: &Self| written.iter().find(|it| it.account_id == spec.account_id);
        let others = written.iter().filter(|it| !listed.contains(&it.account_id)).cloned();
        list.into_iter()
            .map(|spec| match written_of(&spec) {
                Some(written) => spec.asked_as(written),
                None => spec,
            })
            .chain(others)
            .collect()
    }

    /// The same account, asked as it is written down.
    fn asked_as(self, written: &Self) -> Self {
        let known = self.account.unwrap_or_default();
        let more = written.account.clone().unwrap_or_default();
        let account = Account {
            name: more.name.or(known.name),
            email: more.email.or(known.email),
            organizational_unit: known.organizational_unit,
            tags: match (known.tags, more.tags) {
                (Some(known), Some(more)) => Some(known.into_iter().chain(more).collect()),
                (known, more) => more.or(known),
            },
        };
        Self {
            account_id: self.account_id,
            role_arn: written.role_arn.clone().or(self.role_arn),
            role_name: written.role_name.clone().or(self.role_name),
            external_id: written.external_id.clone().or(self.external_id),
            via: if written.via.is_empty() { self.via } else { written.via.clone() },
            skipped: self.skipped,
            account: (account != Account::default()).then_some(account),
        }
    }

    /// The account of a role that was spec whole.
    #[must_use]
    pub fn from_role_arn(role_arn: &RoleArn) -> Self {
        Self { role_arn: Some(role_arn.clone()), ..Self::new(role_arn.account_id().clone()) }
    }

    /// An account of which the id alone is known.
    #[must_use]
    pub fn new(account_id: AccountId) -> Self {
        Self {
            account_id,
            role_arn: None,
            role_name: None,
            external_id: None,
            via: Vec::new(),
            skipped: None,
            account: None,
        }
    }
}

/// What holds for accounts that were spec without it.
#[derive(Debug, Clone)]
pub struct TargetDefaults {
    /// How a role's ARN is made.
    pub template: RoleArnTemplate,
    /// The partition that it is made in.
    pub partition: Partition,
    /// The name of the role to become.
    pub role_name: Option<RoleName>,
    /// What the roles' trust policies ask for.
    pub external_id: Option<ExternalId>,
    /// The roles to become on the way.
    pub via: Vec<RoleArn>,
    /// The caller's own account, which is read with the caller's own credentials unless its role was spec whole.
    pub own_account: Option<AccountId>,
}

impl TargetDefaults {
    /// How the account of a spec is read.
    ///
    /// # Errors
    /// Where nobody says which role to become in it.
    pub fn resolve(&self, spec: TargetSpec) -> Result<Target, MissingRole> {
        let TargetSpec { account_id, role_arn, role_name, external_id, via, skipped, account } = spec;
        let access = if let Some(reason) = skipped {
            Access::Skipped(reason)
        } else if role_arn.is_none() && self.own_account.as_ref() == Some(&account_id) {
            Access::CallerCredentials
        } else {
            let role_name = role_name.as_ref().or(self.role_name.as_ref());
            let role_arn = role_arn.or_else(|| self.template.fill(self.partition, &account_id, role_name));
            let role_arn = role_arn.ok_or_else(|| MissingRole(account_id.clone()))?;
            let external_id = external_id.or_else(|| self.external_id.clone());
            let via = if via.is_empty() { self.via.clone() } else { via };
            Access::Role(Role { role_arn, external_id, via })
        };
        Ok(Target { account_id, access, account })
    }
}

/// No role is given for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRole(AccountId);

impl MissingRole {
    /// The error, with options called as a front end calls them.
    #[must_use]
    pub fn to_text(&self, terms: &dyn Terms) -> String {
        format!("no role is given for account {}; name it with {}", self.0, terms.setting("role_name"))
    }
}

/// How the ARN of a role is made: `arn:{partition}:iam::{account_id}:role/{role_name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArnTemplate(String);

impl RoleArnTemplate {
    /// The ARN for an account; `None` where the template asks for a name and there is none.
    fn fill(
        &self,
        partition: Partition,
        account_id: &AccountId,
        role_name: Option<&RoleName>,
    ) -> Option<RoleArn> {
        let text = self.0.replace("{partition}", &partition.to_string());
        let text = text.replace("{account_id}", account_id.as_str());
        let text = match role_name {
            Some(role_name) => text.replace("{role_name}", role_name.as_str()),
            None => text,
        };
        // With names in all places it is an ARN: that was held when it was read.
        text.parse().ok()
    }
}

impl Default for RoleArnTemplate {
    fn default() -> Self {
        Self("arn:{partition}:iam::{account_id}:role/{role_name}".to_owned())
    }
}

impl fmt::Display for RoleArnTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no template of a role's ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("role template {0:?} {1}; one is like arn:{{partition}}:iam::{{account_id}}:role/{{role_name}}")]
pub struct InvalidTemplate(String, &'static str);

impl FromStr for RoleArnTemplate {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        let wrong = |problem| InvalidTemplate(text.to_owned(), problem);
        if !text.contains("{account_id}") {
            return Err(wrong("has no {account_id}, and so is one account's"));
        }
        let template = Self(text.to_owned());
        let account_id: AccountId = "111111111111".parse().map_err(|_| wrong("cannot be tried"))?;
        let role_name: RoleName = "NAME".parse().map_err(|_| wrong("cannot be tried"))?;
        match template.fill(Partition::Aws, &account_id, Some(&role_name)) {
            Some(_) => Ok(template),
            None => Err(wrong("makes no ARN of a role")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rolecall_roll::{Account, NeutralTerms, Partition};

    use super::{RoleArnTemplate, TargetDefaults, TargetSpec};
    use crate::targets::Access;

    #[test]
    fn what_is_written_down_of_an_account_comes_over_what_lists_it_and_takes_nothing_else_away() {
        let spec = |id: &str| TargetSpec::new(id.parse().unwrap());
        let known = |name: &str| Some(Account { name: Some(name.to_owned()), ..Account::default() });
        let listed = TargetSpec {
            role_name: Some("Listed".parse().unwrap()),
            external_id: Some("between-us".parse().unwrap()),
            account: known("listed"),
            ..spec("000000000001")
        };
        let written = [
            TargetSpec { role_name: Some("Otherwise".parse().unwrap()), ..spec("000000000001") },
            TargetSpec { account: known("acquired"), ..spec("000000000002") },
        ];
        let merged = TargetSpec::with_overrides(vec![listed.clone(), listed], &written);
        let [first, second, other] = &merged[..] else { panic!("{merged:?}") };
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
        assert_eq!(first.role_name.as_ref().unwrap().as_str(), "Otherwise");
        assert!(first.external_id.is_some(), "nothing is written of it");
        assert_eq!(first.account, known("listed"));
        assert_eq!((other.account_id.as_str(), &other.account), ("000000000002", &known("acquired")));
    }

    #[test]
    fn a_template_makes_the_arn_of_each_account() {
        let defaults = TargetDefaults {
            template: "arn:{partition}:iam::{account_id}:role/audit/{role_name}".parse().unwrap(),
            partition: Partition::AwsCn,
            role_name: Some("R".parse().unwrap()),
            external_id: Some("between-us".parse().unwrap()),
            via: vec!["arn:aws-cn:iam::222222222222:role/Hop".parse().unwrap()],
            own_account: Some("222222222222".parse().unwrap()),
        };
        let spec = TargetSpec::new("000000000042".parse().unwrap());
        let Access::Role(role) = defaults.resolve(spec.clone()).unwrap().access else { panic!() };
        assert_eq!(role.role_arn.as_str(), "arn:aws-cn:iam::000000000042:role/audit/R");
        assert_eq!((role.via.len(), role.external_id.is_some()), (1, true));
        let own = TargetSpec::new("222222222222".parse().unwrap());
        assert_eq!(defaults.resolve(own.clone()).unwrap().access, Access::CallerCredentials);
        let whole =
            TargetSpec { role_arn: Some("arn:aws-cn:iam::222222222222:role/S".parse().unwrap()), ..own };
        assert!(matches!(defaults.resolve(whole).unwrap().access, Access::Role(_)), "it was spec whole");
        let skipped = TargetSpec { skipped: Some("suspended".to_owned()), ..spec.clone() };
        assert_eq!(defaults.resolve(skipped).unwrap().access, Access::Skipped("suspended".to_owned()));
        let nobody = TargetDefaults { role_name: None, ..defaults };
        assert!(nobody.resolve(spec).unwrap_err().to_text(&NeutralTerms).contains("000000000042"));
    }

    #[test]
    fn a_template_that_is_none_is_refused() {
        for (text, words) in [
            ("arn:aws:iam::111111111111:role/R", "one account's"),
            ("{account_id}", "makes no ARN"),
            ("arn:{partition}:iam::{account_id}:role/{rolename}", "makes no ARN"),
        ] {
            let problem = text.parse::<RoleArnTemplate>().unwrap_err().to_string();
            assert!(problem.contains(words) && problem.contains(text), "{problem}");
        }
    }
}
