//! A setting of a check: a world, the caller, the flags; and what healing it changes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World};
use serde_json::{Value, json};

use super::common::{Ended, ended, rolecall};

pub(crate) const HUB: &str = "222222222222";
pub(crate) const MEMBER: &str = "111111111111";
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::111111111111:role/IAMListRole";
/// What the run sends, if the setting has an external id.
pub(crate) const EXTERNAL_ID: &str = "agreed-between-us";

/// A world and how `rolecall` is run in it.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) world: Value,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
}

impl Setting {
    /// A flow that works: the hub's role, and another role beside it, may assume the member's role, which trusts the first.
    pub(crate) fn healthy() -> Self {
        let hub = json!([policy(&json!({
            "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/IAMListRole",
        }))]);
        let lambda = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
        }] });
        let members = json!([policy(&json!({
            "Effect": "Allow", "Resource": "*",
            "Action": [
                "iam:GenerateCredentialReport", "iam:GetAccessKeyLastUsed", "iam:GetAccountAuthorizationDetails",
                "iam:GetAccountSummary", "iam:GetCredentialReport", "iam:GetLoginProfile", "iam:GetUser",
                "iam:ListAccessKeys", "iam:ListMFADevices", "iam:ListUsers",
            ],
        }))]);
        let world = json!({
            "accounts": {
                MEMBER: {
                    "roles": {
                        "IAMListRole": { "trust_policy": trust(&json!({ "AWS": role(HUB, "LambdaRole") })), "policies": members },
                        "Admin": { "trust_policy": lambda, "policies": [policy(&json!({
                            "Effect": "Allow", "Action": "*", "Resource": "*" }))] },
                    },
                    "users": { "alice": { "create_date": "2024-02-29T08:30:00Z", "access_keys": [
                        { "access_key_id": "AKIAIOSFODNN7EXAMPLE", "create_date": "2024-03-02T08:00:00Z" }] } },
                },
                HUB: { "roles": {
                    "LambdaRole": { "trust_policy": lambda, "policies": hub },
                    "OtherRole": { "trust_policy": lambda, "policies": hub },
                    "Middle": { "trust_policy": trust(&json!({ "AWS": role(HUB, "LambdaRole") })), "policies": hub },
                } },
                "999999999999": { "roles": {} },
            },
            "organization": {
                "id": "o-example001", "management_account": "999999999999",
                "root": { "id": "r-exam", "accounts": ["999999999999"], "units": [
                    { "id": "ou-exam-11111111", "name": "Security", "accounts": [HUB] },
                    { "id": "ou-exam-22222222", "name": "Workloads", "accounts": [MEMBER] },
                ] },
            },
            "caller": { "arn": role(HUB, "LambdaRole") },
        });
        let arguments = ["--role-arn", ROLE_ARN, "--collect", "recommended"].map(str::to_owned).to_vec();
        Self { world, arguments, environment: BTreeMap::new() }
    }

    /// The value of the world at a JSON pointer.
    pub(crate) fn at(&mut self, pointer: &str) -> &mut Value {
        self.world.pointer_mut(pointer).unwrap_or_else(|| panic!("the world has no {pointer}"))
    }

    pub(crate) fn set(&mut self, parent: &str, name: &str, value: Value) {
        self.at(parent).as_object_mut().unwrap().insert(name.to_owned(), value);
    }

    pub(crate) fn argument(&mut self, flag: &str, value: &str) {
        self.arguments.extend([flag.to_owned(), value.to_owned()]);
    }

    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn with_external_id(&mut self) {
        self.variable("ROLECALL_EXTERNAL_ID", EXTERNAL_ID);
    }

    pub(crate) async fn start(&self) -> Emulator {
        let world = World::parse(&self.world.to_string(), |_| Err(std::io::ErrorKind::NotFound.into()));
        let listen = "127.0.0.1:0".parse().unwrap();
        Emulator::start(world.unwrap(), Clock::new(Timestamp::now), listen, None).await.unwrap()
    }

    /// Runs a command of `rolecall` as the caller of the world.
    pub(crate) async fn run(&self, command: &str, more: &[&str]) -> Ended {
        let emulator = self.start().await;
        let folder = tempfile::tempdir().unwrap();
        let (credentials, _) = emulator.caller_credentials("rolecall").unwrap();
        let mut run = rolecall(&emulator.url(), &[command]);
        run.current_dir(folder.path());
        run.env("AWS_ACCESS_KEY_ID", &credentials.access_key_id);
        run.env("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key);
        if credentials.session_token.is_empty() {
            run.env_remove("AWS_SESSION_TOKEN");
        } else {
            run.env("AWS_SESSION_TOKEN", &credentials.session_token);
        }
        // A profile of the member account, for --member-profile.
        let admin = emulator.session("arn:aws:iam::111111111111:role/Admin", "admin").unwrap();
        let profiles = folder.path().join("credentials");
        std::fs::write(
            &profiles,
            format!(
                "[member]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
                admin.access_key_id, admin.secret_access_key, admin.session_token
            ),
        )
        .unwrap();
        run.env("AWS_SHARED_CREDENTIALS_FILE", &profiles);
        run.envs(&self.environment).args(&self.arguments).args(more);
        let ended = ended(&mut run).await;
        for text in [&ended.stdout, &ended.stderr] {
            let is_shown = more.contains(&"--show-external-id");
            assert!(is_shown || !text.contains(EXTERNAL_ID), "the external id is in {text}");
        }
        ended
    }

    /// The check of the only target.
    pub(crate) async fn check(&self) -> (Ended, Check) {
        let ended = self.run("doctor", &["--format", "json", "--show-external-id"]).await;
        let document: Value = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", ended.stdout, ended.stderr));
        let target = document.pointer("/targets/0").cloned().unwrap();
        (ended, Check(target))
    }

    /// Adds a statement where the paste says.
    pub(crate) fn paste(&mut self, paste: &Value) {
        let text = |name: &str| paste.get(name).and_then(Value::as_str).unwrap().to_owned();
        let statement = paste.get("statement").cloned().unwrap();
        let account = text("account_id");
        let role = if account == MEMBER { "IAMListRole" } else { "LambdaRole" };
        let role = format!("/accounts/{account}/roles/{role}");
        match text("policy").as_str() {
            "role_trust" => push(self.at(&format!("{role}/trust_policy/Statement")), statement),
            "identity" => push(self.at(&format!("{role}/policies")), policy(&statement)),
            "permissions_boundary" => {
                push(self.at(&format!("{role}/permissions_boundary/Statement")), statement)
            }
            "service_control" => push(self.at(&format!("/accounts/{account}/scps/0/Statement")), statement),
            other => panic!("a paste into {other}"),
        }
    }
}

/// A check of `rolecall doctor` in JSON.
pub(crate) struct Check(pub(crate) Value);

impl Check {
    pub(crate) fn broken(&self) -> Option<&Value> {
        let links = self.0.get("links").and_then(Value::as_array).unwrap();
        links.iter().find(|link| link.get("state").and_then(Value::as_str) == Some("broken"))
    }

    /// What the candidates rest on.
    pub(crate) fn evidence(&self) -> &str {
        self.broken().and_then(|link| link.get("evidence")).and_then(Value::as_str).unwrap_or_default()
    }

    /// The check of a link.
    pub(crate) fn link(&self, name: &str) -> &Value {
        let links = self.0.get("links").and_then(Value::as_array).unwrap();
        links.iter().find(|link| link.get("link").and_then(Value::as_str) == Some(name)).unwrap()
    }

    /// The candidate with this cause.
    pub(crate) fn candidate(&self, cause: &str) -> Option<&Value> {
        let candidates = self.broken()?.get("candidates")?.as_array()?;
        candidates.iter().find(|candidate| candidate.get("cause").and_then(Value::as_str) == Some(cause))
    }
}

fn push(list: &mut Value, value: Value) {
    list.as_array_mut().unwrap().push(value);
}

pub(crate) fn role(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

/// A document with one statement.
pub(crate) fn policy(statement: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// A trust policy for a principal.
pub(crate) fn trust(principal: &Value) -> Value {
    policy(&json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" }))
}

/// A trust policy for the hub's role with a condition.
pub(crate) fn trust_if(operator: &str, key: &str, value: &Value) -> Value {
    policy(&json!({
        "Effect": "Allow", "Principal": { "AWS": role(HUB, "LambdaRole") }, "Action": "sts:AssumeRole",
        "Condition": { operator: { key: value } },
    }))
}
