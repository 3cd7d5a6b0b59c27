//! The chain without AWS: evaluates the policy documents of both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use rolecall_core::collect;
use rolecall_policy::{
    Decision, Element, Explanation, Mismatch, NamedPolicy, Policy, PolicySet, PolicyType, Principal, Request,
    explain,
};
use rolecall_roll::{Cause, FactSelection, Link, Terms};
use serde_json::Value;

use super::answers::certain;
use super::cure::{self, Cure, SessionRequest, last_segment};
use super::evaluation::{self, named};
use super::{BrokenLink, Candidate, Evidence, LinkCheck, LinkState, TargetCheck, subjects};
use crate::check::bounds::Bounds;
use crate::samples::{self, Filler, account_of};
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

const LAMBDA: &str = "lambda.amazonaws.com";

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
                broken.notes.extend(self.level_notes(check.link));
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
        let documents = self.deciding_documents(link).into_iter();
        let known = if link == Link::Collect { &self.member_keys() } else { self.context };
        let unknown = evaluation::unknown_keys(documents.flat_map(|(_, policies)| policies), known);
        let is_unknown = |key: &str| unknown.iter().any(|it| it.eq_ignore_ascii_case(key));
        let bound = |which: fn(Bounds) -> Policy| {
            let documents = self.documents.map(|policy, policy_type| NamedPolicy {
                name: policy.name.clone(),
                policy: which(Bounds::new(&policy.policy, policy_type, &is_unknown)),
            });
            DocumentCheck { documents: &documents, ..*self }.is_allowed(link)
        };
        if unknown.is_empty() || bound(|it| it.least) == bound(|it| it.most) {
            return None;
        }
        let flags: Vec<String> = unknown.iter().map(|key| format!("--context {key}=VALUE")).collect();
        Some(format!(
            "the documents decide by keys whose values in the request are unknown: {}; pass {}, with an empty VALUE if the request \
             does not have the key",
            unknown.iter().cloned().collect::<Vec<_>>().join(", "),
            flags.join(" ")
        ))
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

    /// The condition keys of a request of the member's session, as far as they are known: the session has the tags and the source
    /// identity that the run gives it, and no MFA; what was given about the caller does not apply to it.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
    fn member_keys(&self) -> BTreeMap<String, Vec<String>> {
        const OF_CALLER: [&str; 3] = ["aws:multifactorauth", "aws:principaltag/", "aws:sourceidentity"];
        let is_of_caller = |key: &str| {
            let key = key.to_ascii_lowercase();
            OF_CALLER.iter().any(|prefix| key.starts_with(prefix))
        };
        let mut keys = self.context.clone();
        keys.retain(|key, _| !is_of_caller(key));
        // The organization of the role is that of its session.
        let organization = keys.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:ResourceOrgID"));
        if let Some(organization) = organization.map(|(_, values)| values.clone()) {
            keys.retain(|key, _| !key.eq_ignore_ascii_case("aws:PrincipalOrgID"));
            keys.insert("aws:PrincipalOrgID".to_owned(), organization);
        }
        let SessionRequest { tags, source_identity, .. } = self.request;
        keys.extend(tags.iter().map(|(key, value)| (format!("aws:PrincipalTag/{key}"), vec![value.clone()])));
        let identity = source_identity.clone().unwrap_or_default();
        for (key, value) in [
            ("aws:SourceIdentity", identity.as_str()),
            ("aws:MultiFactorAuthPresent", "false"),
            ("aws:MultiFactorAuthAge", ""),
        ] {
            keys.insert(key.to_owned(), vec![value.to_owned()]);
        }
        keys
    }

    /// The hub role's trust policy, and what it says about Lambda; `None` where there is no such document.
    fn explain_caller(&self) -> Option<(&NamedPolicy, Explanation)> {
        let caller = &self.request.caller_arn;
        let (trust, principal) = (self.documents.hub_trust.as_ref()?, LAMBDA.parse::<Principal>().ok()?);
        let mut context = evaluation::given_context(self.context);
        context.set("aws:PrincipalIsAWSService", "true");
        context.set("aws:ResourceAccount", account_of(caller));
        let request = Request {
            principal,
            action: "sts:AssumeRole".to_owned(),
            resource: self.request.caller_role_arn.clone().unwrap_or_else(|| caller.clone()),
            resource_account: account_of(caller).to_owned(),
            context,
        };
        let policies = PolicySet { trust: Some(trust.clone()), ..PolicySet::default() };
        Some((trust, explain(&request, &policies)))
    }

    /// Whether Lambda may use the hub's role.
    fn check_caller(&self, terms: &dyn Terms) -> LinkCheck {
        let caller = &self.request.caller_arn;
        let subject = subjects::caller_subject(caller);
        if caller.ends_with(":root") {
            let root = certain(Cause::RootUser, Evidence::Documents, terms);
            return LinkCheck::broken(Link::Caller, subject, root);
        }
        if caller.contains(":federated-user/") {
            let cause = Cause::NotAllowed {
                policy: rolecall_roll::PolicyType::Session,
                action: Some("sts:AssumeRole".to_owned()),
            };
            let text =
                "a session of GetFederationToken cannot call AWS STS, whatever its policies say".to_owned();
            let cure = Cure::Step("run as the IAM user itself, or as a role".to_owned());
            return broken(Link::Caller, subject, Candidate { cause, text, cure, distinguished_by: None });
        }
        let partition = caller.split(':').nth(1).unwrap_or_default();
        if partition != self.request.role_arn.partition().to_string() {
            let other = certain(Cause::OtherPartition, Evidence::Documents, terms);
            return LinkCheck::broken(Link::Caller, subject, other);
        }
        // Lambda runs as a role, and not as a user. A session shows that something may use its role: a terminal, or CI.
        if caller.contains(":user/") || caller.contains(":assumed-role/") {
            return LinkCheck::ok(Link::Caller, subject, Evidence::Documents);
        }
        let Some((trust, explanation)) = self.explain_caller() else {
            let reason = "whether Lambda may use the role is unknown: there is no hub-trust.json; for a terminal or CI, pass the ARN of \
                          the session as the caller";
            return LinkCheck::untested(Link::Caller, subject, reason);
        };
        if let Some(reason) = self.undecided(Link::Caller) {
            return LinkCheck::untested(Link::Caller, subject, reason);
        }
        let action = "sts:AssumeRole".to_owned();
        let with_step = |cause: Cause, text: String| {
            let cure = Cure::Step(cause.to_do(terms));
            Candidate { cause, text, cure, distinguished_by: None }
        };
        if explanation.decision.is_allowed() {
            return LinkCheck::ok(Link::Caller, subject, Evidence::Documents);
        }
        if let Decision::ExplicitlyDenied(statement) = &explanation.decision {
            let policy = rolecall_roll::PolicyType::RoleTrust;
            let cause = Cause::ExplicitlyDenied { policy, action: Some(action), policy_arn: None };
            let denied = with_step(cause, format!("{statement} denies {LAMBDA} sts:AssumeRole"));
            return broken(Link::Caller, subject, denied);
        }
        let nearest = evaluation::nearest(&explanation, PolicyType::Trust);
        let mismatch = nearest.and_then(|(_, it)| Some((it, it.mismatches.first()?)));
        if let Some((statement, mismatch)) = mismatch
            && let Element::Condition { key, .. } = &mismatch.element
        {
            // A statement without the condition would loosen what is there.
            let cause = Cause::TrustConditionNotMet { key: Some(key.clone()) };
            let unmet = with_step(cause, format!("{} {}: {mismatch}", trust.name, statement.statement));
            return broken(Link::Caller, subject, unmet);
        }
        let cause = Cause::CallerNotTrusted { action };
        let text = format!("{} does not allow {LAMBDA} to use the role", trust.name);
        let mut statement = crate::Statement::allow(["sts:AssumeRole"])
            .for_principal(crate::statement::Principal::Service(LAMBDA.to_owned()));
        // A statement about Lambda that lacks the action only: its conditions stay.
        if let Some((nearest, mismatch)) = mismatch
            && matches!(mismatch.element, Element::Action | Element::NotAction)
            && let Some(view) = statement_view::statements(trust.policy.source()).get(nearest.index)
        {
            statement.add_conditions(&view.to_conditions());
        }
        let paste = cure::Paste {
            account_id: account_of(caller).to_owned(),
            policy: rolecall_roll::PolicyType::RoleTrust,
            into: format!("the trust policy of {} in {}", self.request.caller_label(), account_of(caller)),
            statement,
            check_first: None,
            also: None,
        };
        broken(
            Link::Caller,
            subject,
            Candidate { cause, text, cure: Cure::Paste(Box::new(paste)), distinguished_by: None },
        )
    }

    /// Whether the hub's role may assume the member's role. A side about which its documents do not decide is taken as if it allowed
    /// everything, so that the other side is judged by itself.
    fn check_session(&self, terms: &dyn Terms) -> Vec<LinkCheck> {
        let [hub, member] = subjects::session_subjects(self.request);
        let [hub_undecided, member_undecided] = [Link::Hub, Link::Member].map(|link| self.undecided(link));
        let policies = self.session_policies(hub_undecided.is_none(), member_undecided.is_none());
        let denial = policies
            .and_then(|policies| evaluation::evaluate_session(self.request, &policies, self.context, terms));
        let denial = match denial {
            Err(reason) => return vec![LinkCheck::untested(Link::Hub, hub, reason)],
            Ok(denial) => denial.map(|denial| denial.into_broken(Evidence::Documents)),
        };
        let broken_link = denial.as_ref().map(|(link, _)| *link);
        let mut links = Vec::new();
        for (link, subject, undecided) in
            [(Link::Hub, &hub, hub_undecided), (Link::Member, &member, member_undecided)]
        {
            if broken_link.is_none_or(|broken_link| broken_link > link) {
                links.push(match undecided {
                    Some(reason) => LinkCheck::untested(link, subject, reason),
                    None => LinkCheck::ok(link, subject, Evidence::Documents),
                });
            }
        }
        if let Some((link, broken)) = denial {
            let subject = if link == Link::Hub { hub } else { member };
            links.push(LinkCheck::broken(link, subject, broken));
        }
        links
    }

    /// The policies of the sides that are decided by their documents; the others allow everything.
    fn session_policies(&self, with_hub: bool, with_member: bool) -> Result<PolicySet, String> {
        let documents = self.documents;
        let mut policies = PolicySet::default();
        if with_hub {
            policies.identity.clone_from(&documents.hub_permissions);
            policies.session = documents.hub_session.clone().map(|policy| vec![policy]);
            policies.boundaries = documents.hub_boundary.clone().map(|policy| vec![policy]);
            policies.scps.clone_from(&documents.hub_scps);
        } else {
            policies.identity = vec![evaluation::all_permissions()?];
        }
        if with_member {
            let trust = documents.member_trust.clone();
            policies.trust = Some(trust.unwrap_or_else(|| empty("member-trust.json")));
            policies.rcps.clone_from(&documents.member_rcps);
        } else {
            policies.trust = Some(evaluation::trust_in_account(account_of(&self.request.caller_arn))?);
        }
        Ok(policies)
    }

    /// A session of a role may request no session that is longer than an hour. The maximum session duration of the member's role is in
    /// none of the documents; it is an hour or more.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>
    fn check_duration(&self, terms: &dyn Terms) -> Option<LinkCheck> {
        const MAX_CHAINED: Duration = Duration::from_hours(1);
        let is_chained = !self.request.caller_arn.contains(":user/");
        if self.session_duration <= MAX_CHAINED {
            return None;
        }
        let subject = format!("{} minutes", self.session_duration.as_secs() / 60);
        Some(if is_chained {
            let too_long = certain(Cause::SessionTooLong, Evidence::Documents, terms);
            LinkCheck::broken(Link::Session, subject, too_long)
        } else {
            let reason = "the maximum session duration of the member's role is in none of the documents";
            LinkCheck::untested(Link::Session, subject, reason)
        })
    }

    /// Whether the member's role may call each action that a scan needs.
    fn check_actions(&self, terms: &dyn Terms) -> LinkCheck {
        let actions = collect::actions(self.selection);
        let subject = subjects::actions_subject(self.request, actions.len());
        let principal = match (self.undecided(Link::Collect), self.member_session()) {
            (None, Ok(principal)) => principal,
            (Some(reason), _) | (None, Err(reason)) => {
                return LinkCheck::untested(Link::Collect, subject, reason);
            }
        };
        let denied: Vec<DeniedAction<'_>> =
            actions.iter().flat_map(|action| self.denied_actions(action, &principal)).collect();
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
            None => cure::for_actions(&cause, &alike, self.request, true, terms),
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
    fn member_session(&self) -> Result<Principal, String> {
        let role_arn = self.request.role_arn.as_str();
        let (partition, account_id) = (self.request.role_arn.partition(), account_of(role_arn));
        let (role_name, session_name) = (last_segment(role_arn), &self.request.session_name);
        let session_arn =
            format!("arn:{partition}:sts::{account_id}:assumed-role/{role_name}/{session_name}");
        evaluation::principal(&session_arn, Some(role_arn))
    }

    /// The denials of an IAM action of the member's role: one for all resources that a scan reads, or for those of them for which it is
    /// denied.
    fn denied_actions<'b>(&self, action: &'b str, principal: &Principal) -> Vec<DeniedAction<'b>> {
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
                nearest: mismatch
                    .map(|(document, it, mismatch)| format!("{document} {}: {mismatch}", it.statement)),
                decision: explanation.decision,
            })
        });
        let mut denied: Vec<DeniedAction<'_>> = denials.collect();
        if denied.first().is_some_and(|first| first.resources.is_none()) {
            denied.truncate(1);
        }
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
        let policies = PolicySet {
            identity: self.documents.member_permissions.clone(),
            boundaries: self.documents.member_boundary.clone().map(|policy| vec![policy]),
            scps: self.documents.member_scps.clone(),
            ..PolicySet::default()
        };
        explain(&request, &policies)
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
struct DeniedAction<'a> {
    action: &'a str,
    /// The resources for which it is denied, as a pattern; `None` where no part of those that a scan reads is known to be allowed.
    resources: Option<String>,
    decision: Decision,
    /// What keeps the nearest statement from allowing it; `None` where no statement has the action.
    limit: Option<ActionLimit>,
    /// The nearest statement, in words.
    nearest: Option<String>,
}

impl fmt::Display for DeniedAction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action)?;
        self.resources.as_ref().map_or(Ok(()), |resources| write!(f, " on {resources}"))
    }
}

/// A document that allows nothing.
fn empty(name: &str) -> NamedPolicy {
    NamedPolicy { name: name.to_owned(), policy: Policy::empty() }
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
