//! Whole organisations through the real binary, against an AWS that says no.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends; it may read the clock"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use common::ended;
use common::organization::{LAMBDA_ROLE, ORGANIZATION, as_lambda, document, recipe, run, start};
use jiff::Timestamp;
use rolecall_emulator::log::RequestLogEntry;
use rolecall_emulator::{World, WorldSpec};
use serde_json::{Value, json};

/// The document without what differs between two runs over the same world.
fn steady(mut document: Value) -> Value {
    for name in ["as_of", "run_id", "statistics"] {
        document[name].take();
    }
    document["coverage"]["resumed"].take();
    document["session_name"].take();
    for account in document["accounts"].as_array_mut().unwrap() {
        account["as_of"].take();
        account["sessions"].take();
        for gap in account["gaps"].as_array_mut().unwrap() {
            gap["request_id"].take();
            // A refusal names the session, and the session the run.
            let message = gap["message"].as_str().unwrap().to_owned();
            let run = message.split("rolecall-").nth(1).and_then(|rest| rest.get(..36)).unwrap_or_default();
            gap["message"] = json!(message.replace(run, "RUN"));
        }
    }
    document
}

/// A world that answers so many calls a second in an account, fails and cuts connections.
fn troubled(recipe: &WorldSpec, iam_rate: f64) -> World {
    let mut world = recipe.world().unwrap();
    let rates = (Some(iam_rate), 0.01, 0.005);
    (world.fault_injection.iam_rate, world.fault_injection.error_rate, world.fault_injection.reset_rate) =
        rates;
    world
}

fn of_outcome<'a>(document: &'a Value, outcome: &str) -> Vec<&'a Value> {
    document["accounts"].as_array().unwrap().iter().filter(|account| account["outcome"] == outcome).collect()
}

#[tokio::test]
async fn every_account_is_accounted_for_and_what_is_complete_equals_the_world() {
    let recipe = recipe("accounts=150,users=4,seed=11,denied=60,suspended=30,hanging=20");
    let world = recipe.world().unwrap();
    let emulator = start(troubled(&recipe, 3.0)).await;
    let (ended, document) = document(&emulator, &["--account-timeout", "12s"]).await;
    assert_eq!(ended.code, Some(11), "{}", ended.stderr);
    let members = &world.organization.as_ref().unwrap().members;
    let listed: BTreeSet<&str> = members.keys().map(String::as_str).collect();
    let accounts = document["accounts"].as_array().unwrap();
    let seen: BTreeSet<&str> = accounts.iter().map(|it| it["account_id"].as_str().unwrap()).collect();
    assert_eq!((seen, accounts.len()), (listed, members.len()), "each exactly once");
    assert_eq!(document["organization"]["id"], "o-rolecall00");
    assert_eq!(document["organization"]["accounts"], members.len());

    let complete = of_outcome(&document, "Complete");
    assert!(complete.len() > 120, "{}", ended.stderr);
    let hanging = members.keys().filter(|id| world.account(id).is_some_and(|account| account.hangs)).count();
    assert!(hanging > 0);
    assert_eq!(
        document["coverage"]["failed"],
        json!({ "the account timeout of 12s expired while the account was read": hanging })
    );
    assert!(document["statistics"]["calls"]["ListAccessKeys"]["throttled"].as_u64().unwrap() > 0);
    for account in complete {
        let id = account["account_id"].as_str().unwrap();
        let truth = world.account(id).unwrap();
        let users = account["users"].as_array().unwrap();
        assert_eq!(users.len(), truth.users.len(), "{id}");
        for user in users {
            let of_world = &truth.users[user["user_name"].as_str().unwrap()];
            assert_eq!(user["arn"], of_world.arn);
            let mut keys: Vec<_> = of_world
                .access_keys
                .iter()
                .map(|key| (key.access_key_id.clone(), key.status.clone()))
                .collect();
            keys.sort();
            let read = user["access_keys"].as_array().unwrap().iter();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let read: Vec<_> = read.map(|key| (text(&key["access_key_id"]), text(&key["status"]))).collect();
            assert_eq!(read, keys);
        }
        assert_eq!(account["account"]["name"], members[id].name);
    }
    for account in of_outcome(&document, "Skipped") {
        let state = &members[account["account_id"].as_str().unwrap()].state;
        assert_eq!(account["skipped"], state.to_lowercase().replace('_', " "));
    }
    let hub = accounts.iter().find(|account| account["account_id"] == "222222222222").unwrap();
    assert_eq!((&hub["outcome"], &hub["role_arn"]), (&json!("Complete"), &Value::Null), "read as who asks");
    assert_eq!(
        document["coverage"]["denied"]["access denied in the management account (StackSets create no role in it), AWS gave no reason"],
        1
    );
    let names: BTreeSet<String> = emulator
        .requests()
        .iter()
        .filter_map(|line| line.principal.clone())
        .filter(|arn| arn.contains("IAMListRole"))
        .map(|arn| arn.rsplit('/').next().unwrap().to_owned())
        .collect();
    let run_id = document["run_id"].as_str().unwrap();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), [format!("rolecall-{run_id}")]);
}

#[tokio::test]
async fn a_killed_run_that_is_resumed_ends_in_the_same_roll_and_repeats_no_call() {
    let recipe = recipe("accounts=1000,users=3,seed=3,denied=60,suspended=30,hanging=3");
    let emulator = start(troubled(&recipe, 20.0)).await;
    let (_, undisturbed) = document(&emulator, &["--account-timeout", "12s"]).await;
    let folder = tempfile::tempdir().unwrap();
    let roll = folder.path().join("roll.jsonl");
    let with_roll =
        ["--roll", roll.to_str().unwrap(), "--format", "json", "--no-rules", "--account-timeout", "12s"];
    let arguments = [&ORGANIZATION[..], &with_roll].concat();
    for _ in 0..6 {
        let mut command = as_lambda(&emulator, folder.path(), &arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let after_ms = u64::try_from(Timestamp::now().subsec_nanosecond()).unwrap() / 1_000 % 1_500;
        println!("killed after {after_ms} ms");
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        child.kill().await.unwrap();
    }
    let done: BTreeSet<String> = fs::read_to_string(&roll)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|record| record["outcome"] == "Complete")
        .map(|record| record["account_id"].as_str().unwrap().to_owned())
        .collect();
    let before = emulator.requests().len();
    let last = ended(&mut as_lambda(&emulator, folder.path(), &arguments)).await;
    assert_eq!(last.code, Some(11), "{}", last.stderr);
    let document: Value = serde_json::from_str(&last.stdout).unwrap();
    assert_eq!(steady(document), steady(undisturbed));
    let asked = emulator.requests();
    let again = asked[before..].iter().filter_map(|line| line.account_id.as_ref());
    let again: BTreeSet<_> = again.filter(|id| done.contains(*id) && *id != "222222222222").collect();
    assert_eq!(again, BTreeSet::new(), "what was complete is not asked again");

    let other =
        ["scan", "--account", "001618033989", "--role-name", "IAMListRole", "--roll", roll.to_str().unwrap()];
    let other = ended(&mut as_lambda(&emulator, folder.path(), &other)).await;
    assert_eq!(other.code, Some(2));
    assert!(other.stderr.contains("the roll is of organization o-rolecall00"), "{}", other.stderr);
}

#[tokio::test]
async fn accounts_are_filtered_by_unit_tag_id_and_name_and_listed_without_being_scanned() {
    let recipe = recipe("accounts=40,users=1,seed=5,denied=0,suspended=0");
    let world = recipe.world().unwrap();
    let organization = world.organization.as_ref().unwrap();
    let emulator = start(recipe.world().unwrap()).await;
    let listed = async |more: &[&str]| {
        let arguments =
            [&["accounts", "--organization", "--role-name", "R", "--format", "json"], more].concat();
        let ended = run(&emulator, &arguments).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let document: Value = serde_json::from_str(&ended.stdout).unwrap();
        document["accounts"].as_array().unwrap().clone()
    };
    let expected = |is: &dyn Fn(&rolecall_emulator::world::Member) -> bool| {
        organization.members.values().filter(|member| is(member)).count()
    };
    let unit = |name: &str| organization.units.iter().position(|unit| unit.name == name).unwrap();
    let prod = unit("Prod");
    let below_workloads = [prod, unit("Dev")];
    for ou in ["Workloads/Prod", "Prod", "ou-role-00000003"] {
        assert_eq!(listed(&["--ou", ou]).await.len(), expected(&|member| member.unit == prod), "{ou}");
    }
    let nested = listed(&["--ou", "Workloads"]).await;
    assert_eq!(nested.len(), expected(&|member| below_workloads.contains(&member.unit)));
    assert!(
        nested
            .iter()
            .all(|it| it["account"]["organizational_unit"].as_str().unwrap().starts_with("Workloads/"))
    );
    let tagged = listed(&["--include-tag", "team=search"]).await;
    assert_eq!(
        tagged.len(),
        expected(&|member| member.tags.get("team").is_some_and(|team| team == "search"))
    );
    assert!(tagged.len() > 1 && tagged.iter().all(|it| it["account"]["tags"]["team"] == "search"));
    let one = listed(&["--include", "001618033989"]).await;
    assert_eq!(one[0]["role_arn"], "arn:aws:iam::001618033989:role/R");
    assert_eq!(
        listed(&["--exclude", "*-prod-*"]).await.len(),
        expected(&|member| !member.name.contains("-prod-"))
    );
    let asked = emulator.requests();
    assert!(
        asked.iter().all(|line| !line.operation.starts_with("iam:") && line.operation != "sts:AssumeRole")
    );

    for (more, words) in [
        (&["--ou", "Nowhere"][..], "--ou Nowhere: the organization has no such organizational unit"),
        (&["--include", "nobody-*"], "--include 'nobody-*': no account"),
        (
            &["--include-tag", "team=nobody"],
            "no account is left to read: of 42 accounts, --include-tag leaves 0",
        ),
    ] {
        let refused = run(&emulator, &[&ORGANIZATION[..], more].concat()).await;
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(words), "{words} is not in {}", refused.stderr);
    }
}

#[tokio::test]
async fn if_all_canaries_are_denied_the_other_accounts_are_not_scanned() {
    let recipe = recipe("accounts=50,users=1,seed=2,denied=1000,suspended=0");
    let emulator = start(recipe.world().unwrap()).await;
    let arguments = [&ORGANIZATION[..], &["--exclude", "222222222222"]].concat();
    let stopped = run(&emulator, &arguments).await;
    assert_eq!((stopped.code, stopped.stdout.as_str()), (Some(11), ""));
    assert!(stopped.stderr.contains("none of the first 5 accounts could be read"), "{}", stopped.stderr);
    let assumed = emulator.requests().iter().filter(|line| line.operation == "sts:AssumeRole").count();
    assert_eq!(assumed, 5);
    let regardless = run(&emulator, &[&arguments[..], &["--canary", "0"]].concat()).await;
    assert_eq!(regardless.code, Some(11));
    assert!(regardless.stdout.contains("ROLL INCOMPLETE   o-rolecall00"), "{}", regardless.stdout);
}

#[tokio::test]
async fn accounts_that_hang_delay_no_other_and_the_run_ends_at_its_deadline() {
    let recipe = recipe("accounts=30,users=2,seed=4,denied=0,suspended=0,hanging=150");
    let emulator = start(recipe.world().unwrap()).await;
    let (ended, document) = document(&emulator, &["--deadline", "2s", "--read-timeout", "30s"]).await;
    assert_eq!(ended.code, Some(11), "{}", ended.stderr);
    let failed = of_outcome(&document, "Failed");
    let hanging: Vec<_> = failed
        .iter()
        .filter(|account| account["gaps"][0]["message"].as_str().unwrap().contains("for the run was reached"))
        .collect();
    assert!(hanging.len() > 1, "{failed:?}");
    assert_eq!(of_outcome(&document, "Complete").len() + failed.len(), 32);
    assert_eq!(failed.len(), hanging.len() + 1, "and the management account");
}

#[tokio::test]
async fn a_caller_without_organizations_permissions_gets_advice_and_a_role_may_list_instead() {
    let role = |policies: Value, trust: Value| {
        let statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trust });
        json!({ "trust_policy": { "Statement": statement }, "policies": policies })
    };
    let allow =
        |action: &str| json!([{ "Statement": { "Effect": "Allow", "Action": action, "Resource": "*" } }]);
    let by_lambda = json!({ "AWS": LAMBDA_ROLE });
    let file = json!({
        "accounts": {
            "222222222222": { "roles": { "LambdaRole": role(allow("sts:AssumeRole"), json!({ "Service": "lambda.amazonaws.com" })),
                                         "Hop": role(allow("sts:AssumeRole"), by_lambda.clone()) } },
            "999999999999": { "roles": { "Lister": role(allow("organizations:*"), by_lambda) } },
            "111111111111": { "name": "member", "roles": {
                "IAMListRole": role(allow("iam:*"), json!({ "AWS": "arn:aws:iam::222222222222:role/Hop" })) },
                "users": { "alice": { "create_date": "2024-02-29T08:30:00Z" } } },
        },
        "organization": { "id": "o-abc123", "management_account": "999999999999",
            "root": { "id": "r-1", "accounts": ["222222222222", "111111111111"] } },
        "fault_injection": { "empty_pages": true, "old_status": true },
    });
    let world = || World::parse(&file.to_string(), |_| Err(std::io::ErrorKind::NotFound.into())).unwrap();
    let emulator = start(world()).await;
    let refused = run(&emulator, &ORGANIZATION).await;
    assert_eq!(refused.code, Some(11));
    assert!(refused.stderr.contains("--organization-role-arn"), "{}", refused.stderr);

    let lister =
        ["--organization-role-arn", "arn:aws:iam::999999999999:role/Lister", "--exclude", "999999999999"];
    let hop = ["--via", "arn:aws:iam::222222222222:role/Hop", "--exclude", "222222222222"];
    let (ended, document) = document(&emulator, &[&lister[..], &hop].concat()).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stderr, ended.stdout);
    let accounts = document["accounts"].as_array().unwrap();
    assert_eq!((accounts.len(), &accounts[0]["users"][0]["user_name"]), (1, &json!("alice")));
    let principals: BTreeSet<String> =
        emulator.requests().iter().filter_map(|line| line.principal.clone()).collect();
    assert!(
        principals.iter().any(|arn| arn.starts_with("arn:aws:sts::222222222222:assumed-role/Hop/rolecall-"))
    );

    // What the sessions of the intermediate roles did in the organization is declared too.
    let folder = tempfile::tempdir().unwrap();
    let [roll_path, events] = ["roll.jsonl", "events.json"].map(|name| folder.path().join(name));
    let before = emulator.requests().len();
    run(&emulator, &[&ORGANIZATION[..], &lister, &hop, &["--roll", roll_path.to_str().unwrap()]].concat())
        .await;
    let recorded: Vec<Value> =
        emulator.requests()[before..].iter().map(RequestLogEntry::to_cloudtrail).collect();
    fs::write(&events, Value::from(recorded).to_string()).unwrap();
    let arguments = ["verify", roll_path.to_str().unwrap(), "--cloudtrail", events.to_str().unwrap()];
    let verified = run(&emulator, &arguments).await;
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("recorded 3 of 3 AssumeRole calls"), "{}", verified.stdout);

    let broken = ["--via", "arn:aws:iam::222222222222:role/Nobody", "--exclude", "222222222222"];
    let (_, document) = self::document(&emulator, &[&lister[..], &broken].concat()).await;
    let message = document["accounts"][0]["gaps"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("intermediate role arn:aws:iam::222222222222:role/Nobody: "), "{message}");
}

#[tokio::test]
async fn targets_come_from_an_accounts_file_and_from_rolecall_toml() {
    let emulator = start(World::tutorial().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let in_folder =
        async |arguments: &[&str]| ended(&mut as_lambda(&emulator, folder.path(), arguments)).await;
    let nobody = in_folder(&["scan"]).await;
    assert_eq!(nobody.code, Some(2));
    assert!(nobody.stderr.contains("no target accounts are given"), "{}", nobody.stderr);

    fs::write(folder.path().join("accounts.csv"), "account_id,name\n111111111111,member\n").unwrap();
    let scanned = in_folder(&[
        "scan",
        "--accounts-file",
        "accounts.csv",
        "--role-name",
        "IAMListRole",
        "--format",
        "json",
    ])
    .await;
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
    let document: Value = serde_json::from_str(&scanned.stdout).unwrap();
    assert_eq!(document["accounts"][0]["account"]["name"], "member");
    let no_role = in_folder(&["scan", "--accounts-file", "accounts.csv"]).await;
    assert!(no_role.stderr.contains("no role is given for account 111111111111"), "{}", no_role.stderr);

    assert_eq!(in_folder(&["init"]).await.code, Some(0));
    let again = in_folder(&["init"]).await;
    assert_eq!(again.code, Some(2), "what is there stays");
    let file = folder.path().join("rolecall.toml");
    assert_eq!(in_folder(&["init", "-"]).await.stdout, fs::read_to_string(&file).unwrap(), "to stdout");
    let accept =
        "[[accepted_gap]]\naccount_id = \"333333333333\"\nowner = \"j.ruiz\"\nreason = \"legal hold\"\n";
    let text = format!(
        "role_name = \"IAMListRole\"\naccounts_file = \"accounts.csv\"\n[[account]]\naccount_id = \"333333333333\"\n\
         [session]\nname = \"from-file\"\n{accept}until = \"2999-01-31\"\n"
    );
    fs::write(&file, &text).unwrap();
    let scanned = in_folder(&["scan"]).await;
    assert_eq!(scanned.code, Some(0), "the gap is accepted: {}{}", scanned.stdout, scanned.stderr);
    let words = "1 accepted    gap: legal hold, owner j.ruiz, until 2999-01-31";
    assert!(scanned.stdout.contains(words), "{}", scanned.stdout);
    assert!(emulator.requests().iter().any(|line| {
        line.principal.as_deref() == Some("arn:aws:sts::111111111111:assumed-role/IAMListRole/from-file")
    }));
    fs::write(&file, text.replace("2999-01-31", "2020-01-31")).unwrap();
    let lapsed = in_folder(&["scan"]).await;
    assert_eq!(lapsed.code, Some(11));
    assert!(lapsed.stdout.contains("accepted gap expired on 2020-01-31"), "{}", lapsed.stdout);
    fs::write(&file, "role_nam = 1\n").unwrap();
    let wrong = in_folder(&["scan"]).await;
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("rolecall.toml:1:1: unknown key `role_nam`"), "{}", wrong.stderr);
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = as_lambda(&emulator, elsewhere.path(), &["scan"]);
    command.env("ROLECALL_ROLE_ARN", "arn:aws:iam::111111111111:role/IAMListRole");
    assert_eq!(ended(&mut command).await.code, Some(0));
}

#[tokio::test]
async fn every_fact_equals_the_world_and_what_fails_is_unknown_with_the_reason() {
    let recipe = recipe("accounts=6,users=12,seed=21,denied=0,suspended=0");
    let world = recipe.world().unwrap();
    let mut slow = recipe.world().unwrap();
    slow.fault_injection.report_ms = 700;
    slow.organization.as_mut().unwrap().manages_root_credentials = true;
    let emulator = start(slow).await;
    let (ended, document) = document(&emulator, &["--collect", "all", "--exclude", "999999999999"]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stderr, ended.stdout);
    let managed = json!({ "value": true, "source": "live" });
    assert_eq!(document["organization"]["root_credentials_managed"], managed);
    assert_eq!(document["statistics"]["calls"]["ListOrganizationsFeatures"]["attempts"], 1, "asked once");
    let accounts = of_outcome(&document, "Complete");
    assert_eq!(accounts.len(), 7);
    let date = |date: Option<Timestamp>| date.map_or(Value::Null, |date| json!(date));
    let (mut administrators, mut used) = (0, 0);
    for account in accounts {
        let truth = world.account(account["account_id"].as_str().unwrap()).unwrap();
        let facts = &account["facts"];
        assert_eq!(facts["alias"], json!({ "value": truth.alias, "source": "live" }));
        assert_eq!(facts["summary"]["value"]["users"], 12);
        assert_eq!(facts["summary"]["value"]["root_has_mfa"], truth.root.mfa);
        let root = &facts["root"];
        assert_eq!(root["value"]["access_keys_active"], json!(truth.root.access_keys_active));
        assert_eq!(root["value"]["password_last_used"], date(truth.root.password_last_used));
        let generated = root["source"]["credential_report"].as_str().unwrap();
        assert!(generated.parse::<Timestamp>().is_ok(), "{generated}");
        for user in account["users"].as_array().unwrap() {
            let of_world = &truth.users[user["user_name"].as_str().unwrap()];
            let password = of_world.login_profile.as_ref().map(|profile| {
                json!({ "create_date": profile.create_date, "password_reset_required": profile.password_reset_required })
            });
            assert_eq!(user["console_password"], json!({ "value": password, "source": "live" }));
            let serials: Vec<_> =
                of_world.mfa_devices.iter().map(|device| device.serial_number.clone()).collect();
            let read = user["mfa_devices"]["value"].as_array().unwrap().iter();
            assert_eq!(read.map(|device| device["serial_number"].clone()).collect::<Vec<_>>(), serials);
            let policies = &user["policies"]["value"];
            assert_eq!(policies["groups"], json!(of_world.groups));
            assert_eq!(policies["attached_policies"], json!(of_world.attached_policies));
            assert_eq!(policies["tags"], json!(of_world.tags));
            let is_administrator = !of_world.inline_policies.is_empty()
                || of_world.attached_policies.iter().any(|arn| arn.ends_with("/AdministratorAccess"));
            assert_eq!(
                policies["is_administrator"],
                if is_administrator { json!(true) } else { Value::Null }
            );
            administrators += usize::from(is_administrator);
            let report = &user["report"]["value"];
            assert_eq!(report["mfa_active"], !of_world.mfa_devices.is_empty());
            assert_eq!(report["password_enabled"], of_world.login_profile.is_some());
            for key in user["access_keys"].as_array().unwrap() {
                let of_world =
                    of_world.access_keys.iter().find(|it| it.access_key_id == key["access_key_id"]).unwrap();
                let last = of_world
                    .last_used
                    .as_ref()
                    .map(|last| json!({ "date": last.date, "service": last.service, "region": last.region }));
                assert_eq!(key["last_used"], json!({ "value": last, "source": "live" }));
                used += 1;
            }
        }
    }
    assert!(administrators > 0 && used > 20);

    let mut hides = recipe.world().unwrap();
    hides.fault_injection.users_hidden = 1;
    let emulator = start(hides).await;
    let more = ["--collect", "users,control_total", "--include", "001618033989"];
    let (ended, document) = self::document(&emulator, &more).await;
    assert_eq!(ended.code, Some(11), "{}", ended.stderr);
    assert_eq!(document["accounts"][0]["gaps"][0]["fact"], "control_total");
    let message = document["accounts"][0]["gaps"][0]["message"].as_str().unwrap();
    assert_eq!(message, "ListUsers returned 12 users, but GetAccountSummary counts 13");
}

#[tokio::test]
async fn with_the_credential_report_fewer_calls_give_the_same_keys() {
    let recipe = recipe("accounts=3,users=50,seed=9,with_keys=20,denied=0,suspended=0");
    let calls = async |more: &[&str]| {
        let emulator = start(recipe.world().unwrap()).await;
        let more = [&["--exclude", "999999999999", "--exclude", "222222222222"], more].concat();
        let (ended, document) = document(&emulator, &more).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let asked = emulator.requests().iter().filter(|line| line.operation.starts_with("iam:")).count();
        let keys: Vec<Value> = document["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|account| account["users"].as_array().unwrap())
            .map(|user| json!([user["user_name"], user["access_keys"]]))
            .collect();
        (keys, asked, document)
    };
    let (exact_keys, exact, _) = calls(&["--user-source", "live"]).await;
    let (report_keys, report, document) = calls(&["--user-source", "credential-report"]).await;
    assert_eq!(exact_keys, report_keys);
    assert!(report * 3 < exact, "{report} calls, and {exact}");
    let account = &document["accounts"][0];
    assert!(account["notes"][0]["message"].as_str().unwrap().contains("keys created after it are missing"));
    let without =
        account["users"].as_array().unwrap().iter().find(|user| user["access_keys"] == json!([])).unwrap();
    assert!(without["no_access_keys_source"]["credential_report"].is_string());
}

#[tokio::test]
async fn only_one_user_or_one_path_is_read_on_request() {
    let emulator = start(World::tutorial().unwrap()).await;
    let scan = ["scan", "--role-arn", "arn:aws:iam::111111111111:role/IAMListRole", "--format", "json"];
    let of_path = run(&emulator, &[&scan[..], &["--path-prefix", "/ci/"]].concat()).await;
    let document: Value = serde_json::from_str(&of_path.stdout).unwrap();
    let names = |document: &Value| {
        let users = document["accounts"][0]["users"].as_array().unwrap();
        users.iter().map(|user| user["user_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&document), ["runner"]);
    let collect = serde_json::json!({
        "facts": ["users", "access_keys"], "user_source": "live", "path_prefix": "/ci/",
    });
    assert_eq!(document["collect"], collect);
    // The tutorial's role may not ask for one user.
    let refused = run(&emulator, &[&scan[..], &["--user", "carol"]].concat()).await;
    assert_eq!(refused.code, Some(11), "{}", refused.stderr);
    assert!(refused.stdout.contains("iam:GetUser"), "{}", refused.stdout);
}

#[tokio::test]
async fn a_source_identity_and_session_tags_are_passed_and_accounts_come_from_stdin() {
    let world = World::tutorial_with(|name, document| {
        if name != "member-trust.json" {
            return document.to_owned();
        }
        let condition = json!({ "StringEquals": { "sts:SourceIdentity": "j.ruiz", "aws:RequestTag/purpose": "roll-call" } });
        let actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];
        let statement = json!({ "Effect": "Allow", "Principal": { "AWS": LAMBDA_ROLE }, "Action": actions, "Condition": condition });
        json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
    });
    // The caller's own side has to allow them too.
    let world = world.unwrap();
    let emulator = start(world).await;
    let scan = ["scan", "--role-arn", "arn:aws:iam::111111111111:role/IAMListRole"];
    let flags = ["--source-identity", "j.ruiz", "--session-tag", "purpose=roll-call"];
    let refused = run(&emulator, &[&scan[..], &flags].concat()).await;
    assert_eq!(refused.code, Some(11), "{}", refused.stderr);
    assert!(refused.stdout.contains("sts:TagSession"), "the caller may not tag sessions: {}", refused.stdout);
    let without = run(&emulator, &scan).await;
    assert!(!without.stdout.contains("sts:TagSession") && without.code == Some(11), "{}", without.stdout);

    let emulator = start(World::tutorial().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        as_lambda(&emulator, folder.path(), &["scan", "--accounts-file", "-", "--role-name", "IAMListRole"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"111111111111\n").await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("ROLL COMPLETE"));
}

#[tokio::test]
async fn the_columns_of_a_long_table_stand_where_they_stand_in_its_first_line() {
    let emulator = start(recipe("accounts=40,users=30,seed=3").world().unwrap()).await;
    let ended = run(&emulator, &["scan", "--organization", "--role-name", "IAMListRole", "--no-rules"]).await;
    let mut lines = ended.stdout.lines().skip_while(|line| !line.starts_with("ACCOUNT "));
    let header = lines.next().unwrap();
    let places = ["USER", "ACCESS KEY", "STATUS", "CREATED"].map(|name| header.find(name).unwrap());
    let rows: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    assert!(rows.len() > 1000, "{} rows", rows.len());
    for row in rows {
        for place in places {
            // A column begins where no other ends.
            assert!(row.get(place - 2..place).is_none_or(|gap| gap == "  "), "{header}\n{row}");
            assert!(row.get(place..=place).is_none_or(|first| first != " "), "{header}\n{row}");
        }
        if row.len() > header.len() - 3 {
            assert!(row.ends_with(" d") && row.len() == header.len(), "{header}\n{row}");
        }
    }
}
