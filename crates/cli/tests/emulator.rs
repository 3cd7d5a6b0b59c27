//! The whole flow through the real binary, against an AWS that says no.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends; it may read the clock"
)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use common::{Ended, ROLE_ARN, ended, rolecall};
use jiff::Timestamp;
use rolecall_emulator::log::RequestLogEntry;
use rolecall_emulator::{Clock, Emulator, World};
use serde_json::{Value, json};

const LAMBDA_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";

async fn start(world: World) -> Emulator {
    let listen = "127.0.0.1:0".parse().unwrap();
    Emulator::start(world, Clock::new(Timestamp::now), listen, None).await.unwrap()
}

/// A scan as a session of `LambdaRole`.
async fn scan(emulator: &Emulator, more: &[&str]) -> (Ended, Value) {
    let issued = emulator.session(LAMBDA_ROLE, "test").unwrap();
    let arguments = [&["scan", "--role-arn", ROLE_ARN, "--format", "json"], more].concat();
    let mut command = rolecall(&emulator.url(), &arguments);
    command.env("AWS_ACCESS_KEY_ID", issued.access_key_id);
    command.env("AWS_SECRET_ACCESS_KEY", &issued.secret_access_key);
    command.env("AWS_SESSION_TOKEN", &issued.session_token);
    let ended = ended(&mut command).await;
    for secret in [&issued.secret_access_key, &issued.session_token] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret));
    }
    let document = serde_json::from_str(&ended.stdout).unwrap_or_default();
    (ended, document)
}

/// The tutorial's world with one text of one document replaced.
fn changed(file: &'static str, from: &'static str, to: &'static str) -> World {
    let world = World::tutorial_with(|name, document| {
        if name != file {
            return document.to_owned();
        }
        assert!(document.contains(from), "{from} is not in {file}");
        document.replace(from, to)
    });
    world.unwrap()
}

/// A document, what is changed in it, the step that is then refused, with which code, and what the log says of it.
const CHANGES: [(&str, &str, &str, &str, &str, &str); 13] = [
    // A's role trusts B's role.
    (
        "member-trust.json",
        "\"Allow\"",
        "\"Deny\"",
        "session",
        "AccessDenied",
        "denied by infra/policies/member-trust.json",
    ),
    ("member-trust.json", "222222222222", "333333333333", "session", "AccessDenied", "no trust policy"),
    ("member-trust.json", "role/LambdaRole", "role/Lambda", "session", "AccessDenied", "no trust policy"),
    ("member-trust.json", "role/LambdaRole", "user/LambdaRole", "session", "AccessDenied", "no trust policy"),
    (
        "member-trust.json",
        "\"AWS\": \"arn:aws:iam::222222222222:role/LambdaRole\"",
        "\"Service\": \"lambda.amazonaws.com\"",
        "session",
        "AccessDenied",
        "no trust policy",
    ),
    ("member-trust.json", "sts:AssumeRole", "sts:TagSession", "session", "AccessDenied", "no trust policy"),
    (
        "member-trust.json",
        "\"Effect\"",
        "\"Condition\": {\"StringEquals\": {\"sts:ExternalId\": \"x1\"}}, \"Effect\"",
        "session",
        "AccessDenied",
        "no trust policy",
    ),
    // B's role may assume A's role.
    (
        "hub-permissions.json",
        "sts:AssumeRole",
        "sts:GetFederationToken",
        "session",
        "AccessDenied",
        "no identity-based policy",
    ),
    (
        "hub-permissions.json",
        "111111111111:role/IAMListRole",
        "333333333333:role/IAMListRole",
        "session",
        "AccessDenied",
        "no identity-based policy",
    ),
    (
        "hub-permissions.json",
        "role/IAMListRole",
        "role/iamlistrole",
        "session",
        "AccessDenied",
        "no identity-based policy",
    ),
    // What A's role may do.
    (
        "member-permissions.json",
        "iam:ListUsers",
        "iam:ListRoles",
        "users",
        "AccessDenied",
        "no identity-based policy",
    ),
    (
        "member-permissions.json",
        "\"*\"",
        "\"arn:aws:iam::333333333333:*\"",
        "users",
        "AccessDenied",
        "no identity-based policy",
    ),
    (
        "member-permissions.json",
        "iam:ListAccessKeys",
        "iam:ListGroups",
        "access_keys",
        "AccessDenied",
        "no identity-based policy",
    ),
];

#[tokio::test]
async fn every_changed_permission_is_reported_and_the_log_shows_which_policy_denied() {
    for (file, from, to, step, code, decided_by) in CHANGES {
        let emulator = start(changed(file, from, to)).await;
        let (ended, document) = scan(&emulator, &[]).await;
        let what = format!("{file}: {from} → {to}: {}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(11), "{what}");
        let gap = &document["accounts"][0]["gaps"][0];
        assert_eq!(
            (gap["stage"].as_str().or(gap["fact"].as_str()), gap["code"].as_str()),
            (Some(step), Some(code)),
            "{what}"
        );
        // Several requests at a time may be denied; the gap is about one of them.
        let is_of_gap = |line: &RequestLogEntry| gap["request_id"] == line.request_id.as_str();
        let denied = emulator.requests().into_iter().find(is_of_gap).unwrap();
        assert_eq!(denied.verdict, "Denied", "{denied:?}");
        assert!(denied.decided_by.as_deref().unwrap().contains(decided_by), "{denied:?}");
    }
    // Nothing of this is because of the test itself.
    let (ended, document) = scan(&start(World::tutorial().unwrap()).await, &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(document["counts"]["users"], 5);
    assert_eq!(document["counts"]["access_keys"], 7);
}

#[tokio::test]
async fn an_external_id_is_required_and_sent() {
    let asks = || {
        changed(
            "member-trust.json",
            "\"Effect\"",
            "\"Condition\": {\"StringEquals\": {\"sts:ExternalId\": \"between-us\"}}, \"Effect\"",
        )
    };
    assert_eq!(scan(&start(asks()).await, &["--external-id", "between-us"]).await.0.code, Some(0));
    assert_eq!(scan(&start(asks()).await, &["--external-id", "Between-us"]).await.0.code, Some(11));
    assert_eq!(scan(&start(asks()).await, &[]).await.0.code, Some(11));
}

#[tokio::test]
async fn a_wrong_secret_access_key_is_rejected() {
    let emulator = start(World::tutorial().unwrap()).await;
    let issued = emulator.session(LAMBDA_ROLE, "test").unwrap();
    let mut command = rolecall(&emulator.url(), &["scan", "--role-arn", ROLE_ARN]);
    command.env("AWS_ACCESS_KEY_ID", issued.access_key_id);
    command.env("AWS_SESSION_TOKEN", issued.session_token);
    let ended = ended(&mut command).await;
    assert_eq!(ended.code, Some(11));
    assert!(ended.stderr.contains("SignatureDoesNotMatch"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_documented_actions_suffice_and_each_is_needed() {
    let member: Value =
        serde_json::from_str(include_str!("../../../infra/policies/member-permissions.json")).unwrap();
    let actions: Vec<&str> =
        member["Statement"][0]["Action"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    let emulator = start(World::tutorial().unwrap()).await;
    assert_eq!(scan(&emulator, &[]).await.0.code, Some(0));
    let mut used: Vec<String> = emulator
        .requests()
        .into_iter()
        .map(|line| line.operation)
        .filter(|o| o.starts_with("iam:"))
        .collect();
    used.sort();
    used.dedup();
    let mut declared = actions.clone();
    declared.sort_unstable();
    assert_eq!(used, declared);
    for action in actions {
        let without = World::tutorial_with(|file, document| {
            if file == "member-permissions.json" {
                document.replace(action, "iam:GetGroup")
            } else {
                document.to_owned()
            }
        });
        assert_ne!(scan(&start(without.unwrap()).await, &[]).await.0.code, Some(0), "without {action}");
    }
}

#[tokio::test]
async fn the_session_of_an_administrator_may_list_and_nothing_else() {
    let administrator =
        || changed("member-permissions.json", "[\"iam:ListUsers\", \"iam:ListAccessKeys\"]", "\"*\"");
    for (more, narrowed) in [(&[][..], true), (&["--no-session-policy"][..], false)] {
        let emulator = start(administrator()).await;
        assert_eq!(scan(&emulator, more).await.0.code, Some(0));
        let listed = emulator.requests().into_iter().find(|line| line.operation == "iam:ListUsers").unwrap();
        assert_eq!(listed.decided_by.unwrap().contains("the session policy"), narrowed);
    }
}

#[tokio::test]
async fn a_command_runs_in_the_emulators_environment_and_its_exit_code_is_returned() {
    let this = env!("CARGO_BIN_EXE_rolecall");
    let run = async |arguments: &[&str]| {
        let mut command = rolecall("http://127.0.0.1:9", &[&["emulator", "--"], arguments].concat());
        // A person's own settings and proxies have no part in it.
        command.env("AWS_PROFILE", "nobody").env("AWS_ENDPOINT_URL_IAM", "http://127.0.0.1:9");
        command.env("HTTP_PROXY", "http://127.0.0.1:9").env("PATH", "/usr/bin:/bin");
        ended(&mut command).await
    };
    let scanned = run(&[this, "scan", "--role-arn", ROLE_ARN]).await;
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
    assert!(scanned.stdout.contains("deploy+eu=1,blue.green@ci-2"), "{}", scanned.stdout);
    assert_eq!(run(&["sh", "-c", "exit 7"]).await.code, Some(7));
    assert_eq!(run(&["sh", "-c", "kill -9 $$"]).await.code, Some(137));
    let missing = run(&["no-such-command"]).await;
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("no-such-command"), "{}", missing.stderr);
}

#[tokio::test]
async fn a_command_gets_the_credentials_of_the_worlds_caller_and_denials_an_authorization_id() {
    let world = tempfile::NamedTempFile::new().unwrap();
    let secret = "0123456789012345678901234567890123456789";
    let file = json!({
        "caller": { "arn": "arn:aws:iam::222222222222:user/ada" },
        "accounts": { "111111111111": {}, "222222222222": { "users": { "ada": {
            "create_date": "2026-01-05T12:00:00Z",
            "access_keys": [{ "access_key_id": "AKIAADAADAADAADAADAA", "create_date": "2026-01-05T12:00:00Z",
                              "secret_access_key": secret }],
        } } } },
    });
    fs::write(world.path(), file.to_string()).unwrap();
    let emulate = |command: &[&str]| {
        let options = ["emulator", "--world", world.path().to_str().unwrap(), "--authorization-ids", "--"];
        let mut command = rolecall("http://127.0.0.1:9", &[&options, command].concat());
        command.env("AWS_SESSION_TOKEN", "of another session");
        command
    };
    let printed = ended(&mut emulate(&["env"])).await;
    assert!(printed.stdout.contains("AWS_ACCESS_KEY_ID=AKIAADAADAADAADAADAA"), "{}", printed.stdout);
    assert!(!printed.stdout.contains("AWS_SESSION_TOKEN"), "an access key has none: {}", printed.stdout);
    let program = env!("CARGO_BIN_EXE_rolecall");
    let scanned = ended(&mut emulate(&[program, "scan", "--role-arn", ROLE_ARN, "--format", "json"])).await;
    assert_eq!(scanned.code, Some(11), "{}", scanned.stderr);
    let words = "call the GetRequestAuthorizationDetails API with the following authorization id: ";
    assert!(scanned.stdout.contains(words), "{}", scanned.stdout);
    assert!(!scanned.stdout.contains(secret) && !scanned.stderr.contains(secret));
}

#[tokio::test]
async fn the_emulator_does_not_log_the_session_tokens_that_it_checks() {
    let scan = format!("{} scan --role-arn {ROLE_ARN} >/dev/null", env!("CARGO_BIN_EXE_rolecall"));
    let script = format!("echo \"$AWS_SESSION_TOKEN\"; {scan}");
    let mut command = rolecall("http://127.0.0.1:9", &["emulator", "--", "sh", "-c", &script]);
    let ended = ended(command.env("RUST_LOG", "trace")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let token = ended.stdout.trim();
    assert!(token.len() > 20 && !ended.stderr.contains(token), "{}", ended.stderr);
    assert!(ended.stderr.contains("DEBUG"), "everything is logged");
}

#[tokio::test]
async fn the_env_file_exists_while_the_emulator_listens_and_only_the_user_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let (env_file, log) = (folder.path().join("aws.env"), folder.path().join("log"));
    let arguments = [
        "emulator",
        "--listen",
        "127.0.0.1:0",
        "--env-file",
        env_file.to_str().unwrap(),
        "--log",
        log.to_str().unwrap(),
    ];
    let mut emulator = rolecall("http://127.0.0.1:9", &arguments).stderr(Stdio::piped()).spawn().unwrap();
    while !env_file.exists() {
        assert_eq!(emulator.try_wait().unwrap(), None, "it listens until it is ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(fs::metadata(&env_file).unwrap().permissions().mode() & 0o777, 0o600);
    let script = format!(". {} && exec \"$0\" scan --role-arn {ROLE_ARN} --format json", env_file.display());
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_rolecall")]).env("AWS_PROFILE", "nobody");
    let scanned = ended(&mut shell).await;
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
    let lines = fs::read_to_string(&log).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["operation"], "sts:GetCallerIdentity");

    let settings = fs::read_to_string(&env_file).unwrap();
    std::process::Command::new("kill").arg(emulator.id().unwrap().to_string()).status().unwrap();
    let output = emulator.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("http://127.0.0.1:"), "{said}");
    assert!(!env_file.exists(), "what it says leads to nobody any more");
    for secret in settings.lines().filter(|line| line.contains("SECRET") || line.contains("TOKEN")) {
        let value = secret.split('\'').nth(1).unwrap();
        assert!(!said.contains(value) && !lines.contains(value) && !scanned.stderr.contains(value));
    }
}

/// The processor time of a process so far, in clock ticks of 10 ms.
#[cfg(target_os = "linux")]
fn processor_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name in parentheses may have spaces. User and system time are the fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn without_file_descriptors_the_emulator_waits_and_answers_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let env_file = folder.path().join("aws.env");
    let script = "ulimit -n 24 && exec \"$0\" emulator --listen 127.0.0.1:0 --env-file \"$1\"";
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_rolecall")]).arg(&env_file).stderr(Stdio::null());
    let mut emulator = shell.kill_on_drop(true).spawn().unwrap();
    let pid = emulator.id().unwrap();
    while !env_file.exists() {
        assert_eq!(emulator.try_wait().unwrap(), None);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let settings = fs::read_to_string(&env_file).unwrap();
    let address = settings.split("http://").nth(1).unwrap().split(['\'', '\n']).next().unwrap();
    let mut connections = Vec::new();
    for _ in 0..40 {
        connections.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    // It has no file descriptor left; the other connections wait.
    while fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() < 24 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = processor_ticks(pid);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let ticks = processor_ticks(pid) - before;
    assert!(ticks < 30, "{ticks} of 100 ticks: it tries to accept again and again");
    drop(connections);

    let script = format!(". {} && exec \"$0\" scan --role-arn {ROLE_ARN}", env_file.display());
    let mut scan = tokio::process::Command::new("sh");
    let scanned = ended(scan.args(["-c", &script, env!("CARGO_BIN_EXE_rolecall")])).await;
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
}

#[tokio::test]
async fn a_file_of_somebody_else_is_not_overwritten_and_a_command_ends_with_the_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let (precious, env_file) = (folder.path().join("precious"), folder.path().join("aws.env"));
    fs::write(&precious, "mine").unwrap();
    let arguments = ["emulator", "--env-file", precious.to_str().unwrap(), "--", "true"];
    let refused = ended(&mut rolecall("http://127.0.0.1:9", &arguments)).await;
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("was not written by an emulator"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");

    let pid = folder.path().join("pid");
    let script = format!("echo $$ > {}.new && mv {0}.new {0} && exec sleep 60", pid.display());
    let arguments = ["emulator", "--env-file", env_file.to_str().unwrap(), "--", "sh", "-c", &script];
    let mut emulator = rolecall("http://127.0.0.1:9", &arguments).spawn().unwrap();
    while !pid.exists() {
        assert_eq!(emulator.try_wait().unwrap(), None);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(env_file.exists());
    let kill = |id: &str| std::process::Command::new("kill").arg(id).output().unwrap().status.success();
    assert!(kill(&emulator.id().unwrap().to_string()));
    assert_eq!(emulator.wait().await.unwrap().code(), Some(128 + 15));
    assert!(!env_file.exists());
    assert!(!kill(fs::read_to_string(&pid).unwrap().trim()), "the command has ended");
}

#[tokio::test]
async fn the_users_own_configuration_sends_no_call_past_the_emulator() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    let config = "[default]\nignore_configured_endpoint_urls = true\nuse_fips_endpoint = true\n\
                  use_dualstack_endpoint = true\nendpoint_url = http://127.0.0.1:9\n";
    fs::write(home.path().join(".aws/config"), config).unwrap();
    let this = env!("CARGO_BIN_EXE_rolecall");
    let scan = [this, "scan", "--role-arn", ROLE_ARN];
    let mut command = rolecall("http://127.0.0.1:9", &[&["emulator", "--"][..], &scan].concat());
    command.env("HOME", home.path()).env_remove("AWS_CONFIG_FILE").env("HTTP_PROXY", "http://127.0.0.1:9");
    command.env("AWS_USE_FIPS_ENDPOINT", "true");
    let scanned = ended(&mut command).await;
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
}

#[tokio::test]
async fn without_a_role_that_lambda_may_assume_nothing_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder_of_world = concat!(env!("CARGO_MANIFEST_DIR"), "/../emulator/worlds/");
    let mut world: Value = serde_json::from_str(include_str!("../../emulator/worlds/tutorial.json")).unwrap();
    for (account, role) in [("111111111111", "IAMListRole"), ("222222222222", "LambdaRole")] {
        let role = &mut world["accounts"][account]["roles"][role];
        for document in [&mut role["trust_policy"].take(), &mut role["policies"][0].take()] {
            let text =
                fs::read_to_string(format!("{folder_of_world}{}", document.as_str().unwrap())).unwrap();
            let document: Value =
                serde_json::from_str(&text.replace("lambda.amazonaws.com", "ec2.amazonaws.com")).unwrap();
            let is_trust = document["Statement"][0].get("Principal").is_some();
            if is_trust { role["trust_policy"] = document } else { role["policies"] = json!([document]) }
        }
    }
    let file = folder.path().join("world.json");
    fs::write(&file, world.to_string()).unwrap();
    let this = env!("CARGO_BIN_EXE_rolecall");
    let emulator = ["emulator", "--world", file.to_str().unwrap()];
    let run = async |more: &[&str]| {
        let scan = ["--", this, "scan", "--role-arn", ROLE_ARN];
        ended(&mut rolecall("http://127.0.0.1:9", &[&emulator[..], more, &scan].concat())).await
    };
    let refused = run(&[]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(10), ""));
    assert!(refused.stderr.contains("no trust policy allows it"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--as"), "{}", refused.stderr);
    assert_eq!(run(&["--as", LAMBDA_ROLE]).await.code, Some(0));
}

#[tokio::test]
async fn requests_are_recorded_as_cloudtrail_events_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("trail");
    let arguments = ["emulator", "--log", log.to_str().unwrap(), "--log-format", "cloudtrail", "--"];
    let this = env!("CARGO_BIN_EXE_rolecall");
    let refused = "arn:aws:iam::333333333333:role/R";
    let scan = [this, "scan", "--role-arn", refused, "--external-id", "between-us"];
    let ended = ended(&mut rolecall("http://127.0.0.1:9", &[&arguments[..], &scan].concat())).await;
    assert_eq!(ended.code, Some(11), "{}", ended.stderr);
    let text = fs::read_to_string(&log).unwrap();
    assert!(!text.contains("between-us"), "{text}");
    let record: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(record["eventSource"], "sts.amazonaws.com");
    assert_eq!(record["eventName"], "AssumeRole");
    assert_eq!(record["errorCode"], "AccessDenied");
    assert_eq!(record["requestParameters"]["roleArn"], refused);
    assert_eq!(record["userIdentity"]["arn"], "arn:aws:sts::222222222222:assumed-role/LambdaRole/rolecall");
    assert_eq!(record["userIdentity"]["accountId"], "222222222222");
}

#[tokio::test]
async fn an_invalid_world_or_address_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world.json");
    let trust =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole" }] });
    let file = json!({ "accounts": { "111111111111": { "roles": { "R": { "trust_policy": trust } } } } });
    fs::write(&world, file.to_string()).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, words) in [
        (
            &["--world", world.to_str().unwrap()][..],
            "accounts.111111111111.roles.R.trust_policy: Statement[0]: ",
        ),
        (&["--world", "/no/such.json"][..], "/no/such.json"),
        (&["--listen", "198.51.100.1:4599"][..], "--listen 127.0.0.1:4600"),
        (&["--listen", "localhost"][..], "127.0.0.1:4599"),
        (&["--as", "arn:aws:iam::222222222222:role/Nobody", "--listen", "127.0.0.1:0"][..], "LambdaRole"),
        (
            &["--env-file", "/no/such/file", "--listen", "127.0.0.1:0"][..],
            "--env-file /no/such/file: no such directory",
        ),
        (&["--log", "/no/such/log"][..], "--log /no/such/log: no such directory"),
        (&["--listen", taken.as_str()][..], "--listen 127.0.0.1:4600"),
    ] {
        let ended = ended(&mut rolecall("http://127.0.0.1:9", &[&["emulator"], arguments].concat())).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{words} is not in {}", ended.stderr);
    }
}

#[tokio::test]
async fn the_demo_shows_the_flow_and_which_policy_denies() {
    let ended = ended(&mut rolecall("http://127.0.0.1:9", &["demo"])).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for words in [
        "1 complete    5 users, 7 keys",
        "The emulator's log says: sts:AssumeRole was denied, no trust policy allows it",
        "The emulator's log says: sts:AssumeRole was denied, no identity-based policy allows it",
        "cannot be assumed by Lambda",
    ] {
        assert!(ended.stdout.contains(words), "{words} is not in {}", ended.stdout);
    }
    assert_eq!(ended.stdout.matches("ROLL COMPLETE").count(), 2, "before and after");
}

#[tokio::test]
async fn what_the_credential_report_lacks_is_read_live_and_never_left_out() {
    // Users without keys, and one of them has a password: the report says that there is one, and no more.
    let policy = |statement: &str| format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#);
    let trust = policy(
        r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:role/LambdaRole"}, "Action": "sts:AssumeRole"}"#,
    );
    let lambda = policy(
        r#"{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}"#,
    );
    let [iam, sts] = ["iam:*", "sts:*"]
        .map(|action| policy(&format!(r#"{{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}"#)));
    let file = format!(
        r#"{{"accounts": {{
            "111111111111": {{"roles": {{"IAMListRole": {{"trust_policy": {trust}, "policies": [{iam}]}}}}, "users": {{
                "bob": {{"create_date": "2025-06-01T09:00:00Z", "login_profile": {{"create_date": "2025-06-02T09:00:00Z"}}}},
                "carol": {{"create_date": "2025-06-01T09:00:00Z"}}}}}},
            "222222222222": {{"roles": {{"LambdaRole": {{"trust_policy": {lambda}, "policies": [{sts}]}}}}, "users": {{}}}}}}}}"#
    );
    let world = || World::parse(&file, |_| Err(std::io::Error::from(std::io::ErrorKind::NotFound))).unwrap();
    let collect = ["--collect", "access_keys,console_password,mfa_devices", "--no-rules"];
    let (exact, live) = scan(&start(world()).await, &collect).await;
    let (report, told) =
        scan(&start(world()).await, &[&collect[..], &["--user-source", "credential-report"]].concat()).await;
    assert_eq!((exact.code, report.code), (Some(0), Some(0)), "{}{}", exact.stderr, report.stderr);
    let facts = |document: &Value| -> Vec<Value> {
        let users = document["accounts"][0]["users"].as_array().unwrap().iter();
        users
            .map(|user| {
                json!([user["user_name"], user["console_password"]["value"], user["mfa_devices"]["value"]])
            })
            .collect()
    };
    assert_eq!(facts(&told), facts(&live));
    assert!(facts(&told).iter().any(|user| user[0] == "bob" && !user[1].is_null()), "{told}");
}
