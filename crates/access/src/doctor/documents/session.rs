//! Whether the hub's role may assume the member's role, and for how long.

use std::time::Duration;

use rolecall_policy::{NamedPolicy, Policy, PolicySet};
use rolecall_roll::{Cause, Link, Terms};

use super::super::answers::certain;
use super::super::{Evidence, LinkCheck, evaluation, subjects};
use super::DocumentCheck;
use crate::samples::account_of;

impl DocumentCheck<'_> {
    /// Whether the hub's role may assume the member's role. A side about which its documents do not decide is taken as if it allowed
    /// everything, so that the other side is judged by itself.
    pub(super) fn check_session(&self, terms: &dyn Terms) -> Vec<LinkCheck> {
        let [hub, member] = subjects::session_subjects(self.request);
        let [hub_undecided, member_undecided] = [Link::Hub, Link::Member].map(|link| self.undecided(link));
        let (with_hub, with_member) = (hub_undecided.is_none(), member_undecided.is_none());
        let policies = self.session_policies(with_hub, with_member);
        let bounds = self.bounded(Link::Session, |bounds| bounds.most);
        let bounds = DocumentCheck { documents: &bounds, ..*self }.session_policies(with_hub, with_member);
        let denial = policies.and_then(|policies| {
            evaluation::evaluate_decided(self.request, &bounds?, &policies, self.context, terms)
        });
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
    pub(super) fn session_policies(&self, with_hub: bool, with_member: bool) -> Result<PolicySet, String> {
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
    pub(super) fn check_duration(&self, terms: &dyn Terms) -> Option<LinkCheck> {
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
}

/// A document that allows nothing.
fn empty(name: &str) -> NamedPolicy {
    NamedPolicy { name: name.to_owned(), policy: Policy::empty() }
}
