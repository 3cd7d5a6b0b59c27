//! From AWS's answer to the broken link, the candidates and the request that was denied.

use rolecall_core::{CallError, collect};
use rolecall_roll::{Cause, Denial, ErrorKind, FactKind, Link, RoleArn, Stage, Terms};

use super::cure::{Cure, SessionRequest};
use super::{BrokenLink, Candidate, Evidence, Said};

/// The broken link of an error, with its candidates. `link_of_call` is that of an error that does not tell.
pub(super) fn broken_by(
    error: &CallError,
    link_of_call: Option<Link>,
    cure: impl Fn(&Cause) -> Cure,
) -> (Link, BrokenLink) {
    let stage = match link_of_call {
        Some(Link::Collect) => Stage::Fact(FactKind::Users),
        _ => Stage::Session,
    };
    let gap = error.clone().into_gap(stage, None);
    let diagnosis = gap.diagnosis();
    let link = diagnosis.as_ref().map(|diagnosis| diagnosis.link);
    let link = link.or(link_of_call).unwrap_or(Link::Sts);
    let causes = diagnosis.map(|diagnosis| diagnosis.causes).unwrap_or_default();
    let causes = if error.has_no_credentials { vec![Cause::CredentialsMissing] } else { causes };
    let is_certain = causes.len() < 2;
    let candidates = causes.into_iter().map(|cause| {
        let cure = cure(&cause);
        let distinguished_by = cause.distinguished_by().filter(|_| !is_certain).map(str::to_owned);
        Candidate { distinguished_by, ..candidate(cause, cure) }
    });
    let is_denied = error.error_kind == ErrorKind::Denied;
    let has_reason = Denial::parse(&error.message).reason.is_some();
    let mut notes = Vec::new();
    if is_denied && has_reason {
        notes.push("AWS names one policy type only: after this one is healed, another may appear".to_owned());
    }
    let broken = BrokenLink {
        is_refused: is_refusal(error),
        said: error.code.is_some().then(|| Said {
            operation: error.operation.to_owned(),
            code: error.code.clone(),
            message: error.message.clone(),
            has_reason,
            request_id: error.request_id.clone(),
        }),
        evidence: if is_certain { Evidence::Message } else { Evidence::Likelihood },
        candidates: candidates.collect(),
        notes,
    };
    (link, broken)
}

/// Errors of AWS itself, which decide nothing.
const ERRORS_OF_AWS: [&str; 6] = [
    "InternalError",
    "InternalFailure",
    "InternalServiceError",
    "ServiceFailure",
    "ServiceUnavailable",
    "ServiceUnavailableException",
];

/// Whether AWS refused the request. Of a throttled one, nothing is known.
fn is_refusal(error: &CallError) -> bool {
    let is_without_decision = matches!(
        error.error_kind,
        ErrorKind::Throttled
            | ErrorKind::TimedOut
            | ErrorKind::Transport
            | ErrorKind::Malformed
            | ErrorKind::Internal
            | ErrorKind::Interrupted
    );
    error.code.as_deref().is_some_and(|code| !ERRORS_OF_AWS.contains(&code)) && !is_without_decision
}

/// A cause with its cure.
pub(super) fn candidate(cause: Cause, cure: Cure) -> Candidate {
    let text = cause.to_string();
    Candidate { cause, text, cure, distinguished_by: None }
}

/// A link that is broken by one cause, without a call that AWS denied.
pub(super) fn certain(cause: Cause, evidence: Evidence, terms: &dyn Terms) -> BrokenLink {
    let cure = Cure::Step(cause.to_do(terms));
    BrokenLink {
        is_refused: true,
        said: None,
        evidence,
        candidates: vec![candidate(cause, cure)],
        notes: Vec::new(),
    }
}

/// The cause of a denied action in the member account.
pub(super) fn cause_of(action: &str, error: &CallError) -> Option<Cause> {
    let collector = collect::collectors().find(|collector| collector.actions.contains(&action));
    let fact = collector.map_or(FactKind::Users, |collector| collector.fact);
    let gap = error.clone().into_gap(Stage::Fact(fact), None);
    gap.diagnosis().and_then(|diagnosis| diagnosis.causes.into_iter().next())
}

/// The cause with these actions in place of the one that AWS names.
pub(super) fn with_action(cause: &Cause, actions: String) -> Cause {
    match cause.clone() {
        Cause::NotAllowed { policy, .. } => Cause::NotAllowed { policy, action: Some(actions) },
        Cause::ExplicitlyDenied { policy, policy_arn, .. } => {
            Cause::ExplicitlyDenied { policy, action: Some(actions), policy_arn }
        }
        other => other,
    }
}

/// Whether two actions are denied by the same policy, so that one change heals both.
pub(super) fn is_same_policy(one: &Cause, other: &Cause) -> bool {
    match (one, other) {
        (Cause::NotAllowed { policy, .. }, Cause::NotAllowed { policy: other, .. }) => policy == other,
        (
            Cause::ExplicitlyDenied { policy, policy_arn, .. },
            Cause::ExplicitlyDenied { policy: other, policy_arn: other_arn, .. },
        ) => (policy, policy_arn) == (other, other_arn),
        (one, other) => one == other,
    }
}

/// The request that AWS denied: of an intermediate role, with its own caller and role.
pub(super) fn of_denial(error: &CallError, request: &SessionRequest) -> SessionRequest {
    let denial = Denial::parse(&error.message);
    let role_arn: Option<RoleArn> = denial.resource.and_then(|resource| resource.parse().ok());
    match (denial.principal, role_arn) {
        (Some(principal), Some(role_arn)) if role_arn != request.role_arn => SessionRequest {
            caller_arn: principal.to_owned(),
            role_arn,
            // Only the target role is sent the external id.
            external_id: None,
            ..request.clone()
        },
        (Some(principal), _) => SessionRequest { caller_arn: principal.to_owned(), ..request.clone() },
        _ => request.clone(),
    }
}
