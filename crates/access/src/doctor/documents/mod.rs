//! The chain without AWS: evaluates the policy documents of both sides.
//!
//! 1. `caller`: whether Lambda may use the hub's role;
//! 2. `session`: whether the hub's role may assume the member's role;
//! 3. `actions`: whether the member's role may call what a scan calls.

mod actions;
mod caller;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rolecall_core::collect;
use rolecall_policy::{NamedPolicy, Policy, PolicySet, PolicyType};
use rolecall_roll::{Cause, FactSelection, Link, Terms};

use super::cure::SessionRequest;
use super::evaluation;
use super::{BrokenLink, Candidate, Evidence, LinkCheck, LinkState, TargetCheck};
use crate::check::bounds::Bounds;
use crate::request_keys::is_of_principal_alone;
use crate::samples::account_of;
use crate::statement_view::{self, StatementView};

/// The documents of both sides. What is absent does not limit, but for the two that must allow: the permissions of the hub's role
/// and the trust policy of the member's role.
#[derive(Debug, Clone, Default)]
pub struct ChainDocuments {
    /// The trust policy of the hub's role, which lets Lambda use it; `None`: not checked.
    pub hub_trust: Option<NamedPolicy>,
    /// The identity-based policies of the hub's role.
    pub hub_permissions: Vec<NamedPolicy>,
    /// The permissions boundary of the hub's role.
    pub hub_boundary: Option<NamedPolicy>,
    /// The session policy of the caller's session.
    pub hub_session: Option<NamedPolicy>,
    /// The service control policies of the hub account, one list for each level.
    pub hub_scps: Option<Vec<Vec<NamedPolicy>>>,
    /// The trust policy of the member's role.
    pub member_trust: Option<NamedPolicy>,
    /// The identity-based policies of the member's role.
    pub member_permissions: Vec<NamedPolicy>,
    /// The permissions boundary of the member's role.
    pub member_boundary: Option<NamedPolicy>,
    /// The service control policies of the member account, one list for each level.
    pub member_scps: Option<Vec<Vec<NamedPolicy>>>,
    /// The resource control policies of the member account.
    pub member_rcps: Vec<NamedPolicy>,
}

impl ChainDocuments {
    /// The same documents with each policy changed.
    fn map(&self, change: impl Fn(&NamedPolicy, PolicyType) -> NamedPolicy) -> Self {
        let one =
            |policy: &Option<NamedPolicy>, policy_type| policy.as_ref().map(|it| change(it, policy_type));
        let all = |policies: &[NamedPolicy], policy_type| {
            policies.iter().map(|it| change(it, policy_type)).collect::<Vec<_>>()
        };
        let levels = |levels: &Option<Vec<Vec<NamedPolicy>>>| {
            let levels = levels.as_ref()?;
            Some(levels.iter().map(|level| all(level, PolicyType::Scp)).collect())
        };
        Self {
            hub_trust: one(&self.hub_trust, PolicyType::Trust),
            hub_permissions: all(&self.hub_permissions, PolicyType::Identity),
            hub_boundary: one(&self.hub_boundary, PolicyType::Boundary),
            hub_session: one(&self.hub_session, PolicyType::Session),
            hub_scps: levels(&self.hub_scps),
            member_trust: one(&self.member_trust, PolicyType::Trust),
            member_permissions: all(&self.member_permissions, PolicyType::Identity),
            member_boundary: one(&self.member_boundary, PolicyType::Boundary),
            member_scps: levels(&self.member_scps),
            member_rcps: all(&self.member_rcps, PolicyType::Rcp),
        }
    }
}

/// A check of documents: the request for a session, and the facts to read.
#[derive(Debug)]
pub struct DocumentCheck<'a> {
    /// The documents.
    pub documents: &'a ChainDocuments,
    /// The request for a session.
    pub request: &'a SessionRequest,
    /// How long the session is to last.
    pub session_duration: Duration,
    /// The facts that a scan reads.
    pub selection: &'a FactSelection,
    /// Condition keys of the request that only its sender knows, such as `aws:PrincipalOrgID`.
    pub context: &'a BTreeMap<String, Vec<String>>,
}

impl DocumentCheck<'_> {
    /// Checks the links in order, and stops at the first that is broken.
    #[must_use]
    pub fn run(&self, terms: &dyn Terms) -> TargetCheck {
        let request = self.request;
        let is_broken = |links: &[LinkCheck]| links.iter().any(LinkCheck::is_broken);
        let mut links = vec![self.check_caller(terms)];
        if !is_broken(&links) {
            links.extend(self.check_session(terms));
        }
        if !is_broken(&links) {
            links.extend(self.check_duration(terms));
        }
        if !is_broken(&links) {
            links.push(self.check_actions(terms));
        }
        for check in &mut links {
            if let LinkState::Broken(broken) = &mut check.state {
                broken.notes.extend(self.lint_notes(check.link));
                let is_implicit = |it: &Candidate| !matches!(it.cause, Cause::ExplicitlyDenied { .. });
                if broken.candidates.iter().all(is_implicit) {
                    broken.notes.extend(self.level_notes(check.link));
                }
            }
        }
        let reached: Vec<Link> = links.iter().map(|check| check.link).collect();
        let others = [Link::Caller, Link::Hub, Link::Member, Link::Collect];
        let others =
            others.into_iter().filter(|link| !reached.contains(link) && reached.iter().all(|it| it < link));
        links.extend(others.map(LinkCheck::not_reached).collect::<Vec<_>>());
        TargetCheck {
            account_id: Some(account_of(request.role_arn.as_str()).to_owned()),
            account_name: None,
            role_arn: Some(request.role_arn.clone()),
            links,
        }
    }

    /// What AWS accepts in the documents of a link though it never works.
    fn lint_notes(&self, link: Link) -> Vec<String> {
        let mut notes = Vec::new();
        for (policy_type, policies) in self.deciding_documents(link) {
            notes.extend(policies.into_iter().flat_map(|policy| evaluation::lint_notes(policy, policy_type)));
        }
        notes
    }

    /// The levels of service control policies that do not allow a link by themselves. AWS attaches `FullAWSAccess` to each level,
    /// which a folder easily lacks.
    ///
    /// Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>
    fn level_notes(&self, link: Link) -> Vec<String> {
        let (levels, link) = match link {
            Link::Hub | Link::Session => (&self.documents.hub_scps, Link::Hub),
            Link::Collect => (&self.documents.member_scps, Link::Collect),
            _ => return Vec::new(),
        };
        let Ok(everything) = evaluation::all_permissions() else { return Vec::new() };
        let note = |level: &Vec<NamedPolicy>| {
            let permissions = vec![everything.clone()];
            let scps = Some(vec![level.clone()]);
            let alone = match link {
                Link::Hub => ChainDocuments {
                    hub_permissions: permissions,
                    hub_scps: scps,
                    ..ChainDocuments::default()
                },
                _ => ChainDocuments {
                    member_permissions: permissions,
                    member_scps: scps,
                    ..ChainDocuments::default()
                },
            };
            if (DocumentCheck { documents: &alone, ..*self }).is_allowed(link) {
                return None;
            }
            let names: Vec<&str> = level.iter().map(|policy| policy.name.as_str()).collect();
            let level_name = if names.is_empty() { "an empty folder".to_owned() } else { names.join(", ") };
            let allows = |policy: &NamedPolicy| {
                statement_view::statements(policy.policy.source()).iter().any(StatementView::is_allow)
            };
            Some(if level.iter().any(allows) {
                format!("the level of {level_name} does not allow it")
            } else {
                format!(
                    "the level of {level_name} has no statement with Allow, so it denies everything; if FullAWSAccess is attached \
                     there too, add its document"
                )
            })
        };
        levels.iter().flatten().filter_map(note).collect()
    }

    /// The documents that decide about a link, by their type.
    fn deciding_documents(&self, link: Link) -> Vec<(PolicyType, Vec<&NamedPolicy>)> {
        let documents = self.documents;
        match link {
            Link::Caller => vec![(PolicyType::Trust, documents.hub_trust.iter().collect())],
            Link::Hub => vec![
                (PolicyType::Identity, documents.hub_permissions.iter().collect()),
                (PolicyType::Boundary, documents.hub_boundary.iter().collect()),
                (PolicyType::Session, documents.hub_session.iter().collect()),
                (PolicyType::Scp, documents.hub_scps.iter().flatten().flatten().collect()),
            ],
            Link::Member => vec![
                (PolicyType::Trust, documents.member_trust.iter().collect()),
                (PolicyType::Rcp, documents.member_rcps.iter().collect()),
            ],
            Link::Session => [Link::Hub, Link::Member].map(|link| self.deciding_documents(link)).concat(),
            Link::Collect => vec![
                (PolicyType::Identity, documents.member_permissions.iter().collect()),
                (PolicyType::Boundary, documents.member_boundary.iter().collect()),
                (PolicyType::Scp, documents.member_scps.iter().flatten().flatten().collect()),
            ],
            Link::Sts | Link::Organization => Vec::new(),
        }
    }

    /// Why the documents do not decide about a link: it holds or not depending on keys of which it is not known whether the request
    /// has them, and with which value.
    fn undecided(&self, link: Link) -> Option<String> {
        let unknown = self.unknown_keys(link);
        let is_allowed = |which: fn(Bounds) -> Policy| {
            DocumentCheck { documents: &self.bounded(link, which), ..*self }.is_allowed(link)
        };
        if unknown.is_empty() || is_allowed(|it| it.least) == is_allowed(|it| it.most) {
            return None;
        }
        let can_give = |key: &&String| link != Link::Collect || !is_of_principal_alone(key);
        let flags: Vec<String> =
            unknown.iter().filter(can_give).map(|key| format!("--context {key}=VALUE")).collect();
        let keys = unknown.iter().cloned().collect::<Vec<_>>().join(", ");
        Some(if flags.is_empty() {
            format!(
                "the documents decide by keys of the member's session whose values only AWS knows: {keys}"
            )
        } else {
            format!(
                "the documents decide by keys whose values in the request are unknown: {keys}; pass {}, with an empty VALUE if the \
                 request does not have the key",
                flags.join(" ")
            )
        })
    }

    /// The condition keys in the documents of a link of which it is not known whether the request has them, and with which value.
    fn unknown_keys(&self, link: Link) -> BTreeSet<String> {
        let policies = self.deciding_documents(link).into_iter().flat_map(|(_, policies)| policies);
        let known = if link == Link::Collect { &self.member_keys() } else { self.context };
        let mut unknown = evaluation::unknown_keys(policies, known);
        // The organization of the role is that of its session.
        if link == Link::Collect {
            let count = unknown.len();
            unknown.retain(|key| !key.eq_ignore_ascii_case("aws:PrincipalOrgID"));
            if unknown.len() < count {
                unknown.insert("aws:ResourceOrgID".to_owned());
            }
        }
        unknown
    }

    /// The documents with the unknown keys of a link taken as they allow least or most.
    fn bounded(&self, link: Link, which: fn(Bounds) -> Policy) -> ChainDocuments {
        let unknown = self.unknown_keys(link);
        let is_unknown = |key: &str| {
            let key = if link == Link::Collect && key.eq_ignore_ascii_case("aws:PrincipalOrgID") {
                "aws:ResourceOrgID"
            } else {
                key
            };
            unknown.iter().any(|it| it.eq_ignore_ascii_case(key))
        };
        self.documents.map(|policy, policy_type| NamedPolicy {
            name: policy.name.clone(),
            policy: which(Bounds::new(&policy.policy, policy_type, &is_unknown)),
        })
    }

    /// Whether the documents of a link allow what it needs, by themselves.
    fn is_allowed(&self, link: Link) -> bool {
        let allows = |policies: Result<PolicySet, String>| {
            let first_denial =
                policies.and_then(|it| evaluation::first_denial(self.request, &it, self.context));
            first_denial.is_ok_and(|denial| denial.is_none())
        };
        match link {
            Link::Caller => self.explain_caller().is_some_and(|(_, it)| it.decision.is_allowed()),
            Link::Hub => allows(self.session_policies(true, false)),
            Link::Member => allows(self.session_policies(false, true)),
            Link::Collect => self.member_session().is_ok_and(|principal| {
                let actions = collect::actions(self.selection);
                actions.iter().all(|action| self.denied_actions(action, &principal).is_empty())
            }),
            Link::Sts | Link::Session | Link::Organization => true,
        }
    }
}

fn broken(link: Link, subject: String, candidate: Candidate) -> LinkCheck {
    let broken = BrokenLink {
        is_refused: true,
        said: None,
        evidence: Evidence::Documents,
        candidates: vec![candidate],
        notes: Vec::new(),
    };
    LinkCheck::broken(link, subject, broken)
}
