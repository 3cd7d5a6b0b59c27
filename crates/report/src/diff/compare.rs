//! Comparing two rolls: accounts, users, keys and, by asking a rule about both sides, findings.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use rolecall_roll::{
    AccessKey, AccessKeyId, AccountId, AccountRecord, Fact, FactKind, Header, Outcome, Policies, RollFile,
    User,
};

use super::{AccountChange, Diff, KeyChange, KeyName, KeyUse, RollSide, UserChange, UserName};
use crate::assess::Assessor;
use crate::facts::{AccountView, KeyView, UserView};
use crate::finding::Finding;
use crate::rules::RuleOutcome;
use crate::rules::{Check, Rule};
use crate::settings::Settings;

/// Why two rolls cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum NotComparable {
    /// They are of two organisations.
    #[error("one is of {0}, the other of {1}")]
    Organizations(String, String),
    /// The earlier one comes second.
    #[error("the first is of {0}, the second of {1}, which is earlier; name the earlier one first")]
    Swapped(String, String),
    /// One is narrowed to a user or a path.
    #[error("they do not cover the same users: one covers {0}, the other {1}")]
    Narrowed(String, String),
    /// A file could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What a rule says of one thing in the other roll.
enum Verdict {
    Fails,
    Passes,
    NotThere,
    Unknown,
    NotAsked,
}

impl Diff {
    /// Compares two rolls, both judged by the same settings.
    ///
    /// # Errors
    /// [`NotComparable`] where they are of different things, or a file cannot be read.
    pub fn compare(
        old: &RollFile,
        new: &RollFile,
        settings: &Settings,
        with_last_used: bool,
    ) -> Result<Self, NotComparable> {
        are_comparable(&old.header, &new.header)?;
        let mut diff = Self { old: side(old)?, new: side(new)?, ..Self::default() };
        let targets = |stored: &'_ RollFile| -> Vec<AccountId> {
            stored.header.targets.iter().map(|target| target.account_id.clone()).collect()
        };
        let wanted = [targets(old), targets(new)].concat();
        let ids: BTreeSet<&AccountId> = old.account_ids().chain(new.account_ids()).chain(&wanted).collect();
        let (mut before, mut now) =
            (Assessor::new(&old.header, settings), Assessor::new(&new.header, settings));
        for id in ids {
            let (was, is) = (old.account(id)?, new.account(id)?);
            diff.account(id, (old, was.as_ref()), (new, is.as_ref()));
            if let (Some(was), Some(is)) = (&was, &is) {
                let (was, is) = (AccountView::new(&old.header, was), AccountView::new(&new.header, is));
                diff.users(was, is, with_last_used);
            }
            let found = |assessor: &mut Assessor<'_>,
                         account: Option<&AccountRecord>|
             -> BTreeMap<String, Finding> {
                let findings = account.map(|account| assessor.assess_account(account)).unwrap_or_default();
                findings.into_iter().map(|finding| (finding.id.clone(), finding)).collect()
            };
            let (old_findings, new_findings) =
                (found(&mut before, was.as_ref()), found(&mut now, is.as_ref()));
            let sides = RollPair { old: &old.header, new: &new.header, settings };
            diff.findings(&sides, (was.as_ref(), old_findings), (is.as_ref(), new_findings));
        }
        for list in [
            &mut diff.opened,
            &mut diff.reopened,
            &mut diff.resolved,
            &mut diff.answered_for,
            &mut diff.newly_known,
            &mut diff.now_unknown,
        ] {
            list.sort_by(Finding::by_urgency);
        }
        Ok(diff)
    }

    fn account(
        &mut self,
        id: &AccountId,
        (old, was): (&RollFile, Option<&AccountRecord>),
        (new, is): (&RollFile, Option<&AccountRecord>),
    ) {
        // Who was to be asked and has no line was not read, and is not out of the roll.
        let outcome = |stored: &RollFile, account: Option<&AccountRecord>| {
            let is_wanted = || stored.header.targets.iter().any(|target| target.account_id == *id);
            account.map(AccountRecord::outcome).or_else(|| is_wanted().then_some(Outcome::Failed))
        };
        let (before, now) = (outcome(old, was), outcome(new, is));
        if before == now {
            let is_cut = matches!(now, Some(Outcome::Failed | Outcome::Partial));
            self.accounts_not_compared += usize::from(is_cut);
            return;
        }
        let known = is.or(was).and_then(AccountRecord::account);
        let gap = is.and_then(|account| account.gaps().first());
        let why = gap.map(|gap| format!("{} unknown: {}", gap.stage.label(), gap.error_kind));
        let ended = (now.is_some() && is.is_none()).then(|| "the run ended before it was read".to_owned());
        let skipped = is.and_then(AccountRecord::why_skipped).map(str::to_owned);
        self.accounts.push(AccountChange {
            account_id: id.clone(),
            account_name: known.and_then(|account| account.name.clone()),
            before,
            now,
            why: why.or(skipped).or(ended),
        });
    }

    /// Users and keys, where both rolls know them.
    fn users(&mut self, of_old: AccountView<'_>, of_new: AccountView<'_>, with_last_used: bool) {
        let (was, is) = (of_old.roll, of_new.roll);
        let (Some(old), Some(new)) = (by_id(was), by_id(is)) else { return };
        let account_id = is.account_id();
        let name = |user: &User| UserName {
            account_id: account_id.clone(),
            user_name: user.user_name.clone(),
            user_id: user.user_id.clone(),
        };
        let lists_all =
            |account: &AccountRecord| !account.gaps().iter().any(|gap| gap.stage == FactKind::Users.into());
        for (id, user) in &new {
            match old.get(id) {
                Some(before) => {
                    let (was, is) =
                        (UserView { account: of_old, user: before }, UserView { account: of_new, user });
                    self.user(&name(user), &was, &is);
                    self.keys(account_id, before, user, with_last_used);
                }
                None if lists_all(was) => {
                    self.users_came.push(name(user));
                    let keys = user.access_keys.iter().flatten();
                    self.keys_came.extend(keys.map(|key| key_name(account_id, user, key)));
                }
                None => {}
            }
        }
        for user in old.iter().filter(|(id, _)| !new.contains_key(*id)).map(|(_, user)| user) {
            if lists_all(is) {
                self.users_went.push(name(user));
                let keys = user.access_keys.iter().flatten();
                self.keys_went.extend(keys.map(|key| key_name(account_id, user, key)));
            }
        }
    }

    /// What is other of a user, where both rolls know it.
    fn user(&mut self, name: &UserName, was: &UserView<'_>, is: &UserView<'_>) {
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
        let there_is = |it: bool| if it { "there is one" } else { "" }.to_owned();
        let password = |of: &UserView<'_>| of.password().known().map(|password| there_is(password.is_some()));
        let devices = |of: &UserView<'_>| {
            let serials = of.user.mfa_devices.known()?.iter().map(|device| device.serial_number.clone());
            Some(sorted(&serials.collect::<Vec<_>>()))
        };
        // The credential report tells that there is a device, and not which.
        let mfa = |of: &UserView<'_>| of.has_mfa().known().copied().map(there_is);
        let of_policies = |user: &UserView<'_>, of: fn(&Policies) -> Vec<String>| {
            user.policies().known().map(|it| sorted(&of(it)))
        };
        compare("name", Some(was.user.user_name.clone()), Some(is.user.user_name.clone()));
        compare("console password", password(was), password(is));
        match (devices(was), devices(is)) {
            (Some(before), Some(now)) => compare("MFA devices", Some(before), Some(now)),
            _ => compare("MFA devices", mfa(was), mfa(is)),
        }
        let of_both = |of| (of_policies(was, of), of_policies(is, of));
        let (before, now) = of_both(|it| it.groups.clone());
        compare("groups", before, now);
        let (before, now) = of_both(|it| [it.attached_policies.clone(), it.inline_policies.clone()].concat());
        compare("policies", before, now);
        let (before, now) = of_both(|it| it.permissions_boundary.iter().cloned().collect());
        compare("permissions boundary", before, now);
    }

    fn keys(&mut self, account_id: &AccountId, was: &User, is: &User, with_last_used: bool) {
        let (Some(old), Some(new)) = (&was.access_keys, &is.access_keys) else { return };
        for key in new {
            let name = key_name(account_id, is, key);
            let Some(before) = old.iter().find(|it| it.access_key_id == key.access_key_id) else {
                self.keys_came.push(name);
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
                self.keys_used.push(KeyUse { key: name, before: last.clone(), now: now.clone() });
            }
        }
        let went = old.iter().filter(|key| !new.iter().any(|it| it.access_key_id == key.access_key_id));
        self.keys_went.extend(went.map(|key| key_name(account_id, was, key)));
    }

    fn findings(
        &mut self,
        sides: &RollPair<'_>,
        (was, old): (Option<&AccountRecord>, BTreeMap<String, Finding>),
        (is, new): (Option<&AccountRecord>, BTreeMap<String, Finding>),
    ) {
        for (id, finding) in &new {
            match old.get(id) {
                Some(before) if before.is_open() == finding.is_open() => {}
                // Where the tags are not known that an exception goes by, it may be as it was.
                Some(before) if before.can_be_suppressed || finding.can_be_suppressed => {
                    *self.not_compared.entry(finding.rule.id).or_default() += 1;
                }
                Some(_) if finding.is_open() => self.reopened.push(finding.clone()),
                Some(_) => self.answered_for.push(finding.clone()),
                None if !finding.is_open() => {}
                None => match sides.verdict(sides.old, was, finding) {
                    Verdict::Passes | Verdict::NotThere | Verdict::Fails => self.opened.push(finding.clone()),
                    Verdict::Unknown => self.newly_known.push(finding.clone()),
                    Verdict::NotAsked => *self.not_compared.entry(finding.rule.id).or_default() += 1,
                },
            }
        }
        for finding in old.into_iter().filter(|(id, _)| !new.contains_key(id)).map(|(_, finding)| finding) {
            if !finding.is_open() {
                continue;
            }
            match sides.verdict(sides.new, is, &finding) {
                Verdict::Passes | Verdict::NotThere | Verdict::Fails => self.resolved.push(finding),
                Verdict::Unknown => self.now_unknown.push(finding),
                Verdict::NotAsked => *self.not_compared.entry(finding.rule.id).or_default() += 1,
            }
        }
    }
}

fn by_id(account: &AccountRecord) -> Option<BTreeMap<&str, &User>> {
    Some(account.users()?.iter().map(|user| (user.user_id.as_str(), user)).collect())
}

/// The two rolls, and how they are judged.
struct RollPair<'a> {
    old: &'a Header,
    new: &'a Header,
    settings: &'a Settings,
}

impl RollPair<'_> {
    /// What the rule of a finding says of the same thing in an account of the other roll.
    fn verdict(&self, header: &Header, account: Option<&AccountRecord>, finding: &Finding) -> Verdict {
        // An account that is not in the roll, or not read, tells nothing; nobody says that it is empty.
        let Some(roll) = account.filter(|account| account.users().is_some()) else { return Verdict::Unknown };
        let of = AccountView::new(header, roll);
        let days = self.settings.days(finding.rule);
        let check: &Rule = finding.rule;
        if let Check::Root(check) = check.check {
            return Verdict::from_outcome(check(&of));
        }
        let users = roll.users().unwrap_or_default();
        let Some(user) = users.iter().find(|user| Some(&user.user_id) == finding.user_id.as_ref()) else {
            let is_cut = roll.gaps().iter().any(|gap| gap.stage == FactKind::Users.into());
            return if is_cut { Verdict::Unknown } else { Verdict::NotThere };
        };
        let user = UserView { account: of, user };
        match check.check {
            Check::Root(_) => Verdict::Unknown,
            Check::User(check) => Verdict::from_outcome(check(&user, days)),
            Check::Key(check) => match user.access_keys() {
                Fact::Known { value: keys, .. } => {
                    let id = finding.subject.access_key_id.as_ref().map(AccessKeyId::as_str);
                    let key = keys.iter().find(|key| Some(key.access_key_id.as_str()) == id);
                    key.map_or(Verdict::NotThere, |key| {
                        Verdict::from_outcome(check(&KeyView { of: user, key }, days))
                    })
                }
                Fact::Unknown { .. } => Verdict::Unknown,
                Fact::NotRequested => Verdict::NotAsked,
            },
        }
    }
}

impl Verdict {
    fn from_outcome(checked: RuleOutcome) -> Self {
        match checked {
            Ok(None) => Self::Passes,
            Ok(Some(_)) => Self::Fails,
            Err(untold) if untold.reason.is_none() => Self::NotAsked,
            Err(_) => Self::Unknown,
        }
    }
}

fn are_comparable(old: &Header, new: &Header) -> Result<(), NotComparable> {
    let of = |header: &Header| {
        header.organization.as_ref().map_or("accounts that were named".to_owned(), |it| it.id.clone())
    };
    if let (Some(first), Some(second)) = (&old.organization, &new.organization)
        && first.id != second.id
    {
        return Err(NotComparable::Organizations(of(old), of(new)));
    }
    if new.as_of < old.as_of {
        return Err(NotComparable::Swapped(old.as_of.to_string(), new.as_of.to_string()));
    }
    let (users_of_old, users_of_new) = (old.collect.user_limits(), new.collect.user_limits());
    if users_of_old != users_of_new {
        let said = |limits: &[String]| match limits {
            [] => "all users".to_owned(),
            some => some.join(", "),
        };
        return Err(NotComparable::Narrowed(said(&users_of_old), said(&users_of_new)));
    }
    Ok(())
}

fn side(stored: &RollFile) -> io::Result<RollSide> {
    Ok(RollSide {
        run_id: stored.header.run_id.to_string(),
        as_of: stored.header.as_of.to_string(),
        is_complete: stored.coverage()?.is_complete,
    })
}

fn key_name(account_id: &AccountId, user: &User, key: &AccessKey) -> KeyName {
    KeyName {
        account_id: account_id.clone(),
        user_name: user.user_name.clone(),
        access_key_id: key.access_key_id.clone(),
        status: key.status.as_str().to_owned(),
    }
}
