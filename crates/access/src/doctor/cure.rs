//! What heals a cause: a statement to paste, or a step.
//!
//! A paste never loosens what is there: it names one principal, and these actions, on this resource; it carries the external
//! id of the run, and the conditions of the statement that it is made from.

use rolecall_roll::{Cause, ExternalId, PolicyType, Remedy, RoleArn, Side, Terms};
use serde::Serialize;

use crate::documents::trust;
use crate::samples::account_of;
use crate::statement::{Conditions, Principal, Statement, has_external_id};

const ASSUME_ROLE: &str = "sts:AssumeRole";

/// What heals a cause.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cure {
    /// A statement to add to a policy.
    Paste(Box<Paste>),
    /// What to do where no statement heals it, without its full stop.
    Step(String),
}

impl Cure {
    fn paste(paste: Paste) -> Self {
        Self::Paste(Box::new(paste))
    }
}

/// A statement to add to a policy.
#[derive(Debug, Clone, Serialize)]
pub struct Paste {
    /// The account of the policy.
    pub account_id: String,
    /// The type of the policy.
    pub policy: PolicyType,
    /// The policy in words, such as `the trust policy of IAMListRole in 111111111111`.
    pub into: String,
    /// The statement.
    pub statement: Statement,
    /// What to check before the statement is pasted; `None` where the policy is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_first: Option<&'static str>,
    /// What is needed besides: the statement keeps a condition that the request does not meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub also: Option<String>,
}

/// What stands in a statement for an external id that is not to be printed. No external id can have its angle brackets, so nobody can
/// assume the role with the statement as long as it is there.
pub const EXTERNAL_ID_PLACEHOLDER: &str = "<EXTERNAL_ID_OF_THIS_RUN>";

/// The request for a session, as far as a policy can depend on it.
#[derive(Clone)]
pub struct SessionRequest {
    /// The ARN of the caller: a user, or a session of a role.
    pub caller_arn: String,
    /// The ARN of the caller's role with its path, where it is known. The ARN of a session has no path.
    pub caller_role_arn: Option<String>,
    /// The role to assume.
    pub role_arn: RoleArn,
    /// The external id that is sent.
    pub external_id: Option<ExternalId>,
    /// Whether statements have the external id, in place of [`EXTERNAL_ID_PLACEHOLDER`].
    pub shows_external_id: bool,
    /// The session name that is sent.
    pub session_name: String,
    /// The source identity that is sent.
    pub source_identity: Option<String>,
    /// The session tags that are sent: key and value.
    pub tags: Vec<(String, String)>,
}

/// Without the external id.
impl std::fmt::Debug for SessionRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRequest")
            .field("caller_arn", &self.caller_arn)
            .field("role_arn", &self.role_arn)
            .finish_non_exhaustive()
    }
}

impl SessionRequest {
    /// The actions that the request needs, on both sides.
    #[must_use]
    pub fn actions(&self) -> Vec<&'static str> {
        let mut actions = vec!["sts:AssumeRole"];
        if self.source_identity.is_some() {
            actions.push("sts:SetSourceIdentity");
        }
        if !self.tags.is_empty() {
            actions.push("sts:TagSession");
        }
        actions
    }

    /// The name of the role to assume.
    pub(crate) fn role_name(&self) -> &str {
        last_segment(self.role_arn.as_str())
    }

    /// `aws:PrincipalArn` of the request: of a session, the ARN of its role. Without the path, where that is not known.
    pub(crate) fn principal_arn(&self) -> String {
        match (&self.caller_role_arn, caller_identity(&self.caller_arn)) {
            (Some(role_arn), _) => role_arn.clone(),
            (None, CallerIdentity::Role(name)) => {
                let [partition, account] =
                    [1, 4].map(|part| self.caller_arn.split(':').nth(part).unwrap_or_default());
                format!("arn:{partition}:iam::{account}:role/{name}")
            }
            (None, CallerIdentity::User(_) | CallerIdentity::Other) => self.caller_arn.clone(),
        }
    }

    /// The account of the caller.
    pub(crate) fn caller_account(&self) -> &str {
        account_of(&self.caller_arn)
    }

    /// The caller as a message names it: `role LambdaRole`, `user alice`.
    pub(crate) fn caller_label(&self) -> String {
        caller_label(&self.caller_arn)
    }

    /// The statement for an action of the request: tags and source identity with the values that the run sends, and no others.
    fn statement_for(&self, action: &str) -> Statement {
        match (action, &self.source_identity) {
            ("sts:TagSession", _) if !self.tags.is_empty() => trust::allow_session_tags(&self.tags),
            ("sts:SetSourceIdentity", Some(name)) => trust::allow_source_identity(name),
            _ => Statement::allow([action]),
        }
    }

    /// The external id of the run where it is to be printed, else the placeholder. That of another statement is never printed.
    fn external_id_text(&self) -> &str {
        match &self.external_id {
            Some(external_id) if self.shows_external_id => external_id.expose(),
            _ => EXTERNAL_ID_PLACEHOLDER,
        }
    }

    /// The trust statement for exactly this caller and action: with the conditions that are there already, and with the external id
    /// that the run sends. `None` for a caller that no trust policy can name, such as a root user.
    ///
    /// AWS has the external id only in the context of `sts:AssumeRole`: a statement that requires it for another action never
    /// allows that action. Source:
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>
    pub(crate) fn trust_statement(&self, action: &str, existing: &Conditions) -> Option<Statement> {
        let requires_external_id = has_external_id(existing);
        let mut statement = self.statement_for(action);
        statement.add_conditions(existing);
        // The statement has one principal: this caller.
        statement.remove_limits_to_other_principals(&self.principal_arn());
        statement.remove_external_id();
        if action == ASSUME_ROLE && (requires_external_id || self.external_id.is_some()) {
            statement = statement.with_external_id(self.external_id_text());
        }
        match caller_identity(&self.caller_arn) {
            CallerIdentity::Other => return None,
            CallerIdentity::Role(name)
                if self.caller_role_arn.is_none() && name.starts_with("AWSReservedSSO_") =>
            {
                // The path has the region of IAM Identity Center, but not in us-east-1. No two roles of an account have the same
                // name, whatever their paths.
                let arn = self.principal_arn();
                let (account, _) = arn.rsplit_once(":role/")?;
                let paths = ["aws-reserved/sso.amazonaws.com/", "aws-reserved/sso.amazonaws.com/*/"];
                let roles = paths.map(|path| format!("{account}:role/{path}{name}"));
                statement = statement
                    .for_principal(Principal::Aws(format!("{account}:root")))
                    .with_condition("ArnLike", "aws:PrincipalArn", roles);
            }
            CallerIdentity::Role(_) | CallerIdentity::User(_) => {
                statement = statement.for_principal(Principal::Aws(self.principal_arn()));
            }
        }
        Some(statement)
    }
}

/// A caller by its ARN.
enum CallerIdentity<'a> {
    Role(&'a str),
    User(&'a str),
    /// A root user, or a session of `GetFederationToken`.
    Other,
}

fn caller_identity(arn: &str) -> CallerIdentity<'_> {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split_once('/') {
        Some(("assumed-role", rest)) => CallerIdentity::Role(rest.split('/').next().unwrap_or(rest)),
        Some(("role", rest)) => CallerIdentity::Role(last_segment(rest)),
        Some(("user", rest)) => CallerIdentity::User(last_segment(rest)),
        _ => CallerIdentity::Other,
    }
}

pub(crate) fn last_segment(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// What heals a cause for which no session is issued. `is_policy_known` says whether the policy's content is known: if not, a statement
/// that names the caller could be there already.
pub(crate) fn for_session(
    cause: &Cause,
    request: &SessionRequest,
    is_policy_known: bool,
    terms: &dyn Terms,
) -> Cure {
    for_session_under(cause, request, &Conditions::new(), is_policy_known, terms)
}

/// As [`for_session`], with the conditions of the statement that comes closest: a paste keeps them.
pub(crate) fn for_session_under(
    cause: &Cause,
    request: &SessionRequest,
    existing: &Conditions,
    is_policy_known: bool,
    terms: &dyn Terms,
) -> Cure {
    let paste = match cause {
        Cause::CallerNotTrusted { action }
        | Cause::NotAllowed { policy: PolicyType::RoleTrust | PolicyType::Resource, action: Some(action) } => {
            trust_paste(request, action, existing, is_policy_known)
        }
        Cause::NotAllowed { policy, action } => {
            hub_paste(*policy, action.as_deref(), request, existing, is_policy_known)
        }
        _ => None,
    };
    paste.map_or_else(|| Cure::Step(cause.to_do(terms)), Cure::paste)
}

/// The trust statement for a missing action.
pub(crate) fn trust_paste(
    request: &SessionRequest,
    action: &str,
    existing: &Conditions,
    is_policy_known: bool,
) -> Option<Paste> {
    Some(Paste {
        account_id: account_of(request.role_arn.as_str()).to_owned(),
        policy: PolicyType::RoleTrust,
        into: format!(
            "the trust policy of {} in {}",
            request.role_name(),
            account_of(request.role_arn.as_str())
        ),
        statement: request.trust_statement(action, existing)?,
        check_first: (!is_policy_known)
            .then_some("no statement there names the caller; if one does, a condition of it is not met"),
        also: None,
    })
}

/// The statement for a policy on the caller's side, of the types that a statement can heal.
fn hub_paste(
    policy: PolicyType,
    action: Option<&str>,
    request: &SessionRequest,
    existing: &Conditions,
    is_policy_known: bool,
) -> Option<Paste> {
    let action = request.actions().into_iter().find(|it| action.is_none_or(|action| action == *it))?;
    let into = policy_of(policy, &request.caller_label(), request.caller_account())?;
    let mut statement = request.statement_for(action).on([request.role_arn.as_str()]);
    statement.add_conditions(existing);
    Some(Paste {
        account_id: request.caller_account().to_owned(),
        policy,
        into,
        statement,
        check_first: (!is_policy_known).then_some(
            "the account, name, path and case of the role are right, and no statement there allows it under a condition",
        ),
        also: None,
    })
}

/// The policy that a statement of this type goes into, in words; `None` for a type that a statement does not heal. `principal` is
/// whose policy it is.
fn policy_of(policy: PolicyType, principal: &str, account_id: &str) -> Option<String> {
    match policy {
        PolicyType::Identity => Some(format!("a policy of {principal} in {account_id}")),
        PolicyType::PermissionsBoundary => {
            Some(format!("the permissions boundary of {principal} in {account_id}"))
        }
        PolicyType::ServiceControl => {
            Some(format!("a service control policy at each level above account {account_id}"))
        }
        _ => None,
    }
}

/// What heals a cause in the member account: these actions are missing for the role.
pub(crate) fn for_actions(
    cause: &Cause,
    actions: &[&str],
    request: &SessionRequest,
    is_policy_known: bool,
    terms: &dyn Terms,
) -> Cure {
    for_actions_under(cause, actions, request, &Conditions::new(), is_policy_known, terms)
}

/// As [`for_actions`], with the conditions of the statement that comes closest: a paste keeps them.
pub(crate) fn for_actions_under(
    cause: &Cause,
    actions: &[&str],
    request: &SessionRequest,
    existing: &Conditions,
    is_policy_known: bool,
    terms: &dyn Terms,
) -> Cure {
    if let Cause::ExplicitlyDenied { policy, action, policy_arn } = cause {
        let remedy = Remedy::RemoveDeny {
            policy: *policy,
            side: Side::Member,
            principal: Some(request.role_arn.to_string()),
            action: action.clone(),
            policy_arn: policy_arn.clone(),
        };
        return Cure::Step(remedy.to_text(terms));
    }
    let Cause::NotAllowed { policy, .. } = cause else { return Cure::Step(cause.to_do(terms)) };
    let account_id = account_of(request.role_arn.as_str());
    let Some(into) = policy_of(*policy, request.role_name(), account_id) else {
        return Cure::Step(cause.to_do(terms));
    };
    // IAM's read actions have no resource of their own that all of them accept.
    let mut statement = Statement::allow(actions.iter().copied()).on(["*"]);
    statement.add_conditions(existing);
    Cure::paste(Paste {
        account_id: account_id.to_owned(),
        policy: *policy,
        into,
        statement,
        check_first: (!is_policy_known).then_some(UNDER_A_CONDITION),
        also: None,
    })
}

/// What to check where the policy is not known.
const UNDER_A_CONDITION: &str = "no statement there allows it under a condition or for other resources; if one does, the request does not meet them";

/// What heals missing actions of the caller in its own account.
pub(crate) fn for_own_actions(cause: &Cause, actions: &[&str], caller_arn: &str, terms: &dyn Terms) -> Cure {
    let Cause::NotAllowed { policy, .. } = cause else { return Cure::Step(cause.to_do(terms)) };
    let account_id = account_of(caller_arn);
    let Some(into) = policy_of(*policy, &caller_label(caller_arn), account_id) else {
        return Cure::Step(cause.to_do(terms));
    };
    Cure::paste(Paste {
        into,
        account_id: account_id.to_owned(),
        policy: *policy,
        statement: Statement::allow(actions.iter().copied()).on(["*"]),
        check_first: Some(UNDER_A_CONDITION),
        also: None,
    })
}

/// A caller as a message names it: `role LambdaRole`, `user alice`.
fn caller_label(arn: &str) -> String {
    match caller_identity(arn) {
        CallerIdentity::Role(name) => format!("role {name}"),
        CallerIdentity::User(name) => format!("user {name}"),
        CallerIdentity::Other => "the caller".to_owned(),
    }
}
