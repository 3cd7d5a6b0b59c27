//! Each shape that never works, beside the one that does.

use serde_json::{Value, json};

use super::{Lint, LintSeverity};
use crate::document::{Policy, PolicyType};

const ROLE: &str = "arn:aws:iam::111111111111:role/IAMListRole";
const CALLER: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const ERROR: LintSeverity = LintSeverity::Error;
const WARNING: LintSeverity = LintSeverity::Warning;

fn lints_of(policy_type: PolicyType, document: &Value) -> Vec<Lint> {
    Policy::parse(document, policy_type).unwrap().lints(policy_type)
}

fn lints(policy_type: PolicyType, statements: &Value) -> Vec<Lint> {
    lints_of(policy_type, &json!({ "Version": "2012-10-17", "Statement": statements }))
}

fn texts(lints: &[Lint]) -> Vec<String> {
    lints.iter().map(ToString::to_string).collect()
}

/// The identity-based policy of the caller, with this element in another way.
fn identity(element: &str, value: &Value) -> Value {
    let mut statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE });
    statement[element] = value.clone();
    statement
}

/// The trust policy of the role, with this element in another way.
fn trust(element: &str, value: &Value) -> Value {
    let mut statement =
        json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": CALLER } });
    statement[element] = value.clone();
    statement
}

/// What never works, what the lint says about it, and what works instead.
#[track_caller]
fn check(
    policy_type: PolicyType,
    severity: LintSeverity,
    (element, wrong, right): (&str, &Value, &Value),
    words: &[&str],
) {
    let statement = |value: &Value| match policy_type {
        PolicyType::Trust => trust(element, value),
        _ => identity(element, value),
    };
    let found = lints(policy_type, &statement(wrong));
    assert_eq!(found.len(), 1, "{wrong}: {:?}", texts(&found));
    let text = found[0].to_string();
    for words in words {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    assert_eq!(found[0].severity, severity, "{text}");
    assert!(text.starts_with(&format!("Statement[0].{element}")), "{text}");
    assert_eq!(texts(&lints(policy_type, &statement(right))), Vec::<String>::new(), "{right}");
}

#[test]
fn a_resource_that_no_request_has() {
    for (wrong, words) in [
        (
            "arn:aws:iam::1111111111:role/IAMListRole",
            &["account id \"1111111111\" has 10 digits", "leading zeros"][..],
        ),
        ("arn:aws:iam::1111111111111:role/IAMListRole", &["has 13 digits, not 12"]),
        ("arn:aws:iam:eu-west-1:111111111111:role/IAMListRole", &["have no Region", "\"eu-west-1\""]),
        ("arn:aws:IAM::111111111111:role/IAMListRole", &["small letters", "write \"iam\""]),
        ("arn:awss:iam::111111111111:role/IAMListRole", &["no partition \"awss\""]),
        ("arn:aws:iam::111111111111:role/<RoleName>", &["no role can have the name \"<RoleName>\""]),
        ("arn:aws:iam::111111111111:role/IAMList Role", &["no ARN has a space"]),
        ("arn:aws:iam::111111111111:role/${RoleName}", &["placeholder of a template"]),
        ("arn:aws:iam::111111111111:role/${AWS::StackName}", &["placeholder of a template"]),
        ("arn:aws:iam::111111111111:user/alice", &["only roles are assumed"]),
        (
            "arn:aws:iam::111111111111:IAMListRole",
            &["only roles are assumed", "arn:aws:iam::111111111111:role/"],
        ),
        ("arn:aws:iam::*:root*", &["only roles are assumed"]),
    ] {
        check(PolicyType::Identity, ERROR, ("Resource", &json!([ROLE, wrong]), &json!([ROLE])), words);
    }
    let session = "arn:aws:sts::111111111111:assumed-role/path/IAMListRole/s";
    let found = texts(&lints(PolicyType::Identity, &identity("Resource", &json!(session))));
    assert!(found.iter().any(|text| text.contains("the ARN of a session has no path")), "{found:?}");
    for right in [
        "*",
        "arn:aws:iam::*:role/IAMListRole",
        "arn:aws:iam::111111111111:*",
        "arn:aws:iam::*:r*",
        "arn:*:role/R",
    ] {
        assert_eq!(
            texts(&lints(PolicyType::Identity, &identity("Resource", &json!(right)))),
            [""; 0],
            "{right}"
        );
    }
}

#[test]
fn an_action_that_does_not_exist_or_that_no_principal_of_the_statement_can_call() {
    for (wrong, right, words) in [
        ("sts:AssumeRoles", "sts:AssumeRole", &["AWS STS has no such action"][..]),
        ("sts:AssumeIamRole", "sts:Assume*", &["AWS STS has no such action"]),
    ] {
        check(PolicyType::Trust, WARNING, ("Action", &json!(wrong), &json!(right)), words);
    }
    check(
        PolicyType::Identity,
        WARNING,
        ("Action", &json!(["iam:ListUser", "iam:GetUser"]), &json!(["iam:ListUsers", "iam:GetUser"])),
        &["IAM has no such action; write \"iam:ListUsers\""],
    );
    check(
        PolicyType::Trust,
        ERROR,
        ("Action", &json!("sts:AssumeRoleWithWebIdentity"), &json!("sts:AssumeRole")),
        &["no principal of the statement can call it", "an OIDC provider under \"Federated\""],
    );
    let saml = json!({ "Federated": "arn:aws:iam::111111111111:saml-provider/ADFS" });
    let found = lints(PolicyType::Trust, &trust("Principal", &saml));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].to_string().contains("sts:AssumeRole is called by principals under \"AWS\""),
        "{}",
        found[0]
    );
    for (action, expected) in
        [("sts:AssumeRoleWithSAML", 0), ("sts:AssumeRoleWithWebIdentity", 1), ("sts:TagSession", 0)]
    {
        let statement = json!({ "Effect": "Allow", "Action": action, "Principal": saml });
        assert_eq!(lints(PolicyType::Trust, &statement).len(), expected, "{action}");
    }
}

#[test]
fn a_resource_of_an_action_that_is_about_the_whole_account() {
    let statement = |actions: Value, resource: &str| json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
    let users = "arn:aws:iam::111111111111:user/*";
    let all = lints(PolicyType::Identity, &statement(json!("iam:GetAccountSummary"), users));
    assert_eq!((all.len(), all[0].severity), (1, ERROR), "{:?}", texts(&all));
    let part =
        lints(PolicyType::Identity, &statement(json!(["iam:GetUser", "iam:GetAccountSummary"]), users));
    assert_eq!((part.len(), part[0].severity), (1, WARNING), "{:?}", texts(&part));
    assert!(
        part[0]
            .to_string()
            .contains("Statement[0].Resource: iam:GetAccountSummary is about the whole account")
    );
    for (actions, resource) in
        [(json!("iam:GetAccountSummary"), "*"), (json!(["iam:GetUser", "iam:ListUsers"]), users)]
    {
        assert_eq!(texts(&lints(PolicyType::Identity, &statement(actions, resource))), [""; 0]);
    }
}

#[test]
fn a_principal_that_matches_nobody() {
    let right = json!({ "AWS": CALLER });
    for (severity, wrong, words) in [
        (
            ERROR,
            "arn:aws:sts::222222222222:assumed-role/service-role/LambdaRole/s",
            &["the ARN of a session has no path", "arn:aws:sts::222222222222:assumed-role/LambdaRole/s"][..],
        ),
        (
            ERROR,
            "arn:aws:sts::222222222222:assumed-role/LambdaRole",
            &["for all sessions, name the role: \"arn:aws:iam::222222222222:role/LambdaRole\""],
        ),
        (ERROR, "arn:aws:iam::222222222222:role/service-role/", &["no role can have the name \"\""]),
        (ERROR, "arn:aws:iam::222222222222:user/a:b", &["no user can have the name \"a:b\""]),
        (WARNING, "AROAEXAMPLEEXAMPLE123", &["a role that was deleted", "write its ARN and save"]),
        (WARNING, "AIDAEXAMPLEEXAMPLE123", &["a user that was deleted"]),
    ] {
        check(PolicyType::Trust, severity, ("Principal", &json!({ "AWS": [CALLER, wrong] }), &right), words);
    }
}

#[test]
fn arns_of_two_partitions_in_a_document() {
    let principals = json!({ "AWS": [CALLER, "arn:aws-cn:iam::222222222222:role/LambdaRole"] });
    check(
        PolicyType::Trust,
        WARNING,
        ("Principal", &principals, &json!({ "AWS": CALLER })),
        &[
            "\"arn:aws-cn:iam::222222222222:role/LambdaRole\"",
            "partition \"aws\"",
            "never crosses partitions",
        ],
    );
    check(
        PolicyType::Trust,
        WARNING,
        (
            "Condition",
            &json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws-us-gov:iam::*:role/R" } }),
            &json!({ "ArnLike": { "aws:PrincipalArn": "arn:*:iam::*:role/R" } }),
        ),
        &["aws-us-gov"],
    );
}

#[test]
fn a_value_that_is_compared_otherwise_than_it_reads() {
    let pattern = "arn:aws:iam::222222222222:role/*";
    for (severity, key, operator, right, value, words) in [
        (
            ERROR,
            "aws:PrincipalArn",
            "StringEquals",
            "StringLike",
            pattern,
            &["literally", "use StringLike"][..],
        ),
        (ERROR, "aws:PrincipalArn", "StringNotEquals", "StringNotLike", pattern, &["use StringNotLike"]),
        (ERROR, "aws:PrincipalTag/x", "StringEqualsIgnoreCase", "StringLike", "a?", &["use StringLike"]),
        (
            WARNING,
            "saml:sub",
            "ForAnyValue:StringEqualsIfExists",
            "ForAnyValue:StringLikeIfExists",
            "a*",
            &["use ForAnyValue:StringLikeIfExists"],
        ),
        (WARNING, "aws:Referer", "StringEquals", "StringLike", "https://x/?a", &["use StringLike"]),
        (ERROR, "aws:PrincipalArn", "ArnLike", "StringLike", "*", &["six parts", "arn:*:*:*:*:*"]),
        (ERROR, "aws:PrincipalArn", "ArnLike", "StringLike", "arn:aws:iam::*", &["six parts"]),
        (ERROR, "aws:SourceIp", "StringEquals", "IpAddress", "203.0.113.0/24", &["use IpAddress"]),
    ] {
        let wrong = json!({ operator: { key: value } });
        check(PolicyType::Trust, severity, ("Condition", &wrong, &json!({ right: { key: value } })), words);
    }
    let escaped = json!({ "StringEquals": { "aws:PrincipalTag/x": "a${*}b" } });
    assert_eq!(texts(&lints(PolicyType::Trust, &trust("Condition", &escaped))), [""; 0]);
}

#[test]
fn a_value_that_a_key_never_has() {
    for (operator, key, wrong, right, words) in [
        ("StringEquals", "aws:PrincipalAccount", "2222222222", "222222222222", &["10 digits"][..]),
        ("StringEquals", "aws:SourceOrgID", "ou-ab12-11111111", "o-exampleorg1", &["id of an organization"]),
        ("StringEquals", "aws:PrincipalOrgID", "O-EXAMPLEORG1", "o-exampleorg1", &["id of an organization"]),
        (
            "ForAnyValue:StringLike",
            "aws:PrincipalOrgPaths",
            "o-exampleorg1/r-ab12/ou-ab12-11111111",
            "o-exampleorg1/r-ab12/ou-ab12-11111111/",
            &["ends with /"],
        ),
        (
            "ArnLike",
            "aws:PrincipalArn",
            "arn:aws:sts::222222222222:assumed-role/LambdaRole/*",
            CALLER,
            &["is the ARN of its role", "write \"arn:aws:iam::222222222222:role/LambdaRole\""],
        ),
        (
            "ArnLike",
            "aws:PrincipalArn",
            "arn:aws:sts::222222222222:assumed-role/AWSReservedSSO_Audit_*/*",
            "arn:aws:iam::222222222222:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_Audit_*",
            &["role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_Audit_*"],
        ),
        (
            "ArnLike",
            "aws:PrincipalArn",
            "arn:aws:iam::22222222222:role/LambdaRole",
            CALLER,
            &["has 11 digits, not 12"],
        ),
        ("StringEquals", "sts:RoleSessionName", "a b", "a-b", &["AWS STS accepts no request"]),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", "203.0.113.0/24", &["public address", "aws:VpcSourceIp"]),
        ("StringLike", "aws:PrincipalTag/team", "${aws:username", "a", &[]),
    ] {
        let condition = |value: &str| json!({ operator: { key: value } });
        if words.is_empty() {
            let policy = trust("Condition", &condition(wrong));
            assert_eq!(texts(&lints(PolicyType::Trust, &policy)), [""; 0], "AWS rejects it");
            continue;
        }
        if key == "aws:SourceOrgID" {
            let policy = identity("Condition", &condition(wrong));
            assert!(lints(PolicyType::Identity, &policy)[0].to_string().contains(words[0]));
            continue;
        }
        check(PolicyType::Trust, ERROR, ("Condition", &condition(wrong), &condition(right)), words);
    }
}

#[test]
fn a_condition_that_is_never_met_or_requires_nothing() {
    let id = "between-us";
    for (severity, wrong, right, words) in [
        (
            ERROR,
            json!({ "StringEquals": { "aws:PrincipalTag/x": [] } }),
            json!({ "StringEquals": { "aws:PrincipalTag/x": ["a"] } }),
            &["no value, so no request meets it"][..],
        ),
        (
            ERROR,
            json!({ "StringLike": { "aws:PrincipalOrgPaths": "o-exampleorg1/*" } }),
            json!({ "ForAnyValue:StringLike": { "aws:PrincipalOrgPaths": "o-exampleorg1/*" } }),
            &["several values", "use ForAnyValue:StringLike"],
        ),
        (
            ERROR,
            json!({ "StringEquals": { "aws:ExternalId": id } }),
            json!({ "StringEquals": { "sts:ExternalId": id } }),
            &["there is no key aws:ExternalId, so the statement never matches; write sts:ExternalId"],
        ),
        (
            WARNING,
            json!({ "Bool": { "aws:MultiFactorAuthPresent": ["true", "false"] } }),
            json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } }),
            &["both true and false meet the condition"],
        ),
        (
            WARNING,
            json!({ "StringEquals": { "AWS:PrincipalTag/X": "b", "aws:PrincipalTag/x": "a" } }),
            json!({ "StringEquals": { "aws:PrincipalTag/x": "a" } }),
            &["StringEquals.aws:PrincipalTag/x: it is the same key as AWS:PrincipalTag/X"],
        ),
        (
            WARNING,
            json!({ "StringEquals": {} }),
            json!({}),
            &["Condition.StringEquals: the operator has no key"],
        ),
    ] {
        check(PolicyType::Trust, severity, ("Condition", &wrong, &right), words);
    }
}

#[test]
fn a_key_that_requests_of_the_action_never_have() {
    for (severity, action, operator, key, words) in [
        (
            ERROR,
            json!("iam:ListUsers"),
            "StringEquals",
            "sts:ExternalId",
            &[
                "a request of iam:ListUsers never has sts:ExternalId, so the statement never matches",
                "trust policy",
            ][..],
        ),
        (ERROR, json!("iam:*"), "StringEquals", "STS:externalid", &["iam:* never has STS:externalid"]),
        (ERROR, json!("sts:AssumeRole"), "StringEquals", "iam:PassedToService", &["iam:PassRole"]),
        (ERROR, json!("sts:*"), "StringEquals", "iam:PassedToService", &["iam:PassRole"]),
        (
            ERROR,
            json!("sts:AssumeRole"),
            "NumericLessThan",
            "sts:DurationSeconds",
            &["maximum session duration"],
        ),
        (ERROR, json!("sts:SetSourceIdentity"), "StringEquals", "sts:External", &["another key"]),
        (ERROR, json!("iam:GetUser"), "StringEquals", "sts:SourceIdentity", &["use aws:SourceIdentity"]),
        (ERROR, json!("iam:ListUsers"), "StringEquals", "aws:ResourceTag/team", &["never matches"]),
        (ERROR, json!("iam:ListUsers"), "StringNotEquals", "iam:ResourceTag/team", &["always met"]),
        (ERROR, json!("iam:GetUser"), "StringEquals", "aws:RequestTag/team", &["never matches"]),
        (
            WARNING,
            json!(["iam:GetUser", "iam:ListUsers"]),
            "StringEquals",
            "iam:ResourceTag/team",
            &["a request of iam:ListUsers never has"],
        ),
    ] {
        let value = if operator == "NumericLessThan" { "3600" } else { "between-us" };
        let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*",
                                "Condition": { operator: { key: value } } });
        let found = lints(PolicyType::Identity, &statement);
        assert_eq!(found.len(), 1, "{key}: {:?}", texts(&found));
        let text = found[0].to_string();
        assert!(words.iter().all(|words| text.contains(words)), "{text}");
        assert_eq!(found[0].severity, severity, "{text}");
        assert!(text.starts_with(&format!("Statement[0].Condition.{operator}.{key}: ")), "{text}");
    }
    for (action, key) in [
        ("sts:AssumeRole", "sts:ExternalId"),
        ("sts:TagSession", "sts:TransitiveTagKeys"),
        ("sts:TagSession", "sts:ExternalId"),
        ("sts:SetSourceIdentity", "sts:SourceIdentity"),
        ("sts:AssumeRole", "iam:ResourceTag/team"),
        ("sts:AssumeRole", "aws:RequestTag/team"),
        ("sts:Assume*", "sts:TaskPolicyArn"),
        ("iam:GetUser", "iam:ResourceTag/team"),
        ("iam:PassRole", "iam:PassedToService"),
        ("iam:List*", "iam:ResourceTag/team"),
        ("s3:GetObject", "sts:ExternalId"),
        ("*", "sts:ExternalId"),
        ("iam:GetUser", "aws:PrincipalTag/team"),
    ] {
        let operator =
            if key == "sts:TransitiveTagKeys" { "ForAnyValue:StringEquals" } else { "StringEquals" };
        let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*",
                                "Condition": { operator: { key: "between-us" } } });
        assert_eq!(texts(&lints(PolicyType::Identity, &statement)), [""; 0], "{action} {key}");
    }
}

#[test]
fn a_key_of_requests_of_services_where_a_role_is_trusted() {
    let source = json!({ "ArnLike": { "aws:SourceArn": "arn:aws:lambda:*:222222222222:function:f" } });
    let found = lints(PolicyType::Trust, &trust("Condition", &source));
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .to_string()
            .contains("only requests of AWS services have aws:SourceArn, so the statement never")
    );
    for principal in [json!({ "Service": "lambda.amazonaws.com" }), json!({ "AWS": "*" })] {
        let mut statement = trust("Condition", &source);
        statement["Principal"] = principal;
        assert_eq!(texts(&lints(PolicyType::Trust, &statement)), [""; 0]);
    }
}

#[test]
fn a_condition_that_a_request_without_the_key_meets() {
    for (operator, remedy) in [
        ("StringEqualsIfExists", "require the key with StringEquals"),
        ("ForAllValues:StringLike", "require the key with StringLike"),
        ("StringNotEquals", "require the key with StringEquals"),
    ] {
        let condition = json!({ operator: { "sts:ExternalId": "between-us" } });
        let right =
            json!({ operator: { "sts:ExternalId": "between-us" }, "Null": { "sts:ExternalId": "false" } });
        let words = ["a caller without an external id too", remedy];
        check(PolicyType::Trust, WARNING, ("Condition", &condition, &right), &words);
    }
    let organization = json!({ "StringEqualsIfExists": { "aws:PrincipalOrgID": "o-exampleorg1" } });
    let found = lints(PolicyType::Trust, &trust("Condition", &organization));
    assert!(
        found[0].to_string().contains("a caller whose account is in no organization too"),
        "{}",
        found[0]
    );
    let mut deny = trust("Condition", &json!({ "StringNotEquals": { "sts:ExternalId": "between-us" } }));
    deny["Effect"] = json!("Deny");
    assert_eq!(texts(&lints(PolicyType::Trust, &deny)), [""; 0], "a Deny is to meet it");
}

#[test]
fn a_variable_in_a_document_whose_version_has_none() {
    let statement = identity("Resource", &json!("arn:aws:iam::111111111111:role/${aws:username}"));
    let document = |version: &str| json!({ "Version": version, "Statement": statement });
    let found = lints_of(PolicyType::Identity, &document("2008-10-17"));
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().contains("add \"Version\": \"2012-10-17\""), "{}", found[0]);
    assert_eq!(texts(&lints_of(PolicyType::Identity, &document("2012-10-17"))), [""; 0]);
}

#[test]
fn no_lint_error_or_debug_output_has_an_external_id() {
    let operators =
        ["StringEquals", "StringLike", "StringEqualsIfExists", "ArnLike", "NumericEquals", "Null"];
    let keys = ["STS:ExternalID", "aws:ExternalId", "ExternalId"];
    let mut reported = 0;
    for value in ["s3cret*", "s3cret with spaces", "${s3cret}", "${s3cret", "s3cret?"] {
        for (operator, key) in operators.iter().flat_map(|operator| keys.map(|key| (*operator, key))) {
            let condition = json!({ operator: { key: [value] } });
            let document = json!({ "Version": "2008-10-17", "Statement": trust("Condition", &condition) });
            let policy = Policy::parse(&document, PolicyType::Trust).unwrap();
            let (errors, lints) = (policy.errors(PolicyType::Trust), policy.lints(PolicyType::Trust));
            let json = serde_json::to_string(&lints).unwrap();
            let displayed: Vec<String> =
                errors.iter().map(ToString::to_string).chain(texts(&lints)).collect();
            let all = format!("{policy:?} {errors:?} {lints:?} {json} {displayed:?}");
            assert!(!all.contains("s3cret"), "{operator} {value}: {all}");
            reported += errors.len() + lints.len();
        }
    }
    assert!(reported > 60, "most of them are reported: {reported}");
}

#[test]
fn a_name_that_is_no_condition_key_is_in_no_lint() {
    for value in [json!("*"), json!([]), json!("${aws:y}"), json!(["arn:aws:iam::1:role/R"])] {
        let condition = json!({ "StringEquals": { "some-secret-id": value, "aws:PrincipalArn": "*" } });
        let texts = texts(&lints(PolicyType::Trust, &json!([trust("Condition", &condition)]))).join("\n");
        assert!(texts.contains("aws:PrincipalArn") && !texts.contains("some-secret-id"), "{texts}");
    }
}
