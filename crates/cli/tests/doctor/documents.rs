//! `rolecall doctor --documents`: what is refused, and what is not concluded.

use super::{common, setting};

#[tokio::test]
async fn documents_of_unknown_names_and_conditions_of_unknown_value_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let run = async |more: &[&str]| {
        let arguments = [
            &["doctor", "--documents", folder.path().to_str().unwrap(), "--role-arn", setting::ROLE_ARN][..],
            &["--caller-arn", "arn:aws:iam::222222222222:role/LambdaRole"],
            more,
        ];
        common::ended(&mut common::rolecall("http://127.0.0.1:9", &arguments.concat())).await
    };
    let generate = [
        "policy",
        "generate",
        "--hub-role-arn",
        "arn:aws:iam::222222222222:role/LambdaRole",
        "--role-name",
        "IAMListRole",
        "--organization-id",
        "o-example001",
        "--trust",
        "organization",
        "--out-dir",
        folder.path().to_str().unwrap(),
    ];
    let generated = common::ended(&mut common::rolecall("http://127.0.0.1:9", &generate)).await;
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    // Only the caller knows its organization.
    let unknown = run(&[]).await;
    assert_eq!(unknown.code, Some(11), "{}", unknown.stdout);
    for words in [
        " --  hub       sts:AssumeRole on 111111111111 role/IAMListRole (the documents decide by keys whose values in the request \
         are unknown: aws:ResourceOrgID; pass --context aws:ResourceOrgID=VALUE",
        " --  member    111111111111 role/IAMListRole (the documents decide by keys whose values in the request are unknown: \
         aws:PrincipalOrgID; pass --context aws:PrincipalOrgID=VALUE",
        " ok  collect",
    ] {
        assert!(unknown.stdout.contains(words), "{words} is not in {}", unknown.stdout);
    }
    let context = ["--context", "aws:ResourceOrgID=o-example001", "aws:PrincipalOrgID=o-example001"];
    let healthy = run(&["--context", context[1], "--context", context[2]]).await;
    assert_eq!(healthy.code, Some(0), "{}{}", healthy.stdout, healthy.stderr);
    // What is unknown about one side hides no error of the other.
    let trust = std::fs::read_to_string(path("member-trust.json")).unwrap();
    std::fs::write(path("member-trust.json"), trust.replace("sts:AssumeRole", "sts:TagSession")).unwrap();
    let member = run(&["--context", context[2]]).await;
    assert_eq!(member.code, Some(10), "{}", member.stdout);
    assert!(
        member.stdout.contains(" --  hub ") && member.stdout.contains("FAIL member"),
        "{}",
        member.stdout
    );
    std::fs::write(path("member-trust.json"), trust).unwrap();
    let permissions = std::fs::read_to_string(path("hub-permissions.json")).unwrap();
    std::fs::write(path("hub-permissions.json"), permissions.replace("sts:AssumeRole", "sts:TagSession"))
        .unwrap();
    let hub = run(&["--context", context[1]]).await;
    assert_eq!(hub.code, Some(10), "{}", hub.stdout);
    assert!(
        hub.stdout.contains("FAIL hub") && hub.stdout.contains(" --  member    not reached"),
        "{}",
        hub.stdout
    );
    std::fs::write(path("hub-permissions.json"), permissions).unwrap();
    // FullAWSAccess is attached to each level of an organization, and easily missing in a folder.
    let level = path("hub-scps").join("unit");
    std::fs::create_dir_all(&level).unwrap();
    let deny = serde_json::json!({ "Effect": "Deny", "Action": "ec2:*", "Resource": "*" });
    std::fs::write(level.join("deny.json"), setting::policy(&deny).to_string()).unwrap();
    let denying = run(&["--context", context[1], "--context", context[2]]).await;
    assert!(
        denying.stdout.contains("the level of hub-scps/unit/deny.json has no statement with Allow"),
        "{}",
        denying.stdout
    );
    std::fs::remove_dir_all(path("hub-scps")).unwrap();
    std::fs::remove_file(path("hub-trust.json")).unwrap();
    let without = run(&["--context", context[1], "--context", context[2]]).await;
    assert!(without.stdout.contains("there is no hub-trust.json"), "{}", without.stdout);
    std::fs::create_dir(path("member-scp")).unwrap();
    let misspelt = run(&[]).await;
    assert_eq!(misspelt.code, Some(2));
    assert!(
        misspelt.stderr.contains("member-scp: this name is not that of a document"),
        "{}",
        misspelt.stderr
    );
}

#[tokio::test]
async fn documents_are_all_evaluated_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let documents = folder.path().join("documents");
    let generate = [
        "policy",
        "generate",
        "--hub-role-arn",
        "arn:aws:iam::222222222222:role/LambdaRole",
        "--role-arn",
        setting::ROLE_ARN,
        "--out-dir",
        documents.to_str().unwrap(),
    ];
    let generated = common::ended(&mut common::rolecall("http://127.0.0.1:9", &generate)).await;
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    std::fs::remove_file(documents.join("hub-trust.json")).unwrap();
    let session = "arn:aws:sts::222222222222:assumed-role/LambdaRole/ci";
    let run = async |caller: &str, more: &[&str]| {
        let arguments = [
            "doctor",
            "--documents",
            documents.to_str().unwrap(),
            "--role-arn",
            setting::ROLE_ARN,
            "--caller-arn",
            caller,
        ];
        common::ended(&mut common::rolecall("http://127.0.0.1:9", &[&arguments[..], more].concat())).await
    };
    // A session shows that something may use the role, so that a policy for Lambda is not needed.
    let healthy = run(session, &[]).await;
    assert_eq!(healthy.code, Some(0), "{}{}", healthy.stdout, healthy.stderr);
    let sso =
        run("arn:aws:sts::222222222222:assumed-role/AWSReservedSSO_Audit_0123456789abcdef/jane", &[]).await;
    assert!(
        sso.code == Some(2) && sso.stderr.contains("does not have the path of its role"),
        "{}",
        sso.stderr
    );
    let via = run(session, &["--via", "arn:aws:iam::222222222222:role/Middle"]).await;
    assert!(via.code == Some(2) && via.stderr.contains("--via is set"), "{}", via.stderr);
    let everything = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    for (directory, file) in [
        ("member-scps/unit/below", "full.json"),
        ("member-rcps/unit", "deny.json"),
        ("hub-scps", "deny.JSON"),
        ("member-scps", "deny"),
    ] {
        let below = documents.join(directory);
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join(file), everything).unwrap();
        let refused = run(session, &[]).await;
        assert!(
            refused.code == Some(2) && refused.stderr.contains("expected a policy, in a file NAME.json"),
            "{directory}: {}",
            refused.stderr
        );
        std::fs::remove_dir_all(documents.join(directory.split('/').next().unwrap())).unwrap();
    }
}

#[tokio::test]
async fn a_document_that_aws_rejects_is_refused_and_a_name_in_it_that_is_no_key_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let run = async || {
        let arguments = [
            "doctor",
            "--documents",
            folder.path().to_str().unwrap(),
            "--role-arn",
            setting::ROLE_ARN,
            "--caller-arn",
            "arn:aws:sts::222222222222:assumed-role/LambdaRole/ci",
        ];
        common::ended(&mut common::rolecall("http://127.0.0.1:9", &arguments)).await
    };
    let write = |name: &str, statement: serde_json::Value| {
        std::fs::write(folder.path().join(name), setting::policy(&statement).to_string()).unwrap();
    };
    write(
        "hub-permissions.json",
        serde_json::json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" }),
    );
    write(
        "member-trust.json",
        serde_json::json!({
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": { "AWS": setting::role(setting::HUB, "LambdaRole") },
            "Condition": { "StringEquals": { "some-secret-id": "*" } },
        }),
    );
    let read = serde_json::json!({
        "Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::*:user/${aws:PrincipalTag/team}*",
    });
    write("member-permissions.json", read);
    let rejected = run().await;
    assert_eq!(rejected.code, Some(2), "{}", rejected.stderr);
    assert!(rejected.stderr.contains("invalid condition key"), "{}", rejected.stderr);
    for text in [&rejected.stdout, &rejected.stderr] {
        assert!(!text.contains("some-secret-id"), "{text}");
    }
    write(
        "member-trust.json",
        serde_json::json!({
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": { "AWS": setting::role(setting::HUB, "LambdaRole") },
        }),
    );
    // The variable of a resource is unknown too.
    let unknown = run().await;
    assert_eq!(unknown.code, Some(11), "{}{}", unknown.stdout, unknown.stderr);
    let words = "keys of the member's session whose values only AWS knows: aws:PrincipalTag/team";
    assert!(unknown.stdout.contains(words), "{}", unknown.stdout);
}

/// The output and the exit code for generated documents, some of them replaced.
async fn checked(documents: &[(&str, serde_json::Value)], arguments: &[&str]) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let hub_role = setting::role(setting::HUB, "LambdaRole");
    let given = [
        "--hub-role-arn",
        hub_role.as_str(),
        "--role-arn",
        setting::ROLE_ARN,
        "--out-dir",
        folder,
        "--quiet",
    ];
    let generate = [&["policy", "generate"][..], &given].concat();
    let generated = common::ended(&mut common::rolecall("http://127.0.0.1:9", &generate)).await;
    assert_eq!(generated.code, Some(0), "{}", generated.stderr);
    for (name, statements) in documents {
        let path = std::path::Path::new(folder).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let document = serde_json::json!({ "Version": "2012-10-17", "Statement": statements });
        std::fs::write(path, document.to_string()).unwrap();
    }
    let mut all = vec!["doctor", "--documents", folder, "--role-arn", setting::ROLE_ARN];
    if !arguments.contains(&"--caller-arn") {
        all.extend(["--caller-arn", &hub_role]);
    }
    let ended = common::ended(&mut common::rolecall("http://127.0.0.1:9", &[&all, arguments].concat())).await;
    (ended.stdout + &ended.stderr, ended.code)
}

#[tokio::test]
async fn what_the_documents_decide_is_said_and_nothing_is_loosened() {
    let lambda = serde_json::json!({ "Service": "lambda.amazonaws.com" });
    let assume = |principal: &serde_json::Value, condition: serde_json::Value| serde_json::json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition }]);
    let account = serde_json::json!({ "AWS": setting::HUB });
    let foo = serde_json::json!({ "AWS": setting::role(setting::HUB, "Foo") });
    let service_role = setting::role(setting::HUB, "service-role/LambdaRole");
    let ip = |ip: &str| serde_json::json!({ "IpAddress": { "aws:VpcSourceIp": ip } });
    let session = ["--caller-arn", "arn:aws:sts::222222222222:assumed-role/LambdaRole/x"];
    let everything = serde_json::json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let deny = |user: &str| {
        let resource = format!("arn:aws:iam::*:user/{user}");
        serde_json::json!({ "Effect": "Deny", "Action": "iam:ListAccessKeys", "Resource": resource })
    };
    let source_account = serde_json::json!({ "StringEquals": { "aws:SourceAccount": setting::HUB } });
    for (documents, arguments, code, words) in [
        // The hub role's trust policy: an unmet condition and an explicit deny are healed by no statement.
        (
            vec![("hub-trust.json", assume(&lambda, source_account))],
            &["--context", "aws:SourceAccount=999999999999"][..],
            10,
            "Condition.StringEquals.aws:SourceAccount: the policy has",
        ),
        (
            vec![(
                "hub-trust.json",
                serde_json::json!([
                    { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": lambda },
                    { "Effect": "Deny", "Action": "sts:AssumeRole", "Principal": "*" },
                ]),
            )],
            &[],
            10,
            "hub-trust.json Statement[1] denies lambda.amazonaws.com sts:AssumeRole",
        ),
        // A session does not have the path of its role.
        (
            vec![(
                "member-trust.json",
                assume(&account, serde_json::json!({ "ArnLike": { "aws:PrincipalArn": service_role } })),
            )],
            &session,
            11,
            "decide by the path of role LambdaRole",
        ),
        // A trust policy of AWS names roles that exist.
        (
            vec![(
                "member-trust.json",
                assume(&serde_json::json!({ "AWS": service_role }), serde_json::json!({})),
            )],
            &session,
            0,
            " ok  member",
        ),
        (
            vec![],
            &["--caller-arn", "arn:aws:sts::222222222222:federated-user/bob"],
            10,
            "a session of GetFederationToken cannot call AWS STS",
        ),
        // No value of the key lets this principal in, and a value that is empty is an absent key.
        (vec![("member-trust.json", assume(&foo, ip("10.0.0.0/8")))], &[], 10, "Principal: the policy has"),
        (
            vec![("member-trust.json", assume(&account, ip("10.0.0.0/8")))],
            &["--context", "aws:VpcSourceIp="],
            10,
            "the request does not have the key",
        ),
        // A Deny whose match is unknown is not the cause of what the boundary denies in any case.
        (
            vec![
                (
                    "hub-permissions.json",
                    serde_json::json!([everything, { "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*",
                        "Condition": { "StringNotEquals": { "aws:PrincipalTag/a": "b" } } }]),
                ),
                (
                    "hub-boundary.json",
                    serde_json::json!([{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }]),
                ),
            ],
            &[],
            10,
            "because   hub-boundary.json Statement[0]: Action: the policy has \"s3:*\"",
        ),
        // CI with a web identity, whose role has a path.
        (
            vec![(
                "hub-trust.json",
                serde_json::json!([{ "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
                    "Principal": { "Federated": "arn:aws:iam::222222222222:oidc-provider/ci.example" } }]),
            )],
            &[],
            11,
            "hub-trust.json is for a federated identity such as CI, and not for Lambda",
        ),
        (
            vec![(
                "member-trust.json",
                assume(&account, serde_json::json!({ "ArnLike": { "aws:PrincipalArn": service_role } })),
            )],
            &[
                session[0],
                session[1],
                "--context",
                "aws:PrincipalArn=arn:aws:iam::222222222222:role/service-role/LambdaRole",
            ],
            0,
            " ok  member",
        ),
        (
            vec![],
            &[session[0], session[1], "--context", "aws:PrincipalArn=arn:aws:iam::222222222222:role/Other"],
            2,
            "--context aws:PrincipalArn: ",
        ),
        (vec![], &["--context", "aws:SourceIdentity=bob"], 2, "pass --source-identity NAME"),
        (
            vec![(
                "member-permissions.json",
                serde_json::json!([{ "Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*",
                    "Condition": { "StringEquals": { "aws:SourceVpc": "vpc-1" } } }]),
            )],
            &["--context", "aws:SourceVpc=vpc-1"],
            10,
            "{\"Effect\":\"Allow\",\"Action\":\"iam:ListAccessKeys\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":\
             {\"aws:SourceVpc\":\"vpc-1\"}}}",
        ),
        // The conditions of the statement that comes closest stay.
        (
            vec![(
                "hub-permissions.json",
                serde_json::json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Condition": ip("10.0.0.0/8"),
                    "Resource": setting::role(setting::MEMBER, "Other") }]),
            )],
            &["--context", "aws:VpcSourceIp=192.0.2.1"],
            10,
            "\"Condition\":{\"IpAddress\":{\"aws:VpcSourceIp\":\"10.0.0.0/8\"}}}\n     to do     the statement keeps the \
             condition on aws:VpcSourceIp, which this run does not meet",
        ),
        (
            vec![
                ("hub-scps/full.json", everything.clone()),
                (
                    "hub-scps/unit/full.json",
                    serde_json::json!([{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }]),
                ),
            ],
            &[],
            10,
            "note      the level of hub-scps/unit/full.json does not allow it",
        ),
        (
            vec![("member-permissions.json", serde_json::json!([everything, deny("a"), deny("b")]))],
            &[],
            10,
            "other statements deny more: iam:ListAccessKeys on arn:aws:iam::111111111111:user/b",
        ),
        // A wildcard that leaves out the shortest names.
        (
            vec![(
                "member-permissions.json",
                serde_json::json!([
                    { "Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*" },
                    { "Effect": "Allow", "Action": "iam:ListAccessKeys", "Resource": "arn:aws:iam::*:user/??*" },
                ]),
            )],
            &[],
            10,
            "FAIL collect",
        ),
    ] {
        let (output, ended) = checked(&documents, arguments).await;
        assert!(ended == Some(code) && output.contains(words), "{ended:?}, {words}: {output}");
    }
}

#[tokio::test]
async fn the_session_of_the_member_role_has_keys_of_its_own() {
    let everything = serde_json::json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let denied = |condition: serde_json::Value| {
        let deny = serde_json::json!({ "Effect": "Deny", "Action": "iam:*", "Resource": "*", "Condition": condition });
        vec![("member-permissions.json", serde_json::json!([everything, deny]))]
    };
    // Its tags are those that the run sets, it has no MFA, and its organization is that of the role.
    for (condition, arguments, code) in [
        (
            serde_json::json!({ "StringNotEquals": { "aws:PrincipalTag/team": "sec" } }),
            vec!["--session-tag", "team=sec"],
            0,
        ),
        (
            serde_json::json!({ "StringNotEquals": { "aws:PrincipalTag/team": "sec" } }),
            vec!["--context", "aws:PrincipalTag/team=sec"],
            11,
        ),
        (
            serde_json::json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-example001" } }),
            vec!["--context", "aws:PrincipalOrgID=o-example001"],
            11,
        ),
        (
            serde_json::json!({ "Null": { "aws:username": "true" } }),
            vec!["--context", "aws:username=alice"],
            10,
        ),
        (
            serde_json::json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } }),
            vec!["--context", "aws:MultiFactorAuthPresent=true"],
            10,
        ),
        (
            serde_json::json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-member00001" } }),
            vec![
                "--context",
                "aws:PrincipalOrgID=o-hub0000001",
                "--context",
                "aws:ResourceOrgID=o-member00001",
            ],
            0,
        ),
    ] {
        let mut documents = denied(condition.clone());
        let tagged = serde_json::json!([{ "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Principal": { "AWS": setting::role(setting::HUB, "LambdaRole") } }]);
        documents.push(("member-trust.json", tagged));
        let hub = serde_json::json!([{ "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "*" }]);
        documents.push(("hub-permissions.json", hub));
        let (output, ended) = checked(&documents, &arguments).await;
        assert_eq!(ended, Some(code), "{condition}: {output}");
    }
}
