//! The walk with AWS: each link by the call that a scan makes; further calls only where the answer leaves several causes.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use rolecall_core::collect;
use rolecall_core::scan::ScanContext;
use rolecall_core::session::{Session, SessionLog};
use rolecall_core::targets::{Access, Role};
use rolecall_core::{CallError, Scanner, Target};
use rolecall_policy::{NamedPolicy, PolicySet, PolicyType};
use rolecall_roll::{AccountId, Cause, Denial, ErrorKind, Link, Terms};
use tokio::time::Instant;

use super::answers::{broken_by, candidate, cause_of, certain, is_same_policy, of_denial, with_action};
use super::caller::{CallerCheck, with_not_reached};
use super::cure::{self, Cure, SessionRequest, last_segment};
use super::member_role::{self, MemberRole};
use super::simulation::{self, Simulation};
use super::subjects::{actions_subject, caller_subject, session_subjects};
use super::{
    BrokenLink, Candidate, Evidence, LinkCheck, LinkState, TargetCheck, actions, details, evaluation,
};
use crate::samples::account_of;

/// Walks the chain for targets.
pub struct Doctor<'a> {
    /// Calls AWS as the caller.
    pub scanner: &'a Scanner,
    /// What the run would send.
    pub context: &'a ScanContext,
    /// Calls AWS as an administrator of member accounts; `None`: the member side is only seen through what AWS answers.
    pub member: Option<&'a Scanner>,
    /// Whether statements have the external id.
    pub shows_external_id: bool,
    /// For each account, the users of the actions that a scan was denied.
    pub denied_users: BTreeMap<AccountId, BTreeSet<String>>,
    /// More users for the actions about one user.
    pub test_users: BTreeSet<String>,
    /// When the run must end.
    pub deadline: Option<Instant>,
    /// The names of settings.
    pub terms: &'a dyn Terms,
}

impl std::fmt::Debug for Doctor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doctor").finish_non_exhaustive()
    }
}

impl Doctor<'_> {
    /// Checks the caller and the way to STS.
    pub async fn check_caller(&self) -> CallerCheck {
        let region = self.scanner.sdk_config().region().map_or("", AsRef::as_ref).to_owned();
        let clock = |scanner: &Scanner| {
            let difference = scanner.call_metrics().clock_difference_s();
            difference.map_or_else(String::new, |seconds| format!(", clock {seconds:+} s"))
        };
        match self.scanner.caller().boxed_local().await {
            Ok(caller) => {
                let caller_arn = caller.map(|caller| caller.arn);
                let caller = match &caller_arn {
                    None => LinkCheck::untested(Link::Caller, "", "AWS answered without the caller identity"),
                    Some(arn) if arn.ends_with(":root") => LinkCheck::broken(
                        Link::Caller,
                        caller_subject(arn),
                        certain(Cause::RootUser, Evidence::Call, self.terms),
                    ),
                    Some(arn) => LinkCheck::ok(Link::Caller, caller_subject(arn), Evidence::Call),
                };
                let sts = format!("{region}{}", clock(self.scanner));
                let links = vec![caller, LinkCheck::ok(Link::Sts, sts, Evidence::Call)];
                CallerCheck { links, caller_arn }
            }
            Err(error) => {
                let cure = |cause: &Cause| Cure::Step(cause.to_do(self.terms));
                let (link, broken) = broken_by(&error, None, cure);
                let subject = format!("{region}{}", clock(self.scanner));
                let mut links = Vec::new();
                if link > Link::Caller {
                    links.push(LinkCheck::untested(Link::Caller, "", "AWS was not reached"));
                }
                links.push(LinkCheck::broken(link, subject, broken));
                CallerCheck { links, caller_arn: None }
            }
        }
    }

    /// Checks a target.
    pub async fn check(&self, target: &Target, caller: &CallerCheck) -> TargetCheck {
        let mut links = caller.links.clone();
        let limit = Instant::now() + self.context.settings.limits.account_timeout;
        let limit = self.deadline.map_or(limit, |deadline| deadline.min(limit));
        if !links.iter().any(LinkCheck::is_broken) {
            match &target.access {
                Access::Skipped(why) => {
                    links.push(LinkCheck::skipped(Link::Member, target.account_id.to_string(), why));
                }
                Access::CallerCredentials => {
                    links.push(self.check_own_account(target, caller, limit).boxed_local().await);
                }
                Access::Role(role) => {
                    let mut checks = self.check_role(role, caller, limit).boxed_local().await;
                    if is_listed_as_active(target) {
                        checks.iter_mut().for_each(LinkCheck::remove_suspended_account);
                    }
                    links.extend(checks);
                }
            }
        }
        let is_broken = links.iter().any(LinkCheck::is_broken);
        TargetCheck {
            account_id: Some(target.account_id.to_string()),
            account_name: target.account.as_ref().and_then(|account| account.name.clone()),
            role_arn: target.role().map(|role| role.role_arn.clone()),
            links: if is_broken { with_not_reached(links) } else { links },
        }
    }

    /// The caller's own account is read with the caller's credentials.
    async fn check_own_account(&self, target: &Target, caller: &CallerCheck, limit: Instant) -> LinkCheck {
        let session =
            Session::with_caller_credentials(&target.account_id, self.scanner.context(self.context));
        let subject = format!("{} with the caller's credentials", target.account_id);
        let caller_arn = caller.caller_arn.clone().unwrap_or_default();
        let cure =
            |cause: &Cause, actions: &[&str]| cure::for_own_actions(cause, actions, &caller_arn, self.terms);
        self.check_actions(&session, &target.account_id, limit, &subject, &cure).await
    }

    async fn check_role(&self, role: &Role, caller: &CallerCheck, limit: Instant) -> Vec<LinkCheck> {
        let actions = collect::actions(&self.context.settings.selection);
        let session_context = self.scanner.context(self.context);
        let session = Session::assume_role(role, &actions, session_context, SessionLog::default());
        let request = self.session_request(role, caller);
        let [hub, member] = session_subjects(&request);
        match self.within(limit, session.boxed_local()).await {
            Err(reason) => {
                let member = LinkCheck::untested(Link::Member, member, reason);
                vec![member, LinkCheck::not_reached(Link::Session), LinkCheck::not_reached(Link::Collect)]
            }
            Ok(Ok(session)) => {
                let seconds = self.context.settings.session.duration.as_secs();
                let subject = actions_subject(&request, actions.len());
                vec![
                    LinkCheck::ok(Link::Hub, hub, Evidence::Call),
                    LinkCheck::ok(Link::Member, member, Evidence::Call),
                    LinkCheck::ok(Link::Session, format!("{seconds} s"), Evidence::Call),
                    self.check_actions(
                        &session,
                        role.role_arn.account_id(),
                        limit,
                        &subject,
                        &|cause, actions| cure::for_actions(cause, actions, &request, false, self.terms),
                    )
                    .boxed_local()
                    .await,
                ]
            }
            Ok(Err(error)) => self.denied_session(&error, &request).boxed_local().await,
        }
    }

    /// What a step gives, or why it was stopped.
    async fn within<T>(&self, limit: Instant, step: impl Future<Output = T>) -> Result<T, String> {
        let stopped = |_| {
            let setting = match self.deadline {
                Some(deadline) if deadline <= limit => "deadline",
                _ => "account_timeout",
            };
            format!("AWS did not respond in time; raise {}", self.terms.setting(setting))
        };
        tokio::time::timeout_at(limit, step).await.map_err(stopped)
    }

    /// What a run sends for a role.
    fn session_request(&self, role: &Role, caller: &CallerCheck) -> SessionRequest {
        let settings = &self.context.settings.session;
        SessionRequest {
            caller_arn: caller.caller_arn.clone().unwrap_or_default(),
            caller_role_arn: None,
            role_arn: role.role_arn.clone(),
            external_id: role.external_id.clone(),
            shows_external_id: self.shows_external_id,
            session_name: settings.name.clone().unwrap_or_default().as_str().to_owned(),
            source_identity: settings.source_identity.as_ref().map(|name| name.as_str().to_owned()),
            tags: settings.tags.clone(),
        }
    }

    /// The links of a session that was not issued: what AWS said, and what further calls tell of it.
    async fn denied_session(&self, error: &CallError, request: &SessionRequest) -> Vec<LinkCheck> {
        let request = of_denial(error, request);
        let caller_role_arn = match error.error_kind {
            ErrorKind::Denied => {
                simulation::caller_role_arn(self.scanner, &request.caller_arn).boxed_local().await
            }
            _ => None,
        };
        let request = &SessionRequest { caller_role_arn, ..request };
        let [hub_subject, member_subject] = session_subjects(request);
        let (mut link, mut broken) = broken_by(error, Some(Link::Member), |cause| {
            cure::for_session(cause, request, false, self.terms)
        });
        let mut hub = LinkState::Untested { reason: "AWS does not say".to_owned() };
        if let Some((link_by_details, candidates)) =
            self.details_of(error, request, &mut broken).boxed_local().await
        {
            (link, broken.evidence, broken.candidates) =
                (link_by_details, Evidence::AuthorizationDetails, candidates);
            self.explain_trust(request, &mut broken).boxed_local().await;
        } else if broken.candidates.len() > 1 {
            match simulation::simulate(self.scanner, request).boxed_local().await {
                Ok(Simulation::Allowed) => {
                    hub = LinkState::Ok { evidence: Evidence::Simulation };
                    broken.candidates.retain(|it| it.cause.link() != Link::Hub);
                    broken.notes.push(simulation::LIMITS.to_owned());
                }
                Ok(Simulation::Denied(cause)) => {
                    let cure = cure::for_session(&cause, request, false, self.terms);
                    link = Link::Hub;
                    broken.evidence = Evidence::Simulation;
                    broken.candidates = vec![candidate(cause, cure)];
                }
                Ok(Simulation::Undecided(key)) => {
                    let reason = format!("the simulation depends on {key}, whose value is not known here");
                    hub = LinkState::Untested { reason };
                }
                Err(error) => hub = LinkState::Untested { reason: why_not_simulated(&error) },
            }
            if link != Link::Hub {
                self.look_at_member(request, &mut broken).boxed_local().await;
            }
        }
        if link == Link::Member {
            broken.notes.extend(note_on_permission_set(&request.caller_arn));
            if request.caller_role_arn.is_none() && request.caller_arn.contains(":assumed-role/") {
                let note = "the path of the caller's role is not known without iam:GetRole: if it has one, it belongs into the ARN";
                broken.notes.push(note.to_owned());
            }
        }
        let mut links = Vec::new();
        if link > Link::Hub {
            links.push(LinkCheck { link: Link::Hub, subject: hub_subject.clone(), state: hub });
        }
        if link > Link::Member {
            let reason = "AWS names one action at a time";
            links.push(LinkCheck::untested(Link::Member, member_subject.clone(), reason));
        }
        let subject = if link == Link::Hub { hub_subject } else { member_subject };
        links.push(LinkCheck::broken(link, subject, broken));
        links
    }

    /// All that denied the request, where AWS gives its authorization details.
    async fn details_of(
        &self,
        error: &CallError,
        request: &SessionRequest,
        broken: &mut BrokenLink,
    ) -> Option<(Link, Vec<Candidate>)> {
        let authorization_id = Denial::parse(&error.message).authorization_id?;
        let details = details::read(self.scanner, authorization_id, &error.message).boxed_local().await;
        let causes = match details {
            Ok(causes) => causes,
            Err(error) => {
                let why = if error.error_kind == ErrorKind::Denied {
                    "the caller may not call iam:GetRequestAuthorizationDetails".to_owned()
                } else {
                    error.to_string()
                };
                broken.notes.push(format!("AWS has authorization details of this denial, but {why}"));
                return None;
            }
        };
        let link = causes.iter().map(|(cause, _)| cause.link()).min()?;
        // AWS lists all at once: none of them is one of several possible causes.
        broken.notes.clear();
        let cured = |(cause, text): (Cause, String)| {
            let cure = cure::for_session(&cause, request, false, self.terms);
            Candidate { text, ..candidate(cause, cure) }
        };
        Some((link, causes.into_iter().map(cured).collect()))
    }

    /// AWS's details say that the trust policy does not allow a request, and not why: it does not name the caller, or a condition is
    /// not met. The role tells, where it can be read.
    async fn explain_trust(&self, request: &SessionRequest, broken: &mut BrokenLink) {
        let is_of_trust = |it: &Candidate| matches!(&it.cause, Cause::CallerNotTrusted { .. });
        if !broken.candidates.iter().any(is_of_trust) {
            return;
        }
        let candidates = std::mem::take(&mut broken.candidates);
        let (mut of_trust, others): (Vec<Candidate>, Vec<Candidate>) =
            candidates.into_iter().partition(is_of_trust);
        let condition = Cause::TrustConditionNotMet { key: None };
        let step = Cure::Step(condition.to_do(self.terms));
        of_trust.push(candidate(condition, step));
        for candidate in &mut of_trust {
            candidate.distinguished_by = candidate.cause.distinguished_by().map(str::to_owned);
        }
        broken.candidates = of_trust;
        self.look_at_member(request, broken).await;
        if broken.evidence == Evidence::AuthorizationDetails {
            let note = "AWS's details say that the trust policy does not allow it, and not which of these is the reason";
            broken.notes.push(note.to_owned());
        }
        broken.candidates.splice(0..0, others);
    }

    /// Looks at the role with credentials of the member account, where there are any, and evaluates its trust policy.
    async fn look_at_member(&self, request: &SessionRequest, broken: &mut BrokenLink) {
        let Some(member) = self.member else { return };
        let account_id = account_of(request.role_arn.as_str());
        match member.caller().boxed_local().await {
            Ok(Some(caller)) if caller.account_id.as_str() == account_id => {}
            Ok(Some(caller)) => {
                let other = caller.account_id;
                broken.notes.push(format!("--member-profile is of account {other}, and not of {account_id}"));
                return;
            }
            Ok(None) => return,
            Err(error) => {
                broken.notes.push(format!("--member-profile: {error}"));
                return;
            }
        }
        let found = match member_role::read(member, &request.role_arn).boxed_local().await {
            Ok(MemberRole::Missing) => vec![self.role_missing(Cause::RoleMissing.to_string())],
            Ok(MemberRole::OtherArn(arn)) => {
                vec![self.role_missing(format!("the role of this name has the ARN {arn}"))]
            }
            Ok(MemberRole::Trust(trust)) => {
                broken.notes.extend(evaluation::lint_notes(&trust, PolicyType::Trust));
                let other_path = self.other_path(request, &trust);
                let denial = match self.evaluate_trust(request, trust) {
                    Ok(denial) => denial,
                    Err(reason) => {
                        broken.notes.push(format!("the trust policy was not evaluated: {reason}"));
                        return;
                    }
                };
                let Some(denial) = denial else {
                    let is_other = |candidate: &Candidate| {
                        let cause = &candidate.cause;
                        matches!(cause, Cause::AccountSuspended | Cause::ExplicitlyDenied { .. })
                            || cause.link() == Link::Hub
                    };
                    broken.candidates.retain(is_other);
                    if let Some(other_path) = other_path {
                        broken.candidates.insert(0, other_path);
                    } else {
                        broken.notes.push("the trust policy allows this caller".to_owned());
                    }
                    return;
                };
                let mut candidate = denial.candidate;
                if let Some(key) = denial.unknown_key {
                    candidate.text = format!(
                        "its trust policy has a condition on {key}, whose value in the request is not known here"
                    );
                    let to_do = candidate.cause.to_do(self.terms);
                    candidate.cure =
                        Cure::Step(format!("find out whether the request meets it; if not, {to_do}"));
                    broken.notes.push(
                        "if it does, another condition or one of the other causes is possible".to_owned(),
                    );
                }
                vec![candidate]
            }
            Err(error) => {
                broken.notes.push(member_role::why_unread(&error));
                return;
            }
        };
        (broken.evidence, broken.candidates) = (Evidence::Role, found);
    }

    /// That the trust policy trusts a role of the caller's name, under a path that it may not have; `None` where the path is known or
    /// does not matter.
    fn other_path(&self, request: &SessionRequest, trust: &NamedPolicy) -> Option<Candidate> {
        if request.caller_role_arn.is_some() || !request.caller_arn.contains(":assumed-role/") {
            return None;
        }
        let without_path =
            SessionRequest { caller_role_arn: Some(request.principal_arn()), ..request.clone() };
        self.evaluate_trust(&without_path, trust.clone()).ok()??;
        let name = last_segment(&request.principal_arn()).to_owned();
        let step = Cure::Step(format!(
            "compare the Principal with the ARN of the role: `aws iam get-role --role-name {} --query Role.Arn` in account {} shows \
             its path",
            rolecall_roll::shell::quote(&name),
            request.caller_account()
        ));
        let cause = Cause::CallerNotTrusted { action: "sts:AssumeRole".to_owned() };
        let text = format!(
            "its trust policy names role {name} with a path, and the path of the caller's role is not known"
        );
        let distinguished_by = Some("the role of the caller has another path".to_owned());
        Some(Candidate { text, distinguished_by, ..candidate(cause, step) })
    }

    fn role_missing(&self, text: String) -> Candidate {
        let cure = Cure::Step(Cause::RoleMissing.to_do(self.terms));
        Candidate { text, ..candidate(Cause::RoleMissing, cure) }
    }

    /// Why the trust policy does not allow the caller; `None` where it does.
    ///
    /// # Errors
    /// Why it cannot be evaluated, in a few words.
    fn evaluate_trust(
        &self,
        request: &SessionRequest,
        trust: NamedPolicy,
    ) -> Result<Option<evaluation::Denial>, String> {
        // What the caller's side allows is not known here, and not in question.
        let identity = vec![evaluation::all_permissions()?];
        let policies = PolicySet { identity, trust: Some(trust), ..PolicySet::default() };
        evaluation::evaluate_session(request, &policies, &BTreeMap::new(), self.terms)
    }

    /// Calls each action that a scan needs.
    async fn check_actions(
        &self,
        session: &Session<'_>,
        account_id: &AccountId,
        limit: Instant,
        subject: &str,
        cure: &dyn Fn(&Cause, &[&str]) -> Cure,
    ) -> LinkCheck {
        let selection = &self.context.settings.selection;
        let needed = collect::actions(selection);
        let mut users = self.test_users.clone();
        users.extend(self.denied_users.get(account_id).into_iter().flatten().cloned());
        let check = actions::check(session, &needed, selection, &users).boxed_local();
        let check = match self.within(limit, check).await {
            Err(reason) => return LinkCheck::untested(Link::Collect, subject, reason),
            Ok(Ok(check)) => check,
            Ok(Err(error)) => {
                let cure = |cause: &Cause| Cure::Step(cause.to_do(self.terms));
                let (_, broken) = broken_by(&error, Some(Link::Collect), cure);
                return LinkCheck::broken(Link::Collect, subject, broken);
            }
        };
        let names: Vec<&str> = check.user_names.iter().map(String::as_str).collect();
        let tested_with = match names.as_slice() {
            [] => String::new(),
            [name] => format!(", tested with user {name}"),
            names => format!(", tested with users {}", names.join(", ")),
        };
        let subject = &format!("{subject}{tested_with}");
        let mut untested = Vec::new();
        if !check.untested.is_empty() {
            let actions = check.untested.join(", ");
            untested
                .push(format!("{actions} not tested: no access key of the account is known to test with"));
        }
        if check.untested_users > 0 {
            untested.push(format!("not tested with {} more users", check.untested_users));
        }
        let untested = (!untested.is_empty()).then(|| untested.join("; "));
        let Some((first, error)) = check.denied.first() else {
            return match untested {
                Some(reason) => LinkCheck::untested(Link::Collect, subject, reason),
                None => LinkCheck::ok(Link::Collect, subject, Evidence::Call),
            };
        };
        let cause = cause_of(first, error);
        let is_alike = |action: &str, error: &CallError| {
            cause_of(action, error).zip(cause.clone()).is_some_and(|(it, first)| is_same_policy(&it, &first))
        };
        let denied = check.denied.iter();
        let alike: Vec<&str> =
            denied.filter(|(action, error)| is_alike(action, error)).map(|(action, _)| *action).collect();
        // What could not be tested is needed too, and is most likely missing where the others are.
        let missing = [alike.as_slice(), &check.untested].concat();
        let (_, mut broken) = broken_by(error, Some(Link::Collect), |cause| cure(cause, &missing));
        if let [one] = broken.candidates.as_mut_slice() {
            one.text = with_action(&one.cause, alike.join(", ")).to_string();
        }
        let others = check.denied.len() - alike.len();
        if others > 0 {
            broken.notes.push(format!("{others} more actions are denied by other policies"));
        }
        for (action, users) in check.denied_users.iter().filter(|_| check.user_names.len() > 1) {
            let users: Vec<&str> = users.iter().map(String::as_str).collect();
            broken.notes.push(format!("{action} is denied for {}", users.join(", ")));
        }
        broken.notes.extend(untested);
        broken.notes.push(format!("{} of {} actions are allowed", check.allowed, needed.len()));
        LinkCheck::broken(Link::Collect, subject, broken)
    }
}

/// Whether AWS Organizations lists the account: those that are suspended or closed are not checked.
fn is_listed_as_active(target: &Target) -> bool {
    target.account.as_ref().is_some_and(|account| account.organizational_unit.is_some())
}

/// The note about a role of IAM Identity Center.
fn note_on_permission_set(caller_arn: &str) -> Option<String> {
    caller_arn.contains(":assumed-role/AWSReservedSSO_").then(|| {
        "the end of the caller's role name changes when the permission set is assigned again: `rolecall policy generate --trust \
         organization --permission-set NAME` makes a trust policy that follows it"
            .to_owned()
    })
}

fn why_not_simulated(error: &CallError) -> String {
    match error.error_kind {
        ErrorKind::Denied => "not simulated: the caller may not call iam:SimulatePrincipalPolicy".to_owned(),
        _ => format!("not simulated: {error}"),
    }
}
