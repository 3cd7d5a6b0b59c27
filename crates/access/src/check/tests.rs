use serde_json::{Value, json};

use super::{PolicyCheck, check, recognize};
use crate::documents::{DocumentName, MemberRoles, RequiredAccess, Trust, documents};

const HUB: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const MEMBER: &str = "arn:aws:iam::111111111111:role/IAMListRole";

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
    let short = check.short.iter().map(|it| format!("short {}: {}", it.action, it.reason));
    beyond.chain(short).collect::<Vec<_>>().join("\n")
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
                    let is_short = check.short.iter().any(|it| it.action == *action);
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
            "short sts:AssumeRole: Statement[0] (AllowAssumeIAMListRole) allows it for another Resource"
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
    assert_eq!(text, "short iam:ListAccessKeys: Statement[1] (NoKeys) denies it");
    let condition = json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } });
    let text = text_of(&with(&document, "Condition", condition), name, &access());
    assert!(text.contains("under a condition that the scan does not meet: aws:SourceIp"), "{text}");
    let users = json!("arn:aws:iam::111111111111:user/ci/*");
    let text = text_of(&with(&document, "Resource", users), name, &access());
    assert!(text.contains("short iam:ListAccessKeys: ") && text.contains("another Resource"), "{text}");
    let users = json!("arn:aws:iam::111111111111:user/*");
    assert_eq!(text_of(&with(&document, "Resource", users), name, &access()), "", "all users of the account");
    let met = json!({ "StringEquals": { "aws:PrincipalAccount": "111111111111" }, "Bool": { "aws:SecureTransport": "true" } });
    assert_eq!(text_of(&with(&document, "Condition", met), name, &access()), "");
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
    let session = json!({ "AWS": "arn:aws:sts::222222222222:assumed-role/LambdaRole/cross_acct_lambda" });
    assert_eq!(
        text_of(&with(&document, "Principal", session), name, &access()),
        "",
        "one session of the hub role"
    );
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
