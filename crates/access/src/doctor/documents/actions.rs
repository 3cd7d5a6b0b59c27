//! Whether the member's role may call each action that a scan calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rolecall_core::collect;
use rolecall_policy::{
    Decision, Element, Explanation, Mismatch, PolicySet, PolicyType, Principal, Request, explain,
};
use rolecall_roll::{Cause, Link, Terms};
use serde_json::Value;

use super::super::cure::{self, Cure, SessionRequest, last_segment};
use super::super::evaluation::{self, named};
use super::super::{Candidate, Evidence, LinkCheck, LinkState, subjects};
use super::{DocumentCheck, broken};
use crate::request_keys::is_of_principal_alone;
use crate::samples::{self, Filler, account_of};
use crate::statement::Conditions;
use crate::statement_view::{self, StatementView};
use crate::wildcard::covers;

impl DocumentCheck<'_> {
    /// Whether the member's role may call each action that a scan needs.
    pub(super) fn check_actions(&self, terms: &dyn Terms) -> LinkCheck {
        let actions = collect::actions(self.selection);
        let subject = subjects::actions_subject(self.request, actions.len());
        let principal = match (self.undecided(Link::Collect), self.member_session()) {
            (None, Ok(principal)) => principal,
            (Some(reason), _) | (None, Err(reason)) => {
                return LinkCheck::untested(Link::Collect, subject, reason);
            }
        };
        let bounds = self.bounded(Link::Collect, |bounds| bounds.most);
        let decided = DocumentCheck { documents: &bounds, ..*self };
        let denied: Vec<DeniedAction<'_>> =
            actions.iter().flat_map(|action| decided.denied_actions(action, &principal)).collect();
        let Some(first_denied) = denied.first() else {
            return LinkCheck::ok(Link::Collect, subject, Evidence::Documents);
        };
        let DeniedAction { action: first, decision, .. } = first_denied;
        let cause = match decision {
            Decision::ImplicitlyDenied(kind) => {
                Cause::NotAllowed { policy: named(*kind), action: Some((*first).to_owned()) }
            }
            Decision::ExplicitlyDenied(statement) => Cause::ExplicitlyDenied {
                policy: named(statement.kind),
                action: Some((*first).to_owned()),
                policy_arn: None,
            },
            Decision::Allowed(_) | Decision::NeverAllowed(_) => Cause::RootUser,
        };
        // Those that are denied for the same reason are healed by the same statement.
        let alike: Vec<&DeniedAction<'_>> = denied.iter().filter(|it| it.decision == *decision).collect();
        let texts: Vec<String> = alike.iter().map(ToString::to_string).collect();
        let text = format!("{}: {decision}", texts.join(", "));
        let alike: BTreeSet<&str> = alike.iter().map(|it| it.action).collect();
        let alike: Vec<&str> = alike.into_iter().collect();
        // A statement for all resources, or without a condition, would loosen what is there.
        let cure = match &first_denied.limit {
            Some(ActionLimit::Condition(key)) => {
                Cure::Step(Cause::TrustConditionNotMet { key: Some(key.clone()) }.to_do(terms))
            }
            Some(ActionLimit::Resource) => Cure::Step(format!(
                "let the owner of account {} decide whether the role may read these too: the statement limits it to other resources",
                account_of(self.request.role_arn.as_str())
            )),
            None => {
                let conditions = first_denied.nearest_at.as_ref().map_or_else(Conditions::new, |nearest| {
                    let (kind, document, index) = nearest;
                    evaluation::conditions_of(&self.member_policies(), *kind, document, *index)
                });
                cure::for_actions_under(&cause, &alike, self.request, &conditions, true, terms)
            }
        };
        let limit = first_denied.nearest.as_ref().map_or(String::new(), |nearest| format!(": {nearest}"));
        let text = format!("{text}{limit}");
        let mut check =
            broken(Link::Collect, subject, Candidate { cause, text, cure, distinguished_by: None });
        let others: Vec<String> = denied
            .iter()
            .filter(|it| it.decision != *decision)
            .map(|it| format!("{it}: {}", it.decision))
            .collect();
        if let (LinkState::Broken(broken), false) = (&mut check.state, others.is_empty()) {
            broken.notes.push(format!("other statements deny more: {}", others.join("; ")));
        }
        check
    }

    /// A session of the member's role.
    pub(super) fn member_session(&self) -> Result<Principal, String> {
        let role_arn = self.request.role_arn.as_str();
        let (partition, account_id) = (self.request.role_arn.partition(), account_of(role_arn));
        let (role_name, session_name) = (last_segment(role_arn), &self.request.session_name);
        let session_arn =
            format!("arn:{partition}:sts::{account_id}:assumed-role/{role_name}/{session_name}");
        evaluation::principal(&session_arn, Some(role_arn))
    }

    /// The denials of an IAM action of the member's role: one for all resources that a scan reads, or for those of them for which it is
    /// denied.
    pub(super) fn denied_actions<'b>(&self, action: &'b str, principal: &Principal) -> Vec<DeniedAction<'b>> {
        let role_arn = self.request.role_arn.as_str();
        let account_id = account_of(role_arn);
        let partition = self.request.role_arn.partition();
        let documents = self.documents;
        let scps = documents.member_scps.iter().flatten().flatten();
        let limits = documents.member_permissions.iter().chain(&documents.member_boundary).chain(scps);
        let sources: Vec<&Value> = limits.map(|policy| policy.policy.source()).collect();
        let statements: Vec<StatementView<'_>> =
            sources.iter().copied().flat_map(statement_view::statements).collect();
        let filler = Filler::new(sources);
        let all = samples::resources_of_read(action, partition, account_id, self.selection);
        let resources = samples::distinguished(std::slice::from_ref(&all), &statements, &filler);
        let denials = resources.into_iter().filter_map(|resources| {
            let explanation = self.explain(action, principal, filler.resource(&resources, partition));
            if explanation.decision.is_allowed() {
                return None;
            }
            let nearest = match &explanation.decision {
                Decision::ImplicitlyDenied(kind) => evaluation::nearest(&explanation, *kind),
                _ => None,
            };
            let mismatch = nearest.and_then(|(document, it)| Some((document, it, it.mismatches.first()?)));
            Some(DeniedAction {
                action,
                resources: (resources != all).then_some(resources),
                limit: mismatch.and_then(|(_, _, mismatch)| ActionLimit::of(mismatch)),
                nearest_at: mismatch.and_then(|(document, it, _)| match &explanation.decision {
                    Decision::ImplicitlyDenied(kind) => Some((*kind, document.to_owned(), it.index)),
                    _ => None,
                }),
                nearest: mismatch
                    .map(|(document, it, mismatch)| format!("{document} {}: {mismatch}", it.statement)),
                decision: explanation.decision,
            })
        });
        let mut denied: Vec<DeniedAction<'_>> = denials.collect();
        if denied.first().is_some_and(|first| first.resources.is_none()) {
            denied.truncate(1);
        }
        let all: Vec<String> = denied.iter().filter_map(|it| it.resources.clone()).collect();
        // What a wider pattern says is not said again of a narrower one.
        denied.retain(|it| {
            let is_wider = |other: &&String| {
                it.resources.as_ref().is_some_and(|own| own != *other && covers(other, own))
            };
            !all.iter().any(|other| is_wider(&other))
        });
        denied
    }

    /// The decision about an IAM action of the member's role.
    fn explain(&self, action: &str, principal: &Principal, resource: String) -> Explanation {
        let role_arn = self.request.role_arn.as_str();
        let account_id = account_of(role_arn);
        let request = Request {
            principal: principal.clone(),
            action: action.to_owned(),
            resource,
            resource_account: account_id.to_owned(),
            context: evaluation::principal_context(role_arn, account_id, &self.member_keys()),
        };
        explain(&request, &self.member_policies())
    }

    /// The policies of the member's role.
    fn member_policies(&self) -> PolicySet {
        PolicySet {
            identity: self.documents.member_permissions.clone(),
            boundaries: self.documents.member_boundary.clone().map(|policy| vec![policy]),
            scps: self.documents.member_scps.clone(),
            ..PolicySet::default()
        }
    }

    /// The condition keys of a request of the member's session, as far as they are known: the session has the tags and the source
    /// identity that the run gives it, and no MFA; what was given about the caller does not apply to it.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
    pub(super) fn member_keys(&self) -> BTreeMap<String, Vec<String>> {
        let mut keys = self.context.clone();
        keys.retain(|key, _| !is_of_principal_alone(key) && !key.eq_ignore_ascii_case("aws:PrincipalOrgID"));
        // The organization of the role is that of its session.
        let organization = keys.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:ResourceOrgID"));
        if let Some(organization) = organization.map(|(_, values)| values.clone()) {
            keys.insert("aws:PrincipalOrgID".to_owned(), organization);
        }
        let SessionRequest { tags, source_identity, .. } = self.request;
        keys.extend(tags.iter().map(|(key, value)| (format!("aws:PrincipalTag/{key}"), vec![value.clone()])));
        let identity = source_identity.clone().unwrap_or_default();
        for (key, value) in [
            ("aws:SourceIdentity", identity.as_str()),
            ("aws:MultiFactorAuthPresent", "false"),
            ("aws:MultiFactorAuthAge", ""),
            ("aws:username", ""),
        ] {
            keys.insert(key.to_owned(), vec![value.to_owned()]);
        }
        keys
    }
}

/// What keeps the statement that comes closest from allowing an action.
enum ActionLimit {
    /// A condition on this key.
    Condition(String),
    /// Its resources.
    Resource,
}

impl ActionLimit {
    fn of(mismatch: &Mismatch) -> Option<Self> {
        match &mismatch.element {
            Element::Condition { key, .. } => Some(Self::Condition(key.clone())),
            Element::Resource | Element::NotResource => Some(Self::Resource),
            _ => None,
        }
    }
}

/// An action that the documents deny.
pub(super) struct DeniedAction<'a> {
    action: &'a str,
    /// The resources for which it is denied, as a pattern; `None` where no part of those that a scan reads is known to be allowed.
    resources: Option<String>,
    decision: Decision,
    /// What keeps the nearest statement from allowing it; `None` where no statement has the action.
    limit: Option<ActionLimit>,
    /// The nearest statement, in words.
    nearest: Option<String>,
    /// Its document and its index.
    nearest_at: Option<(PolicyType, String, usize)>,
}

impl fmt::Display for DeniedAction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action)?;
        self.resources.as_ref().map_or(Ok(()), |resources| write!(f, " on {resources}"))
    }
}
