//! The check of what all targets share.

use rolecall_core::CallError;
use rolecall_roll::{Cause, Link};

use super::answers::{broken_by, candidate};
use super::cure::Cure;
use super::{BrokenLink, Candidate, Evidence, LinkCheck, TargetCheck};

/// The check of what all targets share: the caller, and the way to STS.
#[derive(Debug, Clone)]
pub struct CallerCheck {
    pub(super) links: Vec<LinkCheck>,
    pub(super) caller_arn: Option<String>,
}

impl CallerCheck {
    /// The check as that of one target, where it is broken and no target was reached.
    #[must_use]
    pub fn into_broken_target(self) -> Option<TargetCheck> {
        let is_broken = self.links.iter().any(LinkCheck::is_broken);
        is_broken.then(|| TargetCheck {
            account_id: None,
            account_name: None,
            role_arn: None,
            links: with_not_reached(self.links),
        })
    }

    /// The check of a caller that cannot call AWS: the cause, what is wrong, and what to do.
    #[must_use]
    pub fn unusable(cause: Cause, problem: String, to_do: String) -> TargetCheck {
        let found = Candidate { text: problem, ..candidate(cause, Cure::Step(to_do)) };
        let broken = BrokenLink {
            is_refused: false,
            said: None,
            evidence: Evidence::Configuration,
            candidates: vec![found],
            notes: Vec::new(),
        };
        let links = vec![LinkCheck::broken(Link::Caller, "", broken)];
        TargetCheck { account_id: None, account_name: None, role_arn: None, links: with_not_reached(links) }
    }

    /// The check of a run whose target accounts AWS Organizations did not list.
    #[must_use]
    pub fn with_organization_error(mut self, error: &CallError, advice: String) -> TargetCheck {
        let (_, mut broken) = broken_by(error, None, |cause| Cure::Step(cause.to_string()));
        broken.notes.push(advice);
        // What to do is in the advice: which account may list the others is no question of one statement.
        broken.candidates.clear();
        self.links.push(LinkCheck::broken(Link::Organization, "AWS Organizations", broken));
        TargetCheck {
            account_id: None,
            account_name: None,
            role_arn: None,
            links: with_not_reached(self.links),
        }
    }
}

/// Adds the links after the last one, as not reached.
pub(super) fn with_not_reached(mut links: Vec<LinkCheck>) -> Vec<LinkCheck> {
    let reached = links.last().map(|check| check.link);
    let after = [Link::Caller, Link::Sts, Link::Hub, Link::Member, Link::Session, Link::Collect];
    links.extend(after.into_iter().filter(|link| Some(*link) > reached).map(LinkCheck::not_reached));
    links
}
