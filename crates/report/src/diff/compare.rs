//! Comparing two rolls: accounts, users, keys, and findings, for which the rule is evaluated over both rolls.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rolecall_roll::{
    AccessKey, AccessKeyId, AccountId, AccountRecord, Fact, FactKind, Header, Outcome, Policies, RollFile,
    User,
};

use super::{AccountChange, Diff, KeyChange, KeyName, KeyUse, RollSide, UserChange, UserName};
use crate::assess::Assessor;
use crate::facts::{AccountView, KeyView, UserView, seconds};
use crate::finding::Finding;
use crate::rules::RuleOutcome;
use crate::rules::{Check, Rule};
use crate::settings::Settings;

/// Why two rolls cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum NotComparable {
    /// The rolls are of two organizations.
    #[error("the rolls are of different organizations: the first of {0}, the second of {1}")]
    Organizations(String, String),
    /// The older roll comes second.
    #[error("the first roll ({0}) is newer than the second ({1}): give the older one first")]
    Swapped(String, String),
    /// One roll is limited to a user or a path, and the other is not, or to another one.
    #[error("the rolls do not cover the same users: the first is {0}, the second {1}")]
    Narrowed(String, String),
    /// A roll file could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The result of a rule for the same subject in the other roll.
enum Verdict {
    Fails,
    Passes,
    /// The user or key does not exist there.
    Absent,
    Unknown,
    /// The run did not request this fact, which the rule needs.
    NotRequested(FactKind),
}

impl Diff {
    /// Compares two rolls under the same settings. With `with_last_used`, the last use of keys is compared too.
    ///
    /// # Errors
    /// [`NotComparable`] where the rolls do not cover the same accounts or users, or a file cannot be read.
    pub fn compare(
        old: &RollFile,
        new: &RollFile,
        settings: &Settings,
        with_last_used: bool,
    ) -> Result<Self, NotComparable> {
        are_comparable(&old.header, &new.header)?;
        let mut diff = Self { old: side(old)?, new: side(new)?, ..Self::default() };
        let only_in = |header: &Header, other: &Header| -> Vec<FactKind> {
            header.collect.facts.iter().filter(|fact| !other.reads(**fact)).copied().collect()
        };
        diff.facts_only_in_old = only_in(&old.header, &new.header);
        diff.facts_only_in_new = only_in(&new.header, &old.header);
        let ids: BTreeSet<&AccountId> = old.target_ids().chain(new.target_ids()).collect();
        let (mut old_assessor, mut new_assessor) =
            (Assessor::new(&old.header, settings), Assessor::new(&new.header, settings));
        for id in ids {
            let (old_account, new_account) = (old.account(id)?, new.account(id)?);
            diff.compare_account(id, (old, old_account.as_ref()), (new, new_account.as_ref()));
            if let (Some(old_account), Some(new_account)) = (&old_account, &new_account) {
                let old_account = AccountView::new(&old.header, old_account);
                let new_account = AccountView::new(&new.header, new_account);
                diff.compare_users(old_account, new_account, with_last_used);
            }
            let findings = |assessor: &mut Assessor<'_>,
                            account: Option<&AccountRecord>|
             -> BTreeMap<String, Finding<'static>> {
                let findings = account.map(|account| assessor.assess_account(account)).unwrap_or_default();
                let findings = findings.into_iter().map(Finding::into_owned);
                findings.map(|finding| (finding.id.to_string(), finding)).collect()
            };
            let old_findings = findings(&mut old_assessor, old_account.as_ref());
            let new_findings = findings(&mut new_assessor, new_account.as_ref());
            let rolls = RollPair { old: &old.header, new: &new.header, settings };
            diff.compare_findings(
                &rolls,
                (old_account.as_ref(), old_findings),
                (new_account.as_ref(), new_findings),
            );
        }
        for list in [
            &mut diff.opened,
            &mut diff.reopened,
            &mut diff.resolved,
            &mut diff.newly_suppressed,
            &mut diff.newly_known,
            &mut diff.now_unknown,
        ] {
            list.sort_by(Finding::by_urgency);
        }
        Ok(diff)
    }

    /// Replaces what changed in the outcomes of accounts by the comparison with another older roll. A comparison with a baseline,
    /// which has each account as it was last read, needs that: its accounts have the outcomes of several runs.
    ///
    /// # Errors
    /// The I/O errors of the files.
    pub fn with_outcomes_since(mut self, old: &RollFile, new: &RollFile) -> io::Result<Self> {
        self.old = side(old)?;
        self.accounts.clear();
        self.accounts_not_compared = 0;
        (self.accounts_in_common, self.accounts_only_in_old, self.accounts_only_in_new) = (0, 0, 0);
        let ids: BTreeSet<&AccountId> = old.target_ids().chain(new.target_ids()).collect();
        for id in ids {
            let (old_account, new_account) = (old.account(id)?, new.account(id)?);
            self.compare_account(id, (old, old_account.as_ref()), (new, new_account.as_ref()));
        }
        Ok(self)
    }

    fn compare_account(
        &mut self,
        id: &AccountId,
        (old, old_account): (&RollFile, Option<&AccountRecord>),
        (new, new_account): (&RollFile, Option<&AccountRecord>),
    ) {
        // A target account without a record was not read; it is not removed from the roll.
        let outcome = |roll: &RollFile, account: Option<&AccountRecord>| {
            let is_target = || roll.header.targets.iter().any(|target| target.account_id == *id);
            account.map(AccountRecord::outcome).or_else(|| is_target().then_some(Outcome::Failed))
        };
        let (before, now) = (outcome(old, old_account), outcome(new, new_account));
        *match (before, now) {
            (Some(_), Some(_)) => &mut self.accounts_in_common,
            (Some(_), None) => &mut self.accounts_only_in_old,
            (None, _) => &mut self.accounts_only_in_new,
        } += 1;
        if before == now {
            let is_incomplete = matches!(now, Some(Outcome::Failed | Outcome::Partial));
            self.accounts_not_compared += usize::from(is_incomplete);
            return;
        }
        let details = new_account.or(old_account).and_then(AccountRecord::account);
        let gap = new_account.and_then(|account| account.gaps().first());
        let why = gap.map(|gap| format!("{} unknown: {}", gap.stage.label(), gap.error_kind));
        let unread = (now.is_some() && new_account.is_none())
            .then(|| "the run ended before the account was read".to_owned());
        let skipped = new_account.and_then(AccountRecord::why_skipped).map(str::to_owned);
        self.accounts.push(AccountChange {
            account_id: id.clone(),
            account_name: details.and_then(|account| account.name.clone()),
            before,
            now,
            why: why.or(skipped).or(unread),
        });
    }

    /// Compares the users and keys of an account that both rolls have.
    fn compare_users(
        &mut self,
        old_account: AccountView<'_>,
        new_account: AccountView<'_>,
        with_last_used: bool,
    ) {
        let (old_record, new_record) = (old_account.record, new_account.record);
        let (Some(old), Some(new)) = (users_by_id(old_record), users_by_id(new_record)) else { return };
        let account = AccountName::of(new_record, old_record);
        let name = |user: &User| UserName {
            account_id: account.id.clone(),
            account_name: account.name.clone(),
            user_name: user.user_name.clone(),
            user_id: user.user_id.clone(),
        };
        let lists_all =
            |account: &AccountRecord| !account.gaps().iter().any(|gap| gap.stage == FactKind::Users.into());
        for (id, user) in &new {
            match old.get(id) {
                Some(before) => {
                    let old_user = UserView { account: old_account, user: before };
                    let new_user = UserView { account: new_account, user };
                    self.compare_user(&name(user), &old_user, &new_user);
                    self.compare_keys(&account, before, user, with_last_used);
                }
                None if lists_all(old_record) => {
                    self.users_added.push(name(user));
                    let keys = user.access_keys.iter().flatten();
                    self.keys_added.extend(keys.map(|key| key_name(&account, user, key)));
                }
                None => {}
            }
        }
        for user in old.iter().filter(|(id, _)| !new.contains_key(*id)).map(|(_, user)| user) {
            if lists_all(new_record) {
                self.users_removed.push(name(user));
                let keys = user.access_keys.iter().flatten();
                self.keys_removed.extend(keys.map(|key| key_name(&account, user, key)));
            }
        }
    }

    /// Compares the facts of a user that both rolls know.
    fn compare_user(&mut self, name: &UserName, old: &UserView<'_>, new: &UserView<'_>) {
        let mut compare = |what, before: Option<String>, now: Option<String>| {
            if let (Some(before), Some(now)) = (before, now)
                && before != now
            {
                self.users_changed.push(UserChange { user: name.clone(), what, before, now });
            }
        };
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names.join(", ")
        };
        let exists = |exists: bool| if exists { "exists" } else { "" }.to_owned();
        let password = |user: &UserView<'_>| user.password().known().map(|it| exists(it.is_some()));
        let devices = |user: &UserView<'_>| {
            let serials = user.user.mfa_devices.known()?.iter().map(|device| device.serial_number.clone());
            Some(sorted(&serials.collect::<Vec<_>>()))
        };
        // The credential report says that there is a device, but not which.
        let mfa = |user: &UserView<'_>| user.has_mfa().known().copied().map(exists);
        let policy_names = |user: &UserView<'_>, names: fn(&Policies) -> Vec<String>| {
            user.policies().known().map(|policies| sorted(&names(policies)))
        };
        compare("name", Some(old.user.user_name.clone()), Some(new.user.user_name.clone()));
        compare("console password", password(old), password(new));
        match (devices(old), devices(new)) {
            (Some(before), Some(now)) => compare("MFA devices", Some(before), Some(now)),
            _ => compare("MFA devices", mfa(old), mfa(new)),
        }
        let both = |names| (policy_names(old, names), policy_names(new, names));
        let (before, now) = both(|it| it.groups.clone());
        compare("groups", before, now);
        let (before, now) = both(|it| [it.attached_policies.clone(), it.inline_policies.clone()].concat());
        compare("policies", before, now);
        let (before, now) = both(|it| it.permissions_boundary.iter().cloned().collect());
        compare("permissions boundary", before, now);
    }

    fn compare_keys(
        &mut self,
        account: &AccountName,
        old_user: &User,
        new_user: &User,
        with_last_used: bool,
    ) {
        let (Some(old), Some(new)) = (&old_user.access_keys, &new_user.access_keys) else { return };
        for key in new {
            let name = key_name(account, new_user, key);
            let Some(before) = old.iter().find(|it| it.access_key_id == key.access_key_id) else {
                self.keys_added.push(name);
                continue;
            };
            if before.status != key.status {
                let before = before.status.as_str().to_owned();
                self.keys_changed.push(KeyChange { key: name.clone(), before });
            }
            if let (true, Fact::Known { value: last, .. }, Fact::Known { value: Some(now), .. }) =
                (with_last_used, &before.last_used, &key.last_used)
                && last.as_ref() != Some(now)
            {
                self.keys_used.push(KeyUse {
                    key: name,
                    created: key.create_date,
                    before: last.clone(),
                    now: now.clone(),
                });
            }
        }
        let removed = old.iter().filter(|key| !new.iter().any(|it| it.access_key_id == key.access_key_id));
        self.keys_removed.extend(removed.map(|key| key_name(account, old_user, key)));
    }

    fn compare_findings(
        &mut self,
        rolls: &RollPair<'_>,
        (old_account, old): (Option<&AccountRecord>, BTreeMap<String, Finding<'static>>),
        (new_account, new): (Option<&AccountRecord>, BTreeMap<String, Finding<'static>>),
    ) {
        for (id, finding) in &new {
            match old.get(id) {
                Some(before) if before.is_open() == finding.is_open() => {}
                // Where the tags that an exception needs are unknown, nothing may have changed.
                Some(before) if before.can_be_suppressed || finding.can_be_suppressed => {
                    self.add_not_compared(finding, FactKind::Policies);
                }
                Some(_) if finding.is_open() => self.reopened.push(finding.clone()),
                Some(_) => self.newly_suppressed.push(finding.clone()),
                None if !finding.is_open() => {}
                None => match rolls.verdict(rolls.old, old_account, finding) {
                    Verdict::Passes | Verdict::Absent | Verdict::Fails => self.opened.push(finding.clone()),
                    Verdict::Unknown => self.newly_known.push(finding.clone()),
                    Verdict::NotRequested(fact) => self.add_not_compared(finding, fact),
                },
            }
        }
        for finding in old.into_iter().filter(|(id, _)| !new.contains_key(id)).map(|(_, finding)| finding) {
            if !finding.is_open() {
                continue;
            }
            match rolls.verdict(rolls.new, new_account, &finding) {
                Verdict::Passes | Verdict::Absent | Verdict::Fails => self.resolved.push(finding),
                Verdict::Unknown => self.now_unknown.push(finding),
                Verdict::NotRequested(fact) => self.add_not_compared(&finding, fact),
            }
        }
    }

    fn add_not_compared(&mut self, finding: &Finding<'_>, fact: FactKind) {
        let not_compared = self.not_compared.entry(finding.rule.id).or_default();
        not_compared.findings += 1;
        not_compared.needs.insert(fact);
    }
}

/// The users by their unique ids; `None` where no users were read.
fn users_by_id(account: &AccountRecord) -> Option<BTreeMap<&str, &User>> {
    Some(account.users()?.iter().map(|user| (user.user_id.as_str(), user)).collect())
}

/// The headers of the two rolls, and the settings under which rules are evaluated.
struct RollPair<'a> {
    old: &'a Header,
    new: &'a Header,
    settings: &'a Settings,
}

impl RollPair<'_> {
    /// The result of the rule of a finding for the same subject in an account of the other roll.
    fn verdict(&self, header: &Header, account: Option<&AccountRecord>, finding: &Finding<'_>) -> Verdict {
        // An account that is not in the roll or was not read is unknown, not empty.
        let Some(record) = account.filter(|account| account.users().is_some()) else {
            return Verdict::Unknown;
        };
        let account = AccountView::new(header, record);
        let days = self.settings.days(finding.rule);
        let rule: &Rule = finding.rule;
        if let Check::Root(check) = rule.check {
            return Verdict::from_outcome(check(&account));
        }
        let users = record.users().unwrap_or_default();
        let Some(user) = users.iter().find(|user| Some(&*user.user_id) == finding.user_id.as_deref()) else {
            let is_incomplete = record.gaps().iter().any(|gap| gap.stage == FactKind::Users.into());
            return if is_incomplete { Verdict::Unknown } else { Verdict::Absent };
        };
        let user = UserView { account, user };
        match rule.check {
            Check::Root(_) => Verdict::Unknown,
            Check::User(check) => Verdict::from_outcome(check(&user, days)),
            Check::Key(check) => match user.access_keys() {
                Fact::Known { value: keys, .. } => {
                    let id = finding.subject.access_key_id.as_ref().map(AccessKeyId::as_str);
                    let key = keys.iter().find(|key| Some(key.access_key_id.as_str()) == id);
                    key.map_or(Verdict::Absent, |key| {
                        Verdict::from_outcome(check(&KeyView { user, key }, days))
                    })
                }
                Fact::Unknown { .. } | Fact::Unavailable { .. } => Verdict::Unknown,
                Fact::NotRequested => Verdict::NotRequested(FactKind::AccessKeys),
            },
        }
    }
}

impl Verdict {
    fn from_outcome(outcome: RuleOutcome) -> Self {
        match outcome {
            Ok(None) => Self::Passes,
            Ok(Some(_)) => Self::Fails,
            Err(missing) if missing.reason.is_none() => Self::NotRequested(missing.fact),
            Err(_) => Self::Unknown,
        }
    }
}

fn are_comparable(old: &Header, new: &Header) -> Result<(), NotComparable> {
    if let (Some(first), Some(second)) = (&old.organization, &new.organization)
        && first.id != second.id
    {
        return Err(NotComparable::Organizations(first.id.clone(), second.id.clone()));
    }
    if new.as_of < old.as_of {
        return Err(NotComparable::Swapped(seconds(old.as_of), seconds(new.as_of)));
    }
    let (old_limits, new_limits) = (old.collect.user_limits(), new.collect.user_limits());
    if old_limits != new_limits {
        let describe = |limits: &[String]| match limits {
            [] => "all users".to_owned(),
            some => some.join(", "),
        };
        return Err(NotComparable::Narrowed(describe(&old_limits), describe(&new_limits)));
    }
    Ok(())
}

fn side(roll: &RollFile) -> io::Result<RollSide> {
    Ok(RollSide {
        run_id: roll.header.run_id.to_string(),
        as_of: seconds(roll.header.as_of),
        is_complete: roll.coverage()?.is_complete,
    })
}

/// An account, as users and keys are named with it.
struct AccountName {
    id: AccountId,
    name: Option<String>,
}

impl AccountName {
    fn of(new: &AccountRecord, old: &AccountRecord) -> Self {
        let details = new.account().or(old.account());
        Self { id: new.account_id().clone(), name: details.and_then(|account| account.name.clone()) }
    }
}

fn key_name(account: &AccountName, user: &User, key: &AccessKey) -> KeyName {
    KeyName {
        account_id: account.id.clone(),
        account_name: account.name.clone(),
        user_name: user.user_name.clone(),
        access_key_id: key.access_key_id.clone(),
        status: key.status.as_str().to_owned(),
    }
}
