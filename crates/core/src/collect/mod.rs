//! The facts, one file each. Beside its code each declares the IAM actions it needs; sessions are narrowed to them.

pub mod access_keys;
pub mod account_alias;
pub mod console_password;
pub mod control_total;
pub mod credential_report;
pub mod last_used;
pub mod mfa_devices;
pub mod policies;
pub mod root_credentials;
pub mod users;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use aws_smithy_types::DateTime;
use futures_util::{FutureExt, StreamExt, join, stream};
use jiff::Timestamp;
use rolecall_roll::{AccountRoll, Class, Fact, Facts, Gap, Note, Source, Step, Target, User};

use crate::call::CallError;
use crate::session::Session;
use credential_report::Report;

/// A fact that can be read.
#[derive(Debug, Clone, Copy)]
pub struct Collector {
    /// The step that reads it; its name is the collector's.
    pub step: Step,
    /// The IAM actions that it needs, and all that it needs.
    pub actions: &'static [&'static str],
}

/// The collectors, in the order in which they read.
pub const COLLECTORS: &[Collector] = &[
    users::COLLECTOR,
    access_keys::COLLECTOR,
    last_used::COLLECTOR,
    control_total::COLLECTOR,
    console_password::COLLECTOR,
    mfa_devices::COLLECTOR,
    policies::COLLECTOR,
    credential_report::COLLECTOR,
    account_alias::COLLECTOR,
    root_credentials::COLLECTOR,
];

/// What the tutorial's two permissions allow.
const DEFAULT: &[Step] = &[Step::Users, Step::AccessKeys];

/// What a security team wants to know.
const RECOMMENDED: &[Step] = &[
    Step::Users,
    Step::AccessKeys,
    Step::LastUsed,
    Step::ControlTotal,
    Step::ConsolePassword,
    Step::MfaDevices,
    Step::Policies,
    Step::CredentialReport,
];

/// Which facts are read, written as their names with commas between, or `default`, `recommended`, `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collect(BTreeSet<Step>);

impl Default for Collect {
    fn default() -> Self {
        Self(DEFAULT.iter().copied().collect())
    }
}

impl Collect {
    /// Whether a fact is read.
    #[must_use]
    pub fn has(&self, step: Step) -> bool {
        self.0.contains(&step)
    }

    /// Takes a fact out, since it is known otherwise; tells whether it was in.
    pub fn take(&mut self, step: Step) -> bool {
        self.0.remove(&step)
    }

    /// How many calls they take at least: for an account, and for each user of it.
    #[must_use]
    pub fn calls(&self) -> (usize, usize) {
        let of_users = [Step::AccessKeys, Step::ConsolePassword, Step::MfaDevices];
        // Of a key's last use nobody knows how often it is asked for.
        let is_of_account = |step: &&Step| !of_users.contains(step) && **step != Step::LastUsed;
        let of_account = self.0.iter().filter(is_of_account).count();
        // And the session.
        (of_account + 1, of_users.iter().filter(|step| self.has(**step)).count())
    }

    /// The IAM actions that they together need.
    #[must_use]
    pub fn actions(&self, reads: Reads) -> Vec<&'static str> {
        let is_read = |step| self.has(step) || (step == Step::CredentialReport && reads == Reads::Report);
        let read = COLLECTORS.iter().filter(|collector| is_read(collector.step));
        read.flat_map(|collector| collector.actions).copied().collect()
    }
}

impl FromStr for Collect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("it names no fact; users are read with each".to_owned());
        }
        // Users are what all else is about.
        let mut steps = BTreeSet::from([Step::Users]);
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "default" => steps.extend(DEFAULT),
                "recommended" => steps.extend(RECOMMENDED),
                "all" => steps.extend(COLLECTORS.iter().map(|collector| collector.step)),
                name => {
                    let known = COLLECTORS.iter().find(|collector| collector.step.to_string() == name);
                    let step = known.map(|collector| collector.step).ok_or_else(|| {
                        let names: Vec<String> = COLLECTORS.iter().map(|it| it.step.to_string()).collect();
                        format!("{name:?} is none of default, recommended, all, {}", names.join(", "))
                    })?;
                    steps.insert(step);
                }
            }
        }
        // Of a key's last use its id is needed.
        if steps.contains(&Step::LastUsed) {
            steps.insert(Step::AccessKeys);
        }
        Ok(Self(steps))
    }
}

impl fmt::Display for Collect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(","))
    }
}

/// How users are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reads {
    /// Each user live.
    #[default]
    Exact,
    /// From the credential report, and live only those who have keys there, or are younger than it. Keys that were made
    /// since are missing.
    Report,
}

impl FromStr for Reads {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "exact" => Ok(Self::Exact),
            "report" => Ok(Self::Report),
            _ => Err(format!("{text:?} is neither exact nor report")),
        }
    }
}

/// What to read of an account, and how.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Which facts.
    pub collect: &'a Collect,
    /// How users are read.
    pub reads: Reads,
    /// Of the users this one alone.
    pub user: Option<&'a str>,
    /// Of the users those below this path.
    pub path_prefix: Option<&'a str>,
    /// Calls side by side.
    pub calls_at_once: usize,
}

/// What was seen of an account so far. It is kept outside of the work, so that work which is cut off leaves it.
#[derive(Debug, Default)]
pub struct Seen {
    users: RefCell<Option<Vec<User>>>,
    facts: RefCell<Facts>,
    gaps: RefCell<Vec<Gap>>,
    notes: RefCell<Vec<Note>>,
    request_ids: RefCell<Vec<String>>,
    step: Cell<Option<Step>>,
}

impl Seen {
    /// Where the work stands.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step.get().unwrap_or(Step::Session)
    }

    /// The calls that gave the session.
    pub fn came_in(&self, request_ids: Vec<String>) {
        self.request_ids.replace(request_ids);
    }

    /// How many users there are whose keys are not read.
    #[must_use]
    pub fn without_keys(&self) -> usize {
        self.users.borrow().iter().flatten().filter(|user| user.access_keys.is_none()).count()
    }

    /// Something could not be read.
    pub fn gap(&self, gap: Gap) {
        self.gaps.borrow_mut().push(gap);
    }

    /// The same, and the fact that is unknown for it. AWS's words stand in the gap: with what they are about in them they
    /// would be another reason for each user.
    fn failed<T>(&self, step: Step, user_name: Option<&str>, error: CallError) -> Fact<T> {
        let gap = error.into_gap(step, user_name);
        let unknown = gap.in_short();
        self.gap(gap);
        Fact::Unknown { unknown }
    }

    fn note(&self, step: Step, user_name: Option<&str>, message: impl Into<String>) {
        let user_name = user_name.map(str::to_owned);
        self.notes.borrow_mut().push(Note { step, user_name, message: message.into() });
    }

    /// Changes a user, where it is still there.
    fn user(&self, user_name: &str, change: impl FnOnce(&mut User)) {
        let mut users = self.users.borrow_mut();
        if let Some(user) = users.iter_mut().flatten().find(|user| user.user_name == user_name) {
            change(user);
        }
    }

    /// The account's line. What was asked for and not read is unknown in it.
    #[must_use]
    pub fn into_line(self, target: Target, plan: Plan<'_>, no_reason: Gap) -> AccountRoll {
        let (mut gaps, mut notes) = (self.gaps.into_inner(), self.notes.into_inner());
        let request_ids = self.request_ids.into_inner();
        // In order of name and not of arrival, so that two runs over the same world say the same.
        gaps.sort_by(|a, b| (a.step, &a.user_name).cmp(&(b.step, &b.user_name)));
        notes.sort_by(|a, b| (a.step, &a.user_name, &a.message).cmp(&(b.step, &b.user_name, &b.message)));
        let Some(mut users) = self.users.into_inner() else {
            // What kept the users from being read tells more than what else went wrong.
            let first =
                gaps.iter().position(|gap| matches!(gap.step, Step::Session | Step::Users)).unwrap_or(0);
            let gap = if gaps.is_empty() { no_reason } else { gaps.swap_remove(first) };
            return AccountRoll::failed(target, gap).through(request_ids);
        };
        // Where one call reads a fact of all users, one gap says why it is unknown.
        let wanted = |step| {
            let gap = gaps.iter().find(|gap| gap.step == step && gap.user_name.is_none());
            plan.collect.has(step).then(|| gap.map_or_else(|| "not read".to_owned(), Gap::in_short))
        };
        for user in &mut users {
            let is_from_report = user.no_access_keys_source.is_some();
            let live = |step| wanted(step).filter(|_| !is_from_report);
            unread(&mut user.console_password, live(Step::ConsolePassword));
            unread(&mut user.mfa_devices, live(Step::MfaDevices));
            unread(&mut user.policies, wanted(Step::Policies));
            unread(&mut user.report, wanted(Step::CredentialReport));
            for key in user.access_keys.iter_mut().flatten() {
                unread(&mut key.last_used, wanted(Step::LastUsed));
            }
        }
        let mut facts = self.facts.into_inner();
        unread(&mut facts.alias, wanted(Step::AccountAlias));
        unread(&mut facts.summary, wanted(Step::ControlTotal));
        unread(&mut facts.root, wanted(Step::CredentialReport));
        unread(&mut facts.root_credentials_managed, wanted(Step::RootCredentials));
        AccountRoll::read(target, users, gaps, notes).with_facts(facts).through(request_ids)
    }
}

/// What is wanted and was not read is unknown, for this reason.
fn unread<T>(fact: &mut Fact<T>, wanted: Option<String>) {
    if let Some(unknown) = wanted.filter(|_| fact.is_not_asked()) {
        *fact = Fact::Unknown { unknown };
    }
}

/// Reads an account, as far as it lets itself be read.
pub async fn collect(session: &Session<'_>, plan: Plan<'_>, seen: &Seen) {
    let has = |step| plan.collect.has(step);
    let wants_report = has(Step::CredentialReport) || plan.reads == Reads::Report;
    let report = async {
        if wants_report { credential_report::collect(session, seen).boxed_local().await } else { None }
    };
    let users = users::collect(session, plan, seen).boxed_local();
    let policies = async {
        if has(Step::Policies) { policies::collect(session, seen).boxed_local().await } else { Vec::new() }
    };
    let account = async {
        if has(Step::AccountAlias) {
            account_alias::collect(session, seen).boxed_local().await;
        }
        if has(Step::RootCredentials) {
            root_credentials::collect(session, seen).boxed_local().await;
        }
    };
    // In the exact mode nobody waits for the report, which takes its time to be made.
    if plan.reads == Reads::Report {
        let (report, ()) = join!(report, users);
        let (policies, (), ()) =
            join!(policies, account, of_users(session, plan, report.as_ref(), seen).boxed_local());
        finish(plan, report, policies, seen);
    } else {
        let live = async {
            users.await;
            of_users(session, plan, None, seen).boxed_local().await;
        };
        let (report, policies, (), ()) = join!(report, policies, account, live);
        finish(plan, report, policies, seen);
    }
    if has(Step::ControlTotal) && plan.user.is_none() && plan.path_prefix.is_none() {
        control_total::collect(session, plan, seen).boxed_local().await;
    }
}

/// Joins what was read of all users at once with the users.
fn finish(plan: Plan<'_>, report: Option<Report>, policies: Vec<policies::OfUser>, seen: &Seen) {
    for policies::OfUser { user_name, policies } in policies {
        seen.user(&user_name, |user| user.policies = Fact::live(policies));
    }
    let Some(report) = report else { return };
    let source = Source::CredentialReport(report.generated);
    if plan.collect.has(Step::CredentialReport) {
        if let Some(root) = report.root {
            seen.facts.borrow_mut().root = Fact::Known { value: root, source };
        }
        for (user_name, row) in report.rows {
            seen.user(&user_name, |user| user.report = Fact::Known { value: row, source });
        }
        let mut users = seen.users.borrow_mut();
        for user in users.iter_mut().flatten().filter(|user| user.create_date > report.generated) {
            let unknown = "the user is younger than the credential report".to_owned();
            user.report = Fact::Unknown { unknown };
        }
    }
}

/// How many users a further connection is worth its handshake for, which takes as long as some calls.
const USERS_A_CONNECTION: usize = 4;

/// Reads what is asked of each user by itself, some users side by side.
async fn of_users(session: &Session<'_>, plan: Plan<'_>, report: Option<&Report>, seen: &Seen) {
    let has = |step| plan.collect.has(step);
    seen.step.set(seen.users.borrow().is_some().then_some(Step::AccessKeys).or(seen.step.get()));
    let mut names = Vec::new();
    for user in seen.users.borrow_mut().iter_mut().flatten() {
        let row = report.and_then(|report| Some((report, report.row_of(user)?)));
        match row {
            Some((report, row))
                if row.access_keys.iter().all(|key| key.last_rotated.is_none() && !key.active) =>
            {
                let source = Source::CredentialReport(report.generated);
                user.access_keys = Some(Vec::new());
                user.no_access_keys_source = Some(source);
                if has(Step::ConsolePassword) && row.password_enabled == Some(false) {
                    user.console_password = Fact::Known { value: None, source };
                }
                if has(Step::MfaDevices) && !row.mfa_active {
                    user.mfa_devices = Fact::Known { value: Vec::new(), source };
                }
            }
            _ => names.push(user.user_name.clone()),
        }
    }
    if let Some(report) = report {
        let message = format!(
            "users without keys are those of the credential report of {:.0}; keys that were made since are missing",
            report.generated
        );
        seen.note(Step::CredentialReport, None, message);
    }
    if ![Step::AccessKeys, Step::ConsolePassword, Step::MfaDevices].into_iter().any(has) {
        return;
    }
    // Two at least, so that one call that hangs does not hold up all others.
    let side_by_side = names.len().div_ceil(USERS_A_CONNECTION).max(2).min(plan.calls_at_once);
    stream::iter(&names)
        .for_each_concurrent(side_by_side, |user_name| of_user(session, plan, user_name, seen).boxed_local())
        .await;
}

async fn of_user(session: &Session<'_>, plan: Plan<'_>, user_name: &str, seen: &Seen) {
    let has = |step| plan.collect.has(step);
    if has(Step::AccessKeys) {
        match access_keys::of_user(session, user_name).await {
            Ok(mut keys) => {
                if has(Step::LastUsed) {
                    last_used::collect(session, user_name, &mut keys, seen).boxed_local().await;
                }
                seen.user(user_name, |user| user.access_keys = Some(keys));
            }
            Err(error) if error.class == Class::NotFound => return is_gone(user_name, seen),
            Err(error) => seen.gap(error.into_gap(Step::AccessKeys, Some(user_name))),
        }
    }
    if has(Step::ConsolePassword) {
        match console_password::of_user(session, user_name, has(Step::AccessKeys)).boxed_local().await {
            Ok(password) => seen.user(user_name, |user| user.console_password = Fact::live(password)),
            Err(error) if error.class == Class::NotFound => return is_gone(user_name, seen),
            Err(error) => {
                let unknown = seen.failed(Step::ConsolePassword, Some(user_name), error);
                seen.user(user_name, |user| user.console_password = unknown);
            }
        }
    }
    if has(Step::MfaDevices) {
        match mfa_devices::of_user(session, user_name).boxed_local().await {
            Ok(devices) => seen.user(user_name, |user| user.mfa_devices = Fact::live(devices)),
            Err(error) if error.class == Class::NotFound => is_gone(user_name, seen),
            Err(error) => {
                let unknown = seen.failed(Step::MfaDevices, Some(user_name), error);
                seen.user(user_name, |user| user.mfa_devices = unknown);
            }
        }
    }
}

/// A user who vanished between two calls: a normal race.
fn is_gone(user_name: &str, seen: &Seen) {
    if let Some(users) = seen.users.borrow_mut().as_mut() {
        users.retain(|user| user.user_name != user_name);
    }
    seen.note(Step::AccessKeys, Some(user_name), "was deleted while the account was read, and is left out");
}

/// AWS's date as ours; `None` where it is out of all range.
fn timestamp(date: &DateTime) -> Option<Timestamp> {
    Timestamp::new(date.secs(), i32::try_from(date.subsec_nanos()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rolecall_roll::Step;

    use super::{Collect, Reads};

    #[test]
    fn the_document_of_the_recommended_permissions_gives_what_is_needed_and_nothing_else() {
        let document = include_str!("../../../../infra/policies/member-permissions-recommended.json");
        let document: serde_json::Value = serde_json::from_str(document).unwrap();
        let given = document["Statement"][0]["Action"].as_array().unwrap().iter();
        let given: BTreeSet<&str> = given.map(|action| action.as_str().unwrap()).collect();
        let needed = "recommended".parse::<Collect>().unwrap().actions(Reads::Exact);
        assert_eq!(given, needed.into_iter().collect());
    }

    #[test]
    fn facts_are_chosen_by_name_and_bring_what_they_need() {
        let collect = |text: &str| text.parse::<Collect>();
        assert!(collect(" ").unwrap_err().contains("names no fact"));
        assert_eq!(collect("users").unwrap().to_string(), "users");
        assert_eq!(collect("default").unwrap(), Collect::default());
        assert_eq!(collect("last_used").unwrap().to_string(), "users,access_keys,last_used");
        assert!(collect("recommended, account_alias").unwrap().has(Step::AccountAlias));
        assert_eq!(Collect::default().actions(Reads::Exact), ["iam:ListUsers", "iam:ListAccessKeys"]);
        assert!(Collect::default().actions(Reads::Report).contains(&"iam:GetCredentialReport"));
        assert!(
            collect("keys").unwrap_err().contains("\"keys\" is none of default, recommended, all, users")
        );
    }
}
