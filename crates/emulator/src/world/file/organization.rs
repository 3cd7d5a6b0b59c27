//! Builds the organization of a world file: its units, and the unit of each account.

use std::collections::BTreeMap;
use std::io;

use rolecall_policy::PolicyType;

use super::InvalidWorld;
use super::format::{FileOrganization, FileUnit};
use super::policies::PolicyLoader;
use super::validation::is_account_id;
use crate::world::{Member, Organization, Unit};

impl FileOrganization {
    pub(super) fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        accounts: &BTreeMap<String, Member>,
        policies: &PolicyLoader<'_, F>,
    ) -> Result<Organization, InvalidWorld> {
        let Self { id, management_account, delegated_administrators, manages_root_credentials, root } = self;
        if !is_account_id(&management_account) {
            return Err(InvalidWorld::new(format!(
                "organization.management_account: {management_account:?} is not a valid account id; write its 12 digits"
            )));
        }
        let (mut units, mut members) = (Vec::new(), BTreeMap::new());
        let root_name = root.name.clone().unwrap_or_else(|| "Root".to_owned());
        root.build("organization.root", None, policies, &mut units, &mut |account_id, unit| {
            let problem = match accounts.get(account_id) {
                None => "is not in accounts; add it there or remove it from the unit",
                Some(member) => {
                    match members.insert(account_id.to_owned(), Member { unit, ..member.clone() }) {
                        None => return Ok(()),
                        Some(_) => "is in two units; remove it from one of them",
                    }
                }
            };
            Err(InvalidWorld::new(format!("organization.root: account {account_id:?} {problem}")))
        })?;
        if let Some(root) = units.first_mut() {
            root.name = root_name;
        }
        if let Some(member) = accounts.get(&management_account) {
            members.entry(management_account.clone()).or_insert_with(|| member.clone());
        }
        for account_id in &delegated_administrators {
            if !members.contains_key(account_id) {
                return Err(InvalidWorld::new(format!(
                    "organization.delegated_administrators: account {account_id:?} is not in the organization; add it \
                     to the accounts of a unit"
                )));
            }
        }
        Ok(Organization {
            id,
            management_account,
            delegated_administrators,
            manages_root_credentials,
            units,
            members,
        })
    }
}

impl FileUnit {
    /// Adds this unit and the units below it to `units`, and calls `place_account` for each account with the index of
    /// its unit.
    fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        at: &str,
        parent: Option<usize>,
        policies: &PolicyLoader<'_, F>,
        units: &mut Vec<Unit>,
        place_account: &mut dyn FnMut(&str, usize) -> Result<(), InvalidWorld>,
    ) -> Result<(), InvalidWorld> {
        let index = units.len();
        if let Some(other) = units.iter().find(|unit| unit.id == self.id) {
            return Err(InvalidWorld::new(format!(
                "{at}.id: another unit has the id {:?} too; give each unit its own id",
                other.id
            )));
        }
        let scps = match self.scps {
            Some(scps) => policies.load_all(&format!("{at}.scps"), scps, PolicyType::Scp)?,
            None => vec![policies.load_full_access()?],
        };
        units.push(Unit {
            name: self.name.unwrap_or_else(|| self.id.clone()),
            id: self.id,
            parent,
            scps,
            rcps: policies.load_all(&format!("{at}.rcps"), self.rcps, PolicyType::Rcp)?,
        });
        self.accounts.iter().try_for_each(|account_id| place_account(account_id, index))?;
        for (n, unit) in self.units.into_iter().enumerate() {
            unit.build(&format!("{at}.units[{n}]"), Some(index), policies, units, place_account)?;
        }
        Ok(())
    }
}
