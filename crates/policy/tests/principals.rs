//! Which principals a `Principal` element matches: every type of principal, in every element that names one.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue panics")]

use rolecall_policy::Case;
use serde_json::{Value, json};

const LAMBDA_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const SERVICE_ROLE: &str = "arn:aws:iam::222222222222:role/service-role/LambdaRole";
const SESSION: &str = "arn:aws:sts::222222222222:assumed-role/LambdaRole/s";

/// A case in which a principal, whose identity-based policies allow everything, assumes a role.
fn case(principal: &str, context: &Value, statements: &Value) -> Case {
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let case = json!({
        "name": principal,
        "identityPolicies": [everything],
        "trustPolicy": { "Statement": statements },
        "request": { "principal": principal, "action": "sts:AssumeRole", "resource": "arn:aws:iam::111111111111:role/R" },
        "context": context,
    });
    serde_json::from_value(case).unwrap()
}

fn trust(effect: &str, element: &str, arn: &str) -> Value {
    json!({ "Effect": effect, "Action": "sts:AssumeRole", element: { "AWS": arn } })
}

/// The role `service-role/LambdaRole`, and a session of it; AWS puts the path into `aws:PrincipalArn`.
fn callers() -> [(&'static str, Value); 3] {
    [
        (SERVICE_ROLE, json!({})),
        (SESSION, json!({ "aws:PrincipalArn": SERVICE_ROLE })),
        (SESSION, json!({ "AWS:principalarn": [SERVICE_ROLE] })),
    ]
}

fn is_allowed(principal: &str, context: &Value, statements: &Value) -> bool {
    case(principal, context, statements).decide().unwrap().is_allowed()
}

#[test]
fn a_trust_policy_allows_the_role_with_the_path_and_no_other_role_of_that_name() {
    for (principal, context) in callers() {
        let allows = |arn: &str| is_allowed(principal, &context, &json!(trust("Allow", "Principal", arn)));
        assert!(allows(SERVICE_ROLE), "{principal} {context}");
        for other in [
            LAMBDA_ROLE,
            "arn:aws:iam::222222222222:role/service-role/lambdarole",
            "arn:aws:iam::222222222222:role/SERVICE-ROLE/LambdaRole",
            "arn:aws:iam::222222222222:role/aws-service-role/LambdaRole",
            "arn:aws:iam::333333333333:role/service-role/LambdaRole",
        ] {
            assert!(!allows(other), "{principal} {context} {other}");
        }
    }
}

#[test]
fn a_deny_applies_to_the_role_with_the_path_and_no_other_role_of_that_name() {
    for (principal, context) in callers() {
        let denies = |arn: &str| {
            let statements = json!([trust("Allow", "Principal", "*"), trust("Deny", "Principal", arn)]);
            !is_allowed(principal, &context, &statements)
        };
        assert!(denies(SERVICE_ROLE), "{principal} {context}");
        assert!(!denies(LAMBDA_ROLE), "{principal} {context}");
    }
}

#[test]
fn not_principal_exempts_the_role_with_the_path_and_no_other_role_of_that_name() {
    for (principal, context) in callers() {
        let exempts = |arn: &str| {
            let statements = json!([trust("Allow", "Principal", "*"), trust("Deny", "NotPrincipal", arn)]);
            is_allowed(principal, &context, &statements)
        };
        assert!(exempts(SERVICE_ROLE), "{principal} {context}");
        assert!(!exempts(LAMBDA_ROLE), "{principal} {context}");
    }
}

#[test]
fn in_its_own_account_a_role_with_another_path_is_not_allowed_by_the_trust_policy_alone() {
    for (context, is_expected) in
        [(json!({}), true), (json!({ "aws:PrincipalArn": "arn:aws:iam::111111111111:role/p/L" }), false)]
    {
        let case = json!({
            "name": "one account",
            "trustPolicy": { "Statement": trust("Allow", "Principal", "arn:aws:iam::111111111111:role/L") },
            "request": {
                "principal": "arn:aws:sts::111111111111:assumed-role/L/s",
                "action": "sts:AssumeRole",
                "resource": "arn:aws:iam::111111111111:role/R",
            },
            "context": context,
        });
        let decision = serde_json::from_value::<Case>(case).unwrap().decide().unwrap();
        assert_eq!(decision.is_allowed(), is_expected, "{context} {decision}");
    }
}

#[test]
fn a_session_of_a_role_with_unknown_path_is_matched_by_the_name() {
    for context in [json!({}), json!({ "aws:PrincipalArn": SESSION }), json!({ "aws:PrincipalArn": [] })] {
        for arn in [LAMBDA_ROLE, SERVICE_ROLE] {
            assert!(
                is_allowed(SESSION, &context, &json!(trust("Allow", "Principal", arn))),
                "{context} {arn}"
            );
        }
    }
}

#[test]
fn the_principal_arn_of_another_principal_is_an_error_in_the_case() {
    let user = "arn:aws:iam::222222222222:user/ops/bob";
    for (principal, principal_arn) in [
        (SESSION, json!("arn:aws:iam::222222222222:role/Other")),
        (SESSION, json!("arn:aws:iam::333333333333:role/LambdaRole")),
        (SESSION, json!([LAMBDA_ROLE, SERVICE_ROLE])),
        (SERVICE_ROLE, json!(LAMBDA_ROLE)),
        (user, json!("arn:aws:iam::222222222222:user/bob")),
    ] {
        let context = json!({ "aws:principalARN": principal_arn });
        let problem = case(principal, &context, &json!(trust("Allow", "Principal", "*")))
            .decide()
            .unwrap_err()
            .to_string();
        assert!(problem.contains("aws:PrincipalArn") && problem.contains(principal), "{problem}");
    }
}
