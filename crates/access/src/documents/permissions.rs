//! What the roles may do.

use rolecall_core::collect::{self, FactSet};
use rolecall_core::targets::organization;
use rolecall_roll::{FactKind, FactSelection};

use super::{MemberRoles, RequiredAccess, trust};
use crate::statement::{OneOrMany, PolicyDocument, Statement};

/// The action with which `rolecall find-key` finds the account of an access key. It returns an account id and nothing else.
pub const KEY_LOOKUP_ACTION: &str = "sts:GetAccessKeyInfo";

/// What a member role may do: read the selected facts. Most of the actions support no other resource than `*`, and none
/// reads another account.
pub(super) fn of_member(selection: &FactSelection) -> PolicyDocument {
    PolicyDocument::new(vec![read_facts(selection).with_sid(facts_sid(selection))])
}

fn read_facts(selection: &FactSelection) -> Statement {
    Statement::allow(collect::actions(selection)).on(["*"])
}

/// The statement's id, which says which facts it is for.
fn facts_sid(selection: &FactSelection) -> &'static str {
    let is_of = |set: &FactSet| {
        let facts = set.facts().collect();
        collect::actions(selection) == collect::actions(&FactSelection { facts, ..FactSelection::default() })
    };
    match FactSet::ALL.iter().find(|set| is_of(set)) {
        Some(FactSet::Default) => "AllowListIAMUserandListAccessKeys",
        Some(FactSet::Recommended) => "AllowReadRecommendedFacts",
        Some(FactSet::All) => "AllowReadAllFacts",
        None => "AllowReadFacts",
    }
}

/// What the role that lists the accounts of the organization may do.
pub(super) fn of_organization_role(selection: &FactSelection) -> PolicyDocument {
    let features = selection.contains(FactKind::RootCredentials).then(|| {
        let actions = collect::collector(FactKind::RootCredentials).actions.iter().copied();
        Statement::allow(actions).on(["*"]).with_sid("AllowReadRootCredentialsManagement")
    });
    PolicyDocument::new([list_accounts()].into_iter().chain(features).collect())
}

fn list_accounts() -> Statement {
    let actions = organization::ACTIONS.iter().filter(|action| action.starts_with("organizations:"));
    Statement::allow(actions.copied()).on(["*"]).with_sid("AllowListAccountsOfOrganization")
}

/// What the hub role may do: assume the other roles, write the log of its function, find the account of an access key;
/// over an organization also list the accounts, and read its own account, in which it assumes no role.
pub(super) fn of_hub(access: &RequiredAccess) -> PolicyDocument {
    let mut statements = assume_members(access);
    if let Some(role) = &access.organization_role {
        let statement = Statement::allow(["sts:AssumeRole"])
            .on([role.as_str()])
            .with_sid("AllowAssumeOrganizationListRole");
        statements.push(statement);
        let others = trust::session_statements(access).map(|it| it.on([role.as_str()]));
        statements.extend(others.map(|it| with_sid_suffix(it, "OfOrganizationListRole")));
    }
    if access.reads_organization() {
        if access.organization_role.is_none() {
            statements.push(list_accounts());
        }
        statements.push(read_facts(&access.selection).with_sid("AllowReadFactsOfOwnAccount"));
    }
    statements.extend([write_logs(access), find_account_of_key()]);
    PolicyDocument::new(statements)
}

fn assume_members(access: &RequiredAccess) -> Vec<Statement> {
    let assume = Statement::allow(["sts:AssumeRole"]).with_sid(&assume_sid(access));
    let all = [assume].into_iter().chain(trust::session_statements(access));
    all.map(|mut statement| match &access.members {
        MemberRoles::Listed(_) => {
            // A list also for one role: others are added to it.
            statement.resource = Some(OneOrMany::Many(access.member_patterns()));
            statement
        }
        MemberRoles::Organization { id, .. } => statement.on(access.member_patterns()).with_condition(
            "StringEquals",
            "aws:ResourceOrgID",
            [id.as_str()],
        ),
    })
    .collect()
}

/// Such as `AllowAssumeIAMListRole`. An id has letters and digits only.
fn assume_sid(access: &RequiredAccess) -> String {
    let MemberRoles::Listed(roles) = &access.members else {
        return "AllowAssumeRoleInOrganization".to_owned();
    };
    let mut names: Vec<&str> = roles.iter().map(|role| role.role_name().as_str()).collect();
    names.dedup();
    match names.as_slice() {
        [name] => format!("AllowAssume{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "")),
        _ => "AllowAssumeMemberRoles".to_owned(),
    }
}

fn with_sid_suffix(statement: Statement, suffix: &str) -> Statement {
    let sid = format!("{}{suffix}", statement.sid.as_deref().unwrap_or_default());
    statement.with_sid(&sid)
}

/// `*` for the Region, in which the function is deployed, and for the names of the log streams.
fn write_logs(access: &RequiredAccess) -> Statement {
    let log_group = format!(
        "arn:{}:logs:*:{}:log-group:/aws/lambda/{}:*",
        access.partition(),
        access.hub_role.account_id(),
        access.function_name
    );
    Statement::allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"])
        .on([log_group])
        .with_sid("AllowWriteOwnLogs")
}

fn find_account_of_key() -> Statement {
    Statement::allow([KEY_LOOKUP_ACTION]).on(["*"]).with_sid("AllowGetAccountOfAccessKey")
}
