//! From an account's entry in a list or a configuration file to how the account is read.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use rolecall_roll::{Account, AccountId, ExternalId, Partition, RoleArn, RoleName, Terms};

use super::{Access, Role, Target};

/// Where an account's entry was given, for messages about entries that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSource {
    /// The option with this key.
    Option(&'static str),
    /// This line of the accounts file, counted from 1.
    AccountsFileLine(usize),
    /// A section of the configuration file.
    Configuration,
    /// The event of the Lambda function.
    Event,
    /// AWS Organizations lists it.
    Organization,
}

impl TargetSource {
    /// The source, with options named as the front end names them.
    #[must_use]
    pub fn to_text(self, terms: &dyn Terms) -> String {
        match self {
            Self::Option(key) => terms.setting(key),
            Self::AccountsFileLine(line) => format!("{} line {line}", terms.setting("accounts_file")),
            Self::Configuration => "[[account]] in rolecall.toml".to_owned(),
            Self::Event => "the event".to_owned(),
            Self::Organization => "AWS Organizations".to_owned(),
        }
    }
}

/// An account's entry, as given by options, a list or the configuration file: an id, and optionally how to read it.
#[derive(Debug, Clone)]
pub struct TargetSpec {
    /// The account's id, 12 digits.
    pub account_id: AccountId,
    /// The ARN of the role to assume; `None` where it is made from the template.
    pub role_arn: Option<RoleArn>,
    /// The name of the role to assume; `None` for that of [`TargetDefaults`].
    pub role_name: Option<RoleName>,
    /// The external id that the role's trust policy requires; `None` for that of [`TargetDefaults`].
    pub external_id: Option<ExternalId>,
    /// The intermediate roles, in order; empty for those of [`TargetDefaults`].
    pub via: Vec<RoleArn>,
    /// Why the account is skipped; `None` where it is read.
    pub skipped: Option<String>,
    /// Name, email, organizational unit and tags, as far as known; `None` where nothing is.
    pub account: Option<Account>,
    /// Where the entry was given; `None` where that is not known.
    pub source: Option<TargetSource>,
}

impl TargetSpec {
    /// The entry, given there.
    #[must_use]
    pub(crate) fn given_in(self, source: TargetSource) -> Self {
        Self { source: Some(source), ..self }
    }

    /// The accounts of a list, each with the settings of its override, followed by the overrides of accounts that are not in
    /// the list.
    #[must_use]
    pub fn with_overrides(list: Vec<Self>, overrides: &[Self]) -> Vec<Self> {
        let listed: BTreeSet<AccountId> = list.iter().map(|spec| spec.account_id.clone()).collect();
        let override_for = |spec: &Self| overrides.iter().find(|it| it.account_id == spec.account_id);
        let others = overrides.iter().filter(|it| !listed.contains(&it.account_id)).cloned();
        list.into_iter()
            .map(|spec| match override_for(&spec) {
                Some(override_spec) => spec.overridden_by(override_spec),
                None => spec,
            })
            .chain(others)
            .collect()
    }

    /// The account with the settings of an override, which take precedence.
    fn overridden_by(self, override_spec: &Self) -> Self {
        let listed = self.account.unwrap_or_default();
        let details = override_spec.account.clone().unwrap_or_default();
        let account = Account {
            name: details.name.or(listed.name),
            email: details.email.or(listed.email),
            organizational_unit: listed.organizational_unit,
            tags: match (listed.tags, details.tags) {
                (Some(listed), Some(details)) => Some(listed.into_iter().chain(details).collect()),
                (listed, details) => details.or(listed),
            },
        };
        Self {
            account_id: self.account_id,
            role_arn: override_spec.role_arn.clone().or(self.role_arn),
            role_name: override_spec.role_name.clone().or(self.role_name),
            external_id: override_spec.external_id.clone().or(self.external_id),
            via: if override_spec.via.is_empty() { self.via } else { override_spec.via.clone() },
            skipped: self.skipped,
            account: (account != Account::default()).then_some(account),
            // It is named where two roles contradict each other.
            source: override_spec.role_arn.as_ref().and(override_spec.source).or(self.source),
        }
    }

    /// The account of a role that is given by its ARN.
    #[must_use]
    pub fn from_role_arn(role_arn: &RoleArn) -> Self {
        Self { role_arn: Some(role_arn.clone()), ..Self::new(role_arn.account_id().clone()) }
    }

    /// An account of which only the id is given.
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
            source: None,
        }
    }
}

/// The settings for accounts whose entry lacks them.
#[derive(Debug, Clone)]
pub struct TargetDefaults {
    /// The template of the role ARNs.
    pub template: RoleArnTemplate,
    /// The partition of the role ARNs.
    pub partition: Partition,
    /// The name of the role to assume; `None` where none is given.
    pub role_name: Option<RoleName>,
    /// The external id that the roles' trust policies require; `None` where they require none.
    pub external_id: Option<ExternalId>,
    /// The intermediate roles, in order.
    pub via: Vec<RoleArn>,
    /// The caller's own account, which is read with the caller's credentials unless its entry gives a role ARN. `None` where
    /// the caller identity is unknown.
    pub own_account: Option<AccountId>,
}

impl TargetDefaults {
    /// How an account is read.
    ///
    /// # Errors
    /// [`MissingRole`] where no role is given for it.
    pub fn resolve(&self, spec: TargetSpec) -> Result<Target, MissingRole> {
        let TargetSpec { account_id, role_arn, role_name, external_id, via, skipped, account, source } = spec;
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
        Ok(Target { account_id, access, account, source })
    }
}

/// No role is given for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRole(AccountId);

impl MissingRole {
    /// The error message, with options named as the front end names them.
    #[must_use]
    pub fn to_text(&self, terms: &dyn Terms) -> String {
        format!("no role is given for account {}; set {}", self.0, terms.setting("role_name"))
    }
}

/// A template of role ARNs, such as `arn:{partition}:iam::{account_id}:role/{role_name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArnTemplate(String);

impl RoleArnTemplate {
    /// The role ARN in an account; `None` where the template contains `{role_name}` and no name is given.
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
        // With a name this cannot fail: the template was checked when it was parsed.
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

/// A text is not a template of role ARNs. The message quotes it and says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "role template {0:?} {1}; expected a template such as arn:{{partition}}:iam::{{account_id}}:role/{{role_name}}"
)]
pub struct InvalidTemplate(String, &'static str);

impl FromStr for RoleArnTemplate {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        let invalid = |problem| InvalidTemplate(text.to_owned(), problem);
        if !text.contains("{account_id}") {
            return Err(invalid("has no {account_id}, so it would give the same account each time"));
        }
        let template = Self(text.to_owned());
        let account_id: AccountId = "111111111111".parse().map_err(|_| invalid("cannot be tried"))?;
        let role_name: RoleName = "NAME".parse().map_err(|_| invalid("cannot be tried"))?;
        match template.fill(Partition::Aws, &account_id, Some(&role_name)) {
            Some(_) => Ok(template),
            None => Err(invalid("does not give a role ARN")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rolecall_roll::{Account, NeutralTerms, Partition};

    use super::{RoleArnTemplate, TargetDefaults, TargetSpec};
    use crate::targets::Access;

    #[test]
    fn an_override_takes_precedence_over_the_list_and_keeps_what_it_does_not_set() {
        let spec = |id: &str| TargetSpec::new(id.parse().unwrap());
        let named = |name: &str| Some(Account { name: Some(name.to_owned()), ..Account::default() });
        let listed = TargetSpec {
            role_name: Some("Listed".parse().unwrap()),
            external_id: Some("between-us".parse().unwrap()),
            account: named("listed"),
            ..spec("000000000001")
        };
        let overrides = [
            TargetSpec { role_name: Some("Otherwise".parse().unwrap()), ..spec("000000000001") },
            TargetSpec { account: named("acquired"), ..spec("000000000002") },
        ];
        let merged = TargetSpec::with_overrides(vec![listed.clone(), listed], &overrides);
        let [first, second, other] = &merged[..] else { panic!("{merged:?}") };
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
        assert_eq!(first.role_name.as_ref().unwrap().as_str(), "Otherwise");
        assert!(first.external_id.is_some(), "the override does not set it");
        assert_eq!(first.account, named("listed"));
        assert_eq!((other.account_id.as_str(), &other.account), ("000000000002", &named("acquired")));
    }

    #[test]
    fn a_template_gives_the_role_arn_in_each_account() {
        let defaults = TargetDefaults {
            template: "arn:{partition}:iam::{account_id}:role/audit/{role_name}".parse().unwrap(),
            partition: Partition::AwsCn,
            role_name: Some("R".parse().unwrap()),
            external_id: Some("between-us".parse().unwrap()),
            via: vec!["arn:aws-cn:iam::222222222222:role/Intermediate".parse().unwrap()],
            own_account: Some("222222222222".parse().unwrap()),
        };
        let spec = TargetSpec::new("000000000042".parse().unwrap());
        let Access::Role(role) = defaults.resolve(spec.clone()).unwrap().access else { panic!() };
        assert_eq!(role.role_arn.as_str(), "arn:aws-cn:iam::000000000042:role/audit/R");
        assert_eq!((role.via.len(), role.external_id.is_some()), (1, true));
        let own = TargetSpec::new("222222222222".parse().unwrap());
        assert_eq!(defaults.resolve(own.clone()).unwrap().access, Access::CallerCredentials);
        let with_role_arn =
            TargetSpec { role_arn: Some("arn:aws-cn:iam::222222222222:role/S".parse().unwrap()), ..own };
        assert!(
            matches!(defaults.resolve(with_role_arn).unwrap().access, Access::Role(_)),
            "its role ARN is given"
        );
        let skipped = TargetSpec { skipped: Some("suspended".to_owned()), ..spec.clone() };
        assert_eq!(defaults.resolve(skipped).unwrap().access, Access::Skipped("suspended".to_owned()));
        let no_role = TargetDefaults { role_name: None, ..defaults };
        assert!(no_role.resolve(spec).unwrap_err().to_text(&NeutralTerms).contains("000000000042"));
    }

    #[test]
    fn an_invalid_template_is_rejected() {
        for (text, message) in [
            ("arn:aws:iam::111111111111:role/R", "the same account each time"),
            ("{account_id}", "does not give a role ARN"),
            ("arn:{partition}:iam::{account_id}:role/{rolename}", "does not give a role ARN"),
        ] {
            let problem = text.parse::<RoleArnTemplate>().unwrap_err().to_string();
            assert!(problem.contains(message) && problem.contains(text), "{problem}");
        }
    }
}
