//! Whether a run continues the roll of an earlier one, and does not make another of it.

use crate::fact_kind::FactSelection;
use crate::header::{Header, TargetScope};
use crate::ids::RoleArn;

/// Why a run cannot continue a roll.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Discontinuity {
    /// The accounts are others, or read through other roles.
    #[error("it is the roll of other accounts, or through other roles")]
    Targets,
    /// An account is read through another role.
    #[error("it is a roll through {previous}, and now it is to be one through {next}")]
    Role {
        /// The role of the roll.
        previous: Box<RoleArn>,
        /// The role of the run.
        next: Box<RoleArn>,
    },
    /// Other accounts of the organization are chosen.
    #[error("it is a roll of {previous}, and now it is to be one of {next}")]
    Scope {
        /// Which the roll chose.
        previous: Box<TargetScope>,
        /// Which the run chooses.
        next: Box<TargetScope>,
    },
    /// Other facts are read, or of other users.
    #[error("it is a roll of {previous}, and now it is to be one of {next}")]
    Selection {
        /// What the roll reads.
        previous: Box<FactSelection>,
        /// What the run reads.
        next: Box<FactSelection>,
    },
    /// It is another organization, or one of them is none.
    #[error("it is the roll of {}, and now it is of {}", organization(.previous.as_deref()), organization(.next.as_deref()))]
    Organization {
        /// The organization's id in the roll.
        previous: Option<String>,
        /// The organization's id in the run.
        next: Option<String>,
    },
}

fn organization(id: Option<&str>) -> String {
    id.map_or("no organisation".to_owned(), |id| format!("organisation {id}"))
}

/// Holds that a run with the header `next` continues the roll with the header `previous`.
///
/// # Errors
/// [`Discontinuity`] says what differs.
pub fn check(previous: &Header, next: &Header) -> Result<(), Discontinuity> {
    let id = |header: &Header| header.organization.as_ref().map(|it| it.id.clone());
    let (of_previous, of_next) = (id(previous), id(next));
    // The accounts of an organization come and go.
    if of_previous.is_none() && of_next.is_none() && previous.targets != next.targets {
        return Err(Discontinuity::Targets);
    }
    if let Some((previous, next)) = other_role(previous, next) {
        return Err(Discontinuity::Role { previous: previous.clone().into(), next: next.clone().into() });
    }
    if previous.collect != next.collect {
        let [previous, next] = [previous, next].map(|header| header.collect.clone().into());
        return Err(Discontinuity::Selection { previous, next });
    }
    if of_previous == of_next && previous.scope != next.scope {
        let [previous, next] = [previous, next].map(|header| header.scope.clone().into());
        return Err(Discontinuity::Scope { previous, next });
    }
    if of_previous != of_next {
        return Err(Discontinuity::Organization { previous: of_previous, next: of_next });
    }
    Ok(())
}

/// The first account that is read through another role.
fn other_role<'a>(previous: &'a Header, next: &'a Header) -> Option<(&'a RoleArn, &'a RoleArn)> {
    previous.targets.iter().find_map(|target| {
        let place = next.targets.binary_search_by(|it| it.account_id.cmp(&target.account_id)).ok()?;
        let roles = (target.role_arn.as_ref()?, next.targets.get(place)?.role_arn.as_ref()?);
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

    fn of_organization(id: &str, header: Header) -> Header {
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
    fn a_roll_is_continued_by_a_run_over_the_same_accounts_and_facts_alone() {
        assert_eq!(check(&header(&[A]), &header(&[A])), Ok(()));
        assert_eq!(check(&header(&[A]), &header(&[A, B])), Err(Discontinuity::Targets));
        let of = |roles| of_organization("o-a", header(roles));
        assert_eq!(check(&of(&[A]), &of(&[A, B])), Ok(()), "accounts come to an organization");
        let scope = TargetScope { units: ["Prod".to_owned()].into(), ..TargetScope::default() };
        let of_unit = Header { scope, ..of(&[A]) };
        assert_eq!(check(&of_unit, &of_unit), Ok(()));
        let widened = check(&of_unit, &of(&[A, B])).unwrap_err().to_string();
        assert_eq!(widened, "it is a roll of units Prod, and now it is to be one of all accounts");
        let other_role = of(&["arn:aws:iam::111111111111:role/S"]);
        assert!(matches!(check(&of(&[A]), &other_role), Err(Discontinuity::Role { .. })));
        let other = of_organization("o-b", header(&[A]));
        let refused = check(&of(&[A]), &other).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "it is the roll of organisation o-a, and now it is of organisation o-b"
        );
        assert!(matches!(check(&of(&[A]), &header(&[A])), Err(Discontinuity::Organization { .. })));
        let collect = FactSelection { user_name: Some("ann".to_owned()), ..FactSelection::default() };
        let narrowed = Header { collect, ..header(&[A]) };
        let refused = check(&header(&[A]), &narrowed).unwrap_err().to_string();
        assert!(refused.ends_with("users,access_keys; of user ann"), "{refused}");
    }
}
