//! Which statements of a policy match a request. A decision names the statements that determined it; the policy
//! simulator and the authorization details name all that match.

use std::sync::LazyLock;

use rolecall_policy::{Decision, NamedPolicy, Policy, PolicySet, PolicyType, Request, authorize};
use serde_json::{Value, json};

/// A statement that matches a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MatchedStatement<'a> {
    /// The index in `Statement`, counted from 0.
    pub(crate) index: usize,
    /// As the document has it.
    pub(crate) statement: &'a Value,
    /// Whether its `Effect` is `Deny`.
    pub(crate) is_deny: bool,
}

/// A policy that allows everything, for what another policy is to decide.
static ALLOW_ALL: LazyLock<Vec<NamedPolicy>> = LazyLock::new(|| {
    let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let policy = Policy::parse(&json!({ "Statement": statement }), PolicyType::Identity);
    policy.map(|policy| NamedPolicy { name: "everything".to_owned(), policy }).into_iter().collect()
});

/// Policies that allow everything of which the principal's own policies decide.
pub(crate) fn permissive_policies() -> PolicySet {
    PolicySet { identity: ALLOW_ALL.clone(), session: Some(ALLOW_ALL.clone()), ..PolicySet::default() }
}

/// Whether service control policies (or resource control policies) can deny a request at all: they do not apply to
/// service-linked roles, and resource control policies apply to the actions of some services only.
pub(crate) fn is_limited_by(request: &Request, policy_type: PolicyType) -> bool {
    let mut statement = json!({ "Effect": "Deny", "Action": "*", "Resource": "*" });
    if let (PolicyType::Rcp, Some(object)) = (policy_type, statement.as_object_mut()) {
        object.insert("Principal".to_owned(), json!("*"));
    }
    let Ok(policy) = Policy::parse(&json!({ "Statement": statement }), policy_type) else { return false };
    let deny = vec![NamedPolicy { name: String::new(), policy }];
    let policies = match policy_type {
        PolicyType::Rcp => PolicySet { rcps: deny, ..PolicySet::default() },
        _ => PolicySet { scps: Some(vec![deny]), ..PolicySet::default() },
    };
    matches!(authorize(request, &policies), Decision::ExplicitlyDenied(_))
}

/// Whether policies of a type must allow a request, given that all others do: in its own account, a trust policy that names
/// the principal allows by itself.
pub(crate) fn must_allow(request: &Request, policies: &PolicySet, policy_type: PolicyType) -> bool {
    let nothing = || Some(Vec::new());
    let trust = policies.trust.clone();
    let base = PolicySet { trust, ..permissive_policies() };
    let without = match policy_type {
        PolicyType::Identity => PolicySet { identity: Vec::new(), ..base },
        PolicyType::Boundary => PolicySet { boundaries: nothing(), ..base },
        _ => PolicySet { session: nothing(), ..base },
    };
    !authorize(request, &without).is_allowed()
}

/// The statements of a document, in its order.
pub(crate) fn statements(policy: &Policy) -> Vec<&Value> {
    match policy.source().get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    }
}

/// The statements of a policy that match a request. Whether policies of the type apply to the request at all is for the
/// caller to say.
pub(crate) fn matched_statements<'a>(
    request: &Request,
    policy: &'a Policy,
    policy_type: PolicyType,
) -> Vec<MatchedStatement<'a>> {
    let version = policy.source().get("Version");
    let numbered = statements(policy).into_iter().enumerate();
    numbered
        .filter_map(|(index, statement)| {
            let mut document = json!({ "Statement": statement });
            if let (Some(version), Some(object)) = (version, document.as_object_mut()) {
                object.insert("Version".to_owned(), version.clone());
            }
            let policy = Policy::parse(&document, policy_type).ok()?;
            let is_deny = effect_of(request, policy, policy_type)?;
            Some(MatchedStatement { index, statement, is_deny })
        })
        .collect()
}

/// Whether a policy of one statement denies a request (`true`) or allows it (`false`); `None` if it does not match.
fn effect_of(request: &Request, policy: Policy, policy_type: PolicyType) -> Option<bool> {
    let single = NamedPolicy { name: String::new(), policy };
    let is_of_resource = matches!(policy_type, PolicyType::Trust | PolicyType::Rcp);
    let (resource_account, policies) = if is_of_resource {
        let policies = PolicySet { trust: Some(single), ..permissive_policies() };
        (request.resource_account.clone(), policies)
    } else {
        // All policies of the principal have one grammar, and a permissions boundary limits every principal.
        let policies = PolicySet { boundaries: Some(vec![single]), ..permissive_policies() };
        (request.principal.account_id().to_owned(), policies)
    };
    match authorize(&Request { resource_account, ..request.clone() }, &policies) {
        Decision::ExplicitlyDenied(_) => Some(true),
        Decision::Allowed(statements) if !statements.is_empty() => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rolecall_policy::{Context, Policy, PolicyType, Request};
    use serde_json::{Value, json};

    use super::matched_statements;

    fn matched(policy_type: PolicyType, statements: &Value) -> Vec<(usize, bool)> {
        let request = Request {
            principal: "arn:aws:iam::222222222222:user/u".parse().unwrap(),
            action: "sts:AssumeRole".to_owned(),
            resource: "arn:aws:iam::111111111111:role/R".to_owned(),
            resource_account: "111111111111".to_owned(),
            context: Context::from_iter([("sts:ExternalId", "x")]),
        };
        let document = json!({ "Version": "2012-10-17", "Statement": statements });
        let policy = Policy::parse(&document, policy_type).unwrap();
        let matched = matched_statements(&request, &policy, policy_type);
        matched.iter().map(|it| (it.index, it.is_deny)).collect()
    }

    #[test]
    fn all_statements_that_match_are_named_whatever_their_effect() {
        let statement =
            |effect: &str, action: &str| json!({ "Effect": effect, "Action": action, "Resource": "*" });
        let list = json!([
            statement("Allow", "sts:*"),
            statement("Allow", "iam:*"),
            statement("Deny", "sts:AssumeRole"),
            statement("Allow", "*"),
        ]);
        for policy_type in [PolicyType::Identity, PolicyType::Boundary, PolicyType::Session, PolicyType::Scp]
        {
            assert_eq!(matched(policy_type, &list), [(0, false), (2, true), (3, false)], "{policy_type}");
        }
        let one = statement("Allow", "sts:*");
        assert_eq!(matched(PolicyType::Identity, &one), [(0, false)], "a statement that is not in a list");
        let trust = |principal: &str, id: &str| {
            json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": principal },
                    "Condition": { "StringEquals": { "sts:ExternalId": id } } })
        };
        let list = json!([
            trust("222222222222", "y"),
            trust("333333333333", "x"),
            trust("222222222222", "x"),
            trust("*", "x"),
            trust("AROAEXAMPLEEXAMPLE", "x"),
        ]);
        assert_eq!(matched(PolicyType::Trust, &list), [(2, false), (3, false)]);
    }
}
