//! Requests that a policy must deny. What allows one of them grants beyond what is needed, however it is written.

use rolecall_policy::{Decision, Policy};

use super::Beyond;
use super::requests::{Caller, Need, Needs, SampleRequest};

/// A value that no generated condition has.
const OTHER: &str = "rolecall-other-value";

/// What the policy allows of the requests that it must deny. A statement whose principals are beyond anyway (`found`) is not
/// named again for another principal.
pub(super) fn beyond(policy: &Policy, needs: &Needs<'_>, found: &[Beyond]) -> Vec<Beyond> {
    let mut all: Vec<Beyond> = Vec::new();
    for need in &needs.all {
        let probes = condition_probes(need, needs);
        let probes = probes.into_iter().chain(principal_probes(need, needs));
        for Probe { request, element, value, problem } in probes {
            let Some(statement) = allowing_statement(policy, &request) else { continue };
            let is_known = |it: &Beyond| {
                it.statement == statement
                    && it.element == element
                    && (element == "Principal" || it.value == value)
            };
            if !found.iter().chain(&all).any(is_known) {
                all.push(Beyond { statement, element, value, problem });
            }
        }
    }
    all
}

/// A request that must be denied, and what it means if it is not.
struct Probe {
    request: SampleRequest,
    element: &'static str,
    value: Option<String>,
    problem: String,
}

/// The needed requests with one condition key left out or changed.
fn condition_probes(need: &Need, needs: &Needs<'_>) -> Vec<Probe> {
    let keys =
        need.conditions.iter().flat_map(|(operator, keys)| keys.keys().map(move |key| (operator, key)));
    // Another principal is a probe of its own.
    let keys = keys.filter(|(_, key)| *key != "aws:PrincipalArn");
    keys.flat_map(|(operator, key)| {
        let of_key = needs.requests_of(need).into_iter().flat_map(move |request| {
            let changed = SampleRequest::with_key(&request, key, Some(OTHER));
            // Without the key, `ForAllValues` is true: nothing is requested then.
            let absent = (!operator.starts_with("ForAllValues:"))
                .then(|| SampleRequest::with_key(&request, key, None));
            absent.into_iter().chain([changed])
        });
        of_key.map(|request| Probe {
            request,
            element: "Condition",
            value: Some(key.clone()),
            problem: problem_without(key),
        })
    })
    .collect()
}

fn problem_without(key: &str) -> String {
    match key {
        "sts:ExternalId" => "does not require the external id".to_owned(),
        "aws:PrincipalOrgID" => "does not require that the caller is in the organization".to_owned(),
        "aws:ResourceOrgID" => "does not require that the role is in the organization".to_owned(),
        _ => format!("does not limit {key} to the value that is used"),
    }
}

/// The needed requests by roles that need no access: one whose name begins as that of the hub role, another one of the hub
/// account, and one of another account.
fn principal_probes(need: &Need, needs: &Needs<'_>) -> Vec<Probe> {
    use crate::documents::DocumentName::{MemberTrust, OrganizationTrust};
    if !matches!(needs.name, MemberTrust | OrganizationTrust) {
        return Vec::new();
    }
    let hub = &needs.access.hub_role;
    let (partition, account) = (hub.partition(), hub.account_id());
    let stranger = if account.as_str() == "000000000000" { "999999999999" } else { "000000000000" };
    let others = [
        format!("{hub}2"),
        format!("arn:{partition}:iam::{account}:role/rolecall-other-role"),
        format!("arn:{partition}:iam::{stranger}:role/{}", hub.role_name()),
    ];
    let requests = needs.requests_of(need);
    let Some(resource) = requests.first().map(|it| it.request.resource.clone()) else { return Vec::new() };
    let probes = others.into_iter().filter_map(|role| {
        let caller = Caller::Role { role, session: needs.access.session_name.clone().unwrap_or_default() };
        Some(Probe {
            request: needs.request(&need.action, &resource, &caller)?,
            element: "Principal",
            value: None,
            problem: format!("trusts other roles than the hub role {hub}"),
        })
    });
    probes.collect()
}

/// The statement of the policy that allows the request; `None` where it is denied.
fn allowing_statement(policy: &Policy, request: &SampleRequest) -> Option<String> {
    match request.decide(policy) {
        // Of a trust policy, the last one: the others are of the policies that allow everything.
        Decision::Allowed(statements) => statements.last().map(|it| it.statement.clone()),
        _ => None,
    }
}
