//! Whether Lambda may use the hub's role.

use std::collections::BTreeSet;

use rolecall_policy::{
    Decision, Element, Explanation, NamedPolicy, PolicySet, PolicyType, Principal, Request, explain,
};
use rolecall_roll::{Cause, Link, Terms};

use super::super::answers::certain;
use super::super::cure::{self, Cure};
use super::super::{Candidate, Evidence, LinkCheck, evaluation, subjects};
use super::{DocumentCheck, broken};
use crate::samples::account_of;
use crate::statement_view::{self, StatementView};

const LAMBDA: &str = "lambda.amazonaws.com";

impl DocumentCheck<'_> {
    /// The hub role's trust policy, and what it says about Lambda; `None` where there is no such document.
    pub(super) fn explain_caller(&self) -> Option<(&NamedPolicy, Explanation)> {
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
    pub(super) fn check_caller(&self, terms: &dyn Terms) -> LinkCheck {
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
                          the session as the caller, and --context aws:PrincipalArn=ARN if its role has a path";
            return LinkCheck::untested(Link::Caller, subject, reason);
        };
        if let Some(reason) = self.undecided(Link::Caller) {
            return LinkCheck::untested(Link::Caller, subject, reason);
        }
        let bounds = self.bounded(Link::Caller, |bounds| bounds.most);
        let decided = DocumentCheck { documents: &bounds, ..*self };
        let explanation = decided.explain_caller().map_or(explanation, |(_, decided)| decided);
        if explanation.decision.is_allowed() {
            return LinkCheck::ok(Link::Caller, subject, Evidence::Documents);
        }
        let statements = statement_view::statements(trust.policy.source());
        let allowed = statements.iter().filter(|it| it.is_allow()).flat_map(StatementView::principals);
        let kinds: BTreeSet<&str> = allowed.map(|(kind, _)| kind).collect();
        if kinds.contains("Federated") && !kinds.contains("Service") {
            let reason = "hub-trust.json is for a federated identity such as CI, and not for Lambda; pass the \
                          ARN of the session as the caller, and --context aws:PrincipalArn=ARN if its role has a path";
            return LinkCheck::untested(Link::Caller, subject, reason);
        }
        broken(Link::Caller, subject, self.denied_lambda(trust, &explanation, terms))
    }

    /// Why the hub role's trust policy does not let Lambda use it.
    fn denied_lambda(&self, trust: &NamedPolicy, explanation: &Explanation, terms: &dyn Terms) -> Candidate {
        let caller = &self.request.caller_arn;
        let action = "sts:AssumeRole".to_owned();
        let with_step = |cause: Cause, text: String| {
            let cure = Cure::Step(cause.to_do(terms));
            Candidate { cause, text, cure, distinguished_by: None }
        };
        if let Decision::ExplicitlyDenied(statement) = &explanation.decision {
            let policy = rolecall_roll::PolicyType::RoleTrust;
            let cause = Cause::ExplicitlyDenied { policy, action: Some(action), policy_arn: None };
            return with_step(cause, format!("{statement} denies {LAMBDA} sts:AssumeRole"));
        }
        let nearest = evaluation::nearest(explanation, PolicyType::Trust);
        let mismatch = nearest.and_then(|(_, it)| Some((it, it.mismatches.first()?)));
        if let Some((statement, mismatch)) = mismatch
            && let Element::Condition { key, .. } = &mismatch.element
        {
            // A statement without the condition would loosen what is there.
            let cause = Cause::TrustConditionNotMet { key: Some(key.clone()) };
            return with_step(cause, format!("{} {}: {mismatch}", trust.name, statement.statement));
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
        Candidate { cause, text, cure: Cure::Paste(Box::new(paste)), distinguished_by: None }
    }
}
