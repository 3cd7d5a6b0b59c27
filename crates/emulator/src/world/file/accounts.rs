//! Builds the accounts of a world file, with their roles and users.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use rolecall_policy::{NamedPolicy, PolicyType};

use super::InvalidWorld;
use super::format::{FileAccount, FileGroup, FileManagedPolicy, FileRole, FileUser};
use super::policies::{ManagedPolicies, PolicyLoader};
use super::validation::{
    MAX_GROUP_NAME, MAX_NAME, MAX_POLICY_NAME, check_account, check_distinct, check_name,
    check_password_policy, check_path, check_regions, check_session_duration, check_status, check_tags,
};
use crate::world::{Account, Group, ManagedPolicy, Member, Role, User, unique_id};

/// The creation date of what the file gives none.
const CREATE_DATE: Timestamp = Timestamp::constant(1_577_836_800, 0); // 2020-01-01

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
        check_account(&format!("accounts.{account_id}"), self)?;
        let at = format!("accounts.{account_id}.scps");
        let scps = self.scps.clone().map(|scps| policies.load_all(&at, scps, PolicyType::Scp));
        Ok(Member {
            unit: 0,
            name: self.name.clone().unwrap_or_else(|| format!("account-{account_id}")),
            email: self.email.clone().unwrap_or_else(|| format!("aws+{account_id}@example.com")),
            state: self.state.clone(),
            joined: self.joined.unwrap_or(CREATE_DATE),
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
        let at = format!("accounts.{account_id}");
        for (number, key) in self.root.access_keys.iter().enumerate() {
            key.check(&format!("{at}.root.access_keys[{number}]"))?;
        }
        check_regions(&at, &self.sts_inactive_regions, &self.disabled_regions)?;
        let Self { hangs, alias, root, state, password_policy, saml_providers, server_certificates, .. } =
            self;
        let mut account = Account {
            hangs,
            alias,
            root,
            is_suspended: state != "ACTIVE",
            sts_inactive_regions: self.sts_inactive_regions,
            disabled_regions: self.disabled_regions,
            password_policy,
            saml_providers,
            server_certificates,
            ..Account::default()
        };
        for (name, provider) in &account.saml_providers {
            check_tags(&format!("{at}.saml_providers.{name}"), &provider.tags)?;
        }
        for (name, certificate) in &account.server_certificates {
            check_path(&format!("{at}.server_certificates.{name}"), &certificate.path)?;
            check_tags(&format!("{at}.server_certificates.{name}"), &certificate.tags)?;
        }
        if let Some(password_policy) = &account.password_policy {
            check_password_policy(&format!("{at}.password_policy"), password_policy)?;
        }
        check_distinct(&format!("{at}.roles"), self.roles.keys())?;
        check_distinct(&format!("{at}.users"), self.users.keys())?;
        check_distinct(&format!("{at}.managed_policies"), self.managed_policies.keys())?;
        let user_groups = self.users.values().flat_map(|user| &user.groups);
        let group_names: BTreeSet<&String> = self.groups.keys().chain(user_groups).collect();
        check_distinct(&format!("{at}.groups"), group_names.iter().copied())?;
        let mut groups: BTreeMap<String, FileGroup> =
            group_names.into_iter().map(|name| (name.clone(), FileGroup::default())).collect();
        groups.extend(self.groups);
        for (name, policy) in self.managed_policies {
            let policy = policy.build(account_id, &name, policies)?;
            account.managed_policies.insert(policy.arn.clone(), Arc::new(policy));
        }
        for (name, group) in groups {
            let group = group.build(account_id, &name, policies, &account.managed_policies)?;
            account.groups.insert(name, Arc::new(group));
        }
        for (name, role) in self.roles {
            let role = role.build(account_id, &name, policies, &account.managed_policies)?;
            account.roles.insert(name, Arc::new(role));
        }
        for (name, user) in self.users {
            let user = user.build(account_id, &name, policies, &account.managed_policies)?;
            account.users.insert(name, Arc::new(user));
        }
        Ok(account)
    }
}

impl FileManagedPolicy {
    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        account_id: &str,
        name: &str,
        policies: &PolicyLoader<'_, F>,
    ) -> Result<ManagedPolicy, InvalidWorld> {
        let at = format!("accounts.{account_id}.managed_policies.{name}");
        check_name(&at, name, MAX_POLICY_NAME)?;
        check_path(&at, &self.path)?;
        check_tags(&at, &self.tags)?;
        let document = policies.load(&format!("{at}.document"), self.document, PolicyType::Identity)?;
        // The quota of managed policies, which are also what permissions boundaries are.
        let (size, quota) = (document.policy.size(PolicyType::Boundary), PolicyType::Boundary.size_quota());
        if size > quota {
            return Err(InvalidWorld::new(format!(
                "{at}.document: the document has {size} characters, not counting white space; a managed policy can \
                 have {quota}"
            )));
        }
        let arn = format!("arn:aws:iam::{account_id}:policy{}{name}", self.path);
        Ok(ManagedPolicy {
            name: name.to_owned(),
            path: self.path,
            policy_id: unique_id("ANPA", account_id, name),
            description: self.description,
            create_date: self.create_date.unwrap_or(CREATE_DATE),
            document: NamedPolicy { name: arn.clone(), ..document },
            tags: self.tags,
            arn,
        })
    }
}

impl FileGroup {
    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        account_id: &str,
        name: &str,
        policies: &PolicyLoader<'_, F>,
        managed: &ManagedPolicies,
    ) -> Result<Group, InvalidWorld> {
        let at = format!("accounts.{account_id}.groups.{name}");
        check_name(&at, name, MAX_GROUP_NAME)?;
        check_path(&at, &self.path)?;
        let loaded = policies.load_entity(&at, self.policies, 5120, &self.attached_policies, managed)?;
        Ok(Group {
            arn: format!("arn:aws:iam::{account_id}:group{}{name}", self.path),
            path: self.path,
            unique_id: unique_id("AGPA", account_id, name),
            create_date: self.create_date.unwrap_or(CREATE_DATE),
            policies: loaded.evaluated,
            inline_policies: loaded.inline,
            attached_policies: self.attached_policies,
        })
    }
}

impl FileRole {
    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        account_id: &str,
        name: &str,
        policies: &PolicyLoader<'_, F>,
        managed: &ManagedPolicies,
    ) -> Result<Role, InvalidWorld> {
        let at = format!("accounts.{account_id}.roles.{name}");
        check_name(&at, name, MAX_NAME)?;
        check_path(&at, &self.path)?;
        check_tags(&at, &self.tags)?;
        check_session_duration(&at, self.max_session_duration)?;
        let loaded = policies.load_entity(&at, self.policies, 10_240, &self.attached_policies, managed)?;
        Ok(Role {
            arn: format!("arn:aws:iam::{account_id}:role{}{name}", self.path),
            path: self.path,
            unique_id: unique_id("AROA", account_id, name),
            create_date: self.create_date.unwrap_or(CREATE_DATE),
            description: self.description,
            last_used: self.last_used,
            inline_policies: loaded.inline,
            attached_policies: self.attached_policies,
            trust_policy: policies.load(
                &format!("{at}.trust_policy"),
                self.trust_policy,
                PolicyType::Trust,
            )?,
            policies: loaded.evaluated,
            permissions_boundary: policies.load_boundary(&at, self.permissions_boundary, managed)?,
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
        managed: &ManagedPolicies,
    ) -> Result<User, InvalidWorld> {
        let at = format!("accounts.{account_id}.users.{name}");
        check_name(&at, name, MAX_NAME)?;
        check_path(&at, &self.path)?;
        check_tags(&at, &self.tags)?;
        for (number, key) in self.access_keys.iter().enumerate() {
            key.check(&format!("{at}.access_keys[{number}]"))?;
        }
        let uploaded = self.ssh_public_keys.iter().chain(&self.signing_certificates).map(|it| &it.status);
        let service_specific = self.service_specific_credentials.iter().map(|it| &it.status);
        uploaded.chain(service_specific).try_for_each(|status| check_status(&at, status))?;
        let loaded = policies.load_entity(&at, self.policies, 2048, &self.attached_policies, managed)?;
        Ok(User {
            ssh_public_keys: self.ssh_public_keys,
            signing_certificates: self.signing_certificates,
            service_specific_credentials: self.service_specific_credentials,
            login_profile: self.login_profile,
            mfa_devices: self.mfa_devices,
            groups: self.groups,
            inline_policies: loaded.inline,
            attached_policies: self.attached_policies,
            arn: format!("arn:aws:iam::{account_id}:user{}{name}", self.path),
            path: self.path,
            user_id: self.user_id.unwrap_or_else(|| unique_id("AIDA", account_id, name)),
            create_date: self.create_date,
            password_last_used: self.password_last_used,
            policies: loaded.evaluated,
            permissions_boundary: policies.load_boundary(&at, self.permissions_boundary, managed)?,
            access_keys: self.access_keys,
            tags: self.tags,
        })
    }
}
