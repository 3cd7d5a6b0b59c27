//! `rolecall doctor` against every way to break the flow: it names the link and the cause, what it prints heals the world, and
//! nobody else gets access by it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

#[path = "doctor/breakages.rs"]
mod breakages;
mod common;
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
    let cure = candidate.get("cure").cloned().unwrap_or_default();
    let before = denied_to_others(&setting).await;
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
    // The doctor may know more: the text after the colon of its own evidence is not in the scan.
    let is_same = shown.contains(&format!("because {link}:"))
        && breakage.scan_says.map_or_else(
            || shown.contains(text.rsplit(": ").next().unwrap_or(text)),
            |words| shown.contains(words),
        );
    let command = "rolecall doctor --role-arn arn:aws:iam::111111111111:role/";
    if is_same && shown.contains(command) {
        Ok(())
    } else {
        Err(format!("the scan does not show {link} and {text:?}: {shown} {}", ended.stderr))
    }
}
