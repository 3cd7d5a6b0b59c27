//! The sections that are not options: accounts, accepted gaps, rules, exceptions, owners.

use std::collections::BTreeMap;

use rolecall_core::targets::TargetSpec;
use rolecall_roll::{AcceptedGap, Account, AccountId, ExternalId, RoleArn, RoleName};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, Error, ValueDeserializer};

use super::Problem;
use super::judging::{self, ExceptionSection, OwnersSection, RuleChange, date, require_text};

/// The names of the sections.
pub(super) const NAMES: [&str; 5] = ["account", "accepted_gap", "rules", "exception", "owners"];

/// The sections, as the file has them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sections {
    account: Vec<AccountSection>,
    accepted_gap: Vec<AcceptedGapSection>,
    rules: BTreeMap<Spanned<String>, RuleChange>,
    exception: Vec<Spanned<ExceptionSection>>,
    owners: OwnersSection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a section [[account]]")]
struct AccountSection {
    account_id: AccountId,
    role_arn: Option<Spanned<RoleArn>>,
    role_name: Option<RoleName>,
    external_id: Option<Spanned<toml::Value>>,
    #[serde(default)]
    via: Vec<RoleArn>,
    name: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a section [[accepted_gap]]")]
struct AcceptedGapSection {
    account_id: Spanned<AccountId>,
    owner: Spanned<String>,
    reason: Spanned<String>,
    until: Spanned<toml::Value>,
}

impl Sections {
    /// Reads the sections; the options were removed from the table before.
    pub(super) fn read(table: Spanned<DeValue<'_>>) -> Result<Self, Error> {
        Self::deserialize(ValueDeserializer::from(table))
    }

    /// Accounts with their own settings, or that are listed nowhere else.
    pub(super) fn accounts(&self) -> Result<Vec<TargetSpec>, Problem> {
        self.account.iter().map(AccountSection::target_spec).collect()
    }

    /// Accepted gaps, at most one for each account.
    pub(super) fn accepted_gaps(&self) -> Result<Vec<AcceptedGap>, Problem> {
        let mut all: Vec<AcceptedGap> = Vec::new();
        for AcceptedGapSection { account_id, owner, reason, until } in &self.accepted_gap {
            require_text("owner", owner).and_then(|()| require_text("reason", reason))?;
            if all.iter().any(|gap| gap.account_id == *account_id.get_ref()) {
                let problem = format!("account {} has two accepted gaps; keep one", account_id.get_ref());
                return Err((account_id.span(), problem));
            }
            all.push(AcceptedGap {
                account_id: account_id.get_ref().clone(),
                owner: owner.get_ref().clone(),
                reason: reason.get_ref().clone(),
                until: date(until)?,
            });
        }
        Ok(all)
    }

    /// Rules, exceptions and owners.
    pub(super) fn judging(&self) -> Result<rolecall_report::Settings, Problem> {
        judging::settings(&self.rules, &self.exception, &self.owners)
    }
}

impl AccountSection {
    fn target_spec(&self) -> Result<TargetSpec, Problem> {
        let Self { account_id, role_arn, role_name, external_id, via, name, tags } = self;
        if let Some(role_arn) = role_arn.as_ref().filter(|arn| arn.get_ref().account_id() != account_id) {
            let problem = format!(
                "role_arn: the role is in account {}, not in {account_id}",
                role_arn.get_ref().account_id()
            );
            return Err((role_arn.span(), problem));
        }
        let has_account = name.is_some() || tags.is_some();
        let account = Account { name: name.clone(), tags: tags.clone(), ..Account::default() };
        Ok(TargetSpec {
            role_arn: role_arn.as_ref().map(|role_arn| role_arn.get_ref().clone()),
            role_name: role_name.clone(),
            external_id: external_id.as_ref().map(parse_external_id).transpose()?,
            via: via.clone(),
            account: has_account.then_some(account),
            ..TargetSpec::new(account_id.clone())
        })
    }
}

/// Parsed here and not by serde, whose errors repeat the value.
fn parse_external_id(value: &Spanned<toml::Value>) -> Result<ExternalId, Problem> {
    let invalid = |problem: &str| (value.span(), format!("external_id: {problem}"));
    let text = value.get_ref().as_str().ok_or_else(|| invalid("not a text; put it in quotes"))?;
    text.parse().map_err(|problem: rolecall_roll::ParseIdError| invalid(&problem.to_string()))
}
