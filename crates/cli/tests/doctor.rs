//! `rolecall doctor` against every way to break the flow: it names the link and the cause, what it prints heals the world, and
//! nobody else gets access by it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::semicolon_if_nothing_returned,
    clippy::too_many_lines,
    reason = "a test that cannot go on ends, and may read the clock; a row of the table breaks one thing"
)]

#[path = "doctor/breakages.rs"]
mod breakages;
mod common;
#[path = "doctor/documents.rs"]
mod documents;
#[path = "doctor/rolls.rs"]
mod rolls;
#[path = "doctor/setting.rs"]
mod setting;

use breakages::{Breakage, Cured, breakages};
use serde_json::Value;
use setting::{Check, EXTERNAL_ID, Setting};

#[tokio::test]
async fn a_healthy_flow_is_healthy() {
    for has_external_id in [false, true] {
        let mut setting = Setting::healthy();
        if has_external_id {
            setting.with_external_id();
        }
        let (ended, check) = setting.check().await;
        assert_eq!(ended.code, Some(0), "{} {}", ended.stdout, ended.stderr);
        assert!(check.broken().is_none(), "{}", check.0);
    }
}

/// The table has each of these words in the name of a breakage.
const KINDS: [&str; 30] = [
    "hub policy",
    "trust policy",
    "member policy",
    "principal",
    "condition",
    "account",
    "role name",
    "path",
    "case",
    "boundary",
    "service control policy",
    "resource control policy",
    "session policy",
    "external id",
    "tag",
    "source identity",
    "expired",
    "MFA",
    "region",
    "partition",
    "clock",
    "throttled",
    "no network",
    "proxy",
    "deleted",
    "suspended",
    "root",
    "profile",
    "duration",
    "VPC endpoint",
];

#[test]
fn the_table_has_every_kind_of_breakage() {
    let all = breakages();
    assert!(all.len() >= 40, "{} breakages", all.len());
    for kind in KINDS {
        assert!(all.iter().any(|breakage| breakage.name.contains(kind)), "no breakage of the kind {kind:?}");
    }
}

/// Runs the breakages in parts, so that the test threads share them.
async fn run_part(part: usize) {
    let mut problems = Vec::new();
    for breakage in breakages().into_iter().skip(part).step_by(PARTS) {
        if let Err(problem) = run(&breakage).await {
            problems.push(format!("{}: {problem}", breakage.name));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

const PARTS: usize = 4;

#[tokio::test]
async fn breakages_are_diagnosed_and_healed_1() {
    run_part(0).await;
}

#[tokio::test]
async fn breakages_are_diagnosed_and_healed_2() {
    run_part(1).await;
}

#[tokio::test]
async fn breakages_are_diagnosed_and_healed_3() {
    run_part(2).await;
}

#[tokio::test]
async fn breakages_are_diagnosed_and_healed_4() {
    run_part(3).await;
}

/// Breaks the flow, checks the diagnosis, heals the flow as the doctor says, and checks that it is healed and nothing else is
/// open.
async fn run(breakage: &Breakage) -> Result<(), String> {
    let mut setting = Setting::healthy();
    (breakage.breaks)(&mut setting);
    if breakage.has_member_profile {
        setting.argument("--member-profile", "member");
    }
    let (ended, check) = setting.check().await;
    let shown = format!("{}\n{}", check.0, ended.stderr);
    let link = check.broken().and_then(|link| link.get("link")).and_then(Value::as_str);
    if link != Some(breakage.link) {
        return Err(format!("the broken link is {link:?} and not {:?}: {shown}", breakage.link));
    }
    if ended.code != Some(breakage.code) {
        return Err(format!("exit code {:?} and not {}: {shown}", ended.code, breakage.code));
    }
    let Some(candidate) = check.candidate(breakage.cause) else {
        return Err(format!("no candidate is {}: {shown}", breakage.cause));
    };
    is_in_scan(breakage, &setting, &check).await?;
    is_in_key_lookup(breakage, &setting, &check).await?;
    let cure = candidate.get("cure").cloned().unwrap_or_default();
    let before = denied_to_others(&setting).await;
    if !before.iter().all(|is_denied| *is_denied) {
        return Err(format!("others have access before anything is healed: {before:?}"));
    }
    match &breakage.cured {
        Cured::ByPaste => {
            let Some(paste) = cure.get("paste") else { return Err(format!("nothing to paste: {shown}")) };
            setting.paste(paste);
        }
        Cured::ByStep(words, step) => {
            let text = cure.get("step").and_then(Value::as_str).unwrap_or_default();
            if !text.contains(words) {
                return Err(format!("the step does not say {words:?}: {shown}"));
            }
            step(&mut setting);
        }
    }
    let (ended, healed) = setting.check().await;
    if ended.code != Some(0) {
        return Err(format!("still broken: {}\nafter {cure}\n{}", healed.0, ended.stderr));
    }
    if matches!(breakage.cured, Cured::ByPaste) {
        let after = denied_to_others(&setting).await;
        if before != after {
            return Err(format!(
                "the paste changes what others may do, from {before:?} to {after:?}: {cure}"
            ));
        }
    }
    Ok(())
}

/// Whether another role of the hub account is denied, and whether the caller is without the external id, or with another.
async fn denied_to_others(setting: &Setting) -> Vec<bool> {
    let mut denied = Vec::new();
    let mut other = setting.clone();
    other.set("/caller", "arn", "arn:aws:iam::222222222222:role/OtherRole".into());
    // The other role is as the first but for its name: who is named by the paste is all that counts.
    let first = other.at("/accounts/222222222222/roles/LambdaRole").clone();
    other.set("/accounts/222222222222/roles", "OtherRole", first);
    denied.push(other.check().await.0.code != Some(0));
    if setting.environment.get("ROLECALL_EXTERNAL_ID").is_some_and(|id| id == EXTERNAL_ID) {
        let mut without = setting.clone();
        without.environment.remove("ROLECALL_EXTERNAL_ID");
        denied.push(without.check().await.0.code != Some(0));
        let mut with_other = setting.clone();
        with_other.variable("ROLECALL_EXTERNAL_ID", "of-somebody-else");
        denied.push(with_other.check().await.0.code != Some(0));
    }
    denied
}

/// The failed account of a scan shows the same diagnosis: the link, and the cause or a list with it.
async fn is_in_scan(breakage: &Breakage, setting: &Setting, check: &Check) -> Result<(), String> {
    if !breakage.is_in_scan {
        return Ok(());
    }
    let mut scan = setting.clone();
    scan.arguments.retain(|argument| argument != "--member-profile" && argument != "member");
    let ended = scan.run("scan", &["--no-rules"]).await;
    let shown: String = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let link = match breakage.link {
        "sts" => "STS",
        link => link,
    };
    let text = check.candidate(breakage.cause).and_then(|it| it.get("text")).and_then(Value::as_str).unwrap();
    // A scan has a line for each denied action, and the doctor has all in one.
    let text = text.split(", ").next().unwrap_or(text);
    let is_same =
        shown.contains(&format!("because {link}:")) && shown.contains(breakage.scan_says.unwrap_or(text));
    let command = "rolecall doctor --role-arn arn:aws:iam::111111111111:role/";
    if is_same && shown.contains(command) {
        Ok(())
    } else {
        Err(format!("the scan does not show {link} and {text:?}: {shown} {}", ended.stderr))
    }
}

/// A key lookup that fails at the role of the key's account shows the same diagnosis.
async fn is_in_key_lookup(breakage: &Breakage, setting: &Setting, check: &Check) -> Result<(), String> {
    let mut lookup = setting.clone();
    let caller = lookup.at("/caller/arn").as_str().unwrap_or_default().to_owned();
    let is_at_role = ["hub", "member", "session"].contains(&breakage.link) && breakage.is_in_scan;
    // The calls before are of the caller itself: they are allowed to the role of the flow.
    if !is_at_role || caller != setting::role(setting::HUB, "LambdaRole") {
        return Ok(());
    }
    may_diagnose(&mut lookup, &["sts:GetAccessKeyInfo"]);
    let mut arguments = vec!["AKIAIOSFODNN7EXAMPLE".to_owned()];
    for pair in setting.arguments.chunks(2) {
        let [flag, value] = pair else { return Err(format!("{pair:?} is no flag with a value")) };
        match flag.as_str() {
            "--role-arn" => {
                let name = value.split_once(":role/").map_or("", |(_, name)| name);
                arguments.extend([
                    "--role-template".to_owned(),
                    format!("arn:aws:iam::{{account_id}}:role/{name}"),
                ]);
            }
            // A lookup takes them from variables.
            "--session-tag" | "--source-identity" | "--session-name" | "--session-duration"
            | "--max-attempts" => {
                let variable = flag.trim_start_matches("--").replace('-', "_").to_uppercase();
                lookup.variable(&format!("ROLECALL_{variable}"), value);
            }
            "--collect" | "--member-profile" => {}
            _ => arguments.extend([flag.clone(), value.clone()]),
        }
    }
    lookup.arguments = arguments;
    let failed = lookup.run("find-key", &[]).await;
    let shown: String = failed.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    if shown.starts_with("error: GetAccessKeyInfo: AccessDenied") {
        // What limits the caller denies its own call too, and no role was reached.
        return Ok(());
    }
    let text = check.candidate(breakage.cause).and_then(|it| it.get("text")).and_then(Value::as_str).unwrap();
    let text = text.split(", ").next().unwrap_or(text);
    let is_same =
        shown.contains(&format!("{}:", breakage.link)) && shown.contains(breakage.scan_says.unwrap_or(text));
    if is_same && shown.contains("rolecall doctor --role-arn arn:aws:iam::111111111111:role/") {
        Ok(())
    } else {
        Err(format!("the key lookup does not show {} and {text:?}: {shown}", breakage.link))
    }
}

/// What a doctor may call besides what a scan calls.
fn may_diagnose(setting: &mut Setting, actions: &[&str]) {
    let statement = serde_json::json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
    let policies = setting.at("/accounts/222222222222/roles/LambdaRole/policies");
    policies.as_array_mut().unwrap().push(setting::policy(&statement));
}

#[tokio::test]
async fn authorization_details_of_aws_name_all_causes_at_once() {
    let mut setting = Setting::healthy();
    setting.world.as_object_mut().unwrap().insert("authorization_ids".to_owned(), true.into());
    setting.set("/accounts/222222222222/roles/LambdaRole", "policies", serde_json::json!([]));
    let logs = setting::policy(
        &serde_json::json!({ "Effect": "Allow", "Action": ["logs:*", "iam:*"], "Resource": "*" }),
    );
    setting.set("/accounts/222222222222/roles/LambdaRole", "permissions_boundary", logs);
    setting.with_external_id();
    let (_, check) = setting.check().await;
    let notes = check.broken().unwrap().get("notes").unwrap().to_string();
    assert!(notes.contains("the caller may not call iam:GetRequestAuthorizationDetails"), "{notes}");
    assert_eq!(check.evidence(), "message");

    may_diagnose(&mut setting, &["iam:GetRequestAuthorizationDetails"]);
    let (ended, check) = setting.check().await;
    assert_eq!(check.evidence(), "authorization_details", "{}", check.0);
    let causes = check.broken().unwrap().get("candidates").unwrap().as_array().unwrap();
    let policies: Vec<&str> =
        causes.iter().filter_map(|cause| cause.get("policy").and_then(Value::as_str)).collect();
    assert!(policies.contains(&"identity") && policies.contains(&"permissions_boundary"), "{}", check.0);
    assert!(
        !ended.stdout.contains(&format!("\"{EXTERNAL_ID}\"")),
        "no trust policy is to be changed: {}",
        ended.stdout
    );
    // Both are healed, one after the other, by what was printed at once.
    let pastes: Vec<Value> =
        causes.iter().filter_map(|cause| cause.pointer("/cure/paste").cloned()).collect();
    for paste in &pastes {
        setting.paste(paste);
    }
    assert_eq!(setting.check().await.0.code, Some(0));
}

#[tokio::test]
async fn details_of_a_trust_policy_do_not_say_that_it_does_not_name_the_caller() {
    let mut setting = Setting::healthy();
    setting.world.as_object_mut().unwrap().insert("authorization_ids".to_owned(), true.into());
    may_diagnose(&mut setting, &["iam:GetRequestAuthorizationDetails"]);
    let mfa = setting::trust_if("Bool", "aws:MultiFactorAuthPresent", &serde_json::json!("true"));
    setting.set("/accounts/111111111111/roles/IAMListRole", "trust_policy", mfa);
    let (_, check) = setting.check().await;
    assert_eq!(check.evidence(), "authorization_details", "{}", check.0);
    for cause in ["caller_not_trusted", "trust_condition_not_met"] {
        let tells = check.candidate(cause).and_then(|it| it.get("distinguished_by"));
        assert!(tells.is_some(), "{cause}: {}", check.0);
    }
    setting.argument("--member-profile", "member");
    let (_, check) = setting.check().await;
    assert_eq!(check.evidence(), "role", "{}", check.0);
    let key = check.candidate("trust_condition_not_met").and_then(|it| it.get("key")).unwrap();
    assert_eq!(key, "aws:MultiFactorAuthPresent", "{}", check.0);
    assert!(check.candidate("caller_not_trusted").is_none(), "{}", check.0);
}

#[tokio::test]
async fn a_trust_policy_for_a_role_with_a_path_is_not_said_to_allow_the_caller() {
    let mut setting = Setting::healthy();
    let other_path = setting::role(setting::HUB, "service-role/LambdaRole");
    let trust = setting::trust(&serde_json::json!({ "AWS": other_path }));
    setting.set("/accounts/111111111111/roles/IAMListRole", "trust_policy", trust);
    setting.argument("--member-profile", "member");
    let (_, check) = setting.check().await;
    let first = check.broken().unwrap().pointer("/candidates/0").unwrap();
    assert_eq!(first.get("cause").unwrap(), "caller_not_trusted", "{}", check.0);
    assert!(
        first
            .pointer("/cure/step")
            .is_some_and(|step| step.to_string().contains("get-role --role-name LambdaRole"))
    );
    assert!(!check.0.to_string().contains("the trust policy allows this caller"), "{}", check.0);
    // Where the caller may read its own role, the path is known.
    may_diagnose(&mut setting, &["iam:GetRole"]);
    let (_, check) = setting.check().await;
    assert_eq!(check.evidence(), "role", "{}", check.0);
    assert!(
        check.candidate("caller_not_trusted").is_some_and(|it| it.pointer("/cure/paste").is_some()),
        "{}",
        check.0
    );
}

#[tokio::test]
async fn a_statement_that_denies_is_named_by_its_sid() {
    let mut setting = Setting::healthy();
    setting.world.as_object_mut().unwrap().insert("authorization_ids".to_owned(), true.into());
    let deny = serde_json::json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Sid": "DenyAssumingRoles", "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*" },
    ] });
    setting.set("/organization/root/units/0", "scps", serde_json::json!([deny]));
    may_diagnose(&mut setting, &["iam:GetRequestAuthorizationDetails"]);
    let (_, check) = setting.check().await;
    let text = check.candidate("explicitly_denied").unwrap().get("text").unwrap().to_string();
    assert!(text.contains("(statement DenyAssumingRoles)"), "{text}");
}

#[tokio::test]
async fn a_simulation_tells_the_hub_side_from_the_member_side() {
    let trust = setting::trust(&serde_json::json!({ "AWS": setting::role(setting::HUB, "SomebodyElse") }));
    let mut setting = Setting::healthy();
    setting.set("/accounts/111111111111/roles/IAMListRole", "trust_policy", trust);
    let (_, check) = setting.check().await;
    let hub = check.link("hub");
    assert_eq!(hub.get("state").unwrap(), "untested", "{}", check.0);
    assert!(
        hub.get("reason").unwrap().to_string().contains("may not call iam:SimulatePrincipalPolicy"),
        "{hub}"
    );

    may_diagnose(&mut setting, &["iam:SimulatePrincipalPolicy"]);
    let (_, check) = setting.check().await;
    assert_eq!(check.link("hub").get("evidence").unwrap(), "simulation", "{}", check.0);
    let notes = check.broken().unwrap().get("notes").unwrap().to_string();
    assert!(
        notes.contains("the simulation leaves out the trust policy, resource control policies"),
        "{notes}"
    );

    // A role with a path: only IAM knows the path of a session's role.
    setting.set("/accounts/222222222222/roles/LambdaRole", "path", "/audit/".into());
    setting.set("/caller", "arn", "arn:aws:iam::222222222222:role/audit/LambdaRole".into());
    may_diagnose(&mut setting, &["iam:GetRole"]);
    let (_, check) = setting.check().await;
    assert_eq!(check.link("hub").get("evidence").unwrap(), "simulation", "{}", check.0);
}

#[tokio::test]
async fn the_output_for_people_has_the_links_the_causes_and_the_statement() {
    let mut setting = Setting::healthy();
    setting.with_external_id();
    let trust = setting::trust(&serde_json::json!({ "AWS": setting::role(setting::HUB, "SomebodyElse") }));
    setting.set("/accounts/111111111111/roles/IAMListRole", "trust_policy", trust);
    let ended = setting.run("doctor", &[]).await;
    assert_eq!(ended.code, Some(10), "{}", ended.stderr);
    let shown = without_ids(&ended.stdout);
    insta::assert_snapshot!(shown);
}

/// The output without the ids of requests and without the difference of the clocks, which is a second where one begins meanwhile.
fn without_ids(text: &str) -> String {
    let stable = |line: &str| match (line.split_once("request "), line.split_once(", clock ")) {
        (Some((before, _)), _) => format!("{before}request …"),
        (None, Some((before, _))) => format!("{before}, clock …"),
        (None, None) => line.to_owned(),
    };
    text.lines().map(stable).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn each_action_of_each_fact_is_tested() {
    let mut setting = Setting::healthy();
    *setting.at("/accounts/111111111111/roles/IAMListRole/policies/0/Statement/0/Action") =
        serde_json::json!("iam:*");
    setting.arguments = ["--role-arn", setting::ROLE_ARN, "--collect", "all"].map(str::to_owned).to_vec();
    let (ended, check) = setting.check().await;
    // An action that the doctor does not know is "not tested".
    assert_eq!(ended.code, Some(0), "{}", check.0);
}

#[tokio::test]
async fn an_organization_that_cannot_be_listed_is_a_broken_link() {
    let mut setting = Setting::healthy();
    setting.arguments = ["--organization", "--role-name", "IAMListRole"].map(str::to_owned).to_vec();
    let (ended, check) = setting.check().await;
    assert_eq!(ended.code, Some(10), "{}", ended.stderr);
    assert_eq!(check.broken().unwrap().get("link").unwrap(), "organization", "{}", check.0);
}

#[tokio::test]
async fn a_failed_key_lookup_shows_the_diagnosis_and_the_command() {
    let mut setting = Setting::healthy();
    may_diagnose(&mut setting, &["sts:GetAccessKeyInfo"]);
    setting.set("/accounts/111111111111/roles/IAMListRole", "policies", serde_json::json!([]));
    setting.arguments = ["AKIAIOSFODNN7EXAMPLE", "--role-name", "IAMListRole"].map(str::to_owned).to_vec();
    let failed = setting.run("whose", &[]).await;
    assert_eq!(failed.code, Some(11), "{}", failed.stderr);
    for words in [
        "collect: no identity-based policy allows iam:GetAccessKeyLastUsed",
        "rolecall doctor --role-arn arn:aws:iam::111111111111:role/IAMListRole",
    ] {
        assert!(failed.stderr.contains(words), "{words} is not in {}", failed.stderr);
    }
}

#[tokio::test]
async fn the_external_id_of_another_statement_is_never_printed() {
    let mut setting = Setting::healthy();
    let statement = serde_json::json!({
        "Effect": "Allow", "Principal": { "AWS": setting::role(setting::HUB, "SomebodyElse") }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "of-the-other-statement" } },
    });
    setting.set("/accounts/111111111111/roles/IAMListRole", "trust_policy", setting::policy(&statement));
    setting.argument("--member-profile", "member");
    for more in [&["--format", "json"][..], &["--format", "json", "--show-external-id"], &[]] {
        let ended = setting.run("doctor", more).await;
        assert_eq!(ended.code, Some(10), "{}", ended.stderr);
        assert!(!ended.stdout.contains("of-the-other-statement"), "{}", ended.stdout);
        // The condition stays.
        assert!(ended.stdout.contains("EXTERNAL_ID_OF_THIS_RUN"), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn accounts_with_the_same_diagnosis_are_listed_under_the_first() {
    let mut setting = Setting::healthy();
    let [missing, others] = ["111111111111:role/Missing", "333333333333:role/IAMListRole"]
        .map(|role| format!("arn:aws:iam::{role}"));
    let closed = "arn:aws:iam::444444444444:role/IAMListRole";
    setting.arguments = ["--role-arn", &missing, &others, closed].map(str::to_owned).to_vec();
    let ended = setting.run("doctor", &[]).await;
    assert_eq!(ended.code, Some(10), "{}", ended.stderr);
    // The role's name is in the diagnosis, and the account's id is not.
    assert_eq!(ended.stdout.matches("FAIL ").count(), 2, "{}", ended.stdout);
    let same = format!("the same, each for its own account, in 1 more target:\n     {closed}\n");
    assert!(ended.stdout.contains(&same), "{}", ended.stdout);
    assert!(ended.stdout.contains("3 targets: 0 healthy, 3 broken"), "{}", ended.stdout);
    let json: Value =
        serde_json::from_str(&setting.run("doctor", &["--format", "json"]).await.stdout).unwrap();
    assert_eq!(json.pointer("/targets").unwrap().as_array().unwrap().len(), 3, "JSON has each target");
}

#[tokio::test]
async fn a_statement_for_tags_allows_these_tags_only() {
    let mut setting = Setting::healthy();
    setting.argument("--session-tag", "team=search");
    let (_, check) = setting.check().await;
    let paste = check.candidate("not_allowed").and_then(|it| it.pointer("/cure/paste/statement")).unwrap();
    assert_eq!(paste.pointer("/Condition/StringEquals/aws:RequestTag~1team").unwrap(), "search", "{paste}");
    assert_eq!(paste.pointer("/Condition/ForAllValues:StringEquals/aws:TagKeys").unwrap(), "team", "{paste}");
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_at_once() {
    for command in ["check", "evaluate", "explain"] {
        let arguments = match command {
            "check" => vec![
                "policy",
                "check",
                "/dev/zero",
                "--hub-role-arn",
                "arn:aws:iam::222222222222:role/LambdaRole",
                "--role-arn",
                setting::ROLE_ARN,
            ],
            _ => vec!["policy", command, "/dev/zero"],
        };
        let refused = common::ended(&mut common::rolecall("http://127.0.0.1:9", &arguments)).await;
        assert_eq!(refused.code, Some(2), "{command}: {}", refused.stderr);
        assert!(refused.stderr.contains("/dev/zero: not a regular file"), "{command}: {}", refused.stderr);
    }
}

#[tokio::test]
async fn an_outage_of_aws_is_not_a_refusal() {
    let mut setting = Setting::healthy();
    setting
        .world
        .as_object_mut()
        .unwrap()
        .insert("fault_injection".to_owned(), serde_json::json!({ "error_rate": 1.0 }));
    setting.argument("--max-attempts", "1");
    let (ended, check) = setting.check().await;
    assert_eq!(ended.code, Some(11), "{}", check.0);
}

#[tokio::test]
async fn a_clock_that_is_more_than_an_hour_ahead_is_named() {
    let mut setting = Setting::healthy();
    setting.set("", "fault_injection", serde_json::json!({ "clock_offset_s": -3700 }));
    let (ended, check) = setting.check().await;
    assert_eq!(ended.code, Some(11), "{}", check.0);
    assert!(check.candidate("clock_wrong").is_some(), "{}", check.0);
}
