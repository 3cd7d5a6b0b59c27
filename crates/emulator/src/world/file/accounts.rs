//! Builds the accounts of a world file, with their roles and users.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use rolecall_policy::PolicyType;

use super::InvalidWorld;
use super::format::{FileAccount, FileRole, FileUser};
use super::policies::PolicyLoader;
use super::validation::{check_distinct, check_name, check_path, check_session_duration, check_tags};
use crate::world::{Account, Member, Role, User, unique_id};

impl FileAccount {
    /// The account as its organization describes it. Its unit is 0, the root, until the organization is built.
    pub(super) fn member<F: Fn(&str) -> io::Result<String>>(
        &self,
        account_id: &str,
        policies: &PolicyLoader<'_, F>,
    ) -> Result<Member, InvalidWorld> {
        // https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
        const STATES: [&str; 5] = ["PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"];
        if !STATES.contains(&self.state.as_str()) {
            let (state, expected) = (&self.state, STATES.join(", "));
            return Err(InvalidWorld::new(format!(
                "accounts.{account_id}.state: unknown state {state:?}; expected one of {expected}"
            )));
        }
        let at = format!("accounts.{account_id}.scps");
        let scps = self.scps.clone().map(|scps| policies.load_all(&at, scps, PolicyType::Scp));
        Ok(Member {
            unit: 0,
            name: self.name.clone().unwrap_or_else(|| format!("account-{account_id}")),
            email: self.email.clone().unwrap_or_else(|| format!("aws+{account_id}@example.com")),
            state: self.state.clone(),
            joined: self.joined.unwrap_or(Timestamp::constant(1_577_836_800, 0)),
            tags: self.tags.clone(),
            scps: scps.transpose()?,
            rcps: policies.load_all(
                &format!("accounts.{account_id}.rcps"),
                self.rcps.clone(),
                PolicyType::Rcp,
            )?,
        })
    }

    pub(super) fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        account_id: &str,
        policies: &PolicyLoader<'_, F>,
    ) -> Result<Account, InvalidWorld> {
        let Self { hangs, alias, root, roles, users, .. } = self;
        let mut account = Account { hangs, alias, root, ..Account::default() };
        check_distinct(&format!("accounts.{account_id}.roles"), roles.keys())?;
        check_distinct(&format!("accounts.{account_id}.users"), users.keys())?;
        for (name, role) in roles {
            let role = role.build(account_id, &name, policies)?;
            account.roles.insert(name, Arc::new(role));
        }
        for (name, user) in users {
            let user = user.build(account_id, &name, policies)?;
            account.users.insert(name, Arc::new(user));
        }
        Ok(account)
    }
}

impl FileRole {
    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        account_id: &str,
        name: &str,
        policies: &PolicyLoader<'_, F>,
    ) -> Result<Role, InvalidWorld> {
        let at = format!("accounts.{account_id}.roles.{name}");
        check_name(&at, name)?;
        check_path(&at, &self.path)?;
        check_tags(&at, &self.tags)?;
        check_session_duration(&at, self.max_session_duration)?;
        Ok(Role {
            arn: format!("arn:aws:iam::{account_id}:role{}{name}", self.path),
            trust_policy: policies.load(
                &format!("{at}.trust_policy"),
                self.trust_policy,
                PolicyType::Trust,
            )?,
            policies: policies.load_all(&format!("{at}.policies"), self.policies, PolicyType::Identity)?,
            permissions_boundary: policies.load_boundary(&at, self.permissions_boundary)?,
            max_session_duration: self.max_session_duration,
            tags: self.tags,
        })
    }
}

impl FileUser {
    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        account_id: &str,
        name: &str,
        policies: &PolicyLoader<'_, F>,
    ) -> Result<User, InvalidWorld> {
        let at = format!("accounts.{account_id}.users.{name}");
        check_name(&at, name)?;
        check_path(&at, &self.path)?;
        check_tags(&at, &self.tags)?;
        for (number, key) in self.access_keys.iter().enumerate() {
            key.check(&format!("{at}.access_keys[{number}]"))?;
        }
        let mut identity_policies =
            policies.load_all(&format!("{at}.policies"), self.policies, PolicyType::Identity)?;
        let numbered = identity_policies.iter().enumerate();
        let inline_policies = numbered
            .map(|(number, inline)| (format!("policy-{}", number + 1), inline.policy.source().to_string()));
        let inline_policies = inline_policies.collect();
        for arn in &self.attached_policies {
            identity_policies.push(policies.load_managed(&at, arn)?);
        }
        Ok(User {
            login_profile: self.login_profile,
            mfa_devices: self.mfa_devices,
            groups: self.groups,
            inline_policies,
            attached_policies: self.attached_policies,
            arn: format!("arn:aws:iam::{account_id}:user{}{name}", self.path),
            path: self.path,
            user_id: self.user_id.unwrap_or_else(|| unique_id("AIDA", account_id, name)),
            create_date: self.create_date,
            password_last_used: self.password_last_used,
            policies: identity_policies,
            permissions_boundary: policies.load_boundary(&at, self.permissions_boundary)?,
            access_keys: self.access_keys,
            tags: self.tags,
        })
    }
}
