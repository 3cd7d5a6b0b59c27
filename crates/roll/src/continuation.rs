//! Checks that a run may resume the roll of a previous run: both must read the same accounts, roles and facts.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::fact_kind::FactSelection;
use crate::header::{Header, TargetScope};
use crate::ids::{AccountId, RoleArn};

/// Why a run cannot resume a roll: what differs between the roll and the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Discontinuity {
    /// The target accounts differ; no organization is involved.
    #[error("{}", accounts(.only_in_roll, .only_in_run))]
    Targets {
        /// The accounts that only the roll has.
        only_in_roll: Vec<AccountId>,
        /// The accounts that only the run reads.
        only_in_run: Vec<AccountId>,
    },
    /// An account is read with another role.
    #[error("account {account_id} is read through {} in the roll, but through {} in this run", role(.previous.as_deref()), role(.next.as_deref()))]
    Role {
        /// The account.
        account_id: AccountId,
        /// The role in the roll; `None` where the account was read with the caller's credentials or skipped.
        previous: Option<Box<RoleArn>>,
        /// The role in the run; `None` as above.
        next: Option<Box<RoleArn>>,
    },
    /// Options that select accounts, facts or users have other values.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Options(Vec<OptionDifference>),
    /// An account that would not be read again is older than the maximum age.
    #[error("its oldest account was read at {as_of:.0}, more than {max_age:#} ago")]
    TooOld {
        /// When the oldest account was read.
        as_of: Timestamp,
        /// The maximum age.
        max_age: SignedDuration,
    },
    /// The line of an account that would not be read again does not say when it was read.
    #[error("the line of account {account_id} has no `as_of`, so its age is unknown")]
    UnknownAge {
        /// The account.
        account_id: AccountId,
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

/// An option that has one value in the roll and another in the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {} in the roll, but {} in this run", value(.previous), value(.next))]
pub struct OptionDifference {
    /// The key of the option, such as `include`.
    pub key: &'static str,
    /// Its values in the roll; empty where it was not set.
    pub previous: Vec<String>,
    /// Its values in the run; empty where it is not set.
    pub next: Vec<String>,
}

fn value(values: &[String]) -> String {
    if values.is_empty() { "not set".to_owned() } else { values.join(", ") }
}

/// The number of accounts that a message names.
const NAMED_ACCOUNTS: usize = 3;

fn accounts(only_in_roll: &[AccountId], only_in_run: &[AccountId]) -> String {
    let list = |accounts: &[AccountId]| {
        let named: Vec<&str> = accounts.iter().take(NAMED_ACCOUNTS).map(AccountId::as_str).collect();
        let others = accounts.len() - named.len();
        let others = if others > 0 { format!(" and {others} more") } else { String::new() };
        format!("{}{others}", named.join(", "))
    };
    let parts = [("only the roll has", only_in_roll), ("only this run reads", only_in_run)];
    let parts = parts.into_iter().filter(|(_, accounts)| !accounts.is_empty());
    let parts: Vec<String> = parts.map(|(who, accounts)| format!("{who} {}", list(accounts))).collect();
    format!("the target accounts of the roll differ from those of this run: {}", parts.join("; "))
}

fn role(role_arn: Option<&RoleArn>) -> String {
    role_arn.map_or("no role".to_owned(), |role_arn| format!("role {role_arn}"))
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
    let has_organization = previous_id.is_some() || next_id.is_some();
    // Accounts join and leave an organization between runs, so its targets may differ.
    if !has_organization {
        check_accounts(previous, next)?;
    }
    // A run that does not know its caller reads the caller's own account through the role.
    let knows_callers = previous.caller.is_some() && next.caller.is_some();
    check_roles(previous, next, has_organization || !knows_callers)?;
    let scopes = (previous_id == next_id).then_some([&previous.scope, &next.scope]);
    let mut differences = selection_differences(&previous.collect, &next.collect);
    differences.extend(scopes.into_iter().flat_map(|[previous, next]| scope_differences(previous, next)));
    if !differences.is_empty() {
        return Err(Discontinuity::Options(differences));
    }
    if previous_id != next_id {
        return Err(Discontinuity::Organization { previous: previous_id, next: next_id });
    }
    Ok(())
}

/// Checks that no account which would not be read again is older than the maximum age when the run starts, at `now`, or of
/// unknown age. `oldest_done` is the one of them that was read first.
///
/// # Errors
/// [`Discontinuity::TooOld`] or [`Discontinuity::UnknownAge`].
pub fn check_age(
    oldest_done: Option<(&AccountId, Option<Timestamp>)>,
    now: Timestamp,
    max_age: SignedDuration,
) -> Result<(), Discontinuity> {
    match oldest_done {
        Some((account_id, None)) => Err(Discontinuity::UnknownAge { account_id: account_id.clone() }),
        Some((_, Some(as_of))) if now.duration_since(as_of) > max_age => {
            Err(Discontinuity::TooOld { as_of, max_age })
        }
        _ => Ok(()),
    }
}

fn check_accounts(previous: &Header, next: &Header) -> Result<(), Discontinuity> {
    let ids = |header: &Header| -> BTreeSet<AccountId> {
        header.targets.iter().map(|target| target.account_id.clone()).collect()
    };
    let (previous, next) = (ids(previous), ids(next));
    if previous == next {
        return Ok(());
    }
    Err(Discontinuity::Targets {
        only_in_roll: previous.difference(&next).cloned().collect(),
        only_in_run: next.difference(&previous).cloned().collect(),
    })
}

/// An account without a role is skipped in an organization, or the caller's own. With `may_lack_role`, either may change
/// between two runs.
fn check_roles(previous: &Header, next: &Header, may_lack_role: bool) -> Result<(), Discontinuity> {
    for target in &previous.targets {
        let Ok(index) = next.targets.binary_search_by(|it| it.account_id.cmp(&target.account_id)) else {
            continue;
        };
        let other = next.targets.get(index).and_then(|it| it.role_arn.as_ref());
        let role_arn = target.role_arn.as_ref();
        if role_arn != other && !(may_lack_role && (role_arn.is_none() || other.is_none())) {
            let boxed = |role_arn: Option<&RoleArn>| role_arn.cloned().map(Box::new);
            let account_id = target.account_id.clone();
            return Err(Discontinuity::Role { account_id, previous: boxed(role_arn), next: boxed(other) });
        }
    }
    Ok(())
}

fn selection_differences(previous: &FactSelection, next: &FactSelection) -> Vec<OptionDifference> {
    let facts = |selection: &FactSelection| vec![selection.names()];
    let source = |selection: &FactSelection| vec![selection.user_source.name().to_owned()];
    let one = |text: &Option<String>| text.iter().cloned().collect::<Vec<_>>();
    differing([
        ("collect", facts(previous), facts(next)),
        ("user_source", source(previous), source(next)),
        ("user", one(&previous.user_name), one(&next.user_name)),
        ("path_prefix", one(&previous.path_prefix), one(&next.path_prefix)),
    ])
}

fn scope_differences(previous: &TargetScope, next: &TargetScope) -> Vec<OptionDifference> {
    let list = |texts: &BTreeSet<String>| texts.iter().cloned().collect::<Vec<_>>();
    differing([
        ("ou", list(&previous.units), list(&next.units)),
        ("include", list(&previous.include), list(&next.include)),
        ("exclude", list(&previous.exclude), list(&next.exclude)),
        ("include_tag", list(&previous.include_tags), list(&next.include_tags)),
    ])
}

fn differing(options: [(&'static str, Vec<String>, Vec<String>); 4]) -> Vec<OptionDifference> {
    let differing = options.into_iter().filter(|(_, previous, next)| previous != next);
    differing.map(|(key, previous, next)| OptionDifference { key, previous, next }).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Discontinuity, check};
    use crate::fact::Fact;
    use crate::fact_kind::FactSelection;
    use crate::header::{Caller, Header, Organization, Target, TargetScope};
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
    fn a_run_that_does_not_know_its_caller_resumes_a_roll_that_does() {
        let with_caller = |targets: Vec<Target>| {
            let (account_id, arn) =
                ("222222222222".parse().unwrap(), "arn:aws:sts::222222222222:x".to_owned());
            Header::new(RunId::random(), Timestamp::UNIX_EPOCH, Some(Caller { account_id, arn }), targets)
        };
        let own = || vec![Target { account_id: "222222222222".parse().unwrap(), role_arn: None }];
        let through_role = || vec![Target::from(B.parse::<RoleArn>().unwrap())];
        assert_eq!(check(&header(&[B]), &with_caller(own())), Ok(()));
        assert_eq!(check(&with_caller(own()), &header(&[B])), Ok(()));
        let known = check(&with_caller(own()), &with_caller(through_role()));
        assert!(matches!(known, Err(Discontinuity::Role { .. })));
    }

    #[test]
    fn a_roll_is_resumed_only_by_a_run_over_the_same_accounts_and_facts() {
        assert_eq!(check(&header(&[A]), &header(&[A])), Ok(()));
        assert_eq!(
            check(&header(&[A]), &header(&[A, B])),
            Err(Discontinuity::Targets {
                only_in_roll: Vec::new(),
                only_in_run: vec!["222222222222".parse().unwrap()]
            })
        );
        let other =
            check(&header(&[A]), &header(&["arn:aws:iam::111111111111:role/S"])).unwrap_err().to_string();
        assert!(other.starts_with("account 111111111111 is read through role arn:"), "{other}");
        let organization = |roles| with_organization("o-a", header(roles));
        let joined = check(&organization(&[A]), &organization(&[A, B]));
        assert_eq!(joined, Ok(()), "accounts join an organization");
        let scope = TargetScope { units: ["Prod".to_owned()].into(), ..TargetScope::default() };
        let one_unit = Header { scope, ..organization(&[A]) };
        assert_eq!(check(&one_unit, &one_unit), Ok(()));
        let widened = check(&one_unit, &organization(&[A, B])).unwrap_err().to_string();
        assert_eq!(widened, "ou is Prod in the roll, but not set in this run");
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
        assert_eq!(error, "user is not set in the roll, but ann in this run");
    }
}
