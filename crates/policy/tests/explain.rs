//! Explanations: they agree with the decisions, and name what does not match.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue panics")]

use proptest::prelude::*;
use rolecall_policy::{
    Case, DocumentEffect, Element, Explanation, NamedPolicy, Policy, PolicySet, PolicyType, Request,
    authorize, explain,
};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111111111111:role/IAMListRole";
const SESSION: &str = "arn:aws:sts::222222222222:assumed-role/LambdaRole/s";

fn cases() -> Vec<Case> {
    let files = [include_str!("flow.json"), include_str!("generated.json")];
    let mut all: Vec<Case> =
        files.iter().flat_map(|file| serde_json::from_str::<Vec<Case>>(file).unwrap()).collect();
    let mut documented: Vec<Value> = serde_json::from_str(include_str!("documented.json")).unwrap();
    for case in &mut documented {
        case.as_object_mut().unwrap().remove("source");
    }
    all.extend(documented.into_iter().map(|case| serde_json::from_value::<Case>(case).unwrap()));
    all
}

/// Checks what holds for every explanation. `statements` gives the number of statements of a document.
fn check(explanation: &Explanation) {
    for document in &explanation.documents {
        match &document.effect {
            DocumentEffect::Allows { statement } | DocumentEffect::Denies { statement } => {
                assert!(statement.starts_with("Statement["), "{statement}");
            }
            DocumentEffect::NoEffect { nearest: Some(nearest) } => {
                assert!(!nearest.mismatches.is_empty(), "{explanation}");
                assert!(nearest.statement.starts_with(&format!("Statement[{}]", nearest.index)));
            }
            DocumentEffect::NoEffect { nearest: None } | DocumentEffect::DoesNotApply { .. } => {}
        }
    }
}

#[test]
fn the_explanation_of_every_known_case_has_its_decision() {
    let cases = cases();
    assert!(cases.len() > 50);
    for case in cases {
        let explanation = case.explain().unwrap();
        assert_eq!(explanation.decision, case.decide().unwrap(), "{}", case.name);
        check(&explanation);
    }
}

/// A statement with values of which some match the request and some do not.
fn statement(has_principal: bool) -> impl Strategy<Value = Value> {
    let principals = prop_oneof![
        Just(json!({ "AWS": "222222222222" })),
        Just(json!({ "AWS": SESSION })),
        Just(json!({ "AWS": "arn:aws:iam::222222222222:role/LambdaRole" })),
        Just(json!({ "AWS": ["333333333333", "arn:aws:iam::222222222222:role/Other"] })),
        Just(json!({ "Service": "lambda.amazonaws.com" })),
        Just(json!("*")),
    ];
    let actions = prop_oneof![Just("sts:AssumeRole"), Just("sts:*"), Just("sts:TagSession"), Just("*")];
    let resources = prop_oneof![Just("*"), Just(ROLE), Just("arn:aws:iam::111111111111:role/Other")];
    let conditions = prop_oneof![
        Just(json!({})),
        Just(json!({ "StringEquals": { "sts:ExternalId": "between-us" } })),
        Just(json!({ "StringEquals": { "sts:ExternalId": "other", "aws:PrincipalOrgID": "o-exampleorg1" } })),
        Just(json!({ "StringEqualsIfExists": { "aws:PrincipalOrgID": "o-exampleorg1" } })),
        Just(json!({ "Bool": { "aws:SecureTransport": "true" }, "Null": { "aws:TokenIssueTime": "false" } })),
    ];
    let negations = (any::<bool>(), any::<bool>(), any::<bool>());
    (prop::bool::weighted(0.8), principals, actions, resources, conditions, negations).prop_map(
        move |(allows, principal, action, resource, condition, (not_principal, not_action, not_resource))| {
            let name = |is_negated: bool, name: &str| {
                if is_negated { format!("Not{name}") } else { name.to_owned() }
            };
            let mut statement = json!({
                "Effect": if allows { "Allow" } else { "Deny" },
                name(not_action, "Action"): action,
                "Condition": condition,
            });
            if has_principal {
                statement[name(not_principal, "Principal")] = principal;
            } else {
                statement[name(not_resource, "Resource")] = json!(resource);
            }
            statement
        },
    )
}

fn policies(name: &'static str, policy_type: PolicyType) -> impl Strategy<Value = Vec<NamedPolicy>> {
    let has_principal = matches!(policy_type, PolicyType::Trust | PolicyType::Rcp);
    let document = prop::collection::vec(statement(has_principal), 0..4);
    prop::collection::vec(document, 0..3).prop_map(move |documents| {
        let policies = documents.into_iter().enumerate().map(|(index, statements)| {
            let document = json!({ "Version": "2012-10-17", "Statement": statements });
            NamedPolicy {
                name: format!("{name}[{index}]"),
                policy: Policy::parse(&document, policy_type).unwrap(),
            }
        });
        policies.collect()
    })
}

fn request() -> impl Strategy<Value = Request> {
    let principals = prop_oneof![
        Just(SESSION),
        Just("arn:aws:iam::222222222222:user/u"),
        Just("arn:aws:iam::111111111111:role/LambdaRole"),
        Just("arn:aws-cn:iam::222222222222:role/LambdaRole"),
        Just("arn:aws:iam::222222222222:root"),
        Just("lambda.amazonaws.com"),
    ];
    let context = prop_oneof![
        Just(vec![]),
        Just(vec![("sts:ExternalId", "between-us")]),
        Just(vec![("aws:PrincipalOrgID", "o-exampleorg1"), ("aws:SecureTransport", "true")]),
    ];
    let actions =
        prop_oneof![3 => Just("sts:AssumeRole"), 1 => Just("sts:TagSession"), 1 => Just("iam:ListUsers")];
    (principals, actions, context).prop_map(|(principal, action, context)| Request {
        principal: principal.parse().unwrap(),
        action: action.to_owned(),
        resource: ROLE.to_owned(),
        resource_account: "111111111111".to_owned(),
        context: context.into_iter().collect(),
    })
}

fn policy_set() -> impl Strategy<Value = PolicySet> {
    (
        policies("identityPolicies", PolicyType::Identity),
        policies("trustPolicy", PolicyType::Trust),
        prop::option::of(policies("scps", PolicyType::Scp)),
        prop::option::of(policies("sessionPolicy", PolicyType::Session)),
        policies("rcps", PolicyType::Rcp),
    )
        .prop_map(|(identity, trust, scps, session, rcps)| PolicySet {
            identity,
            trust: trust.into_iter().next(),
            session,
            boundaries: None,
            scps: scps.map(|policies| vec![policies]),
            rcps,
        })
}

/// The policy with only one of its statements.
fn with_statement(policy: &Policy, index: usize, policy_type: PolicyType) -> Policy {
    let statement = &policy.source()["Statement"][index];
    Policy::parse(&json!({ "Version": "2012-10-17", "Statement": [statement] }), policy_type).unwrap()
}

/// The set with only this policy, so that a statement that matches decides.
fn only(kind: PolicyType, policy: NamedPolicy) -> PolicySet {
    let all = NamedPolicy {
        name: "all".to_owned(),
        policy: Policy::parse(
            &json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }),
            PolicyType::Identity,
        )
        .unwrap(),
    };
    let mut set = PolicySet { identity: vec![all], ..PolicySet::default() };
    match kind {
        PolicyType::Identity => set.identity = vec![policy],
        PolicyType::Trust => set.trust = Some(policy),
        PolicyType::Session => set.session = Some(vec![policy]),
        PolicyType::Boundary => set.boundaries = Some(vec![policy]),
        PolicyType::Scp => set.scps = Some(vec![vec![policy]]),
        PolicyType::Rcp => set.rcps = vec![policy],
    }
    set
}

proptest! {
    #[test]
    fn an_explanation_agrees_with_the_decision(request in request(), policies in policy_set()) {
        let explanation = explain(&request, &policies);
        prop_assert_eq!(&explanation.decision, &authorize(&request, &policies));
        check(&explanation);
        // The statements that decided are those that the documents name.
        if let rolecall_policy::Decision::Allowed(statements) = &explanation.decision {
            for determining in statements {
                let of_document = explanation.documents.iter().find(|it| it.document == determining.document).unwrap();
                let expected = DocumentEffect::Allows { statement: determining.statement.clone() };
                prop_assert_eq!(&of_document.effect, &expected);
            }
        }
        let denies = |it: &&rolecall_policy::DocumentExplanation| matches!(it.effect, DocumentEffect::Denies { .. });
        let first = explanation.documents.iter().find(denies);
        if let rolecall_policy::Decision::ExplicitlyDenied(determining) = &explanation.decision {
            prop_assert_eq!(&first.unwrap().document, &determining.document);
        } else {
            prop_assert!(first.is_none());
        }
    }

    #[test]
    fn a_statement_that_is_named_decides_alone_and_the_nearest_one_does_not_match(
        request in request(), policies in policy_set()
    ) {
        let all = policies.identity.iter().map(|it| (PolicyType::Identity, it));
        let all = all.chain(policies.trust.iter().map(|it| (PolicyType::Trust, it)));
        let named: Vec<_> = all.collect();
        for document in explain(&request, &policies).documents {
            let Some((kind, NamedPolicy { policy, .. })) =
                named.iter().find(|(kind, it)| *kind == document.kind && it.name == document.document)
            else { continue };
            let index = |statement: &str| {
                statement.trim_start_matches("Statement[").split(']').next().unwrap().parse::<usize>().unwrap()
            };
            let effect_of = |index: usize| {
                let policy = with_statement(policy, index, *kind);
                let set = only(*kind, NamedPolicy { name: "it".to_owned(), policy });
                let documents = explain(&request, &set).documents;
                documents.into_iter().find(|it| it.document == "it").unwrap().effect
            };
            match document.effect {
                DocumentEffect::Allows { statement } => {
                    let is_allow = matches!(effect_of(index(&statement)), DocumentEffect::Allows { .. });
                    prop_assert!(is_allow);
                }
                DocumentEffect::Denies { statement } => {
                    let is_deny = matches!(effect_of(index(&statement)), DocumentEffect::Denies { .. });
                    prop_assert!(is_deny);
                }
                DocumentEffect::NoEffect { nearest: Some(nearest) } => {
                    let DocumentEffect::NoEffect { nearest: Some(alone) } = effect_of(nearest.index) else {
                        return Err(TestCaseError::fail("the nearest statement matches"));
                    };
                    prop_assert_eq!(alone.mismatches, nearest.mismatches);
                }
                DocumentEffect::NoEffect { nearest: None } => {
                    let statements = policy.source()["Statement"].as_array().unwrap();
                    prop_assert!(statements.iter().all(|statement| statement["Effect"] == "Deny"));
                }
                DocumentEffect::DoesNotApply { .. } => {}
            }
        }
    }
}

/// The flow with this trust policy and context.
fn explain_trust(statements: &Value, context: &Value) -> Explanation {
    let case = json!({
        "name": "flow",
        "identityPolicies": [{ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" } }],
        "trustPolicy": { "Version": "2012-10-17", "Statement": statements },
        "request": { "principal": SESSION, "action": "sts:AssumeRole", "resource": ROLE },
        "context": context,
    });
    serde_json::from_value::<Case>(case).unwrap().explain().unwrap()
}

fn nearest_of(explanation: &Explanation) -> (usize, Vec<Element>, String) {
    let DocumentEffect::NoEffect { nearest: Some(nearest) } = &explanation.documents.last().unwrap().effect
    else {
        unreachable!("{explanation}");
    };
    let elements = nearest.mismatches.iter().map(|it| it.element.clone()).collect();
    (nearest.index, elements, nearest.to_string())
}

fn trust(principal: &Value, action: &str, condition: &Value) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Principal": principal, "Condition": condition })
}

#[test]
fn the_nearest_statement_matches_furthest_and_says_both_values() {
    let hub = json!({ "AWS": "222222222222" });
    let other = json!({ "AWS": ["333333333333", "444444444444"] });
    let sibling = json!({ "AWS": "arn:aws:iam::222222222222:role/Other" });
    let organization = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-exampleorg1" } });
    let two =
        json!({ "StringEquals": { "aws:PrincipalOrgID": "o-exampleorg1", "aws:PrincipalTag/team": "a" } });
    let condition =
        |key: &str| Element::Condition { operator: "StringEquals".to_owned(), key: key.to_owned() };
    for (statements, index, elements, words) in [
        (
            json!([trust(&other, "sts:AssumeRole", &json!({})), trust(&hub, "sts:TagSession", &json!({}))]),
            1,
            vec![Element::Action],
            "Action: the policy has \"sts:TagSession\", the request has \"sts:AssumeRole\"",
        ),
        (
            json!([
                trust(&other, "sts:AssumeRole", &json!({})),
                trust(&sibling, "sts:AssumeRole", &json!({}))
            ]),
            1,
            vec![Element::Principal],
            "Principal: the policy has \"arn:aws:iam::222222222222:role/Other\", the request has \
             \"arn:aws:sts::222222222222:assumed-role/LambdaRole/s\"",
        ),
        (
            json!([
                trust(&hub, "sts:AssumeRole", &two),
                trust(&hub, "sts:*", &organization),
                trust(&hub, "sts:*", &two)
            ]),
            1,
            vec![condition("aws:PrincipalOrgID")],
            "Condition.StringEquals.aws:PrincipalOrgID: the policy has \"o-exampleorg1\", the request does not have the key",
        ),
        (
            json!([trust(&other, "sts:TagSession", &organization)]),
            0,
            vec![Element::Principal, Element::Action, condition("aws:PrincipalOrgID")],
            "nearest is Statement[0]: Principal: the policy has \"333333333333\" or \"444444444444\"",
        ),
    ] {
        let explanation = explain_trust(&statements, &json!({}));
        let (found, found_elements, text) = nearest_of(&explanation);
        assert_eq!((found, &found_elements), (index, &elements), "{text}");
        assert!(text.contains(words), "{text}");
        assert!(
            explanation.to_string().starts_with("no trust policy allows it\nidentityPolicies[0]: allows by")
        );
    }
}

#[test]
fn a_session_whose_role_is_known_is_shown_with_the_path_of_the_role() {
    let statement =
        trust(&json!({ "AWS": "arn:aws:iam::222222222222:role/LambdaRole" }), "sts:AssumeRole", &json!({}));
    let role = "arn:aws:iam::222222222222:role/service-role/LambdaRole";
    let (_, _, text) = nearest_of(&explain_trust(&json!([statement]), &json!({ "aws:PrincipalArn": role })));
    assert!(text.contains(&format!("the request has \"{SESSION}\" and \"{role}\"")), "{text}");
}

#[test]
fn no_explanation_has_an_external_id() {
    let hub = json!({ "AWS": "222222222222" });
    for (operator, value) in
        [("StringEquals", "s3cret-of-policy"), ("ForAnyValue:StringLike", "s3cret-of-policy*")]
    {
        let condition = json!({ operator: { "STS:externalID": [value, "s3cret-2"] } });
        let statements = json!([trust(&hub, "sts:AssumeRole", &condition)]);
        for (context, words) in [
            (
                json!({ "sts:ExternalId": "s3cret-of-request" }),
                "has an external id that the policy does not accept",
            ),
            (json!({ "sts:externalid": ["s3cret-of-request"] }), "external ids are not shown"),
            (json!({}), "the request has no external id, and the policy requires one"),
        ] {
            let explanation = explain_trust(&statements, &context);
            let json = serde_json::to_string(&explanation).unwrap();
            let all = format!("{explanation} {explanation:?} {json}");
            assert!(!all.contains("s3cret"), "{all}");
            assert!(explanation.to_string().contains(words), "{all}");
            let parsed: Value = serde_json::from_str(&json).unwrap();
            let mismatch = &parsed["documents"][1]["nearest"]["mismatches"][0];
            let in_request = mismatch["in_request"].as_array().unwrap();
            assert_eq!(in_request.is_empty(), context == json!({}), "{json}");
        }
    }
}

#[test]
fn no_debug_output_of_a_case_or_a_request_has_an_external_id() {
    let case = json!({
        "name": "flow",
        "trustPolicy": { "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*",
                                        "Condition": { "StringEquals": { "sts:ExternalId": "s3cret" } } } },
        "request": { "principal": SESSION, "action": "sts:AssumeRole", "resource": ROLE },
        "context": { "sts:ExternalId": "s3cret" },
    });
    let policy = Policy::parse(&case["trustPolicy"], PolicyType::Trust).unwrap();
    let case: Case = serde_json::from_value(case).unwrap();
    let context: rolecall_policy::Context =
        [("sts:externalID", "s3cret"), ("aws:username", "u")].into_iter().collect();
    let all = format!("{case:?} {:?} {context:?}", NamedPolicy { name: "trust".to_owned(), policy });
    assert!(!all.contains("s3cret") && all.contains("aws:username") && all.contains("flow"), "{all}");
}

#[test]
fn a_document_that_does_not_apply_says_why() {
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let case = |principal: &str, action: &str, field: &str, policy: &Value| {
        let case = json!({
            "name": "limits",
            "trustPolicy": { "Statement": { "Effect": "Allow", "Action": "*", "Principal": "*" } },
            "request": { "principal": principal, "action": action, "resource": ROLE },
            field: [policy],
        });
        serde_json::from_value::<Case>(case).unwrap().explain().unwrap().to_string()
    };
    let rcp = json!({ "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*", "Principal": "*" } });
    let user = "arn:aws:iam::222222222222:user/u";
    for (text, words) in [
        (case("lambda.amazonaws.com", "sts:AssumeRole", "scps", &everything), "scps[0]: does not apply: "),
        (case(user, "iam:GetUser", "rcps", &rcp), "rcps[0]: does not apply: resource control policies"),
        (case(user, "sts:AssumeRole", "rcps", &rcp), "rcps[0]: denies by Statement[0]"),
        (
            case("arn:aws-cn:iam::222222222222:user/u", "sts:AssumeRole", "scps", &everything),
            "trustPolicy: does not apply: a role trusts no principal of another partition",
        ),
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    let root = case("arn:aws:iam::222222222222:root", "sts:AssumeRole", "scps", &everything);
    assert_eq!(root, "the root user of an account cannot assume roles", "no policy can change it");
}
