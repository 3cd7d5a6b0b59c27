use serde_json::{Value, json};

use super::{ConditionKeys, PolicyCheck, recognize};
use crate::documents::{DocumentName, MemberRoles, RequiredAccess, Trust, documents};

const HUB: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const MEMBER: &str = "arn:aws:iam::111111111111:role/IAMListRole";

fn check(text: &str, name: DocumentName, access: &RequiredAccess) -> Result<PolicyCheck, super::CheckError> {
    super::check(text, name, access, &ConditionKeys::new())
}

fn access() -> RequiredAccess {
    let members = MemberRoles::Listed(vec![MEMBER.parse().unwrap()]);
    RequiredAccess { members, ..RequiredAccess::new(HUB.parse().unwrap(), Trust::Role) }
}

fn organization_access() -> RequiredAccess {
    let id = "o-example001".parse().unwrap();
    let trust = Trust::Organization { id, permission_set: Some("Audit".parse().unwrap()) };
    RequiredAccess {
        members: MemberRoles::Organization {
            id: "o-example001".parse().unwrap(),
            path_and_name: "security/IAMListRole".to_owned(),
        },
        organization_role: Some("arn:aws:iam::999999999999:role/ListAccounts".parse().unwrap()),
        external_id: Some("the-external-id".parse().unwrap()),
        source_identity: Some("j.ruiz".parse().unwrap()),
        session_tags: vec![
            ("purpose".to_owned(), "roll-call".to_owned()),
            ("team".to_owned(), "a b".to_owned()),
        ],
        ..RequiredAccess::new(HUB.parse().unwrap(), trust)
    }
}

fn document(name: DocumentName, access: &RequiredAccess) -> Value {
    serde_json::to_value(documents(access).unwrap().get(name).unwrap()).unwrap()
}

fn checked(document: &Value, name: DocumentName, access: &RequiredAccess) -> PolicyCheck {
    check(&document.to_string(), name, access).unwrap()
}

/// What is beyond and short, as text.
fn text(check: &PolicyCheck) -> String {
    let beyond = check.beyond.iter().map(|it| {
        format!(
            "beyond {} {} {}: {}",
            it.statement,
            it.element,
            it.value.as_deref().unwrap_or("-"),
            it.problem
        )
    });
    let on = |resource: &Option<String>| resource.as_ref().map_or(String::new(), |it| format!(" on {it}"));
    let short = check
        .short
        .iter()
        .map(|it| format!("short {}{}: {}", it.request.action, on(&it.request.resource), it.reason));
    let undecided = check.undecided.iter().map(|it| {
        let (statements, keys) = (it.statements.join(", "), it.keys.join(", "));
        format!("depends {}{}: {statements} by {keys}", it.request.action, on(&it.request.resource))
    });
    beyond.chain(short).chain(undecided).collect::<Vec<_>>().join("\n")
}

fn text_of(document: &Value, name: DocumentName, access: &RequiredAccess) -> String {
    text(&checked(document, name, access))
}

/// A document with one statement like the first one, in which an element is replaced; `null` removes it.
fn with(document: &Value, element: &str, value: Value) -> Value {
    let mut changed = document.clone();
    let statement = changed["Statement"][0].as_object_mut().unwrap();
    if value.is_null() {
        statement.remove(element)
    } else {
        statement.insert(element.to_owned(), value)
    };
    changed
}

#[test]
fn each_generated_document_is_exactly_what_is_needed_and_recognized() {
    let with_secrets = RequiredAccess {
        external_id: Some("the-external-id".parse().unwrap()),
        source_identity: Some("j.ruiz".parse().unwrap()),
        session_tags: vec![("purpose".to_owned(), "roll-call".to_owned())],
        ..access()
    };
    for access in [access(), with_secrets, organization_access()] {
        for (name, document) in documents(&access).unwrap().iter() {
            let document = serde_json::to_value(document).unwrap();
            let check = checked(&document, name, &access);
            assert!(check.is_least_privilege(), "{name}: {}", text(&check));
            assert_eq!(check.errors, Vec::<String>::new(), "{name}");
            let expected =
                if name == DocumentName::OrganizationTrust { DocumentName::MemberTrust } else { name };
            assert_eq!(recognize(&document.to_string()).unwrap(), expected);
        }
    }
}

#[test]
fn without_any_one_action_each_document_is_short_of_it() {
    for access in [access(), organization_access()] {
        for (name, document) in documents(&access).unwrap().iter() {
            let document = serde_json::to_value(document).unwrap();
            for index in 0..document["Statement"].as_array().unwrap().len() {
                let actions = &document["Statement"][index]["Action"];
                let actions = actions.as_array().cloned().unwrap_or_else(|| vec![actions.clone()]);
                for action in &actions {
                    let mut without = document.clone();
                    let rest: Vec<&Value> = actions.iter().filter(|it| *it != action).collect();
                    without["Statement"][index]["Action"] =
                        if rest.is_empty() { json!("sts:GetCallerIdentity") } else { json!(rest) };
                    let check = checked(&without, name, &access);
                    let is_short = check.short.iter().any(|it| it.request.action == *action);
                    assert!(is_short, "{name} without {action}: {}", text(&check));
                }
            }
        }
    }
}

#[test]
fn patterns_and_unneeded_actions_are_beyond() {
    let name = DocumentName::MemberPermissions;
    let document = document(name, &access());
    for (action, expected) in [
        (
            json!("iam:*"),
            "Action iam:*: allows more than what is needed of it: iam:ListAccessKeys, iam:ListUsers",
        ),
        (json!(["IAM:list*"]), "Action IAM:list*: allows more than what is needed of it"),
        (json!("*"), "Action *: allows more"),
        (json!(["iam:ListUsers", "iam:ListAccessKeys", "iam:CreateUser"]), "iam:CreateUser: is not needed"),
        (
            json!(["iam:ListUsers", "iam:ListAccessKeys", "s3:Get*"]),
            "s3:Get*: allows no action that is needed",
        ),
    ] {
        let text = text_of(&with(&document, "Action", action), name, &access());
        assert!(text.contains(expected) && !text.contains("short"), "{text}");
    }
    let mut inverted = with(&document, "Action", Value::Null);
    inverted["Statement"][0]["NotAction"] = json!("iam:CreateUser");
    let text = text_of(&inverted, name, &access());
    assert!(text.contains("NotAction -: allows all actions but these") && !text.contains("short"), "{text}");
}

#[test]
fn other_resources_than_the_needed_ones_are_beyond() {
    let name = DocumentName::HubPermissions;
    let document = document(name, &access());
    for resource in ["*", "arn:aws:iam::*:role/IAMListRole", "arn:aws:iam::111111111111:role/*"] {
        let text = text_of(&with(&document, "Resource", json!(resource)), name, &access());
        let expected = format!("Resource {resource}: sts:AssumeRole is needed on {MEMBER} only");
        assert!(text.contains(&expected) && !text.contains("short"), "{text}");
    }
    let both = json!([MEMBER, "arn:aws:iam::333333333333:role/Admin"]);
    let text = text_of(&with(&document, "Resource", both), name, &access());
    assert!(text.contains("arn:aws:iam::333333333333:role/Admin"), "{text}");
    let other = json!("arn:aws:iam::333333333333:role/IAMListRole");
    let text = text_of(&with(&document, "Resource", other), name, &access());
    assert!(
        text.contains(
            "short sts:AssumeRole on arn:aws:iam::111111111111:role/IAMListRole: Statement[0] (AllowAssumeIAMListRole) allows it for another Resource"
        ),
        "{text}"
    );
    let mut inverted = with(&document, "Resource", Value::Null);
    inverted["Statement"][0]["NotResource"] = json!("arn:aws:iam::333333333333:role/Admin");
    assert!(text_of(&inverted, name, &access()).contains("NotResource -: allows all resources but these"));
}

#[test]
fn the_evaluator_decides_what_is_short_with_denies_and_conditions() {
    let name = DocumentName::MemberPermissions;
    let document = document(name, &access());
    let mut denied = document.clone();
    denied["Statement"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "Sid": "NoKeys", "Effect": "Deny", "Action": "iam:*Keys", "Resource": "*" }));
    let text = text_of(&denied, name, &access());
    assert_eq!(
        text,
        "short iam:ListAccessKeys on arn:aws:iam::111111111111:user/*: Statement[1] (NoKeys) denies it"
    );
    let condition = json!({ "StringEquals": { "aws:PrincipalAccount": "333333333333" } });
    let text = text_of(&with(&document, "Condition", condition), name, &access());
    assert!(text.contains("under a condition that the scan does not meet: aws:PrincipalAccount"), "{text}");
    let users = json!("arn:aws:iam::111111111111:user/ci/*");
    let text = text_of(&with(&document, "Resource", users), name, &access());
    assert!(text.contains("short iam:ListAccessKeys on ") && text.contains("another Resource"), "{text}");
    let users = json!("arn:aws:iam::111111111111:user/*");
    assert_eq!(text_of(&with(&document, "Resource", users), name, &access()), "", "all users of the account");
    let met = json!({ "StringEquals": { "aws:PrincipalAccount": "111111111111" }, "Bool": { "aws:SecureTransport": "true" } });
    assert_eq!(text_of(&with(&document, "Condition", met), name, &access()), "");
}

/// A document with one more statement.
fn and(document: &Value, statement: Value) -> Value {
    let mut changed = document.clone();
    changed["Statement"].as_array_mut().unwrap().push(statement);
    changed
}

#[test]
fn a_policy_must_allow_each_user_that_a_scan_may_read() {
    let name = DocumentName::MemberPermissions;
    let document = document(name, &access());
    let users = "arn:aws:iam::111111111111:user/";
    let for_users =
        |path: &str| with(&document, "Resource", json!(["arn:aws:iam::111111111111:user/", path]));
    // One user, and names that another sample might have.
    for path in ["any-user", "a*", "?", "????????", "*r", "zz*", "rolecall*"] {
        let text = text_of(&for_users(&format!("{users}{path}")), name, &access());
        assert!(
            text.contains("short iam:ListAccessKeys") && text.contains("another Resource"),
            "{path}: {text}"
        );
    }
    assert_eq!(text_of(&for_users(&format!("{users}*")), name, &access()), "");
    // A denial of some.
    for (element, path, expected) in [
        ("Resource", "root-admin", format!("{users}root-admin")),
        ("Resource", "admin-*", format!("{users}admin-*")),
        ("Resource", "*/secret", format!("{users}*/secret")),
        ("NotResource", "ci/*", format!("{users}*")),
    ] {
        let deny = json!({ "Sid": "No", "Effect": "Deny", "Action": "iam:ListAccessKeys", element: format!("arn:aws:iam::*:user/{path}") });
        let text = text_of(&and(&document, deny), name, &access());
        assert_eq!(text, format!("short iam:ListAccessKeys on {expected}: Statement[1] (No) denies it"));
    }
    // Users outside of the prefix that the scan lists do not matter.
    let mut selected = access();
    selected.selection.path_prefix = Some("/ci/".parse().unwrap());
    let deny =
        |path: &str| json!({ "Effect": "Deny", "Action": "iam:List*", "Resource": format!("{users}{path}") });
    assert_eq!(text_of(&and(&document, deny("admins/*")), name, &selected), "");
    assert!(text_of(&and(&document, deny("*/x")), name, &selected).contains(&format!("on {users}ci/x: ")));
    // An account of the organization, and a role that only a wildcard matches.
    let access = organization_access();
    let document = super::tests::document(DocumentName::HubPermissions, &access);
    let deny = json!({ "Effect": "Deny", "Action": "sts:*", "Resource": "arn:aws:iam::333333333333:role/*" });
    let text = text_of(&and(&document, deny), DocumentName::HubPermissions, &access);
    assert!(
        text.contains("short sts:AssumeRole on arn:aws:iam::333333333333:role/security/IAMListRole"),
        "{text}"
    );
}

#[test]
fn a_decision_by_what_only_the_request_has_is_not_concluded() {
    let name = DocumentName::MemberPermissions;
    let document = document(name, &access());
    let deny = |condition: Value| json!({ "Sid": "No", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition });
    for (condition, key) in [
        (json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }), "aws:SourceIp"),
        (json!({ "NotIpAddress": { "AWS:sourceip": "10.0.0.0/8" } }), "AWS:sourceip"),
        (json!({ "DateGreaterThan": { "aws:CurrentTime": "2027-01-01T00:00:00Z" } }), "aws:CurrentTime"),
        (
            json!({ "StringNotEquals": { "aws:PrincipalTag/team": "${aws:ResourceTag/team}" } }),
            "aws:PrincipalTag/team, aws:ResourceTag/team",
        ),
        (
            json!({ "Null": { "aws:SourceVpce": "true" }, "Bool": { "aws:SecureTransport": "true" } }),
            "aws:SourceVpce",
        ),
        (json!({ "StringLike": { "aws:PrincipalArn": "*-${aws:userid}" } }), "aws:userid"),
    ] {
        let text = text_of(&and(&document, deny(condition.clone())), name, &access());
        let expected =
            format!("depends iam:ListUsers on arn:aws:iam::111111111111:user/: Statement[1] (No) by {key}");
        assert_eq!(text.lines().next(), Some(expected.as_str()), "{condition}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
    // What is known besides decides first.
    let never =
        json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" }, "Bool": { "aws:SecureTransport": "false" } });
    assert_eq!(text_of(&and(&document, deny(never)), name, &access()), "");
    let allowed = with(&document, "Condition", json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }));
    let text = text_of(&allowed, name, &access());
    assert!(text.starts_with("depends iam:ListUsers"), "{text}");
    // A statement without the condition allows it anyway.
    let twice = and(&allowed, document["Statement"][0].clone());
    assert_eq!(text_of(&twice, name, &access()), "");
    // A value that is given decides.
    for (ip, expected) in
        [("10.1.2.3", ""), ("192.0.2.1", "a condition that the scan does not meet: aws:SourceIp")]
    {
        let context = ConditionKeys::from([("aws:SourceIp".to_owned(), vec![ip.to_owned()])]);
        let check = super::check(&allowed.to_string(), name, &access(), &context).unwrap();
        let text = super::tests::text(&check);
        assert!(text.contains(expected) && text.is_empty() == expected.is_empty(), "{ip}: {text}");
    }
}

#[test]
fn values_that_the_policy_names_besides_the_needed_ones_are_beyond() {
    let access = organization_access();
    let name = DocumentName::MemberTrust;
    let complete = document(name, &access);
    let first = |key: &str| complete["Statement"][0]["Condition"]["StringEquals"][key].clone();
    let with_values = |key: &str, values: Value| {
        let mut changed = complete.clone();
        changed["Statement"][0]["Condition"]["StringEquals"][key] = values;
        changed
    };
    let another = |changes: &[(&str, Value)]| {
        let mut statement = complete["Statement"][0].clone();
        statement["Sid"] = json!("Another");
        for (key, value) in changes {
            statement["Condition"]["StringEquals"][*key] = value.clone();
        }
        and(&complete, statement)
    };
    let like = {
        let mut changed = complete.clone();
        let condition = changed["Statement"][0]["Condition"].as_object_mut().unwrap();
        condition["StringEquals"].as_object_mut().unwrap().remove("sts:ExternalId");
        condition.insert("StringLike".to_owned(), json!({ "STS:ExternalID": "the-external-*" }));
        changed
    };
    let ids = json!([first("sts:ExternalId"), "another-id"]);
    let other_id = ("sts:ExternalId", json!("another-id"));
    let other_organization = ("aws:PrincipalOrgID", json!("o-another001"));
    for (document, expected) in [
        (with_values("sts:ExternalId", ids), vec!["sts:ExternalId: accepts another external id"]),
        (like, vec!["sts:ExternalId: accepts another external id"]),
        (
            another(std::slice::from_ref(&other_id)),
            vec!["(Another) Condition sts:ExternalId: accepts another external id"],
        ),
        (
            another(&[other_id, other_organization.clone()]),
            vec!["(Another) Condition aws:PrincipalOrgID", "(Another) Condition sts:ExternalId"],
        ),
        (
            with_values("aws:PrincipalOrgID", json!([first("aws:PrincipalOrgID"), "o-another001"])),
            vec!["aws:PrincipalOrgID: does not require"],
        ),
        (
            another(&[("aws:SourceIp", json!("x")), other_organization]),
            vec!["(Another) Condition aws:PrincipalOrgID"],
        ),
    ] {
        let text = text_of(&document, name, &access);
        assert_eq!(text.lines().count(), expected.len(), "{text}");
        for (line, expected) in text.lines().zip(expected) {
            assert!(line.starts_with("beyond") && line.contains(expected), "{expected}: {line}");
        }
    }
    // The same statement twice, and a narrower one, grant nothing else.
    assert_eq!(text_of(&another(&[]), name, &access), "");
    assert_eq!(text_of(&another(&[("sts:RoleSessionName", json!("one"))]), name, &access), "");
}

#[test]
fn a_policy_of_several_accounts_must_allow_each() {
    let members =
        [MEMBER, "arn:aws:iam::333333333333:role/IAMListRole"].map(|arn| arn.parse().unwrap()).to_vec();
    let listed = RequiredAccess { members: MemberRoles::Listed(members), ..access() };
    let name = DocumentName::MemberPermissions;
    for access in [listed, organization_access()] {
        let document = document(name, &access);
        let of_one = with(
            &document,
            "Resource",
            json!(["arn:aws:iam::111111111111:user/", "arn:aws:iam::111111111111:user/*"]),
        );
        assert!(text_of(&of_one, name, &access).contains("short iam:ListUsers on arn:aws:iam::"));
        for deny in [
            json!({ "Effect": "Deny", "Action": "iam:*", "Resource": "arn:aws:iam::333333333333:*" }),
            json!({ "Effect": "Deny", "Action": "iam:*", "Resource": "*", "Condition": { "StringEquals": { "aws:PrincipalAccount": "333333333333" } } }),
        ] {
            let text = text_of(&and(&document, deny), name, &access);
            assert!(
                text.contains(
                    "short iam:ListUsers on arn:aws:iam::333333333333:user/: Statement[1] denies it"
                ),
                "{text}"
            );
        }
    }
    let access = organization_access();
    let hub = document(DocumentName::HubPermissions, &access);
    let deny = json!({ "Effect": "Deny", "Action": "sts:*", "Resource": "*", "Condition": { "StringEquals": { "aws:ResourceAccount": "333333333333" } } });
    let text = text_of(&and(&hub, deny), DocumentName::HubPermissions, &access);
    assert!(
        text.contains("short sts:AssumeRole on arn:aws:iam::333333333333:role/security/IAMListRole"),
        "{text}"
    );
}

#[test]
fn a_deny_that_excepts_more_than_the_needed_value_is_beyond() {
    let access = RequiredAccess {
        external_id: Some("between-us".parse().unwrap()),
        session_tags: vec![("team".to_owned(), "x".to_owned())],
        ..access()
    };
    let name = DocumentName::MemberTrust;
    let mut open = document(name, &access);
    open["Statement"][0].as_object_mut().unwrap().remove("Condition");
    let deny = |condition: Value| json!({ "Effect": "Deny", "Action": "sts:*", "Principal": "*", "Condition": condition });
    let closed = json!({ "StringNotEquals": { "sts:ExternalId": "between-us" } });
    let closed = text_of(&and(&open, deny(closed)), name, &access);
    assert!(!closed.contains("beyond"), "{closed}");
    for condition in [
        json!({ "StringNotEquals": { "sts:ExternalId": ["between-us", "other"] } }),
        json!({ "StringNotLike": { "sts:ExternalId": "*-us" } }),
        json!({ "StringNotLike": { "STS:ExternalId": "between*" } }),
        json!({ "StringNotEquals": { "sts:ExternalId": "between-us" }, "StringNotLike": { "sts:ExternalId": "o*" } }),
        json!({ "StringNotEqualsIgnoreCase": { "sts:ExternalId": "between-us" } }),
    ] {
        let text = text_of(&and(&open, deny(condition.clone())), name, &access);
        assert!(text.contains("sts:ExternalId: accepts another external id"), "{condition}: {text}");
    }
    // A tag key beside the one that is used.
    let mut tags = document(name, &access);
    let condition = tags["Statement"][1]["Condition"].as_object_mut().unwrap();
    let keys = condition.remove("ForAllValues:StringEquals").unwrap();
    condition.insert("ForAnyValue:StringEquals".to_owned(), keys);
    let text = text_of(&tags, name, &access);
    assert!(text.contains("Condition aws:TagKeys: does not limit"), "{text}");
}

#[test]
fn the_tags_and_the_source_identity_of_the_session_are_known_in_the_member_account() {
    let access = organization_access();
    let name = DocumentName::MemberPermissions;
    let document = document(name, &access);
    for (condition, expected) in [
        (
            json!({ "StringEquals": { "aws:PrincipalTag/purpose": "roll-call", "aws:SourceIdentity": "j.ruiz" } }),
            "",
        ),
        (json!({ "StringEquals": { "aws:PrincipalTag/purpose": "other" } }), "short iam:ListUsers"),
        (json!({ "StringEquals": { "aws:PrincipalTag/department": "other" } }), "depends iam:ListUsers"),
    ] {
        let text = text_of(&with(&document, "Condition", condition.clone()), name, &access);
        assert!(text.starts_with(expected) && text.is_empty() == expected.is_empty(), "{condition}: {text}");
    }
    let duration = json!({ "NumericLessThan": { "sts:DurationSeconds": "3600" } });
    let trust = super::tests::document(DocumentName::MemberTrust, &super::tests::access());
    let text =
        text_of(&with(&trust, "Condition", duration), DocumentName::MemberTrust, &super::tests::access());
    assert!(text.starts_with("short sts:AssumeRole"), "{text}");
}

#[test]
fn other_principals_than_the_hub_role_are_beyond() {
    let name = DocumentName::MemberTrust;
    let document = document(name, &access());
    for (principal, expected) in [
        (json!({ "AWS": "arn:aws:iam::222222222222:root" }), "trusts the whole hub account"),
        (json!({ "AWS": "222222222222" }), "trusts the whole hub account"),
        (json!("*"), "trusts every AWS account"),
        (
            json!({ "AWS": [HUB, "arn:aws:iam::333333333333:root"] }),
            "arn:aws:iam::333333333333:root: is not the hub role",
        ),
        (
            json!({ "AWS": [HUB, "arn:aws:iam::222222222222:role/LambdaRole2"] }),
            "LambdaRole2: is not the hub role",
        ),
        (json!({ "AWS": [HUB, "AROAEXAMPLEEXAMPLE"] }), "deleted"),
        (json!({ "AWS": HUB, "Service": "ec2.amazonaws.com" }), "ec2.amazonaws.com: is not the hub role"),
        (
            json!({ "AWS": HUB, "Federated": "accounts.google.com" }),
            "accounts.google.com: is not the hub role",
        ),
    ] {
        let text = text_of(&with(&document, "Principal", principal), name, &access());
        assert!(text.contains(expected) && !text.contains("short"), "{expected}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    // Whoever uses the hub role names the session.
    let one = "arn:aws:sts::222222222222:assumed-role/LambdaRole/cross_acct_lambda";
    let text = text_of(&with(&document, "Principal", json!({ "AWS": one })), name, &access());
    assert!(
        text.contains("short sts:AssumeRole: Statement[0] (AllowRolecall) allows it for another Principal"),
        "{text}"
    );
    let deny = json!({ "Effect": "Deny", "Action": "sts:*", "Principal": { "AWS": one } });
    let text = text_of(&and(&document, deny), name, &access());
    assert_eq!(text, "short sts:AssumeRole: Statement[1] denies it");
    let other = json!({ "AWS": "arn:aws:iam::333333333333:role/LambdaRole" });
    let text = text_of(&with(&document, "Principal", other), name, &access());
    assert!(
        text.contains("short sts:AssumeRole: Statement[0] (AllowRolecall) allows it for another Principal"),
        "{text}"
    );
    let text = text_of(&with(&document, "Action", json!("sts:*")), name, &access());
    assert!(
        text.contains("Action sts:*: allows more than what is needed of it: sts:AssumeRole; list it"),
        "{text}"
    );
}

#[test]
fn the_whole_hub_account_is_not_beyond_where_a_condition_names_the_role() {
    let name = DocumentName::MemberTrust;
    let root =
        with(&document(name, &access()), "Principal", json!({ "AWS": "arn:aws:iam::222222222222:root" }));
    for (operator, value, expected) in [
        ("ArnLike", json!(HUB), ""),
        ("StringEquals", json!([HUB]), ""),
        ("ArnLike", json!("arn:aws:iam::222222222222:role/Lambda*"), "trusts other roles of the hub account"),
        (
            "ArnLike",
            json!([HUB, "arn:aws:iam::222222222222:user/u"]),
            "trusts other roles of the hub account",
        ),
        (
            "ArnNotLike",
            json!("arn:aws:iam::222222222222:role/Other"),
            "trusts other roles of the hub account",
        ),
        ("ForAllValues:ArnLike", json!(HUB), "trusts other roles of the hub account"),
    ] {
        let condition = json!({ operator: { "aws:PrincipalArn": value } });
        let text = text_of(&with(&root, "Condition", condition), name, &access());
        assert!(
            text.contains(expected) && text.is_empty() == expected.is_empty(),
            "{operator} {value}: {text}"
        );
    }
}

#[test]
fn a_missing_or_open_condition_is_found_by_requests_that_must_be_denied() {
    let access = organization_access();
    for (name, index, operator, key, expected) in [
        (DocumentName::MemberTrust, 0, "StringEquals", "sts:ExternalId", "does not require the external id"),
        (
            DocumentName::MemberTrust,
            0,
            "StringEquals",
            "aws:PrincipalOrgID",
            "the caller is in the organization",
        ),
        (DocumentName::MemberTrust, 1, "StringEquals", "aws:RequestTag/team", "aws:RequestTag/team"),
        (DocumentName::MemberTrust, 1, "ForAllValues:StringEquals", "aws:TagKeys", "aws:TagKeys"),
        (DocumentName::MemberTrust, 2, "StringEquals", "sts:SourceIdentity", "sts:SourceIdentity"),
        (DocumentName::MemberTrust, 0, "ArnLike", "aws:PrincipalArn", "trusts the whole hub account"),
        (
            DocumentName::HubPermissions,
            0,
            "StringEquals",
            "aws:ResourceOrgID",
            "the role is in the organization",
        ),
    ] {
        let complete = document(name, &access);
        let mut without = complete.clone();
        without["Statement"][index]["Condition"][operator].as_object_mut().unwrap().remove(key).unwrap();
        let open = {
            let mut open = complete;
            let conditions = open["Statement"][index]["Condition"].as_object_mut().unwrap();
            conditions.get_mut(operator).unwrap().as_object_mut().unwrap().remove(key);
            let like = operator.replace("StringEquals", "StringLike");
            let pattern = if key == "aws:PrincipalArn" { "arn:aws:iam::222222222222:role/*" } else { "*" };
            conditions.entry(like).or_insert_with(|| json!({}))[key] = json!(pattern);
            open
        };
        let without = text_of(&without, name, &access);
        assert!(without.contains(expected) && !without.contains("short"), "{key}: {without}");
        let open = text_of(&open, name, &access);
        let expected = expected.replace("the whole hub account", "other roles of the hub account");
        assert!(open.contains(&expected) && !open.contains("short"), "{key}: {open}");
    }
}

#[test]
fn a_missing_condition_is_found_for_the_resources_that_the_statement_has() {
    let access = organization_access();
    let name = DocumentName::HubPermissions;
    for resource in
        ["arn:aws:iam::444444444444:role/security/IAMListRole", "arn:aws:iam::4*:role/security/IAMListRole"]
    {
        let mut document = document(name, &access);
        document["Statement"][0]["Resource"] = json!(resource);
        let text = text_of(&document, name, &access);
        assert!(text.contains("short") && !text.contains("beyond"), "{resource}: {text}");
        document["Statement"][0].as_object_mut().unwrap().remove("Condition");
        let text = text_of(&document, name, &access);
        assert!(text.contains("does not require that the role is in the organization"), "{resource}: {text}");
    }
}

#[test]
fn no_text_of_a_check_has_an_external_id() {
    let name = DocumentName::MemberTrust;
    let access = RequiredAccess { external_id: Some("the-external-id".parse().unwrap()), ..access() };
    let document = document(name, &access);
    let other = json!({ "StringEquals": { "STS:externalid": "another-secret-id" } });
    let check = checked(&with(&document, "Condition", other), name, &access);
    let texts = format!("{check:?} {}", serde_json::to_string(&check).unwrap());
    assert!(texts.contains("STS:externalid") && check.short.len() == 1, "{texts}");
    assert!(!texts.contains("another-secret-id") && !texts.contains("the-external-id"), "{texts}");
    let broken = json!({ "StringEquals": { "sts:ExternalId": "${another-secret-id" } });
    let check = checked(&with(&document, "Condition", broken), name, &access);
    assert!(!check.errors.is_empty(), "{check:?}");
    assert!(!format!("{check:?}").contains("another-secret-id"), "{check:?}");
    // A value in the place of a key.
    let swapped = json!({ "StringEquals": { "another-secret-id": "sts:ExternalId" } });
    let check = checked(&with(&document, "Condition", swapped), name, &access);
    assert!(!check.is_least_privilege() && !format!("{check:?}").contains("another-secret-id"), "{check:?}");
    // Without an external id in the options, a policy that requires one is short.
    let text = text_of(&document, name, &super::tests::access());
    assert!(text.contains("does not meet: sts:ExternalId"), "{text}");
}

#[test]
fn a_text_that_is_not_a_policy_is_an_error_with_the_place() {
    for (text, words) in [
        ("", "it is empty"),
        ("{\"Statement\": [\n{]}", "line 2"),
        ("{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\"}]}", "Statement[0]"),
        ("{\"Statement\": [{\n  \"Effect\": \"Alow\"}]}", "line 2, column 13: Statement[0].Effect"),
    ] {
        let problem = check(text, DocumentName::MemberPermissions, &access()).unwrap_err().to_string();
        assert!(problem.contains(words), "{problem}");
    }
    assert!(recognize("[").is_err());
    let trust = document(DocumentName::MemberTrust, &access()).to_string();
    let problem = check(&trust, DocumentName::MemberPermissions, &access()).unwrap_err().to_string();
    assert!(problem.contains("cannot have Principal"), "{problem}");
    let none = check("{\"Statement\": []}", DocumentName::OrganizationPermissions, &access()).unwrap_err();
    assert!(none.to_string().contains("needs no organization-permissions"), "{none}");
}

#[test]
fn what_never_works_is_a_warning_with_its_place() {
    let text = "{\"Statement\": [{\n\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\",\n\
                \"Resource\": \"arn:aws:iam::1111111111:role/IAMListRole\"}]}";
    let check = check(text, DocumentName::HubPermissions, &access()).unwrap();
    let warning = check.warnings.first().unwrap();
    assert!(
        warning.starts_with("line 3, column 13: Statement[0].Resource") && warning.contains("10 digits"),
        "{warning}"
    );
}
