//! The facts that a rule looks at, each with its source, or unknown with the reason. Where several sources tell a fact,
//! the live one comes first.

use jiff::Timestamp;
use rolecall_roll::{
    AccessKey, AccessKeyStatus, AccountRecord, Fact, FactKind, Header, LastUsed, Organization, Policies,
    Source, User,
};

/// A fact that a rule needs and does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingFact {
    /// What would tell it.
    pub fact: FactKind,
    /// What it is that is not known.
    pub missing: &'static str,
    /// Why it is unknown; `None` where nobody asked for it.
    pub reason: Option<String>,
}

impl MissingFact {
    /// What a fact tells is not known, for this reason.
    #[must_use]
    pub(crate) fn because(fact: FactKind, reason: String) -> Self {
        Self { fact, missing: fact.label(), reason: Some(reason) }
    }
}

/// An account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountView<'a> {
    /// The moment that ages are counted to.
    pub as_of: Timestamp,
    /// What was seen of it.
    pub roll: &'a AccountRecord,
    /// The organisation that it is in.
    pub organization: Option<&'a Organization>,
    /// Whether the run asked for access keys.
    pub reads_keys: bool,
}

/// A user of an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserView<'a> {
    /// The account.
    pub account: AccountView<'a>,
    /// The user.
    pub user: &'a User,
}

/// An access key of a user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyView<'a> {
    /// The user.
    pub of: UserView<'a>,
    /// The key.
    pub key: &'a AccessKey,
}

/// What is known, and where from.
///
/// # Errors
/// Where it is not known.
pub(crate) fn require<T>(fact: Fact<T>, kind: FactKind) -> Result<(T, Source), MissingFact> {
    match fact {
        Fact::Known { value, source } => Ok((value, source)),
        Fact::Unknown { unknown } => Err(MissingFact::because(kind, unknown)),
        Fact::NotRequested => Err(MissingFact { fact: kind, missing: kind.label(), reason: None }),
    }
}

/// Whole days from one moment to another, which is how ages are told.
#[must_use]
pub fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs().div_euclid(24 * 60 * 60)
}

/// A date for people.
#[must_use]
pub(crate) fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

impl<'a> AccountView<'a> {
    /// An account of a roll.
    #[must_use]
    pub(crate) fn new(header: &'a Header, roll: &'a AccountRecord) -> Self {
        let organization = header.organization.as_ref();
        Self { as_of: header.as_of, roll, organization, reads_keys: header.reads(FactKind::AccessKeys) }
    }

    /// Whether the account is the organisation's management account, whose root user nobody else manages.
    #[must_use]
    pub(crate) fn is_management(&self) -> bool {
        self.organization.is_some_and(|it| &it.management_account_id == self.roll.account_id())
    }

    /// Whether the organisation manages this account's root credentials.
    #[must_use]
    pub(crate) fn root_is_managed(&self) -> Fact<bool> {
        if self.is_management() {
            return Fact::live(false);
        }
        let of_organization =
            self.organization.map_or(Fact::NotRequested, |it| it.root_credentials_managed.clone());
        self.roll.facts().root_credentials_managed.clone().or(of_organization)
    }

    /// Whether the root user has an access key.
    ///
    /// # Errors
    /// Where it is not known.
    pub(crate) fn root_has_keys(&self) -> Result<(bool, Source), MissingFact> {
        let facts = self.roll.facts();
        let report = facts.root.as_ref().map(|root| root.access_keys_active.contains(&true));
        let known = facts.summary.as_ref().map(|summary| summary.root_has_access_keys).or(report);
        require(known, FactKind::ControlTotal)
            .map_err(|untold| MissingFact { missing: "root's access keys", ..untold })
    }

    /// Whether the root user has an MFA device, or no password that one would guard.
    ///
    /// That root credentials are managed centrally takes none away: those that a member had stay until they are deleted.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html>
    ///
    /// # Errors
    /// Where it is not known.
    pub(crate) fn root_is_guarded(&self) -> Result<(bool, Source), MissingFact> {
        let facts = self.roll.facts();
        let report = facts.root.as_ref().map(|root| (root.mfa_active, None));
        let summary = facts.summary.as_ref().map(|it| (it.root_has_mfa, it.root_has_password));
        let known = require(summary.or(report), FactKind::ControlTotal);
        let ((has_mfa, has_password), source) =
            known.map_err(|untold| MissingFact { missing: "root's MFA", ..untold })?;
        if !has_mfa && has_password.is_none() && self.root_is_managed().known() == Some(&true) {
            let reason =
                "root credentials are managed centrally, and AWS does not say whether this one is left";
            let untold = MissingFact::because(FactKind::ControlTotal, reason.to_owned());
            return Err(MissingFact { missing: "root's password", ..untold });
        }
        Ok((has_mfa || has_password == Some(false), source))
    }
}

/// What is known of a console password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Password {
    /// When it was made, or last changed; `None` where AWS does not say.
    pub made: Option<Timestamp>,
}

impl<'a> UserView<'a> {
    /// The access keys.
    #[must_use]
    pub(crate) fn access_keys(&self) -> Fact<&'a [AccessKey]> {
        if let Some(keys) = &self.user.access_keys {
            let source = self.user.no_access_keys_source.unwrap_or(Source::Live);
            return Fact::Known { value: keys, source };
        }
        if !self.account.reads_keys {
            return Fact::NotRequested;
        }
        let gaps = || self.account.roll.gaps().iter();
        let name = Some(self.user.user_name.as_str());
        let of_user =
            gaps().find(|gap| gap.stage == FactKind::AccessKeys.into() && gap.user_name.as_deref() == name);
        // What ended the reading of the account, at whichever stage, ended that of the keys.
        let gap = of_user.or_else(|| gaps().find(|gap| gap.user_name.is_none()));
        Fact::Unknown { unknown: gap.map_or_else(|| "not read".to_owned(), |gap| gap.error_kind.to_string()) }
    }

    /// The keys that work.
    ///
    /// # Errors
    /// Where the keys are not known.
    pub(crate) fn active_keys(&self) -> Result<(Vec<&'a AccessKey>, Source), MissingFact> {
        let (keys, source) = require(self.access_keys(), FactKind::AccessKeys)?;
        let active: Vec<_> = keys.iter().filter(|key| key.status == AccessKeyStatus::Active).collect();
        let unknown = keys.iter().find_map(|key| match &key.status {
            AccessKeyStatus::Other(status) => Some(unknown_status(status)),
            _ => None,
        });
        // Two that work are two, whatever the third is.
        match unknown {
            Some(unknown) if active.len() < 2 => Err(unknown),
            _ => Ok((active, source)),
        }
    }

    /// The console password, where there is one.
    #[must_use]
    pub(crate) fn password(&self) -> Fact<Option<Password>> {
        let live = self.user.console_password.as_ref();
        let live = live.map(|password| password.as_ref().map(|it| Password { made: it.create_date }));
        let report = match self.user.report.as_ref() {
            Fact::Known { value, source } => match value.password_enabled {
                Some(true) => {
                    Fact::Known { value: Some(Password { made: value.password_last_changed }), source }
                }
                Some(false) => Fact::Known { value: None, source },
                None => Fact::Unknown { unknown: "the credential report does not say".to_owned() },
            },
            Fact::Unknown { unknown } => Fact::Unknown { unknown },
            Fact::NotRequested => Fact::NotRequested,
        };
        live.or(report)
    }

    /// Whether there is an MFA device.
    #[must_use]
    pub(crate) fn has_mfa(&self) -> Fact<bool> {
        let report = self.user.report.as_ref().map(|row| row.mfa_active);
        self.user.mfa_devices.as_ref().map(|devices| !devices.is_empty()).or(report)
    }

    /// When the console password was last used; `None` where it was not, or not since AWS records it.
    #[must_use]
    pub(crate) fn password_last_used(&self) -> Option<Timestamp> {
        let report = self.user.report.known().and_then(|row| row.password_last_used);
        self.user.password_last_used.max(report)
    }

    /// Groups, policies and tags.
    #[must_use]
    pub(crate) fn policies(&self) -> Fact<&'a Policies> {
        self.user.policies.as_ref()
    }

    /// Whether administrator access is recognised, and no boundary limits it. Where it is not, that does not say that
    /// there is none.
    #[must_use]
    pub(crate) fn is_administrator(&self) -> bool {
        self.policies().known().is_some_and(|policies| {
            let boundary = policies.permissions_boundary.as_deref();
            policies.is_administrator == Some(true)
                && boundary.is_none_or(|arn| arn.ends_with(":iam::aws:policy/AdministratorAccess"))
        })
    }

    /// Days since a moment, up to when the roll was taken: of what was used later it knows nothing.
    #[must_use]
    pub(crate) fn days_idle(&self, since: Timestamp) -> i64 {
        let read = self.account.roll.as_of().unwrap_or(self.account.as_of);
        days(since, read.min(self.account.as_of))
    }

    /// Days up to now since a moment.
    #[must_use]
    pub(crate) fn days_since(&self, moment: Timestamp) -> i64 {
        days(moment, self.account.as_of)
    }
}

impl<'a> KeyView<'a> {
    /// Whether the key works.
    ///
    /// # Errors
    /// Where its status is one that this version does not know.
    pub(crate) fn is_active(&self) -> Result<bool, MissingFact> {
        match &self.key.status {
            AccessKeyStatus::Active => Ok(true),
            AccessKeyStatus::Inactive | AccessKeyStatus::Expired => Ok(false),
            AccessKeyStatus::Other(status) => Err(unknown_status(status)),
        }
    }

    /// When the key was made, and how many days ago that is.
    ///
    /// # Errors
    /// Where AWS did not say.
    pub(crate) fn created(&self) -> Result<(Timestamp, i64), MissingFact> {
        let unsaid = || MissingFact {
            missing: "the key's age",
            ..MissingFact::because(FactKind::AccessKeys, "AWS does not say when it was made".to_owned())
        };
        let created = self.key.create_date.ok_or_else(unsaid)?;
        let age = self.of.days_since(created);
        // Clocks differ by minutes, and never by days.
        if age < -1 {
            let reason = "it is said to be made after the roll was taken".to_owned();
            return Err(MissingFact {
                missing: "the key's age",
                ..MissingFact::because(FactKind::AccessKeys, reason)
            });
        }
        Ok((created, age))
    }

    /// The last use, where there was one.
    ///
    /// # Errors
    /// Where it is not known.
    pub(crate) fn last_used(&self) -> Result<(Option<&'a LastUsed>, Source), MissingFact> {
        require(self.key.last_used.as_ref().map(Option::as_ref), FactKind::LastUsed)
    }

    /// Whether the key was not used, or where it never was not made, for so many days; `None` where that is unknown.
    #[must_use]
    pub(crate) fn is_idle(&self, days: u32) -> Option<bool> {
        let last = self.key.last_used.known()?;
        let since = last.as_ref().map(|last| last.date).or(self.key.create_date)?;
        Some(self.of.days_idle(since) >= i64::from(days))
    }

    /// Whether the key works and is known to be idle.
    #[must_use]
    pub(crate) fn is_idle_and_works(&self, days: u32) -> bool {
        self.is_active() == Ok(true) && self.is_idle(days) == Some(true)
    }

    /// Whether the key is too new to have been idle for so many days.
    #[must_use]
    pub(crate) fn is_newer_than(&self, days: u32) -> bool {
        self.created().is_ok_and(|(created, _)| self.of.days_idle(created) < i64::from(days))
    }
}

fn unknown_status(status: &str) -> MissingFact {
    let reason = format!("this version does not know the status {status:?}");
    MissingFact { missing: "the meaning of the status", ..MissingFact::because(FactKind::AccessKeys, reason) }
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn days_are_whole_ones_over_leap_days_too() {
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(days(at("2024-02-28T12:00:00Z"), at("2024-03-01T11:59:59Z")), 1);
        assert_eq!(days(at("2024-02-28T12:00:00Z"), at("2024-03-01T12:00:00Z")), 2);
        assert_eq!(days(at("2025-02-28T12:00:00Z"), at("2025-03-01T12:00:00Z")), 1);
        assert_eq!(days(at("2025-03-01T00:00:01Z"), at("2025-03-01T00:00:00Z")), -1);
    }
}
