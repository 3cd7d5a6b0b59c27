//! The ways to break the flow, each with its link, its cause, and what heals it.

use serde_json::{Value, json};

use super::setting::{EXTERNAL_ID, HUB, Setting, policy, role, trust, trust_if};

/// One way to break the flow.
pub(crate) struct Breakage {
    pub(crate) name: &'static str,
    pub(crate) breaks: fn(&mut Setting),
    pub(crate) link: &'static str,
    /// The code of a candidate.
    pub(crate) cause: &'static str,
    pub(crate) code: i32,
    pub(crate) cured: Cured,
    /// Whether a scan has a failed account for it, with the diagnosis. A scan without a caller has none.
    pub(crate) is_in_scan: bool,
    /// Whether the doctor has credentials of the member account.
    pub(crate) has_member_profile: bool,
    /// What the scan says where the doctor knows more than it.
    pub(crate) scan_says: Option<&'static str>,
}

/// What heals a breakage.
pub(crate) enum Cured {
    /// The statement that the candidate has.
    ByPaste,
    /// The step that the candidate names, by words of it, and what it changes.
    ByStep(&'static str, fn(&mut Setting)),
}

const HUB_ROLE: &str = "/accounts/222222222222/roles/LambdaRole";
const MEMBER_ROLE: &str = "/accounts/111111111111/roles/IAMListRole";

fn hub_policies(setting: &mut Setting, policies: Value) {
    setting.set(HUB_ROLE, "policies", policies);
}

fn trust_policy(setting: &mut Setting, document: Value) {
    setting.set(MEMBER_ROLE, "trust_policy", document);
}

fn allow(actions: &Value, resource: &str) -> Value {
    policy(&json!({ "Effect": "Allow", "Action": actions, "Resource": resource }))
}

fn allow_and_deny(denied: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Sid": "DenyIt", "Effect": "Deny", "Action": denied, "Resource": "*" },
    ] })
}

fn heal_trust(setting: &mut Setting) {
    trust_policy(setting, trust(&json!({ "AWS": role(HUB, "LambdaRole") })));
}

/// A breakage on the hub side or in the member's policies, that AWS names.
fn named(
    name: &'static str,
    link: &'static str,
    cause: &'static str,
    breaks: fn(&mut Setting),
    cured: Cured,
) -> Breakage {
    Breakage {
        name,
        breaks,
        link,
        cause,
        code: 10,
        cured,
        is_in_scan: true,
        has_member_profile: false,
        scan_says: None,
    }
}

/// A denial without a reason: the candidate is one of several.
fn unnamed(name: &'static str, cause: &'static str, breaks: fn(&mut Setting), cured: Cured) -> Breakage {
    Breakage { scan_says: Some("AWS gave no reason; likely"), ..named(name, "member", cause, breaks, cured) }
}

/// A breakage that stops a scan before its first account.
fn before(
    name: &'static str,
    link: &'static str,
    cause: &'static str,
    code: i32,
    breaks: fn(&mut Setting),
    cured: Cured,
) -> Breakage {
    Breakage { code, is_in_scan: false, ..named(name, link, cause, breaks, cured) }
}

/// All breakages.
pub(crate) fn breakages() -> Vec<Breakage> {
    [hub_side(), member_side(), member_side_seen(), session(), caller_and_sts(), collect()]
        .into_iter()
        .flatten()
        .collect()
}

fn hub_side() -> Vec<Breakage> {
    vec![
        named(
            "the hub policy is missing",
            "hub",
            "not_allowed",
            |s| hub_policies(s, json!([])),
            Cured::ByPaste,
        ),
        named(
            "the hub policy names another role name",
            "hub",
            "not_allowed",
            |s| {
                hub_policies(
                    s,
                    json!([allow(&json!("sts:AssumeRole"), "arn:aws:iam::111111111111:role/Other")]),
                )
            },
            Cured::ByPaste,
        ),
        named(
            "the hub policy names another account",
            "hub",
            "not_allowed",
            |s| {
                hub_policies(
                    s,
                    json!([allow(&json!("sts:AssumeRole"), "arn:aws:iam::333333333333:role/IAMListRole")]),
                )
            },
            Cured::ByPaste,
        ),
        named(
            "the hub policy allows another action",
            "hub",
            "not_allowed",
            |s| hub_policies(s, json!([allow(&json!("sts:AssumeRoleWithSAML"), "*")])),
            Cured::ByPaste,
        ),
        named(
            "the hub policy has a condition that is not met",
            "hub",
            "not_allowed",
            |s| {
                hub_policies(
                    s,
                    json!([policy(&json!({
                        "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*",
                        "Condition": { "StringEquals": { "aws:ResourceOrgID": "o-another001" } },
                    }))]),
                );
            },
            Cured::ByPaste,
        ),
        named(
            "the hub policy denies",
            "hub",
            "explicitly_denied",
            |s| hub_policies(s, json!([allow_and_deny(&json!("sts:AssumeRole"))])),
            Cured::ByStep("remove the explicit deny", |s| {
                hub_policies(s, json!([allow(&json!("sts:AssumeRole"), "*")]));
            }),
        ),
        named(
            "the boundary of the hub role does not allow it",
            "hub",
            "not_allowed",
            |s| s.set(HUB_ROLE, "permissions_boundary", allow(&json!("logs:*"), "*")),
            Cured::ByPaste,
        ),
        named(
            "the boundary of the hub role denies it",
            "hub",
            "explicitly_denied",
            |s| s.set(HUB_ROLE, "permissions_boundary", allow_and_deny(&json!("sts:*"))),
            Cured::ByStep("remove the explicit deny", |s| {
                s.set(HUB_ROLE, "permissions_boundary", allow(&json!("*"), "*"));
            }),
        ),
        named(
            "a service control policy of the hub account does not allow it",
            "hub",
            "not_allowed",
            |s| s.set("/accounts/222222222222", "scps", json!([allow(&json!("logs:*"), "*")])),
            Cured::ByPaste,
        ),
        named(
            "a service control policy of the hub's unit denies it",
            "hub",
            "explicitly_denied",
            |s| {
                s.set("/organization/root/units/0", "scps", json!([allow_and_deny(&json!("sts:AssumeRole"))]))
            },
            Cured::ByStep("ask its administrators", |s| {
                s.set("/organization/root/units/0", "scps", json!([allow(&json!("*"), "*")]));
            }),
        ),
        named(
            "the session policy of the caller does not allow it",
            "hub",
            "not_allowed",
            |s| s.set("/caller", "session_policy", allow(&json!("logs:*"), "*")),
            Cured::ByStep("without a session policy", |s| {
                s.at("/caller").as_object_mut().unwrap().remove("session_policy");
            }),
        ),
        named(
            "the policy of the VPC endpoint does not allow it",
            "hub",
            "not_allowed",
            |s| {
                s.set("", "vpc_endpoint", json!({ "policy": policy(&json!({
                    "Effect": "Allow", "Principal": "*", "Action": "sts:GetCallerIdentity", "Resource": "*" })) }));
            },
            Cured::ByStep("policy of the VPC endpoint", |s| {
                s.at("").as_object_mut().unwrap().remove("vpc_endpoint");
            }),
        ),
        named(
            "the intermediate role may not be assumed: hub policy of a role chain",
            "hub",
            "not_allowed",
            |s| {
                s.argument("--via", &role(HUB, "Middle"));
                // In one account, a trust policy that names the caller would allow by itself.
                let account = policy(&json!({
                    "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::222222222222:root" }, "Action": "sts:AssumeRole",
                    "Condition": { "ArnEquals": { "aws:PrincipalArn": role(HUB, "LambdaRole") } },
                }));
                s.set("/accounts/222222222222/roles/Middle", "trust_policy", account);
                // The role on the way is allowed, and not the target.
                hub_policies(
                    s,
                    json!([allow(&json!("sts:AssumeRole"), "arn:aws:iam::111111111111:role/IAMListRole")]),
                );
                trust_policy(s, trust(&json!({ "AWS": role(HUB, "Middle") })));
            },
            Cured::ByPaste,
        ),
    ]
}

/// The member side as it looks from the hub: AWS gives no reason.
fn member_side() -> Vec<Breakage> {
    vec![
        unnamed(
            "the trust policy names another principal",
            "caller_not_trusted",
            |s| trust_policy(s, trust(&json!({ "AWS": role(HUB, "SomebodyElse") }))),
            Cured::ByPaste,
        ),
        unnamed(
            "the trust policy names another principal, and the run has an external id",
            "caller_not_trusted",
            |s| {
                s.with_external_id();
                trust_policy(s, trust(&json!({ "AWS": role(HUB, "SomebodyElse") })));
            },
            Cured::ByPaste,
        ),
        unnamed(
            "the trust policy names a principal of another account",
            "caller_not_trusted",
            |s| trust_policy(s, trust(&json!({ "AWS": "arn:aws:iam::333333333333:root" }))),
            Cured::ByPaste,
        ),
        unnamed(
            "the trust policy does not name the caller's role of IAM Identity Center",
            "caller_not_trusted",
            |s| {
                let mut sso = s.at(HUB_ROLE).clone();
                sso["path"] = json!("/aws-reserved/sso.amazonaws.com/eu-central-1/");
                let name = "AWSReservedSSO_Audit_0123456789abcdef";
                s.set("/accounts/222222222222/roles", name, sso);
                let arn = role(HUB, &format!("aws-reserved/sso.amazonaws.com/eu-central-1/{name}"));
                s.set("/caller", "arn", json!(arn));
            },
            Cured::ByPaste,
        ),
        unnamed(
            "the trust policy trusts a service only",
            "caller_not_trusted",
            |s| trust_policy(s, trust(&json!({ "Service": "ec2.amazonaws.com" }))),
            Cured::ByPaste,
        ),
        unnamed(
            "the trust policy requires an external id, and none is sent",
            "trust_condition_not_met",
            |s| trust_policy(s, trust_if("StringEquals", "sts:ExternalId", &json!(EXTERNAL_ID))),
            Cured::ByStep("--external-id", Setting::with_external_id),
        ),
        unnamed(
            "the trust policy requires another external id",
            "trust_condition_not_met",
            |s| {
                s.variable("ROLECALL_EXTERNAL_ID", "of-somebody-else");
                trust_policy(s, trust_if("StringEquals", "sts:ExternalId", &json!(EXTERNAL_ID)));
            },
            Cured::ByStep("--external-id", Setting::with_external_id),
        ),
        unnamed(
            "the role does not exist: another role name",
            "role_missing",
            |s| rename(s, "AnotherName", "IAMListRole"),
            Cured::ByStep("correct the name", |s| rename(s, "IAMListRole", "AnotherName")),
        ),
        unnamed(
            "the role has a path",
            "role_missing",
            |s| s.set(MEMBER_ROLE, "path", json!("/audit/")),
            Cured::ByStep("correct the name, the path", |s| {
                s.arguments = s.arguments.iter().map(|it| it.replace(":role/", ":role/audit/")).collect();
                // The hub's policy names the role without a path.
                hub_policies(s, json!([allow(&json!("sts:AssumeRole"), "*")]));
            }),
        ),
        unnamed(
            "the role name has another case",
            "role_missing",
            |s| rename(s, "iamlistrole", "IAMListRole"),
            Cured::ByStep("the case", |s| rename(s, "IAMListRole", "iamlistrole")),
        ),
        unnamed(
            "the trusted role was deleted and created again",
            "trusted_principal_deleted",
            |s| trust_policy(s, trust(&json!({ "AWS": "AROAEXAMPLEDELETED001" }))),
            Cured::ByStep("save the trust policy again", heal_trust),
        ),
        unnamed(
            "the member account is suspended",
            "account_suspended",
            |s| s.set("/accounts/111111111111", "state", json!("SUSPENDED")),
            Cured::ByStep("reactivate", |s| s.set("/accounts/111111111111", "state", json!("ACTIVE"))),
        ),
        unnamed(
            "the trust policy denies",
            "trust_condition_not_met",
            |s| {
                trust_policy(
                    s,
                    json!({ "Version": "2012-10-17", "Statement": [
                    { "Effect": "Allow", "Principal": { "AWS": role(HUB, "LambdaRole") }, "Action": "sts:AssumeRole" },
                    { "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole" },
                ] }),
                );
            },
            Cured::ByStep("conditions of the statement", heal_trust),
        ),
        named(
            "a resource control policy of the member's unit denies it",
            "member",
            "explicitly_denied",
            |s| {
                let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*" });
                s.set("/organization/root/units/1", "rcps", json!([policy(&deny)]));
            },
            Cured::ByStep("ask its administrators", |s| {
                s.set("/organization/root/units/1", "rcps", json!([]));
            }),
        ),
    ]
}

fn rename(setting: &mut Setting, to: &str, from: &str) {
    let roles = setting.at("/accounts/111111111111/roles").as_object_mut().unwrap();
    let role = roles.remove(from).unwrap();
    roles.insert(to.to_owned(), role);
}

/// The member side as an administrator of the member account sees it: one cause.
fn member_side_seen() -> Vec<Breakage> {
    let mut all = vec![
        seen(
            "seen: the trust policy names another principal",
            "caller_not_trusted",
            |s| trust_policy(s, trust(&json!({ "AWS": role(HUB, "SomebodyElse") }))),
            Cured::ByPaste,
        ),
        seen(
            "seen: another principal with the external id of the run",
            "caller_not_trusted",
            |s| {
                s.with_external_id();
                trust_policy(
                    s,
                    policy(&json!({
                        "Effect": "Allow", "Principal": { "AWS": role(HUB, "SomebodyElse") }, "Action": "sts:AssumeRole",
                        "Condition": { "StringEquals": { "sts:ExternalId": EXTERNAL_ID } },
                    })),
                );
            },
            Cured::ByPaste,
        ),
        seen(
            "seen: the trust policy allows another action",
            "caller_not_trusted",
            |s| {
                trust_policy(
                    s,
                    policy(&json!({
                        "Effect": "Allow", "Principal": { "AWS": role(HUB, "LambdaRole") }, "Action": "sts:TagSession",
                    })),
                );
            },
            Cured::ByPaste,
        ),
        seen(
            "seen: the trust policy requires an external id",
            "trust_condition_not_met",
            |s| trust_policy(s, trust_if("StringEquals", "sts:ExternalId", &json!(EXTERNAL_ID))),
            Cured::ByStep("--external-id", Setting::with_external_id),
        ),
        seen(
            "seen: a condition on MFA",
            "trust_condition_not_met",
            |s| trust_policy(s, trust_if("Bool", "aws:MultiFactorAuthPresent", &json!("true"))),
            Cured::ByStep("MFA", heal_trust),
        ),
        seen(
            "seen: a condition on the organization",
            "trust_condition_not_met",
            |s| trust_policy(s, trust_if("StringEquals", "aws:PrincipalAccount", &json!("333333333333"))),
            Cured::ByStep("let the owner of the account decide", heal_trust),
        ),
        seen(
            "seen: a condition on the session name",
            "trust_condition_not_met",
            |s| trust_policy(s, trust_if("StringLike", "sts:RoleSessionName", &json!("audit-*"))),
            Cured::ByStep("--session-name", |s| s.argument("--session-name", "audit-1")),
        ),
        seen(
            "seen: a condition on a tag",
            "trust_condition_not_met",
            |s| {
                hub_policies(s, json!([allow(&json!(["sts:AssumeRole", "sts:TagSession"]), "*")]));
                trust_policy(
                    s,
                    policy(&json!({
                        "Effect": "Allow", "Principal": { "AWS": role(HUB, "LambdaRole") },
                        "Action": ["sts:AssumeRole", "sts:TagSession"],
                        "Condition": { "StringEquals": { "aws:RequestTag/team": "search" } },
                    })),
                );
            },
            Cured::ByStep("--session-tag", |s| s.argument("--session-tag", "team=search")),
        ),
        seen(
            "seen: a condition on the source identity",
            "trust_condition_not_met",
            |s| {
                hub_policies(s, json!([allow(&json!(["sts:AssumeRole", "sts:SetSourceIdentity"]), "*")]));
                trust_policy(
                    s,
                    policy(&json!({
                        "Effect": "Allow", "Principal": { "AWS": role(HUB, "LambdaRole") },
                        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
                        "Condition": { "StringLike": { "sts:SourceIdentity": "j.*" } },
                    })),
                );
            },
            Cured::ByStep("--source-identity", |s| s.argument("--source-identity", "j.ruiz")),
        ),
        seen(
            "seen: a condition on the source address",
            "trust_condition_not_met",
            |s| trust_policy(s, trust_if("IpAddress", "aws:SourceIp", &json!("203.0.113.0/24"))),
            Cured::ByStep("network", heal_trust),
        ),
        seen(
            "seen: the trusted role was deleted and created again",
            "trusted_principal_deleted",
            |s| trust_policy(s, trust(&json!({ "AWS": "AROAEXAMPLEDELETED001" }))),
            Cured::ByPaste,
        ),
        seen(
            "seen: the role does not exist",
            "role_missing",
            |s| rename(s, "AnotherName", "IAMListRole"),
            Cured::ByStep("correct the name", |s| rename(s, "IAMListRole", "AnotherName")),
        ),
        seen(
            "seen: the trust policy denies",
            "explicitly_denied",
            |s| {
                trust_policy(
                    s,
                    json!({ "Version": "2012-10-17", "Statement": [
                    { "Effect": "Allow", "Principal": { "AWS": role(HUB, "LambdaRole") }, "Action": "sts:AssumeRole" },
                    { "Sid": "DenyAll", "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole" },
                ] }),
                );
            },
            Cured::ByStep("Deny statement", heal_trust),
        ),
    ];
    for breakage in &mut all {
        breakage.scan_says = Some("AWS gave no reason; likely");
    }
    all
}

fn seen(name: &'static str, cause: &'static str, breaks: fn(&mut Setting), cured: Cured) -> Breakage {
    Breakage { has_member_profile: true, ..named(name, "member", cause, breaks, cured) }
}

fn session() -> Vec<Breakage> {
    vec![
        named(
            "the hub policy does not allow a session tag",
            "session",
            "not_allowed",
            |s| {
                s.argument("--session-tag", "team=search");
                trust_policy(
                    s,
                    policy(&json!({
                        "Effect": "Allow", "Principal": { "AWS": role(HUB, "LambdaRole") },
                        "Action": ["sts:AssumeRole", "sts:TagSession"],
                    })),
                );
            },
            Cured::ByPaste,
        ),
        Breakage {
            scan_says: Some("AWS gave no reason; likely"),
            ..named(
                "the trust policy does not allow a session tag",
                "session",
                "caller_not_trusted",
                |s| {
                    s.argument("--session-tag", "team=search");
                    hub_policies(s, json!([allow(&json!("sts:*"), "*")]));
                },
                Cured::ByPaste,
            )
        },
        named(
            "the hub policy does not allow the source identity",
            "session",
            "not_allowed",
            |s| {
                s.argument("--source-identity", "j.ruiz");
                trust_policy(
                    s,
                    policy(&json!({
                        "Effect": "Allow", "Principal": { "AWS": role(HUB, "LambdaRole") },
                        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
                    })),
                );
            },
            Cured::ByPaste,
        ),
        Breakage {
            scan_says: Some("AWS gave no reason; likely"),
            ..named(
                "the trust policy does not allow the source identity",
                "session",
                "caller_not_trusted",
                |s| {
                    s.argument("--source-identity", "j.ruiz");
                    hub_policies(s, json!([allow(&json!("sts:*"), "*")]));
                },
                Cured::ByPaste,
            )
        },
        named(
            "the session duration is longer than the role allows",
            "session",
            "session_too_long",
            |s| s.argument("--session-duration", "2h"),
            Cured::ByStep("--session-duration", |s| {
                s.arguments = s
                    .arguments
                    .iter()
                    .map(|it| if it == "2h" { "1h".to_owned() } else { it.clone() })
                    .collect();
            }),
        ),
    ]
}

fn caller_and_sts() -> Vec<Breakage> {
    vec![
        before(
            "the credentials of the caller are expired",
            "caller",
            "credentials_rejected",
            10,
            |s| s.variable("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEXPIRED"),
            Cured::ByStep("aws sso login", |s| s.environment.clear()),
        ),
        before(
            "there are no credentials",
            "caller",
            "credentials_missing",
            11,
            |s| {
                for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
                    s.variable(name, "");
                }
            },
            Cured::ByStep("credentials", |s| s.environment.clear()),
        ),
        before(
            "the profile does not exist",
            "caller",
            "credentials_missing",
            11,
            |s| s.argument("--profile", "nobody"),
            Cured::ByStep("profiles member", |s| {
                s.arguments.truncate(4);
            }),
        ),
        before(
            "the caller is the root user",
            "caller",
            "root_user",
            10,
            |s| {
                s.set(
                    "/accounts/222222222222",
                    "root",
                    json!({ "access_keys": [{
                    "access_key_id": "AKIAIOSFODNN7ROOTKEY", "create_date": "2024-03-02T08:00:00Z",
                    "secret_access_key": "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" }] }),
                );
                s.set("/caller", "arn", json!("arn:aws:iam::222222222222:root"));
            },
            Cured::ByStep("root user cannot assume roles", |s| {
                s.set("/caller", "arn", json!(role(HUB, "LambdaRole")));
            }),
        ),
        before(
            "this machine's clock is wrong",
            "sts",
            "clock_wrong",
            10,
            |s| {
                // With more attempts, the SDK corrects the time of its signatures by that of the answer.
                s.argument("--max-attempts", "1");
                s.set("", "fault_injection", json!({ "clock_offset_s": 3600 }));
            },
            Cured::ByStep("set it", |s| s.set("", "fault_injection", json!({}))),
        ),
        before(
            "there is no network",
            "sts",
            "network_unreachable",
            11,
            |s| s.variable("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            Cured::ByStep("check the network", |s| s.environment.clear()),
        ),
        before(
            "a proxy does not answer",
            "sts",
            "network_unreachable",
            11,
            |s| {
                s.variable("AWS_ENDPOINT_URL", "http://sts.us-east-1.example.com");
                s.variable("HTTP_PROXY", "http://127.0.0.1:9");
            },
            Cured::ByStep("HTTPS_PROXY", |s| s.environment.clear()),
        ),
        before(
            "another partition",
            "caller",
            "other_partition",
            11,
            |s| {
                s.arguments = s.arguments.iter().map(|it| it.replace("arn:aws:", "arn:aws-us-gov:")).collect()
            },
            Cured::ByStep("partition", |s| {
                s.arguments =
                    s.arguments.iter().map(|it| it.replace("arn:aws-us-gov:", "arn:aws:")).collect();
            }),
        ),
        Breakage {
            is_in_scan: false,
            ..named(
                "STS is not activated in the region",
                "sts",
                "region_disabled",
                |s| {
                    s.variable("AWS_REGION", "eu-west-1");
                    s.set("/accounts/111111111111", "sts_inactive_regions", json!(["eu-west-1"]));
                },
                Cured::ByStep("--region", |s| s.argument("--region", "us-east-1")),
            )
        },
        before(
            "STS is throttled",
            "sts",
            "throttled",
            11,
            |s| {
                s.argument("--max-attempts", "1");
                s.set("", "fault_injection", json!({ "sts_rate": 0.001 }));
            },
            Cured::ByStep("--max-attempts", |s| s.set("", "fault_injection", json!({}))),
        ),
    ]
}

fn collect() -> Vec<Breakage> {
    vec![
        named(
            "the member policy allows no action",
            "collect",
            "not_allowed",
            |s| s.set(MEMBER_ROLE, "policies", json!([])),
            Cured::ByPaste,
        ),
        named(
            "the member policy lacks one action",
            "collect",
            "not_allowed",
            |s| {
                let actions = s.at("/accounts/111111111111/roles/IAMListRole/policies/0/Statement/0/Action");
                actions.as_array_mut().unwrap().retain(|action| action != "iam:ListMFADevices");
            },
            Cured::ByPaste,
        ),
        named(
            "the boundary of the member role does not allow it",
            "collect",
            "not_allowed",
            |s| s.set(MEMBER_ROLE, "permissions_boundary", allow(&json!("iam:ListUsers"), "*")),
            Cured::ByPaste,
        ),
        named(
            "a service control policy of the member account denies it",
            "collect",
            "explicitly_denied",
            |s| s.set("/accounts/111111111111", "scps", json!([allow_and_deny(&json!("iam:*"))])),
            Cured::ByStep("ask its administrators", |s| {
                s.set("/accounts/111111111111", "scps", json!([allow(&json!("*"), "*")]));
            }),
        ),
        named(
            "a service control policy of the member account does not allow it",
            "collect",
            "not_allowed",
            |s| s.set("/accounts/111111111111", "scps", json!([allow(&json!("iam:ListUsers"), "*")])),
            Cured::ByPaste,
        ),
        named(
            "the member policy denies",
            "collect",
            "explicitly_denied",
            |s| s.set(MEMBER_ROLE, "policies", json!([allow_and_deny(&json!("iam:GetLoginProfile"))])),
            Cured::ByStep("remove the explicit deny", |s| {
                s.set(MEMBER_ROLE, "policies", json!([allow(&json!("iam:*"), "*")]));
            }),
        ),
    ]
}
