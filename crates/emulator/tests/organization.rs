//! The Organizations operations and injected faults, through the AWS SDK.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test panics where its setup fails, and may read the clock"
)]

use aws_credential_types::Credentials;
use aws_sdk_organizations::config::retry::RetryConfig;
use aws_sdk_organizations::error::ProvideErrorMetadata;
use aws_sdk_organizations::types::{Account, AccountState, AccountStatus};
use aws_smithy_http_client::Builder;
use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World, WorldSpec};
use serde_json::{Value, json};

const LAMBDA_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";

async fn start(world: World) -> Emulator {
    let listen = "127.0.0.1:0".parse().unwrap();
    Emulator::start(world, Clock::new(Timestamp::now), listen, None).await.unwrap()
}

/// An organization of three accounts, and account `444444444444` outside of it. All but the suspended one have a role
/// that may call every operation of Organizations.
fn world(change: impl FnOnce(&mut Value)) -> World {
    let role = json!({
        "trust_policy": { "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
                                         "Principal": { "Service": "lambda.amazonaws.com" } } },
        "policies": [{ "Statement": { "Effect": "Allow", "Action": "organizations:*", "Resource": "*" } }],
    });
    let mut file = json!({
        "accounts": {
            "222222222222": { "roles": { "LambdaRole": role }, "name": "hub", "tags": { "team": "security" } },
            "444444444444": { "roles": { "R": role } },
            "333333333333": { "state": "SUSPENDED", "email": "old@example.com" },
            "111111111111": { "roles": { "R": role } },
        },
        "organization": {
            "id": "o-abc123", "management_account": "222222222222",
            "root": { "id": "r-1", "units": [{ "id": "ou-1", "name": "Prod", "accounts": ["333333333333"],
                                               "units": [{ "id": "ou-2", "accounts": ["111111111111"] }] }] },
        },
    });
    change(&mut file);
    World::parse(&file.to_string(), |_| Err(std::io::ErrorKind::NotFound.into())).unwrap()
}

fn client(emulator: &Emulator, role_arn: &str) -> aws_sdk_organizations::Client {
    let issued = emulator.session(role_arn, "test").unwrap();
    let (id, secret, token) = (issued.access_key_id, issued.secret_access_key, issued.session_token);
    let config = aws_sdk_organizations::Config::builder()
        .behavior_version(aws_sdk_organizations::config::BehaviorVersion::latest())
        .region(aws_sdk_organizations::config::Region::new("us-east-1"))
        .endpoint_url(emulator.url())
        .http_client(Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .credentials_provider(Credentials::new(id, secret, Some(token), None, "test"));
    aws_sdk_organizations::Client::from_conf(config.build())
}

async fn all_accounts(client: &aws_sdk_organizations::Client) -> (Vec<Account>, usize) {
    let (mut accounts, mut pages, mut token) = (Vec::new(), 0, None);
    loop {
        let page = client.list_accounts().set_next_token(token).send().await.unwrap();
        accounts.extend(page.accounts.unwrap());
        pages += 1;
        token = page.next_token;
        if token.is_none() {
            return (accounts, pages);
        }
    }
}

#[tokio::test]
async fn the_units_can_be_read_from_the_root_down_and_from_an_account_up() {
    let emulator = start(world(|_| {})).await;
    let client = client(&emulator, LAMBDA_ROLE);
    let organization = client.describe_organization().send().await.unwrap().organization.unwrap();
    assert_eq!(organization.master_account_id(), Some("222222222222"));
    let (accounts, _) = all_accounts(&client).await;
    let listed: Vec<_> = accounts.iter().map(|it| (it.id().unwrap(), it.state().unwrap().clone())).collect();
    let (active, suspended) = (AccountState::Active, AccountState::Suspended);
    let expected = [("111111111111", active.clone()), ("222222222222", active), ("333333333333", suspended)];
    assert_eq!(listed, expected);
    assert_eq!(accounts.last().unwrap().email(), Some("old@example.com"));

    let root = client.list_roots().send().await.unwrap().roots.unwrap().remove(0).id.unwrap();
    let units = client.list_organizational_units_for_parent().parent_id(root).send().await.unwrap();
    let unit = units.organizational_units().first().unwrap();
    assert_eq!((unit.id(), unit.name()), (Some("ou-1"), Some("Prod")));
    let children = client.list_accounts_for_parent().parent_id("ou-1").send().await.unwrap();
    assert_eq!(children.accounts().iter().map(|it| it.id().unwrap()).collect::<Vec<_>>(), ["333333333333"]);
    let parents = client.list_parents().child_id("111111111111").send().await.unwrap();
    assert_eq!(parents.parents().first().unwrap().id(), Some("ou-2"));
    let tags = client.list_tags_for_resource().resource_id("222222222222").send().await.unwrap();
    assert_eq!(tags.tags().first().unwrap().value(), "security");
    let account = client.describe_account().account_id("222222222222").send().await.unwrap();
    assert_eq!(account.account().unwrap().name(), Some("hub"));
    let missing = client.list_accounts_for_parent().parent_id("ou-9").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("ParentNotFoundException"));
}

#[tokio::test]
async fn a_unit_and_the_delegated_administrators_are_described() {
    let emulator = start(world(|file| {
        file["organization"]["delegated_administrators"] = json!(["111111111111"]);
    }))
    .await;
    for role in [LAMBDA_ROLE, "arn:aws:iam::111111111111:role/R"] {
        let client = client(&emulator, role);
        let unit = client.describe_organizational_unit().organizational_unit_id("ou-1").send().await.unwrap();
        assert_eq!(unit.organizational_unit.unwrap().name(), Some("Prod"));
        let root = client.describe_organizational_unit().organizational_unit_id("r-1").send().await;
        assert_eq!(
            root.unwrap_err().code(),
            Some("OrganizationalUnitNotFoundException"),
            "a root is no unit"
        );
        let listed = client.list_delegated_administrators().send().await.unwrap();
        let ids: Vec<_> = listed.delegated_administrators().iter().filter_map(|it| it.id()).collect();
        assert_eq!(ids, ["111111111111"]);
        assert!(listed.delegated_administrators().iter().all(|it| it.delegation_enabled_date().is_some()));
    }
}

#[tokio::test]
async fn the_paths_of_caller_and_resource_in_the_organization_are_condition_keys() {
    let case = async |operator: &str, key: &str, path: &str| {
        let emulator = start(world(|file| {
            let role = &mut file["accounts"]["111111111111"]["roles"]["R"];
            role["policies"][0]["Statement"]["Condition"] = json!({ operator: { key: path } });
        }))
        .await;
        client(&emulator, "arn:aws:iam::111111111111:role/R").describe_organization().send().await.is_ok()
    };
    for key in ["aws:PrincipalOrgPaths", "aws:ResourceOrgPaths"] {
        for (operator, path, is_allowed) in [
            ("ForAnyValue:StringEquals", "o-abc123/r-1/ou-1/ou-2/", true),
            ("ForAnyValue:StringLike", "o-abc123/r-1/ou-1/*", true),
            ("ForAnyValue:StringEquals", "o-abc123/r-1/ou-1/ou-2", false),
            ("ForAnyValue:StringLike", "o-abc123/r-1/ou-3/*", false),
            ("StringLike", "*", false),
        ] {
            assert_eq!(case(operator, key, path).await, is_allowed, "{operator} {key} {path}");
        }
    }
}

#[tokio::test]
async fn only_the_management_account_and_delegated_administrators_can_list_accounts() {
    let emulator = start(world(|_| {})).await;
    let member = client(&emulator, "arn:aws:iam::111111111111:role/R");
    assert!(member.describe_organization().send().await.is_ok());
    assert_eq!(member.list_accounts().send().await.unwrap_err().code(), Some("AccessDeniedException"));
    let outsider = client(&emulator, "arn:aws:iam::444444444444:role/R");
    let denied = outsider.list_accounts().send().await.unwrap_err();
    assert_eq!(denied.code(), Some("AWSOrganizationsNotInUseException"));
    let administered =
        world(|file| file["organization"]["delegated_administrators"] = json!(["111111111111"]));
    let emulator = start(administered).await;
    let member = client(&emulator, "arn:aws:iam::111111111111:role/R");
    assert!(member.list_accounts().send().await.is_ok());

    let no_policy =
        world(|file| file["accounts"]["222222222222"]["roles"]["LambdaRole"]["policies"] = json!([]));
    let emulator = start(no_policy).await;
    let denied = client(&emulator, LAMBDA_ROLE).list_accounts().send().await.unwrap_err();
    assert_eq!(denied.code(), Some("AccessDeniedException"));
    let expected = "because no identity-based policy allows the organizations:ListAccounts action";
    assert!(denied.message().unwrap().ends_with(expected), "{denied:?}");
}

#[tokio::test]
async fn a_page_has_twenty_items_and_empty_pages_can_be_injected() {
    let spec: WorldSpec = "accounts=45,users=1,seed=7".parse().unwrap();
    let emulator = start(spec.world().unwrap()).await;
    let (accounts, pages) = all_accounts(&client(&emulator, LAMBDA_ROLE)).await;
    assert_eq!(
        (accounts.len(), pages),
        (47, 3),
        "45 generated accounts, the management account and the hub account"
    );

    let mut world = spec.world().unwrap();
    (world.fault_injection.empty_pages, world.fault_injection.old_status) = (true, true);
    let emulator = start(world).await;
    let (accounts, pages) = all_accounts(&client(&emulator, LAMBDA_ROLE)).await;
    assert_eq!((accounts.len(), pages), (47, 5));
    let first = accounts.first().unwrap();
    assert_eq!((first.state(), first.status()), (None, Some(&AccountStatus::Active)));
}

#[tokio::test]
async fn throttling_errors_and_connection_resets_are_injected_at_the_configured_rate() {
    let spec: WorldSpec = "accounts=1,users=1".parse().unwrap();
    let outcomes = async |change: fn(&mut rolecall_emulator::FaultInjection), calls: usize| {
        let mut world = spec.world().unwrap();
        change(&mut world.fault_injection);
        let emulator = start(world).await;
        let client = client(&emulator, LAMBDA_ROLE);
        let mut codes = Vec::new();
        for _ in 0..calls {
            let code = match client.list_roots().send().await {
                Ok(_) => "ok".to_owned(),
                Err(error) => error.code().unwrap_or("reset").to_owned(),
            };
            codes.push(code);
        }
        codes
    };
    let count = |codes: &[String], code: &str| codes.iter().filter(|it| *it == code).count();
    let throttled = outcomes(|fault_injection| fault_injection.organizations_rate = Some(3.0), 20).await;
    assert!(
        count(&throttled, "ok") >= 3 && count(&throttled, "TooManyRequestsException") > 10,
        "{throttled:?}"
    );
    let failed = outcomes(|fault_injection| fault_injection.error_rate = 0.5, 60).await;
    assert!((15..45).contains(&count(&failed, "ServiceUnavailable")), "{failed:?}");
    let reset = outcomes(|fault_injection| fault_injection.reset_rate = 1.0, 2).await;
    assert_eq!(reset, ["reset", "reset"]);
}

#[tokio::test]
async fn the_children_of_a_unit_are_listed_by_type() {
    let emulator = start(world(|file| {
        file["organization"]["root"]["units"][0]["accounts"] = json!(["333333333333", "444444444444"]);
    }))
    .await;
    let client = client(&emulator, LAMBDA_ROLE);
    let children = async |parent: &str, child_type: &str| {
        let request = client.list_children().parent_id(parent).child_type(child_type.into());
        let mut pages = request.into_paginator().page_size(1).send();
        let mut children = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| error.code().unwrap_or_default().to_owned())?;
            for child in page.children.unwrap() {
                assert_eq!(child.r#type(), Some(&child_type.into()));
                children.push(child.id.unwrap());
            }
        }
        Ok::<_, String>(children)
    };
    let list = |ids: &[&str]| Ok(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
    assert_eq!(children("r-1", "ORGANIZATIONAL_UNIT").await, list(&["ou-1"]));
    assert_eq!(children("r-1", "ACCOUNT").await, list(&["222222222222"]));
    assert_eq!(children("ou-1", "ORGANIZATIONAL_UNIT").await, list(&["ou-2"]));
    assert_eq!(children("ou-1", "ACCOUNT").await, list(&["333333333333", "444444444444"]));
    assert_eq!(children("ou-2", "ORGANIZATIONAL_UNIT").await, list(&[]));
    assert_eq!(children("ou-9", "ACCOUNT").await, Err("ParentNotFoundException".to_owned()));
    assert_eq!(children("ou-1", "ROOT").await, Err("InvalidInputException".to_owned()));
}

#[tokio::test]
async fn the_policies_of_each_target_are_listed_and_described() {
    let statement = |effect: &str, action: &str| json!({ "Statement": { "Effect": effect, "Action": action, "Resource": "*" } });
    let denies_sts =
        json!({ "Statement": { "Effect": "Deny", "Action": "sts:*", "Resource": "*", "Principal": "*" } });
    let emulator = start(world(|file| {
        file["organization"]["root"]["units"][0]["scps"] =
            json!([statement("Allow", "*"), statement("Deny", "iam:*")]);
        file["accounts"]["111111111111"]["rcps"] = json!([denies_sts]);
        file["accounts"]["333333333333"]["scps"] = json!([]);
    }))
    .await;
    let client = client(&emulator, LAMBDA_ROLE);
    let policies = async |target: &str, filter: &str| {
        let listed = client.list_policies_for_target().target_id(target).filter(filter.into()).send().await;
        listed.map(|listed| listed.policies.unwrap()).map_err(|it| it.code().unwrap_or_default().to_owned())
    };
    let names = async |target: &str, filter: &str| {
        let names = |it: Vec<aws_sdk_organizations::types::PolicySummary>| {
            it.into_iter().map(|policy| policy.name.unwrap()).collect::<Vec<_>>().join(", ")
        };
        policies(target, filter).await.map(names)
    };
    let (scp, rcp) = ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY");
    for (target, filter, expected) in [
        ("r-1", scp, Ok("FullAWSAccess")),
        ("ou-1", scp, Ok("organization.root.units[0].scps[0], organization.root.units[0].scps[1]")),
        ("ou-2", scp, Ok("FullAWSAccess")),
        ("111111111111", scp, Ok("FullAWSAccess")),
        ("333333333333", scp, Ok("")),
        ("r-1", rcp, Ok("RCPFullAWSAccess")),
        ("111111111111", rcp, Ok("RCPFullAWSAccess, accounts.111111111111.rcps[0]")),
        ("111111111111", "TAG_POLICY", Ok("")),
        ("111111111111", "OTHER", Err("InvalidInputException")),
        ("ou-9", scp, Err("TargetNotFoundException")),
    ] {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(names(target, filter).await, expected, "{target} {filter}");
    }
    let full_access = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    for (target, filter, expected) in [
        ("ou-1", scp, statement("Deny", "iam:*")["Statement"].clone()),
        ("ou-2", scp, json!([full_access])),
        ("111111111111", rcp, denies_sts["Statement"].clone()),
    ] {
        let summary = policies(target, filter).await.unwrap().pop().unwrap();
        let id = summary.id().unwrap();
        assert_eq!(summary.arn().unwrap().rsplit('/').next(), Some(id));
        assert_eq!(summary.aws_managed(), summary.arn().unwrap().starts_with("arn:aws:organizations::aws:"));
        let described = client.describe_policy().policy_id(id).send().await.unwrap().policy.unwrap();
        let content: Value = serde_json::from_str(described.content().unwrap()).unwrap();
        assert_eq!(content["Statement"], expected);
        assert_eq!(described.policy_summary(), Some(&summary));
    }
    let missing = client.describe_policy().policy_id("p-0000000000").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("PolicyNotFoundException"));
}

#[tokio::test]
async fn reads_of_a_unit_or_a_policy_are_authorized_for_it_alone() {
    let only = |action: &str, resource: &str, condition: &Value| {
        world(|file| {
            let statement =
                &mut file["accounts"]["222222222222"]["roles"]["LambdaRole"]["policies"][0]["Statement"];
            *statement =
                json!({ "Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition });
        })
    };
    let unit = "arn:aws:organizations::222222222222:ou/o-abc123/ou-1";
    let emulator = start(only("organizations:List*", unit, &json!({}))).await;
    let client_of_unit = client(&emulator, LAMBDA_ROLE);
    for (parent, is_allowed) in [("ou-1", true), ("ou-2", false)] {
        let children = client_of_unit.list_children().parent_id(parent).child_type("ACCOUNT".into());
        assert_eq!(children.send().await.is_ok(), is_allowed, "{parent}");
        let policies = client_of_unit.list_policies_for_target().target_id(parent);
        let policies = policies.filter("SERVICE_CONTROL_POLICY".into());
        assert_eq!(policies.send().await.is_ok(), is_allowed, "{parent}");
    }
    let administered =
        world(|file| file["organization"]["delegated_administrators"] = json!(["111111111111"]));
    let emulator = start(administered).await;
    let administrator = client(&emulator, "arn:aws:iam::111111111111:role/R");
    let children = administrator.list_children().parent_id("ou-1").child_type("ACCOUNT".into()).send().await;
    assert!(children.is_ok(), "an ARN with the id of the management account is not another account's");

    let scps_only = json!({ "StringEquals": { "organizations:PolicyType": "SERVICE_CONTROL_POLICY" } });
    let emulator = start(only("organizations:DescribePolicy", "*", &scps_only)).await;
    let client_of_scps = client(&emulator, LAMBDA_ROLE);
    for (id, is_allowed) in [("p-FullAWSAccess", true), ("p-RCPFullAWSAccess", false)] {
        let described = client_of_scps.describe_policy().policy_id(id).send().await;
        assert_eq!(described.is_ok(), is_allowed, "{id}");
    }
}
