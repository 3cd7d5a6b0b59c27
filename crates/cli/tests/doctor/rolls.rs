//! The doctor checks what a scan read: its facts, users and session, also from a roll.

use super::setting::{self, Setting};

#[tokio::test]
async fn the_accounts_that_a_roll_could_not_read_are_checked() {
    let mut setting = Setting::healthy();
    setting.set("/accounts/111111111111/roles/IAMListRole", "policies", serde_json::json!([]));
    let folder = tempfile::tempdir().unwrap();
    let roll = folder.path().join("roll.jsonl");
    let scan = setting.run("scan", &["--roll", roll.to_str().unwrap()]).await;
    assert_eq!(scan.code, Some(11), "{}", scan.stderr);
    setting.arguments = vec!["--from".to_owned(), roll.to_str().unwrap().to_owned()];
    let (ended, check) = setting.check().await;
    assert_eq!(ended.code, Some(10), "{}", ended.stderr);
    assert_eq!(check.broken().unwrap().get("link").unwrap(), "collect");
    // A roll without gaps has nothing to diagnose.
    let healthy = Setting::healthy();
    let other = folder.path().join("healthy.jsonl");
    assert_eq!(healthy.run("scan", &["--roll", other.to_str().unwrap()]).await.code, Some(0));
    setting.arguments = vec!["--from".to_owned(), other.to_str().unwrap().to_owned()];
    let nothing = setting.run("doctor", &[]).await;
    assert_eq!(nothing.code, Some(2));
    assert!(
        nothing.stderr.contains("no role of the roll was denied, failed or left out"),
        "{}",
        nothing.stderr
    );
}

#[tokio::test]
async fn a_roll_is_checked_for_the_facts_that_it_has() {
    let mut setting = Setting::healthy();
    let actions = setting.at("/accounts/111111111111/roles/IAMListRole/policies/0/Statement/0/Action");
    actions.as_array_mut().unwrap().retain(|action| action != "iam:ListMFADevices");
    let folder = tempfile::tempdir().unwrap();
    let roll = folder.path().join("roll.jsonl").to_str().unwrap().to_owned();
    let scan = setting.run("scan", &["--roll", &roll]).await;
    assert_eq!(scan.code, Some(11), "{}", scan.stderr);
    assert!(scan.stdout.contains("IAMListRole --collect "), "the command names the facts: {}", scan.stdout);
    setting.arguments = vec!["--from".to_owned(), roll];
    let (ended, check) = setting.check().await;
    assert_eq!(check.broken().unwrap().get("link").unwrap(), "collect", "{}", check.0);
    assert!(!ended.stderr.contains("external id"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_roll_is_checked_with_what_its_scan_sent() {
    let mut setting = Setting::healthy();
    setting.with_external_id();
    setting.argument("--session-tag", "team=a b");
    setting.argument("--source-identity", "j.ruiz");
    setting.argument("--session-name", "audit");
    let folder = tempfile::tempdir().unwrap();
    let roll = folder.path().join("roll.jsonl").to_str().unwrap().to_owned();
    let scan = setting.run("scan", &["--roll", &roll]).await;
    assert_eq!(scan.code, Some(11), "{}", scan.stderr);
    let words = "--session-name audit --source-identity j.ruiz --session-tag 'team=a b'";
    assert!(
        scan.stdout.contains(words) && scan.stdout.contains("with the external id of the scan"),
        "{}",
        scan.stdout
    );
    assert!(!std::fs::read_to_string(&roll).unwrap().contains(setting::EXTERNAL_ID));
    setting.arguments = vec!["--from".to_owned(), roll];
    let (ended, check) = setting.check().await;
    assert_eq!(check.broken().unwrap().get("link").unwrap(), "session", "{}", check.0);
    assert!(!ended.stderr.contains("the scan sent an external id"), "it is sent: {}", ended.stderr);
    setting.environment.clear();
    let (ended, _) = setting.check().await;
    assert!(ended.stderr.contains("the scan sent an external id"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_user_and_the_path_of_the_scan_are_tested() {
    let mut setting = Setting::healthy();
    let denied = ["arn:aws:iam::*:user/bob", "arn:aws:iam::*:user/ci/*"];
    let deny = serde_json::json!({
        "Effect": "Deny", "Action": ["iam:ListAccessKeys", "iam:GetUser"], "Resource": denied,
    });
    let policies = setting.at("/accounts/111111111111/roles/IAMListRole/policies");
    policies.as_array_mut().unwrap().push(setting::policy(&deny));
    for (name, path) in [("bob", "/"), ("robot", "/ci/")] {
        let user = serde_json::json!({ "create_date": "2024-02-29T08:30:00Z", "path": path });
        setting.set("/accounts/111111111111/users", name, user);
    }
    for (flag, value, name) in [("--user", "bob", "bob"), ("--path-prefix", "/ci/", "robot")] {
        let mut limited = setting.clone();
        limited.argument(flag, value);
        let (ended, check) = limited.check().await;
        assert_eq!(ended.code, Some(10), "{flag}: {}", check.0);
        let link = check.broken().unwrap();
        assert!(
            link.get("subject").unwrap().as_str().unwrap().ends_with(&format!("user {name}")),
            "{}",
            check.0
        );
        // What is denied is denied to the role of the member, and not to the caller.
        let step =
            check.candidate("explicitly_denied").and_then(|it| it.pointer("/cure/step")).unwrap().to_string();
        assert!(step.contains("role IAMListRole in account 111111111111"), "{step}");
        let folder = tempfile::tempdir().unwrap();
        let roll = folder.path().join("roll.jsonl").to_str().unwrap().to_owned();
        let scan = limited.run("scan", &["--roll", &roll]).await;
        assert!(scan.stdout.contains(&format!("{flag} {value}")), "the command names it: {}", scan.stdout);
        limited.arguments = vec!["--from".to_owned(), roll];
        assert_eq!(limited.check().await.0.code, Some(10), "{flag}");
    }
}

#[tokio::test]
async fn the_users_that_a_scan_was_denied_are_tested() {
    let setting = Setting::healthy();
    let deny = serde_json::json!([
        { "Effect": "Deny", "Action": "iam:ListAccessKeys", "Resource": "arn:aws:iam::*:user/zoe" },
        { "Effect": "Deny", "Action": "iam:GetAccessKeyLastUsed", "Resource": "arn:aws:iam::*:user/yan" },
    ]);
    for statement in deny.as_array().unwrap() {
        let mut denying = setting.clone();
        let policies = denying.at("/accounts/111111111111/roles/IAMListRole/policies");
        policies.as_array_mut().unwrap().push(setting::policy(statement));
        let keys = serde_json::json!([{ "access_key_id": "AKIAIOSFODNN7EXAMPL2", "create_date": "2024-02-29T08:30:00Z" }]);
        for name in ["yan", "zoe"] {
            let keys = if name == "yan" { keys.clone() } else { serde_json::json!([]) };
            let user = serde_json::json!({ "create_date": "2024-02-29T08:30:00Z", "access_keys": keys });
            denying.set("/accounts/111111111111/users", name, user);
        }
        let folder = tempfile::tempdir().unwrap();
        let roll = folder.path().join("roll.jsonl").to_str().unwrap().to_owned();
        let scan = denying.run("scan", &["--roll", &roll]).await;
        assert_eq!(scan.code, Some(11), "{}", scan.stderr);
        // The first user of the account is not denied.
        assert_eq!(denying.check().await.0.code, Some(0));
        denying.arguments = vec!["--from".to_owned(), roll];
        let (ended, check) = denying.check().await;
        assert_eq!(ended.code, Some(10), "{statement}: {}", check.0);
        let action = statement["Action"].as_str().unwrap();
        let text = check.candidate("explicitly_denied").unwrap()["text"].to_string();
        assert!(text.contains(action), "{text}");
    }
}

#[tokio::test]
async fn one_user_is_read_without_listing_the_others() {
    let mut setting = Setting::healthy();
    let actions = setting.at("/accounts/111111111111/roles/IAMListRole/policies/0/Statement/0/Action");
    actions.as_array_mut().unwrap().retain(|action| action != "iam:ListUsers");
    setting.argument("--user", "alice");
    assert_eq!(setting.run("scan", &[]).await.code, Some(0));
    let (ended, check) = setting.check().await;
    assert_eq!(ended.code, Some(0), "{}", check.0);
}

#[tokio::test]
async fn every_user_that_a_scan_was_denied_is_tested_and_named_in_its_command() {
    let mut setting = Setting::healthy();
    let user = serde_json::json!({ "create_date": "2024-02-29T08:30:00Z" });
    for name in ["bob", "carol"] {
        setting.set("/accounts/111111111111/users", name, user.clone());
    }
    let healthy = setting.clone();
    let deny = |name: &str| {
        let resource = format!("arn:aws:iam::*:user/{name}");
        setting::policy(
            &serde_json::json!({ "Effect": "Deny", "Action": "iam:ListAccessKeys", "Resource": resource }),
        )
    };
    let denying = |users: &[&str]| {
        let mut denying = healthy.clone();
        let policies = denying.at("/accounts/111111111111/roles/IAMListRole/policies");
        policies.as_array_mut().unwrap().extend(users.iter().map(|name| deny(name)));
        denying
    };
    let folder = tempfile::tempdir().unwrap();
    let roll = folder.path().join("roll.jsonl").to_str().unwrap().to_owned();
    let both = denying(&["bob", "carol"]);
    let scan = both.run("scan", &["--roll", &roll]).await;
    assert!(scan.stdout.contains("--test-user bob --test-user carol"), "{}", scan.stdout);
    let named = both.run("doctor", &["--test-user", "carol"]).await;
    assert!(
        named.code == Some(10) && named.stdout.contains("tested with users alice, carol"),
        "{}",
        named.stdout
    );
    let invalid = both.run("doctor", &["--test-user", "a b"]).await;
    assert!(invalid.code == Some(2) && invalid.stderr.contains("--test-user"), "{}", invalid.stderr);
    let rolls = ["--from", roll.as_str()];
    let run = async |mut setting: Setting| {
        setting.arguments.clear();
        setting.run("doctor", &rolls).await
    };
    let all = run(both).await;
    assert!(
        all.code == Some(10) && all.stdout.contains("iam:ListAccessKeys is denied for bob, carol"),
        "{}",
        all.stdout
    );
    // After one is healed, the other is still denied.
    let one = run(denying(&["carol"])).await;
    assert!(one.code == Some(10) && one.stdout.contains("is denied for carol"), "{}", one.stdout);
    assert_eq!(run(healthy.clone()).await.code, Some(0));
    // A roll of a run that ended early.
    let whole = std::fs::read_to_string(&roll).unwrap();
    std::fs::write(&roll, whole.lines().next().unwrap().to_owned() + "\n").unwrap();
    let unread = run(healthy.clone()).await;
    assert!(
        unread.code == Some(0) && unread.stderr.contains("ended before it had read 1 account"),
        "{}",
        unread.stderr
    );
    assert!(unread.stdout.contains("ok  collect"), "{}", unread.stdout);
}

#[tokio::test]
async fn a_time_limit_ends_the_check_of_an_account_that_hangs() {
    let mut setting = Setting::healthy();
    setting.set("/accounts/111111111111", "hangs", serde_json::json!(true));
    for flag in ["--account-timeout", "--deadline"] {
        let ended = setting.run("doctor", &[flag, "2s"]).await;
        assert_eq!(ended.code, Some(11), "{}", ended.stdout);
        assert!(
            ended.stdout.contains(&format!("AWS did not respond in time; raise {flag}")),
            "{}",
            ended.stdout
        );
    }
}
