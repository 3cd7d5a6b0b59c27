//! The accounts of a world's file, with their roles and users.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use rolecall_policy::PolicyType;

use super::InvalidWorld;
use super::format::{FileAccount, FileRole, FileUser};
use super::policies::Documents;
use super::validation::{check_distinct, check_name, check_path, check_session_duration, check_tags};
use crate::world::{Account, Member, Role, User, unique_id};

impl FileAccount {
    /// What an organisation would know of it; its unit is yet to be found.
    pub(super) fn member<F: Fn(&str) -> io::Result<String>>(
        &self,
        account_id: &str,
        documents: &Documents<'_, F>,
    ) -> Result<Member, InvalidWorld> {
        // https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html
        const STATES: [&str; 5] = ["PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"];
        if !STATES.contains(&self.state.as_str()) {
            let (state, known) = (&self.state, STATES.join(", "));
            return Err(InvalidWorld::new(format!(
                "accounts.{account_id}.state: {state:?} is none of {known}"
            )));
        }
        let at = format!("accounts.{account_id}.scps");
        let scps = self.scps.clone().map(|scps| documents.all(&at, scps, PolicyType::Scp));
        Ok(Member {
            unit: 0,
            name: self.name.clone().unwrap_or_else(|| format!("account-{account_id}")),
            email: self.email.clone().unwrap_or_else(|| format!("aws+{account_id}@example.com")),
            state: self.state.clone(),
            joined: self.joined.unwrap_or(Timestamp::constant(1_577_836_800, 0)),
            tags: self.tags.clone(),
            scps: scps.transpose()?,
            rcps: documents.all(
                &format!("accounts.{account_id}.rcps"),
                self.rcps.clone(),
                PolicyType::Rcp,
            )?,
        })
    }

    pub(super) fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        account_id: &str,
        documents: &Documents<'_, F>,
    ) -> Result<Account, InvalidWorld> {
        let Self { hangs, alias, root, roles, users, .. } = self;
        let mut account = Account { hangs, alias, root, ..Account::default() };
        check_distinct(&format!("accounts.{account_id}.roles"), roles.keys())?;
        check_distinct(&format!("accounts.{account_id}.users"), users.keys())?;
        for (name, role) in roles {
            let role = role.build(account_id, &name, documents)?;
            account.roles.insert(name, Arc::new(role));
        }
        for (name, user) in users {
            let user = user.build(account_id, &name, documents)?;
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
        documents: &Documents<'_, F>,
    ) -> Result<Role, InvalidWorld> {
        let at = format!("accounts.{account_id}.roles.{name}");
        check_name(&at, name)?;
        check_path(&at, &self.path)?;
        check_tags(&at, &self.tags)?;
        check_session_duration(&at, self.max_session_duration)?;
        Ok(Role {
            arn: format!("arn:aws:iam::{account_id}:role{}{name}", self.path),
            trust_policy: documents.one(
                &format!("{at}.trust_policy"),
                self.trust_policy,
                PolicyType::Trust,
            )?,
            policies: documents.all(&format!("{at}.policies"), self.policies, PolicyType::Identity)?,
            permissions_boundary: documents.optional(&at, self.permissions_boundary)?,
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
        documents: &Documents<'_, F>,
    ) -> Result<User, InvalidWorld> {
        let at = format!("accounts.{account_id}.users.{name}");
        check_name(&at, name)?;
        check_path(&at, &self.path)?;
        check_tags(&at, &self.tags)?;
        for (number, key) in self.access_keys.iter().enumerate() {
            key.check(&format!("{at}.access_keys[{number}]"))?;
        }
        let mut policies = documents.all(&format!("{at}.policies"), self.policies, PolicyType::Identity)?;
        let numbered = policies.iter().enumerate();
        let inline_policies = numbered.map(|(number, document)| {
            (format!("policy-{}", number + 1), document.policy.source().to_string())
        });
        let inline_policies = inline_policies.collect();
        for arn in &self.attached_policies {
            policies.push(documents.managed(&at, arn)?);
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
            policies,
            permissions_boundary: documents.optional(&at, self.permissions_boundary)?,
            access_keys: self.access_keys,
            tags: self.tags,
        })
    }
}
