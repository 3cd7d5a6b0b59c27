//! The facts that rules evaluate. Each is known with its source, unknown with the reason, or not requested. Where several
//! sources give the same fact, the live API call takes precedence over the credential report.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::Offset;
use rolecall_roll::{
    AccessKey, AccessKeyStatus, AccountId, AccountRecord, Fact, FactKind, Header, LastUsed, Organization,
    Policies, Source, User,
};

/// A fact that a rule needs and that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingFact {
    /// The kind of fact that would have to be read.
    pub fact: FactKind,
    /// What exactly is missing, for people: `key age`.
    pub missing: &'static str,
    /// Why it is unknown; `None` where the run did not request it.
    pub reason: Option<Cow<'static, str>>,
}

impl MissingFact {
    /// A fact that is unknown for this reason.
    #[must_use]
    pub(crate) fn unknown(fact: FactKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { fact, missing: fact.label(), reason: Some(reason.into()) }
    }
}

/// An account, as rules see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountView<'a> {
    /// The time of the roll, to which ages are counted.
    pub as_of: Timestamp,
    pub record: &'a AccountRecord,
    /// The organization of the run; `None` where the run did not read AWS Organizations.
    pub organization: Option<&'a Organization>,
    /// Whether the run requested access keys.
    pub requests_keys: bool,
}

/// A user, with the account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserView<'a> {
    pub account: AccountView<'a>,
    pub user: &'a User,
}

/// An access key, with the user and the account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyView<'a> {
    pub user: UserView<'a>,
    pub key: &'a AccessKey,
}

/// The value of a fact and its source.
///
/// # Errors
/// [`MissingFact`] where the fact is unknown or was not requested.
pub(crate) fn require<T>(fact: Fact<T>, kind: FactKind) -> Result<(T, Source), MissingFact> {
    match fact {
        Fact::Known { value, source } => Ok((value, source)),
        Fact::Unknown { unknown } => Err(MissingFact::unknown(kind, unknown)),
        Fact::Unavailable { unavailable } => {
            Err(MissingFact::unknown(kind, format!("AWS has no value: {unavailable}")))
        }
        Fact::NotRequested => Err(MissingFact { fact: kind, missing: kind.label(), reason: None }),
    }
}

/// Whole days of 24 hours from one time to another, rounded down; negative where `to` is earlier. Ages are given in these.
#[must_use]
pub fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs().div_euclid(24 * 60 * 60)
}

/// The date in UTC for people: `2026-11-25`.
#[must_use]
pub(crate) fn date(at: Timestamp) -> String {
    Offset::UTC.to_datetime(at).date().to_string()
}

/// The time in UTC in whole seconds: `2026-11-25T12:00:00Z`.
#[must_use]
pub(crate) fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
}

impl<'a> AccountView<'a> {
    /// An account of the roll with this header.
    #[must_use]
    pub(crate) fn new(header: &'a Header, record: &'a AccountRecord) -> Self {
        Self {
            as_of: header.as_of,
            record,
            organization: header.organization.as_ref(),
            requests_keys: header.reads(FactKind::AccessKeys),
        }
    }

    /// Whether the account is the organization's management account. Its root credentials cannot be managed centrally.
    #[must_use]
    pub(crate) fn is_management_account(&self) -> bool {
        self.organization.is_some_and(|it| &it.management_account_id == self.record.account_id())
    }

    /// The management account, for a member account; `None` for the management account itself, and where the organization is
    /// unknown.
    #[must_use]
    pub(crate) fn management_account_of_member(&self) -> Option<&'a AccountId> {
        let organization = self.organization.filter(|_| !self.is_management_account())?;
        Some(&organization.management_account_id)
    }

    /// The partition of the account.
    #[must_use]
    pub(crate) fn partition(&self) -> &'static str {
        self.record.role_arn().map_or("aws", |role_arn| role_arn.partition().as_str())
    }

    /// Whether the organization manages this account's root credentials centrally.
    #[must_use]
    pub(crate) fn is_root_managed(&self) -> Fact<bool> {
        if self.is_management_account() {
            return Fact::live(false);
        }
        let organization =
            self.organization.map_or(Fact::NotRequested, |it| it.root_credentials_managed.clone());
        self.record.facts().root_credentials_managed.clone().or(organization)
    }

    /// Whether the root user has an access key.
    ///
    /// # Errors
    /// [`MissingFact`] where neither the account summary nor the credential report gives it.
    pub(crate) fn root_has_keys(&self) -> Result<(bool, Source), MissingFact> {
        let facts = self.record.facts();
        let report = facts.root.as_ref().map(|root| root.access_keys_active.contains(&true));
        let known = facts.summary.as_ref().map(|summary| summary.root_has_access_keys).or(report);
        require(known, FactKind::ControlTotal)
            .map_err(|unknown| MissingFact { missing: "root user's access keys", ..unknown })
    }

    /// Whether the root user has an MFA device, or has no password and so needs none.
    ///
    /// Central management of root credentials does not remove a password by itself: a password that a member account had
    /// stays until it is deleted.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html>
    ///
    /// # Errors
    /// [`MissingFact`] where neither the account summary nor the credential report gives it, and where it depends on a
    /// password that AWS does not report.
    pub(crate) fn is_root_protected(&self) -> Result<(bool, Source), MissingFact> {
        let facts = self.record.facts();
        let report = facts.root.as_ref().map(|root| (root.mfa_active, None));
        let summary = facts.summary.as_ref().map(|it| (it.root_has_mfa, it.root_has_password));
        let known = require(summary.or(report), FactKind::ControlTotal);
        let ((has_mfa, has_password), source) =
            known.map_err(|unknown| MissingFact { missing: "root user's MFA", ..unknown })?;
        if !has_mfa && has_password.is_none() && self.is_root_managed().known() == Some(&true) {
            let reason = "root credentials are managed centrally, and AWS does not report whether this account still \
                          has a root password";
            let unknown = MissingFact::unknown(FactKind::ControlTotal, reason);
            return Err(MissingFact { missing: "root user's password", ..unknown });
        }
        Ok((has_mfa || has_password == Some(false), source))
    }
}

/// A console password that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Password {
    /// When it was created or, from the credential report, last changed; `None` where AWS does not report it.
    pub set_date: Option<Timestamp>,
}

impl<'a> UserView<'a> {
    /// The access keys, of any status.
    #[must_use]
    pub(crate) fn access_keys(&self) -> Fact<&'a [AccessKey]> {
        if let Some(keys) = &self.user.access_keys {
            let source = self.user.no_access_keys_source.unwrap_or(Source::Live);
            return Fact::Known { value: keys, source };
        }
        if !self.account.requests_keys {
            return Fact::NotRequested;
        }
        let gaps = || self.account.record.gaps().iter();
        let name = Some(self.user.user_name.as_str());
        let user_gap =
            gaps().find(|gap| gap.stage == FactKind::AccessKeys.into() && gap.user_name.as_deref() == name);
        // A gap of the whole account, at whichever stage, is also the reason why the keys were not read.
        let gap = user_gap.or_else(|| gaps().find(|gap| gap.user_name.is_none()));
        Fact::Unknown { unknown: gap.map_or_else(|| "not read".to_owned(), |gap| gap.error_kind.to_string()) }
    }

    /// The active keys.
    ///
    /// # Errors
    /// [`MissingFact`] where the keys are unknown, or a status that is not recognized could make the difference between one
    /// active key and several.
    pub(crate) fn active_keys(&self) -> Result<(Vec<&'a AccessKey>, Source), MissingFact> {
        let (keys, source) = require(self.access_keys(), FactKind::AccessKeys)?;
        let active: Vec<_> = keys.iter().filter(|key| key.status == AccessKeyStatus::Active).collect();
        let unknown = keys.iter().find_map(|key| match &key.status {
            AccessKeyStatus::Other(status) => Some(unknown_status(status)),
            _ => None,
        });
        // Two active keys are several, whatever the status of another key is.
        match unknown {
            Some(unknown) if active.len() < 2 => Err(unknown),
            _ => Ok((active, source)),
        }
    }

    /// The console password; known as `None` where the user has none.
    #[must_use]
    pub(crate) fn password(&self) -> Fact<Option<Password>> {
        let live = self.user.console_password.as_ref();
        let live = live.map(|password| password.as_ref().map(|it| Password { set_date: it.create_date }));
        let report = match self.user.report.as_ref() {
            Fact::Known { value, source } => match value.password_enabled {
                Some(true) => {
                    Fact::Known { value: Some(Password { set_date: value.password_last_changed }), source }
                }
                Some(false) => Fact::Known { value: None, source },
                None => Fact::Unknown { unknown: "the credential report does not state it".to_owned() },
            },
            Fact::Unknown { unknown } => Fact::Unknown { unknown },
            Fact::Unavailable { unavailable } => Fact::Unavailable { unavailable },
            Fact::NotRequested => Fact::NotRequested,
        };
        live.or(report)
    }

    /// Whether the user has an MFA device.
    #[must_use]
    pub(crate) fn has_mfa(&self) -> Fact<bool> {
        let report = self.user.report.as_ref().map(|row| row.mfa_active);
        self.user.mfa_devices.as_ref().map(|devices| !devices.is_empty()).or(report)
    }

    /// When the console password was last used; `None` where AWS has no record of it: see [`NoLastUse`](crate::last_use::NoLastUse).
    #[must_use]
    pub(crate) fn password_last_used(&self) -> Option<Timestamp> {
        let report = self.user.report.known().and_then(|row| row.password_last_used);
        self.user.password_last_used.max(report)
    }

    /// Whether the console password was neither used nor set for at least `days` days; `None` where the user has no password,
    /// and where that is unknown.
    #[must_use]
    pub(crate) fn is_password_idle(&self, days: u32) -> Option<bool> {
        let password = self.password().known().copied().flatten()?;
        let since = self.password_last_used().max(password.set_date).unwrap_or(self.user.create_date);
        Some(self.days_idle(since) >= i64::from(days))
    }

    /// The latest recorded use of any credential of the user that the roll has, deleted passwords included; `None` where it
    /// has none, which is not "never used".
    #[must_use]
    pub(crate) fn latest_use(&self) -> Option<Timestamp> {
        let live = self.user.access_keys.iter().flatten().filter_map(|key| key.last_used.known()?.as_ref());
        let report = self.user.report.known().into_iter().flat_map(|row| &row.access_keys);
        let of_keys = live.chain(report.filter_map(|key| key.last_used.as_ref())).map(|last| last.date);
        of_keys.max().max(self.password_last_used())
    }

    /// The groups, policies and tags.
    #[must_use]
    pub(crate) fn policies(&self) -> Fact<&'a Policies> {
        self.user.policies.as_ref()
    }

    /// Whether administrator access is recognized and no permissions boundary limits it. `false` does not mean that the user
    /// has no administrator access.
    #[must_use]
    pub(crate) fn is_administrator(&self) -> bool {
        self.policies().known().is_some_and(|policies| {
            let boundary = policies.permissions_boundary.as_deref();
            policies.is_administrator == Some(true)
                && boundary.is_none_or(|arn| arn.ends_with(":iam::aws:policy/AdministratorAccess"))
        })
    }

    /// Whole days without use since `since`, up to the time when the account was read: the roll does not know about later
    /// use.
    #[must_use]
    pub(crate) fn days_idle(&self, since: Timestamp) -> i64 {
        let read = self.account.record.as_of().unwrap_or(self.account.as_of);
        days(since, read.min(self.account.as_of))
    }

    /// Whole days since `since`, up to the time of the roll.
    #[must_use]
    pub(crate) fn days_since(&self, since: Timestamp) -> i64 {
        days(since, self.account.as_of)
    }
}

impl<'a> KeyView<'a> {
    /// Whether the key is active.
    ///
    /// # Errors
    /// [`MissingFact`] where this version does not recognize its status.
    pub(crate) fn is_active(&self) -> Result<bool, MissingFact> {
        match &self.key.status {
            AccessKeyStatus::Active => Ok(true),
            AccessKeyStatus::Inactive | AccessKeyStatus::Expired => Ok(false),
            AccessKeyStatus::Other(status) => Err(unknown_status(status)),
        }
    }

    /// When the key was created, and its age in whole days.
    ///
    /// # Errors
    /// [`MissingFact`] where AWS did not return the creation date, or returned one that is later than the roll.
    pub(crate) fn created(&self) -> Result<(Timestamp, i64), MissingFact> {
        let unknown = |reason: &'static str| MissingFact {
            missing: "key age",
            ..MissingFact::unknown(FactKind::AccessKeys, reason)
        };
        let created =
            self.key.create_date.ok_or_else(|| unknown("AWS did not return when the key was created"))?;
        let age = self.user.days_since(created);
        // Clocks differ by minutes, never by days.
        if age < -1 {
            return Err(unknown("the creation date of the key is later than the roll"));
        }
        Ok((created, age))
    }

    /// The last use; `None` where AWS has none: see [`NoLastUse`](crate::last_use::NoLastUse).
    ///
    /// # Errors
    /// [`MissingFact`] where the last use is unknown or was not requested.
    pub(crate) fn last_used(&self) -> Result<(Option<&'a LastUsed>, Source), MissingFact> {
        require(self.key.last_used.as_ref().map(Option::as_ref), FactKind::LastUsed)
    }

    /// Whether the key was last used, or where it has no recorded use, was created, at least `days` days ago; `None` where that is
    /// unknown.
    #[must_use]
    pub(crate) fn is_idle(&self, days: u32) -> Option<bool> {
        let last = self.key.last_used.known()?;
        let since = last.as_ref().map(|last| last.date).or(self.key.create_date)?;
        Some(self.user.days_idle(since) >= i64::from(days))
    }

    /// Whether the key is active and known to be idle.
    #[must_use]
    pub(crate) fn is_active_and_idle(&self, days: u32) -> bool {
        self.is_active() == Ok(true) && self.is_idle(days) == Some(true)
    }

    /// Whether the key was created less than `days` days ago, and so cannot have been idle for that long.
    #[must_use]
    pub(crate) fn is_newer_than(&self, days: u32) -> bool {
        self.created().is_ok_and(|(created, _)| self.user.days_idle(created) < i64::from(days))
    }
}

fn unknown_status(status: &str) -> MissingFact {
    let reason = format!("this version does not recognize the status {status:?}");
    MissingFact { missing: "key status", ..MissingFact::unknown(FactKind::AccessKeys, reason) }
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn days_are_whole_days_over_leap_days_too() {
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(days(at("2024-02-28T12:00:00Z"), at("2024-03-01T11:59:59Z")), 1);
        assert_eq!(days(at("2024-02-28T12:00:00Z"), at("2024-03-01T12:00:00Z")), 2);
        assert_eq!(days(at("2025-02-28T12:00:00Z"), at("2025-03-01T12:00:00Z")), 1);
        assert_eq!(days(at("2025-03-01T00:00:01Z"), at("2025-03-01T00:00:00Z")), -1);
    }
}
