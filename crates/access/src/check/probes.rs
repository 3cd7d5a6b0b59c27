//! Requests that a policy must deny: each differs from a needed one in its principal or in condition keys, by a value that the policy
//! itself has or by one that no policy has. The generated document says which of them are needed after all. What allows another
//! one grants beyond what is needed, however it is written.

use std::collections::BTreeSet;

use rolecall_policy::{Decision, Policy};

use super::Beyond;
use super::requests::{Caller, Need, Needs, SampleRequest, is_of_principal};
use crate::documents::DocumentName::{MemberTrust, OrganizationTrust};
use crate::statement_view::StatementView;
use crate::wildcard::covers_action;

/// What the policy allows of the requests that the generated document denies. A statement whose principals are beyond anyway
/// (`found`) is not named again for another principal.
pub(super) fn beyond(
    policy: &Policy,
    generated: &Policy,
    statements: &[StatementView<'_>],
    needs: &Needs<'_>,
    found: &[Beyond],
) -> Vec<Beyond> {
    let mut all: Vec<Beyond> = Vec::new();
    for need in &needs.all {
        for Probe { request, differences } in probes(need, needs, generated, statements) {
            let Some(statement) = allowing_statement(policy, &request) else { continue };
            if request.decide(generated).is_allowed() {
                continue;
            }
            for Difference { element, value, problem } in differences {
                let is_known = |it: &Beyond| {
                    it.statement == statement
                        && it.element == element
                        && (element == "Principal" || it.value == value)
                };
                if !found.iter().chain(&all).any(is_known) {
                    all.push(Beyond { statement: statement.clone(), element, value, problem });
                }
            }
        }
    }
    all
}

/// A request that differs from the one that is needed.
struct Probe {
    request: SampleRequest,
    differences: Vec<Difference>,
}

/// A needed request, from which others are made that differ.
struct ProbeBase {
    needed: SampleRequest,
    /// The same, with condition keys as a statement has them.
    request: SampleRequest,
    /// The values that its condition keys can have.
    values: Vec<(String, String)>,
}

/// What it means that a request with a difference is allowed.
struct Difference {
    element: &'static str,
    value: Option<String>,
    problem: String,
}

fn probes(
    need: &Need,
    needs: &Needs<'_>,
    generated: &Policy,
    statements: &[StatementView<'_>],
) -> Vec<Probe> {
    let is_of_need = |it: &&StatementView<'_>| {
        it.is_allow() && it.strings("Action").iter().any(|action| covers_action(action, &need.action))
    };
    // A statement that denies may except values too.
    let all_values: Vec<(String, String)> =
        statements.iter().flat_map(|statement| key_values(statement, needs)).collect();
    let statements: Vec<&StatementView<'_>> = statements.iter().filter(is_of_need).collect();
    let (keys, other) = (varied_keys(need), needs.filler.other_value.as_str());
    let others = other_roles(needs, need, generated, &statements);
    // With the values of all statements; and for the resources of each statement that allows, as its conditions have it.
    let of_all = needs.requests_of(need, &[]).into_iter();
    let mut bases: Vec<ProbeBase> = of_all
        .map(|needed| ProbeBase { request: needed.clone(), needed, values: all_values.clone() })
        .collect();
    for statement in &statements {
        let values = key_values(statement, needs);
        for needed in needs.requests_of(need, std::slice::from_ref(*statement)) {
            let request = values
                .iter()
                .fold(needed.clone(), |request, (key, value)| request.with_key(key, Some(value)));
            bases.push(ProbeBase { needed, request, values: values.clone() });
        }
    }
    let mut probes = Vec::new();
    for ProbeBase { needed, request: base, values } in bases {
        let changed = condition_changes(&base, &keys, &values, other);
        let changed = changed.into_iter().chain([base.clone()]);
        probes.extend(
            changed.map(|request| Probe {
                differences: key_differences(&needed, &request, &keys, other),
                request,
            }),
        );
        probes.extend(others.iter().filter_map(|caller| by_role(&base, caller, &need.action, needs)));
    }
    probes.retain(|probe| !probe.differences.is_empty());
    probes
}

/// The condition keys that the generated statement limits, and whether it limits them only where the request has them.
fn varied_keys(need: &Need) -> Vec<(&str, bool)> {
    let keys = need.conditions.iter().flat_map(|(operator, keys)| {
        // Without the key, `ForAllValues` is true: nothing is requested then.
        let is_optional = operator.starts_with("ForAllValues:");
        keys.keys().map(move |key| (key.as_str(), is_optional))
    });
    // Another principal is a probe of its own.
    keys.filter(|(key, _)| *key != "aws:PrincipalArn").collect()
}

/// The condition keys of a statement with each of their values, where a request could have them.
fn key_values(statement: &StatementView<'_>, needs: &Needs<'_>) -> Vec<(String, String)> {
    let conditions = statement.conditions().into_iter();
    let of_request = conditions
        .filter(|(operator, key, _)| !operator.eq_ignore_ascii_case("Null") && !is_of_principal(key));
    let pairs = of_request.flat_map(|(_, key, values)| {
        let values = values.into_iter().filter(|value| !value.contains("${"));
        values.map(move |value| (key.to_owned(), needs.filler.fill(value)))
    });
    pairs.collect()
}

/// The request with one key left out or with another value.
fn condition_changes(
    base: &SampleRequest,
    keys: &[(&str, bool)],
    values: &[(String, String)],
    other_value: &str,
) -> Vec<SampleRequest> {
    let of_key = |(key, is_optional): &(&str, bool)| {
        let absent = (!is_optional).then(|| base.with_key(key, None));
        let named = values.iter().filter(|(it, _)| it.eq_ignore_ascii_case(key));
        let named = named.map(|(_, value)| value.as_str());
        let own = base.values(key).cloned().unwrap_or_default();
        let other_case = own.iter().map(|value| swap_case(value)).collect::<Vec<String>>();
        let values = std::iter::once(other_value).chain(named).chain(other_case.iter().map(String::as_str));
        let values: Vec<&str> = values.collect();
        // In place of the value, and of a key with several values beside it.
        let beside = values.iter().map(|value| {
            let values = own.iter().cloned().chain([(*value).to_owned()]).collect();
            base.with_values(key, Some(values))
        });
        let beside: Vec<SampleRequest> = if *is_optional { beside.collect() } else { Vec::new() };
        let changed = values.iter().map(|value| base.with_key(key, Some(value)));
        absent.into_iter().chain(changed).chain(beside).collect::<Vec<SampleRequest>>()
    };
    keys.iter().flat_map(of_key).collect()
}

fn swap_case(text: &str) -> String {
    let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(swap).collect()
}

/// The limited keys in which a request differs from the one that is needed.
fn key_differences(
    needed: &SampleRequest,
    request: &SampleRequest,
    keys: &[(&str, bool)],
    other_value: &str,
) -> Vec<Difference> {
    let unique: BTreeSet<&str> = keys.iter().map(|(key, _)| *key).collect();
    let differing = unique.into_iter().filter(|key| needed.values(key) != request.values(key));
    differing
        .map(|key| Difference {
            element: "Condition",
            value: Some(key.to_owned()),
            problem: match (key, request.values(key).and_then(|values| values.first())) {
                ("sts:ExternalId", Some(value)) if value != other_value => {
                    "accepts another external id".to_owned()
                }
                _ => problem_without(key),
            },
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

/// Roles that the generated document does not trust: one whose name begins as that of the hub role, another one of the hub
/// account, one of another account, and those that the statements name.
fn other_roles(
    needs: &Needs<'_>,
    need: &Need,
    generated: &Policy,
    statements: &[&StatementView<'_>],
) -> Vec<Caller> {
    if !matches!(needs.name, MemberTrust | OrganizationTrust) {
        return Vec::new();
    }
    let hub = &needs.access.hub_role;
    let (partition, account) = (hub.partition(), hub.account_id());
    let stranger = if account.as_str() == "000000000000" { "999999999999" } else { "000000000000" };
    let principals = statements.iter().flat_map(|it| it.principals()).map(|(_, value)| value);
    let conditions = statements.iter().flat_map(|it| it.conditions());
    let conditions = conditions.filter(|(_, key, _)| key.eq_ignore_ascii_case("aws:PrincipalArn"));
    let named = principals.chain(conditions.flat_map(|(_, _, values)| values));
    let named = named.filter(|arn| arn.contains(":role/")).map(|arn| needs.sample(arn));
    let others = [
        format!("{hub}2"),
        format!("arn:{partition}:iam::{account}:role/rolecall-other-role"),
        format!("arn:{partition}:iam::{stranger}:role/{}", hub.role_name()),
    ];
    let roles: BTreeSet<String> = named.chain(others).collect();
    let callers = roles.iter().map(|role| Caller::any_session_of(role));
    let resources = needs.resource_patterns(need);
    let is_trusted = |caller: &Caller| {
        let requests = resources.iter().filter_map(|resource| needs.request(&need.action, resource, caller));
        requests.into_iter().any(|request| request.decide(generated).is_allowed())
    };
    callers.filter(|caller| !is_trusted(caller)).collect()
}

/// The request by another role.
fn by_role(base: &SampleRequest, caller: &Caller, action: &str, needs: &Needs<'_>) -> Option<Probe> {
    let problem = format!("trusts other roles than the hub role {}", needs.access.hub_role);
    let request = needs.request(action, &base.resources, caller)?.with_session_of(base);
    Some(Probe { request, differences: vec![Difference { element: "Principal", value: None, problem }] })
}

/// The statement of the policy that allows the request; `None` where it is denied.
fn allowing_statement(policy: &Policy, request: &SampleRequest) -> Option<String> {
    match request.decide(policy) {
        // Of a trust policy, the last one: the others are of the policies that allow everything.
        Decision::Allowed(statements) => statements.last().map(|it| it.statement.clone()),
        _ => None,
    }
}
