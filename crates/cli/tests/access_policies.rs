//! `rolecall policy generate`, `request` and `check`, as people run them: the documents suffice in the emulator, each of
//! their actions is needed, and no external id is where it was not asked for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::organization::{LAMBDA_ROLE, start};
use common::{Ended, ROLE_ARN, ended, rolecall};
use rolecall_emulator::{Emulator, World};
use serde_json::{Value, json};

const EXTERNAL_ID: &str = "7f3c:rolecall/+=,.@-";
const ORGANIZATION: &str = "o-example001";
const SSO_ROLE: &str = "arn:aws:iam::222222222222:role/aws-reserved/sso.amazonaws.com/eu-central-1/\
                        AWSReservedSSO_Audit_0123456789abcdef";
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

async fn policy(command: &str, more: &[&str]) -> Ended {
    policy_with(command, more, &[]).await
}

/// A command with the hub role of the tutorial, in a folder without a configuration.
async fn policy_with(command: &str, more: &[&str], variables: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["policy", command, "--hub-role-arn", LAMBDA_ROLE], more].concat();
    let mut command = rolecall("http://127.0.0.1:9", &arguments);
    ended(command.current_dir(folder.path()).envs(variables.iter().copied())).await
}

/// The documents for the tutorial's member role.
async fn generate(more: &[&str]) -> Value {
    let ended = policy("generate", &[&["--role-arn", ROLE_ARN], more].concat()).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{more:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

/// The documents of a role as the world file takes them.
fn role(documents: &Value, name: &str) -> Value {
    json!({ "trust_policy": documents[format!("{name}-trust")], "policies": [documents[format!("{name}-permissions")]] })
}

/// A world with these documents: an organization with two members, and a hub account with other roles that may do
/// everything but what trust denies.
fn world(documents: &Value) -> Value {
    let everything = json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let lambda = json!({ "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
                                         "Principal": { "Service": "lambda.amazonaws.com" } }] });
    let other = json!({ "trust_policy": lambda, "policies": [everything] });
    let sso_name = SSO_ROLE.rsplit('/').next().unwrap();
    let mut sso = json!({ sso_name: other });
    sso[sso_name]["path"] = json!("/aws-reserved/sso.amazonaws.com/eu-central-1/");
    let key = |id: &str| json!([{ "access_key_id": id, "create_date": "2024-03-02T08:00:00Z" }]);
    let users = |id: &str| {
        json!({
            "alice": { "create_date": "2024-02-29T08:30:00Z", "access_keys": key(id),
                       "login_profile": { "create_date": "2024-02-29T08:30:00Z", "password_reset_required": false } },
            "bob": { "create_date": "2025-06-01T09:00:00Z" },
        })
    };
    let mut hub_roles = json!({ "LambdaRole": role(documents, "hub"), "Other": other, "LambdaRole2": other });
    hub_roles[sso_name] = sso[sso_name].clone();
    json!({
        "accounts": {
            "111111111111": { "roles": { "IAMListRole": role(documents, "member") }, "users": users(KEY) },
            "333333333333": { "roles": { "IAMListRole": role(documents, "member"), "LambdaRole": other },
                              "users": users("AKIAIOSFODNN7EXAMPL2") },
            "222222222222": { "roles": hub_roles, "users": users("AKIAIOSFODNN7EXAMPL3") },
            "999999999999": { "roles": { "IAMListRole": role(documents, "member"),
                                         "ListAccounts": role(documents, "organization") }, "users": {} },
        },
        "organization": {
            "id": ORGANIZATION,
            "management_account": "999999999999",
            "manages_root_credentials": true,
            "root": { "id": "r-exam", "accounts": ["111111111111", "222222222222", "333333333333"] },
        },
    })
}

async fn emulator(world: &Value) -> Emulator {
    let mut world = world.clone();
    // Without documents of its own, the role that lists the accounts is not in the world.
    let management = world["accounts"]["999999999999"]["roles"].as_object_mut().unwrap();
    if management["ListAccounts"]["trust_policy"].is_null() {
        management.remove("ListAccounts");
    }
    start(World::parse(&world.to_string(), |_| Err(std::io::ErrorKind::NotFound.into())).unwrap()).await
}

/// A command as a session of a role.
async fn run_as(emulator: &Emulator, role_arn: &str, arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let issued = emulator.session(role_arn, "test").unwrap();
    let mut command = rolecall(&emulator.url(), arguments);
    command.current_dir(folder.path());
    command.env("AWS_ACCESS_KEY_ID", issued.access_key_id);
    command.env("AWS_SECRET_ACCESS_KEY", &issued.secret_access_key);
    command.env("AWS_SESSION_TOKEN", &issued.session_token);
    ended(&mut command).await
}

async fn scan(emulator: &Emulator, role_arn: &str, more: &[&str]) -> Ended {
    let arguments = [&["scan", "--no-rules", "--format", "json", "--canary", "0"], more].concat();
    run_as(emulator, role_arn, &arguments).await
}

/// Removes an action from the statements of a document.
fn remove(document: &mut Value, action: &str) {
    let statements = document["Statement"].as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        let actions = &statement["Action"];
        let mut actions = actions.as_array().cloned().unwrap_or_else(|| vec![actions.clone()]);
        actions.retain(|it| it != action);
        statement["Action"] = json!(actions);
    }
    let before = statements.len();
    statements.retain(|statement| statement["Action"] != json!([]));
    assert!(before > 0);
    if statements.is_empty() {
        // A document has at least one statement.
        statements.push(json!({ "Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*" }));
    }
}

fn actions_of(document: &Value) -> Vec<String> {
    let statements = document["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        one => vec![one.clone()],
    });
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_policies_of_the_repository_are_the_generated_ones() {
    for (facts, file) in [
        ("default", "member-permissions"),
        ("recommended", "member-permissions-recommended"),
        ("all", "member-permissions-all"),
    ] {
        let documents = generate(&["--collect", facts]).await;
        let mut names: Vec<&String> = documents.as_object().unwrap().keys().collect();
        names.sort_unstable();
        assert_eq!(names, ["hub-permissions", "hub-trust", "member-permissions", "member-trust"]);
        for name in ["hub-permissions", "hub-trust", "member-trust", "member-permissions"] {
            let file = if name == "member-permissions" { file } else { name };
            let path = root().join(format!("infra/policies/{file}.json"));
            let expected: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            assert_eq!(documents[name], expected, "{facts} {name}");
        }
    }
}

#[tokio::test]
async fn the_documents_suffice_and_each_action_of_the_member_role_is_needed() {
    for facts in ["default", "recommended", "all", "console_password"] {
        let documents = generate(&["--collect", facts]).await;
        let targets = ["--role-arn", ROLE_ARN, "--collect", facts];
        let complete = scan(&emulator(&world(&documents)).await, LAMBDA_ROLE, &targets).await;
        assert_eq!(complete.code, Some(0), "{facts}: {}", complete.stderr);
        for action in actions_of(&documents["member-permissions"]) {
            // With more facts, another answer can say that a user without a password still exists.
            if action == "iam:GetUser" && facts != "console_password" {
                continue;
            }
            let mut without = documents.clone();
            remove(&mut without["member-permissions"], &action);
            let ended = scan(&emulator(&world(&without)).await, LAMBDA_ROLE, &targets).await;
            assert_eq!(ended.code, Some(11), "{facts} without {action}");
            assert!(ended.stdout.contains(&action), "{action}: {}", ended.stdout);
        }
    }
}

#[tokio::test]
async fn the_credential_report_as_source_needs_its_actions() {
    let documents = generate(&["--user-source", "credential-report"]).await;
    let targets = ["--role-arn", ROLE_ARN, "--user-source", "credential-report"];
    let complete = scan(&emulator(&world(&documents)).await, LAMBDA_ROLE, &targets).await;
    assert_eq!(complete.code, Some(0), "{}", complete.stderr);
    for action in ["iam:GenerateCredentialReport", "iam:GetCredentialReport"] {
        let mut without = documents.clone();
        remove(&mut without["member-permissions"], action);
        let ended = scan(&emulator(&world(&without)).await, LAMBDA_ROLE, &targets).await;
        assert_eq!(ended.code, Some(11), "without {action}: {}", ended.stdout);
    }
}

/// What a scan sends with `AssumeRole`, in the same flags.
const SESSION: [&str; 6] =
    ["--session-tag", "purpose=roll call", "--session-tag", "team=blue", "--source-identity", "j.ruiz"];

#[tokio::test]
async fn external_id_tags_and_source_identity_are_allowed_as_they_are_sent_and_in_no_other_way() {
    let documents = generate(&[&SESSION[..], &["--external-id", EXTERNAL_ID]].concat()).await;
    let emulator = emulator(&world(&documents)).await;
    let targets = [&["--role-arn", ROLE_ARN, "--external-id", EXTERNAL_ID][..], &SESSION].concat();
    let complete = scan(&emulator, LAMBDA_ROLE, &targets).await;
    assert_eq!(complete.code, Some(0), "{}", complete.stderr);
    for (from, to) in [
        (EXTERNAL_ID, "another-id"),
        ("purpose=roll call", "purpose=other"),
        ("team=blue", "owner=blue"),
        ("j.ruiz", "k.lopez"),
    ] {
        let changed: Vec<&str> = targets.iter().map(|it| if *it == from { to } else { *it }).collect();
        let denied = scan(&emulator, LAMBDA_ROLE, &changed).await;
        assert_eq!(denied.code, Some(11), "{to}");
        assert!(denied.stdout.contains("AccessDenied"), "{to}: {}", denied.stdout);
    }
    let without = [&["--role-arn", ROLE_ARN][..], &SESSION].concat();
    assert_eq!(scan(&emulator, LAMBDA_ROLE, &without).await.code, Some(11), "without the external id");
}

#[tokio::test]
async fn each_action_of_the_hub_role_that_a_scan_uses_is_needed() {
    let documents = generate(&SESSION).await;
    let targets = [&["--role-arn", ROLE_ARN][..], &SESSION].concat();
    for side in ["hub-permissions", "member-trust"] {
        for action in ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"] {
            let mut without = documents.clone();
            remove(&mut without[side], action);
            if side == "member-trust" {
                for statement in without[side]["Statement"].as_array_mut().unwrap() {
                    statement.as_object_mut().unwrap().remove("Resource");
                    statement["Principal"] = json!({ "AWS": LAMBDA_ROLE });
                }
            }
            let ended = scan(&emulator(&world(&without)).await, LAMBDA_ROLE, &targets).await;
            assert_eq!(ended.code, Some(11), "{side} without {action}: {}", ended.stdout);
        }
    }
    let find = ["find-key", KEY, "--role-name", "IAMListRole"];
    let documents = generate(&["--collect", "last_used"]).await;
    let found = run_as(&emulator(&world(&documents)).await, LAMBDA_ROLE, &find).await;
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    let mut without = documents.clone();
    remove(&mut without["hub-permissions"], "sts:GetAccessKeyInfo");
    assert_eq!(run_as(&emulator(&world(&without)).await, LAMBDA_ROLE, &find).await.code, Some(11));
}

/// The options for all accounts of the organization.
const OF_ORGANIZATION: [&str; 10] = [
    "--role-name",
    "IAMListRole",
    "--organization-id",
    ORGANIZATION,
    "--organization-role-arn",
    "arn:aws:iam::999999999999:role/ListAccounts",
    "--trust",
    "organization",
    "--permission-set",
    "Audit",
];

#[tokio::test]
async fn the_documents_of_an_organization_suffice_for_the_function_and_for_engineers_and_for_nobody_else() {
    let ended = policy("generate", &[&OF_ORGANIZATION[..], &["--collect", "all"]].concat()).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let documents: Value = serde_json::from_str(&ended.stdout).unwrap();
    let world = world(&documents);
    let running = emulator(&world).await;
    let targets = [
        &["--organization", "--role-name", "IAMListRole", "--collect", "all", "--fetch-account-tags"][..],
        &["--organization-role-arn", "arn:aws:iam::999999999999:role/ListAccounts"],
    ]
    .concat();
    for caller in [LAMBDA_ROLE, SSO_ROLE] {
        let complete = scan(&running, caller, &targets).await;
        assert_eq!(complete.code, Some(0), "{caller}: {}", complete.stderr);
    }
    for caller in [
        "arn:aws:iam::222222222222:role/Other",
        "arn:aws:iam::222222222222:role/LambdaRole2",
        "arn:aws:iam::333333333333:role/LambdaRole",
    ] {
        let denied = scan(&running, caller, &["--role-arn", ROLE_ARN]).await;
        assert_eq!(denied.code, Some(11), "{caller}");
        assert!(denied.stdout.contains("AccessDenied"), "{}", denied.stdout);
    }
    // The hub role assumes no other role, and none outside of the organization.
    let mut left = world.clone();
    left["organization"]["root"]["accounts"] = json!(["222222222222", "333333333333"]);
    let outside = scan(&emulator(&left).await, LAMBDA_ROLE, &["--role-arn", ROLE_ARN]).await;
    assert_eq!(outside.code, Some(11), "{}", outside.stdout);
    // And a hub account that left the organization is not trusted.
    left["organization"]["root"]["accounts"] = json!(["111111111111", "333333333333"]);
    left["accounts"]["222222222222"]["roles"]["LambdaRole"]["policies"] =
        json!([{ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] }]);
    let left = scan(&emulator(&left).await, LAMBDA_ROLE, &["--role-arn", ROLE_ARN]).await;
    assert_eq!(left.code, Some(11), "{}", left.stdout);
}

#[tokio::test]
async fn a_document_is_printed_alone_and_all_are_written_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new/policies");
    let to = ["--role-arn", ROLE_ARN, "--out-dir", new.to_str().unwrap()];
    let ended = policy("generate", &to).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("hub-trust.json, hub-permissions.json, member-trust.json"),
        "{}",
        ended.stderr
    );
    let all = generate(&[]).await;
    for (name, document) in all.as_object().unwrap() {
        let written = fs::read_to_string(new.join(format!("{name}.json"))).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), *document);
        let printed = generate(&["--document", name]).await;
        assert_eq!(printed, *document);
    }
    let hub = generate(&["--role", "hub"]).await;
    assert_eq!(hub.as_object().unwrap().len(), 2);
    let templates = policy("generate", &[&to[..], &["--format", "cloudformation"]].concat()).await;
    assert_eq!(templates.code, Some(0), "{}", templates.stderr);
    for role in ["hub", "member"] {
        let written = fs::read_to_string(new.join(format!("{role}.template.json"))).unwrap();
        let properties = &serde_json::from_str::<Value>(&written).unwrap()["Resources"]["Role"]["Properties"];
        assert_eq!(properties["AssumeRolePolicyDocument"], all[format!("{role}-trust")]);
    }
}

#[tokio::test]
async fn options_come_from_the_environment_and_the_configuration_file_too() {
    let variables = [("ROLECALL_EXTERNAL_ID", EXTERNAL_ID), ("ROLECALL_COLLECT", "last_used")];
    let ended = policy_with("generate", &["--role-arn", ROLE_ARN], &variables).await;
    let documents: Value = serde_json::from_str(&ended.stdout).unwrap();
    let statement = &documents["member-trust"]["Statement"][0];
    assert_eq!(statement["Condition"], json!({ "StringEquals": { "sts:ExternalId": EXTERNAL_ID } }));
    assert!(actions_of(&documents["member-permissions"]).contains(&"iam:GetAccessKeyLastUsed".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rolecall.toml");
    fs::write(
        &file,
        "role_name = \"Lister\"\nrole_template = \"arn:{partition}:iam::{account_id}:role/a/{role_name}\"\n\n\
                      [session]\nsource_identity = \"j.ruiz\"\n\n[[account]]\naccount_id = \"333333333333\"\n\
                      external_id = \"of-this-account\"\n",
    )
    .unwrap();
    let with_file = ["--config", file.to_str().unwrap(), "--account"];
    let ended = policy("generate", &[&with_file[..], &["111111111111"]].concat()).await;
    let documents: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        documents["hub-permissions"]["Statement"][0]["Resource"],
        json!(["arn:aws:iam::111111111111:role/a/Lister"])
    );
    assert_eq!(documents["member-trust"]["Statement"][1]["Action"], "sts:SetSourceIdentity");
    let both = policy("generate", &[&with_file[..], &["111111111111", "333333333333"]].concat()).await;
    assert_eq!(both.code, Some(2));
    assert!(
        both.stderr.contains("different external ids") && !both.stderr.contains("of-this-account"),
        "{}",
        both.stderr
    );
}

#[tokio::test]
async fn mistakes_are_usage_errors_that_say_what_to_pass() {
    let member = ["--role-arn", ROLE_ARN];
    let with = |more: &[&'static str]| [&member[..], more].concat();
    for (arguments, words) in [
        (vec![], "pass --role-arn ARN"),
        (with(&["--trust", "organization"]), "pass --organization-id ID"),
        (with(&["--permission-set", "Audit"]), "--permission-set needs --trust organization"),
        (with(&["--organization-id", "o-*"]), "invalid organization id \"o-*\""),
        (with(&["--document", "organization-trust"]), "pass --organization-role-arn ARN"),
        (with(&["--role", "organization"]), "pass --organization-role-arn ARN"),
        (with(&["--format", "cloudformation"]), "pass --role hub or --role member"),
        (with(&["--format", "cloudformation", "--document", "hub-trust"]), "pass --role hub"),
        (with(&["--collect", "keys"]), "unknown fact"),
        (with(&["--out-dir", "/dev/null/x"]), "--out-dir /dev/null/x"),
        (vec!["--role-arn", "arn:aws-cn:iam::111111111111:role/R"], "another partition"),
        (vec!["--role-arn", "arn:aws:iam::111111111111:role/*/R"], "wildcard"),
        (vec!["--account", "111111111111"], "role"),
    ] {
        let ended = policy("generate", &arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    let arguments = ["policy", "generate", "--role-arn", ROLE_ARN];
    let ended = ended(&mut rolecall("http://127.0.0.1:9", &arguments)).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("pass --hub-role-arn ARN"), "{}", ended.stderr);
    let via =
        policy_with("generate", &member, &[("ROLECALL_VIA", "arn:aws:iam::222222222222:role/Between")]).await;
    assert_eq!(via.code, Some(2));
    assert!(via.stderr.contains("intermediate roles"), "{}", via.stderr);
}

#[tokio::test]
async fn an_invalid_external_id_is_not_repeated() {
    for command in ["generate", "request"] {
        let ended = policy(command, &["--role-arn", ROLE_ARN, "--external-id", "not a valid id"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
        assert!(
            ended.stderr.contains("external id") && !ended.stderr.contains("valid id"),
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn the_request_has_a_placeholder_for_the_external_id_and_the_commands_to_withdraw_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("request.md");
    let more = ["--role-arn", ROLE_ARN, "--collect", "recommended", "--frequency", "every Monday"];
    let variables = [("ROLECALL_EXTERNAL_ID", EXTERNAL_ID)];
    let ended =
        policy_with("request", &[&more[..], &["--out", file.to_str().unwrap()]].concat(), &variables).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    let page = fs::read_to_string(&file).unwrap();
    assert!(!page.contains(EXTERNAL_ID));
    for words in [
        "<EXTERNAL_ID>",
        "Every Monday",
        "`iam:GetAccountAuthorizationDetails`",
        "aws iam delete-role --role-name IAMListRole",
        "cross_acct_lambda",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    assert_eq!(policy_with("request", &more, &variables).await.stdout, page);
}

/// Checks documents that are written to files of these names.
async fn check(documents: &[(&str, &Value)], more: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = Vec::new();
    for (name, document) in documents {
        let path = folder.path().join(name);
        fs::write(&path, document.to_string()).unwrap();
        arguments.push(path.display().to_string());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    policy("check", &arguments).await
}

#[tokio::test]
async fn generated_documents_pass_the_check() {
    let options = ["--role-arn", ROLE_ARN, "--collect", "recommended", "--external-id", EXTERNAL_ID];
    let documents = generate(&options[2..]).await;
    let all: Vec<(&str, &Value)> =
        documents.as_object().unwrap().iter().map(|(name, document)| (name.as_str(), document)).collect();
    let ended = check(&all, &options).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(
        ended.stdout.matches("allows what a scan needs, and nothing else").count(),
        4,
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("member-trust (member-trust): "), "{}", ended.stdout);
    let more =
        check(&all, &[&options[..2], &["--external-id", EXTERNAL_ID, "--collect", "default"]].concat()).await;
    assert_eq!(more.code, Some(10));
    assert!(more.stdout.contains("Action iam:GetAccountSummary: is not needed"), "{}", more.stdout);
    let less =
        check(&all, &[&options[..2], &["--external-id", EXTERNAL_ID, "--collect", "all"]].concat()).await;
    assert_eq!(less.code, Some(10));
    let words = "short   iam:ListAccountAliases: no statement allows it (needed for account_alias: the account's alias)";
    assert!(less.stdout.contains(words), "{}", less.stdout);
}

#[tokio::test]
async fn a_check_without_roles_is_enough_for_the_member_permissions() {
    let documents = generate(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("member.json");
    fs::write(&file, documents["member-permissions"].to_string()).unwrap();
    let arguments = ["policy", "check", file.to_str().unwrap()];
    let alone = ended(&mut rolecall("http://127.0.0.1:9", &arguments)).await;
    assert_eq!(alone.code, Some(0), "{}{}", alone.stdout, alone.stderr);
    let from_stdin = ["policy", "check", "-"];
    let mut command = rolecall("http://127.0.0.1:9", &from_stdin);
    let stdin = ended(command.stdin(fs::File::open(&file).unwrap())).await;
    assert_eq!(stdin.code, Some(0), "{}{}", stdin.stdout, stdin.stderr);
    fs::write(&file, documents["member-trust"].to_string()).unwrap();
    let trust = ended(&mut rolecall("http://127.0.0.1:9", &arguments)).await;
    assert_eq!(trust.code, Some(2));
    assert!(
        trust.stderr.contains("checked as member-trust") && trust.stderr.contains("pass --hub-role-arn"),
        "{}",
        trust.stderr
    );
}

#[tokio::test]
async fn what_is_beyond_and_short_is_listed_as_text_and_as_json() {
    let mut documents = generate(&[]).await;
    documents["member-permissions"]["Statement"] = json!([
        { "Sid": "Lists", "Effect": "Allow", "Action": ["iam:ListU*", "iam:ListAccessKeys"], "Resource": "*" },
        { "Sid": "NoKeys", "Effect": "Deny", "Action": "iam:ListAccessKeys", "Resource": "*" },
    ]);
    documents["member-trust"]["Statement"][0]["Principal"]["AWS"] = json!("arn:aws:iam::222222222222:root");
    let files =
        [("permissions.json", &documents["member-permissions"]), ("trust.json", &documents["member-trust"])];
    let more = ["--role-arn", ROLE_ARN, "--external-id", EXTERNAL_ID];
    let text = check(&files, &more).await;
    assert_eq!(text.code, Some(10), "{}", text.stderr);
    for words in [
        "permissions.json (member-permissions): does not allow all that a scan needs, and allows more",
        "beyond  Statement[0] (Lists) Action iam:ListU*: allows more than what is needed of it: iam:ListUsers; list it",
        "short   iam:ListAccessKeys on arn:aws:iam::111111111111:user/*: Statement[1] (NoKeys) denies it",
        "trust.json (member-trust): allows more than what a scan needs",
        "Principal arn:aws:iam::222222222222:root: trusts the whole hub account",
        "Condition sts:ExternalId: does not require the external id",
    ] {
        assert!(text.stdout.contains(words), "{words} is not in {}", text.stdout);
    }
    let json = check(&files, &[&more[..], &["--format", "json"]].concat()).await;
    assert_eq!(json.code, Some(10));
    let results: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&results[0]["verdict"], &results[0]["document"]),
        (&json!("beyond_and_short"), &json!("member-permissions"))
    );
    assert_eq!(results[0]["short"][0]["action"], "iam:ListAccessKeys");
    assert_eq!(results[1]["beyond"][0]["element"], "Principal");
    for shown in [text.stdout, json.stdout] {
        assert!(!shown.contains(EXTERNAL_ID));
    }
}

#[tokio::test]
async fn what_depends_on_unknown_condition_keys_is_neither_short_nor_fulfilled() {
    let mut documents = generate(&[]).await;
    documents["member-permissions"]["Statement"].as_array_mut().unwrap().push(json!({
        "Sid": "OnlyOffice", "Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": { "NotIpAddress": { "aws:SourceIp": "192.0.2.0/24" } },
    }));
    let files = [("permissions.json", &documents["member-permissions"])];
    let unknown = check(&files, &["--role-arn", ROLE_ARN]).await;
    assert_eq!(unknown.code, Some(11), "{}{}", unknown.stdout, unknown.stderr);
    for words in [
        "permissions.json (member-permissions): may not allow all that a scan needs",
        "depends iam:ListUsers on arn:aws:iam::111111111111:user/: Statement[1] (OnlyOffice) decides by aws:SourceIp, which \
         --context may give",
    ] {
        assert!(unknown.stdout.contains(words), "{words} is not in {}", unknown.stdout);
    }
    for (ip, code) in [("192.0.2.1", 0), ("203.0.113.1", 10)] {
        let given = check(&files, &["--context", &format!("aws:SourceIp={ip}")]).await;
        assert_eq!(given.code, Some(code), "{ip}: {}{}", given.stdout, given.stderr);
    }
    let network = check(&files, &["--context", "aws:SourceIp=192.0.2.0/24"]).await;
    assert_eq!(network.code, Some(2));
    assert!(
        network.stderr.contains("aws:SourceIp is not an IP address: \"192.0.2.0/24\""),
        "{}",
        network.stderr
    );
    let of_run = check(&files, &["--context", "sts:ExternalId=some-secret-id"]).await;
    assert_eq!(of_run.code, Some(2));
    assert!(of_run.stderr.contains("pass --external-id") && !of_run.stderr.contains("some-secret-id"));
}

#[tokio::test]
async fn an_invalid_policy_exits_with_2_and_the_others_are_checked() {
    let documents = generate(&[]).await;
    let mut broken = documents["member-permissions"].clone();
    broken["Statement"][0]["Effect"] = json!("Permit");
    let mut rejected = documents["member-permissions"].clone();
    rejected["Statement"][0]["Sid"] = json!("no spaces");
    let mut oversized = documents["member-trust"].clone();
    let statement = oversized["Statement"][0].clone();
    oversized["Statement"] = json!(vec![statement; 200]);
    let files = [
        ("broken.json", &broken),
        ("oversized.json", &oversized),
        ("rejected.json", &rejected),
        ("good.json", &documents["member-permissions"]),
        ("text.json", &json!("text")),
    ];
    let ended = check(&files, &[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for words in [
        "broken.json: invalid",
        "a trust policy can have 2048 by default, and 8192 at most with Service Quotas",
        "Statement[0].Effect: expected \"Allow\" or \"Deny\"",
        "rejected.json (member-permissions): invalid",
        "\"no spaces\" has other characters than letters and digits",
        "good.json (member-permissions): allows what a scan needs, and nothing else",
        "text.json: invalid",
    ] {
        assert!(ended.stdout.contains(words), "{words} is not in {}", ended.stdout);
    }
    let missing = policy("check", &["/no/such.json"]).await;
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("/no/such.json"), "{}", missing.stderr);
}

#[tokio::test]
async fn a_file_with_the_name_of_a_document_is_checked_as_this_document() {
    let documents = generate(&[]).await;
    let files = [("member-trust.json", &documents["hub-trust"])];
    let swapped = check(&files, &["--role-arn", ROLE_ARN]).await;
    assert_eq!(swapped.code, Some(10), "{}", swapped.stdout);
    assert!(swapped.stdout.contains("is not the hub role"), "{}", swapped.stdout);
    let mut permissions = documents["member-permissions"].clone();
    permissions["Statement"].as_array_mut().unwrap().push(json!({
        "Effect": "Deny", "Action": "iam:ListAccessKeys", "Resource": "arn:aws:iam::*:user/secret/*",
    }));
    // The values of --context are those of the caller, and not of the member's session.
    let mut limited = documents["member-permissions"].clone();
    limited["Statement"][0]["Condition"] = json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } });
    let mfa = ["--role-arn", ROLE_ARN, "--context", "aws:MultiFactorAuthPresent=true"];
    assert_ne!(check(&[("permissions.json", &limited)], &mfa).await.code, Some(0));
    let denied = check(&[("permissions.json", &permissions)], &[]).await;
    let words = "short   iam:ListAccessKeys on arn:aws:iam::*:user/secret/*: Statement[1] denies it";
    assert!(denied.stdout.contains(words), "{}", denied.stdout);
}
