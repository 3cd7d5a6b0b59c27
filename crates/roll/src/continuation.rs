//! Checks that a run may resume the roll of a previous run: both must read the same accounts, roles and facts.

use crate::fact_kind::FactSelection;
use crate::header::{Header, TargetScope};
use crate::ids::RoleArn;

/// Why a run cannot resume a roll: what differs between the roll and the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Discontinuity {
    /// The target accounts or their roles differ; no organization is involved.
    #[error("the target accounts or roles of the roll differ from those of this run")]
    Targets,
    /// An account of the organization is read with another role.
    #[error("the roll was read with the role {previous}, but this run uses {next}")]
    Role {
        /// The role in the roll.
        previous: Box<RoleArn>,
        /// The role in the run.
        next: Box<RoleArn>,
    },
    /// The filters select other accounts of the organization.
    #[error("the roll covers {previous}, but this run selects {next}")]
    Scope {
        /// The filters of the roll.
        previous: Box<TargetScope>,
        /// The filters of the run.
        next: Box<TargetScope>,
    },
    /// Other facts are read, or other users.
    #[error("the roll has {previous}, but this run reads {next}")]
    Selection {
        /// The facts and users of the roll.
        previous: Box<FactSelection>,
        /// The facts and users of the run.
        next: Box<FactSelection>,
    },
    /// The organizations differ, or only one of the two reads an organization.
    #[error("the roll is of {}, but this run reads {}", organization(.previous.as_deref()), organization(.next.as_deref()))]
    Organization {
        /// The organization's id in the roll; `None` where it has no organization.
        previous: Option<String>,
        /// The organization's id in the run; `None` where it reads no organization.
        next: Option<String>,
    },
}

fn organization(id: Option<&str>) -> String {
    id.map_or("no organization".to_owned(), |id| format!("organization {id}"))
}

/// Checks that a run with the header `next` may resume the roll with the header `previous`.
///
/// # Errors
/// [`Discontinuity`] says what differs.
pub fn check(previous: &Header, next: &Header) -> Result<(), Discontinuity> {
    let id = |header: &Header| header.organization.as_ref().map(|it| it.id.clone());
    let (previous_id, next_id) = (id(previous), id(next));
    // Accounts join and leave an organization between runs, so its targets may differ.
    if previous_id.is_none() && next_id.is_none() && previous.targets != next.targets {
        return Err(Discontinuity::Targets);
    }
    if let Some((previous, next)) = other_role(previous, next) {
        return Err(Discontinuity::Role { previous: previous.clone().into(), next: next.clone().into() });
    }
    if previous.collect != next.collect {
        let [previous, next] = [previous, next].map(|header| header.collect.clone().into());
        return Err(Discontinuity::Selection { previous, next });
    }
    if previous_id == next_id && previous.scope != next.scope {
        let [previous, next] = [previous, next].map(|header| header.scope.clone().into());
        return Err(Discontinuity::Scope { previous, next });
    }
    if previous_id != next_id {
        return Err(Discontinuity::Organization { previous: previous_id, next: next_id });
    }
    Ok(())
}

/// The roles of the first account that the two headers read with different roles.
fn other_role<'a>(previous: &'a Header, next: &'a Header) -> Option<(&'a RoleArn, &'a RoleArn)> {
    previous.targets.iter().find_map(|target| {
        let index = next.targets.binary_search_by(|it| it.account_id.cmp(&target.account_id)).ok()?;
        let roles = (target.role_arn.as_ref()?, next.targets.get(index)?.role_arn.as_ref()?);
        (roles.0 != roles.1).then_some(roles)
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Discontinuity, check};
    use crate::fact::Fact;
    use crate::fact_kind::FactSelection;
    use crate::header::{Header, Organization, Target, TargetScope};
    use crate::ids::{RoleArn, RunId};

    fn header(roles: &[&str]) -> Header {
        let target = |role: &&str| Target::from(role.parse::<RoleArn>().unwrap());
        Header::new(RunId::random(), Timestamp::UNIX_EPOCH, None, roles.iter().map(target).collect())
    }

    fn with_organization(id: &str, header: Header) -> Header {
        let organization = Organization {
            id: id.to_owned(),
            management_account_id: "999999999999".parse().unwrap(),
            accounts: 1,
            root_credentials_managed: Fact::NotRequested,
        };
        Header { organization: Some(organization), ..header }
    }

    const A: &str = "arn:aws:iam::111111111111:role/R";
    const B: &str = "arn:aws:iam::222222222222:role/R";

    #[test]
    fn a_roll_is_resumed_only_by_a_run_over_the_same_accounts_and_facts() {
        assert_eq!(check(&header(&[A]), &header(&[A])), Ok(()));
        assert_eq!(check(&header(&[A]), &header(&[A, B])), Err(Discontinuity::Targets));
        let organization = |roles| with_organization("o-a", header(roles));
        let joined = check(&organization(&[A]), &organization(&[A, B]));
        assert_eq!(joined, Ok(()), "accounts join an organization");
        let scope = TargetScope { units: ["Prod".to_owned()].into(), ..TargetScope::default() };
        let one_unit = Header { scope, ..organization(&[A]) };
        assert_eq!(check(&one_unit, &one_unit), Ok(()));
        let widened = check(&one_unit, &organization(&[A, B])).unwrap_err().to_string();
        assert_eq!(widened, "the roll covers units Prod, but this run selects all accounts");
        let other_role = organization(&["arn:aws:iam::111111111111:role/S"]);
        assert!(matches!(check(&organization(&[A]), &other_role), Err(Discontinuity::Role { .. })));
        let other = with_organization("o-b", header(&[A]));
        let error = check(&organization(&[A]), &other).unwrap_err();
        assert_eq!(error.to_string(), "the roll is of organization o-a, but this run reads organization o-b");
        let none = header(&[A]);
        assert!(matches!(check(&organization(&[A]), &none), Err(Discontinuity::Organization { .. })));
        let collect = FactSelection { user_name: Some("ann".to_owned()), ..FactSelection::default() };
        let one_user = Header { collect, ..header(&[A]) };
        let error = check(&header(&[A]), &one_user).unwrap_err().to_string();
        assert!(error.ends_with("users,access_keys; only user ann"), "{error}");
    }
}
