"""`rolecall scan --organization` with exactly the roles of the templates: complete for each fact set, and not without any
one of their actions. moto makes the roles from the templates; `rolecall emulator` enforces their policies.
"""

import copy
import json
import subprocess
from functools import cache

import emulators
import pytest
import world
from templates import FACT_SETS, actions_of, deploy, documents

ORGANIZATION = "o-example001"
MANAGEMENT = "999999999999"
DEVELOPMENT = "333333333333"
OUTSIDER = "444444444444"
ORGANIZATION_LIST_ROLE = f"arn:aws:iam::{MANAGEMENT}:role/OrganizationListRole"
SSO_PATH = "/aws-reserved/sso.amazonaws.com/eu-central-1/"
SSO_NAME = "AWSReservedSSO_Audit_0123456789abcdef"
CI_ROLE = f"arn:aws:iam::{world.HUB}:role/RolecallCI"
TREE_ACTIONS = ("ListAccountsForParent", "ListOrganizationalUnitsForParent", "ListRoots")
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
HUB_TRUSTS = ("role", "account")
# How the hub account lists the accounts: as a delegated administrator, or with a role in the management account.
LISTINGS = ("delegated", "management")


@pytest.fixture(scope="module")
def roles(moto_server):
    """Returns a function that gives the documents of each role, made by moto from the templates with these parameters."""

    @cache
    def make(
        fact_set="recommended", hub_trust="account", listing="delegated", hub_role_name="LambdaRole", role_path="/"
    ):
        emulators.get(f"{moto_server}/moto-api/reset", method="POST")
        hub = {"OrganizationId": ORGANIZATION, "FactSet": fact_set, "SsoPermissionSet": "Audit", "CiRoleArn": CI_ROLE}
        if listing == "management":
            hub["OrganizationRoleArn"] = ORGANIZATION_LIST_ROLE
        trust = {"HubAccountId": world.HUB, "HubRoleName": hub_role_name, "HubTrust": hub_trust, "FactSet": fact_set}
        trust["OrganizationId"] = ORGANIZATION
        made = {"path": role_path}
        for name, account_id, template, parameters in (
            ("hub", world.HUB, "hub.yaml", hub | {"MemberRolePath": role_path}),
            ("member", world.MEMBER, "member.yaml", trust | {"RolePath": role_path}),
            ("management", MANAGEMENT, "management.yaml", trust),
        ):
            arn = deploy(moto_server, account_id, template, parameters)["RoleArn"]
            made[name] = documents(moto_server, arn)
            if name == "hub":
                made["store"] = documents(moto_server, arn, "RolecallStore")[1]
        return made

    return lambda **parameters: copy.deepcopy(make(**parameters))


@pytest.fixture
def scan(rolecall, tmp_path):
    """Runs `rolecall scan` in a world with these roles, as LambdaRole or as another role."""

    def run(roles, *arguments, listing="delegated", as_role=None, config="", outside=False):
        (tmp_path / "world.json").write_text(json.dumps(organization(roles, listing)))
        (tmp_path / "config").write_text(config)
        as_role = ["--as", as_role] if as_role else []
        environment = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "config"), "PATH": "/usr/bin:/bin"}
        targets = [] if outside else ["--organization", "--role-name", "IAMListRole"]
        if listing == "management" and not outside:
            targets += ["--organization-role-arn", ORGANIZATION_LIST_ROLE]
        return subprocess.run(
            [rolecall, "emulator", "--world", "world.json", *as_role, "--"]
            + [rolecall, "scan", *targets, "--format", "json", "--no-rules", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("hub_trust", HUB_TRUSTS)
@pytest.mark.parametrize("fact_set", FACT_SETS)
def test_a_scan_of_the_organization_is_complete(fact_set, hub_trust, listing, roles, scan):
    made = roles(fact_set=fact_set, hub_trust=hub_trust, listing=listing)
    done = scan(made, "--collect", fact_set, "--fetch-account-tags", listing=listing)
    assert done.returncode == 0, done.stderr
    roll = json.loads(done.stdout)
    assert (roll["counts"]["accounts"], roll["counts"]["complete"], roll["counts"]["users"]) == (4, 4, 8)
    if fact_set == "all":
        assert roll["organization"]["root_credentials_managed"]["value"] is True


def test_a_scan_with_the_file_of_init_is_complete(roles, scan, rolecall, tmp_path):
    subprocess.run([rolecall, "init"], cwd=tmp_path, check=True, capture_output=True)
    done = scan(roles(), outside=True)
    assert done.returncode == 0, done.stderr
    roll = json.loads(done.stdout)
    assert "credential_report" in roll["collect"]["facts"]
    assert (roll["counts"]["accounts"], roll["counts"]["complete"]) == (4, 4)


def test_roles_with_another_name_and_path_are_read_with_a_template(roles, scan):
    template = "arn:{partition}:iam::{account_id}:role/security/{role_name}"
    made = roles(role_path="/security/")
    assert scan(made, "--role-template", template).returncode == 0
    assert scan(made).returncode == 11


def without_each(fact_set):
    return [pytest.param(fact_set, action, id=f"{fact_set}-{action}") for action in actions_of(fact_set)]


def narrowed(fact_set, action):
    """The facts to collect so that a scan needs the action. Over more facts, another answer can stand in for `GetUser`."""
    return "console_password" if action == "iam:GetUser" else fact_set


@pytest.mark.parametrize(("fact_set", "action"), sum(map(without_each, FACT_SETS), []))
def test_without_an_action_of_the_member_role_no_member_account_is_complete(fact_set, action, roles, scan):
    made = roles(fact_set=fact_set)
    remove(made["member"], action)
    if action == "iam:ListOrganizationsFeatures":
        # Over an organization, it is read once and not in each account.
        done = scan(made, "--role-arn", world.IAM_LIST_ROLE.arn, "--collect", fact_set, outside=True)
        expected = {world.MEMBER}
    else:
        done = scan(made, "--collect", narrowed(fact_set, action))
        expected = {world.MEMBER, DEVELOPMENT, MANAGEMENT}
    assert done.returncode == 11, done.stderr
    assert incomplete(done) == expected


@pytest.mark.parametrize("fact_set", FACT_SETS)
def test_the_member_role_is_enough_for_one_account(fact_set, roles, scan):
    done = scan(roles(fact_set=fact_set), "--role-arn", world.IAM_LIST_ROLE.arn, "--collect", fact_set, outside=True)
    assert done.returncode == 0, done.stderr
    assert incomplete(done) == set()


@pytest.mark.parametrize(("fact_set", "action"), sum(map(without_each, FACT_SETS), []))
def test_without_an_action_of_the_hub_role_the_roll_is_not_complete(fact_set, action, roles, scan):
    made = roles(fact_set=fact_set)
    remove(made["hub"], action)
    done = scan(made, "--collect", narrowed(fact_set, action))
    if action == "iam:ListOrganizationsFeatures":
        assert_root_credentials_are_unknown(done)
        return
    assert done.returncode == 11, done.stderr
    assert incomplete(done) == {world.HUB}


def test_without_sts_assume_role_the_hub_role_reads_no_member(roles, scan):
    made = roles()
    remove(made["hub"], "sts:AssumeRole")
    done = scan(made, "--canary", "0")
    assert done.returncode == 11, done.stderr
    assert incomplete(done) == {world.MEMBER, DEVELOPMENT, MANAGEMENT}


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("operation", ["DescribeOrganization", "ListAccounts", "ListTagsForResource", *TREE_ACTIONS])
def test_without_an_action_of_aws_organizations_the_accounts_are_not_listed(operation, listing, roles, scan):
    made = roles(listing=listing)
    remove(made["hub" if listing == "delegated" else "management"], f"organizations:{operation}")
    # Without --ou, a tree of units that cannot be read is a note.
    arguments = ["--ou", "Workloads"] if operation in TREE_ACTIONS else ["--fetch-account-tags"]
    done = scan(made, *arguments, listing=listing)
    assert done.returncode == 11, done.stderr
    assert done.stdout == ""
    assert f"organizations:{operation}" in done.stderr


def test_without_its_action_the_organization_role_does_not_read_the_management_of_root_credentials(roles, scan):
    made = roles(fact_set="all", listing="management")
    remove(made["management"], "iam:ListOrganizationsFeatures")
    assert_root_credentials_are_unknown(scan(made, "--collect", "all", listing="management"))


@pytest.mark.parametrize("target", [world.IAM_LIST_ROLE.arn, ORGANIZATION_LIST_ROLE])
@pytest.mark.parametrize("hub_trust", HUB_TRUSTS)
@pytest.mark.parametrize(
    "caller",
    [
        pytest.param(f"arn:aws:iam::{world.HUB}:role/Other", id="another role of the hub account"),
        pytest.param(f"arn:aws:iam::{world.HUB}:role/other/LambdaRole2", id="a role with a similar name"),
        pytest.param(f"arn:aws:iam::{OUTSIDER}:role/LambdaRole", id="a role of another organization"),
        pytest.param(f"arn:aws:iam::{DEVELOPMENT}:role/LambdaRole", id="a role of another account of the organization"),
    ],
)
def test_the_trust_policies_deny_other_principals(caller, hub_trust, target, roles, scan):
    done = scan(roles(hub_trust=hub_trust), "--role-arn", target, as_role=caller, outside=True)
    assert done.returncode == 11, done.stderr
    [account] = json.loads(done.stdout)["accounts"]
    [gap] = account["gaps"]
    assert (gap["operation"], gap["code"]) == ("AssumeRole", "AccessDenied")


@pytest.mark.parametrize("hub_trust", HUB_TRUSTS)
def test_a_hub_account_that_left_the_organization_is_denied(hub_trust, roles, scan):
    made = roles(hub_trust=hub_trust)
    made["left"] = True
    done = scan(made, "--role-arn", world.IAM_LIST_ROLE.arn, outside=True)
    assert done.returncode == 11, done.stderr
    assert incomplete(done) == {world.MEMBER}


@pytest.mark.parametrize("name", ["LambdaRole", "IAMListRole"])
def test_the_hub_role_assumes_no_role_of_another_name_and_none_outside_of_the_organization(name, roles, scan):
    account_id = {"LambdaRole": DEVELOPMENT, "IAMListRole": OUTSIDER}[name]
    done = scan(roles(), "--role-arn", f"arn:aws:iam::{account_id}:role/{name}", outside=True)
    assert done.returncode == 11, done.stderr
    assert "no identity-based policy allows the sts:AssumeRole action" in done.stdout


@pytest.fixture
def find_key(rolecall, tmp_path):
    """Runs `rolecall find-key` for the key of a member account's user, as LambdaRole."""

    def run(roles):
        (tmp_path / "world.json").write_text(json.dumps(organization(roles, "delegated")))
        key = users(world.MEMBER)["alice"]["access_keys"][0]["access_key_id"]
        return subprocess.run(
            [rolecall, "emulator", "--world", "world.json", "--"]
            + [rolecall, "find-key", key, "--role-name", "IAMListRole"],
            cwd=tmp_path,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_the_hub_role_finds_the_user_of_a_key(roles, find_key):
    done = find_key(roles())
    assert done.returncode == 0, done.stderr
    assert "alice" in done.stdout and world.MEMBER in done.stdout


def test_without_its_action_the_hub_role_finds_no_user_of_a_key(roles, find_key):
    made = roles()
    remove(made["hub"], "sts:GetAccessKeyInfo")
    done = find_key(made)
    assert done.returncode == 11, done.stdout
    assert "sts:GetAccessKeyInfo" in done.stderr


PROFILE = f"""
[profile rolecall]
region = us-east-1
role_arn = {world.LAMBDA_ROLE.arn}
credential_source = Environment
"""


@pytest.mark.parametrize("caller", [f"arn:aws:iam::{world.HUB}:role{SSO_PATH}{SSO_NAME}", CI_ROLE])
def test_a_person_and_ci_scan_with_a_profile_of_the_hub_role(caller, roles, scan):
    done = scan(roles(), "--profile", "rolecall", "--collect", "recommended", as_role=caller, config=PROFILE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["complete"] == 4


@pytest.mark.parametrize(
    "caller",
    [
        f"arn:aws:iam::{world.HUB}:role{SSO_PATH}AWSReservedSSO_Audit_Admin_0123456789abcdef",
        f"arn:aws:iam::{world.HUB}:role/other/AWSReservedSSO_Audit_fedcba9876543210",
        f"arn:aws:iam::{world.HUB}:role/Other",
        f"arn:aws:iam::{OUTSIDER}:role/RolecallCI",
    ],
)
def test_the_hub_role_denies_other_permission_sets_and_roles(caller, roles, scan):
    done = scan(roles(), "--profile", "rolecall", as_role=caller, config=PROFILE)
    assert done.returncode not in (0, 10), done.stdout
    assert "AccessDenied" in done.stderr or "not authorized to perform: sts:AssumeRole" in done.stderr, done.stderr


def test_members_may_trust_a_permission_set_directly(roles, scan):
    made = roles(hub_role_name=f"{SSO_PATH.lstrip('/')}AWSReservedSSO_Audit_{'?' * 16}")
    caller = f"arn:aws:iam::{world.HUB}:role{SSO_PATH}{SSO_NAME}"
    done = scan(made, "--role-arn", world.IAM_LIST_ROLE.arn, as_role=caller, outside=True)
    assert done.returncode == 0, done.stderr
    done = scan(made, "--role-arn", world.IAM_LIST_ROLE.arn, outside=True)
    assert done.returncode == 11, done.stderr


def organization(roles, listing):
    """A world in which the accounts have the roles of the templates, and others may do everything but what trust denies."""
    hub, member, management = (
        {"trust_policy": trust, "policies": [permissions]}
        for trust, permissions in (roles[name] for name in ("hub", "member", "management"))
    )
    member["path"] = roles["path"]
    hub["policies"].append(roles["store"])
    lambda_trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    other = {"trust_policy": {"Statement": [lambda_trust]}, "policies": [EVERYTHING]}
    hub_account = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{world.HUB}:root"}}
    accounts = {
        MANAGEMENT: {"IAMListRole": member, "OrganizationListRole": management},
        world.HUB: {
            "LambdaRole": hub,
            "Other": other,
            "LambdaRole2": other | {"path": "/other/"},
            "RolecallCI": other,
            SSO_NAME: other | {"path": SSO_PATH},
            "AWSReservedSSO_Audit_Admin_0123456789abcdef": other | {"path": SSO_PATH},
            "AWSReservedSSO_Audit_fedcba9876543210": other | {"path": "/other/"},
        },
        world.MEMBER: {"IAMListRole": member},
        DEVELOPMENT: {"IAMListRole": member, "LambdaRole": other | {"trust_policy": {"Statement": [hub_account]}}},
        OUTSIDER: {
            "IAMListRole": other | {"trust_policy": {"Statement": [hub_account]}},
            "LambdaRole": other,
            "RolecallCI": other,
        },
    }
    units = [{"id": "ou-exam-11111111", "name": "Workloads", "accounts": [world.MEMBER, DEVELOPMENT]}]
    return {
        "accounts": {
            account_id: {"roles": made, "users": users(account_id)} for account_id, made in accounts.items()
        },
        "organization": {
            "id": ORGANIZATION,
            "management_account": MANAGEMENT,
            "delegated_administrators": [world.HUB] if listing == "delegated" and not roles.get("left") else [],
            "manages_root_credentials": True,
            "root": {"id": "r-exam", "accounts": [] if roles.get("left") else [world.HUB], "units": units},
        },
    }


def users(account_id):
    key = {"access_key_id": f"AKIA{account_id}TEST", "create_date": "2024-03-02T08:00:00Z"}
    password = {"create_date": "2024-02-29T08:30:00Z", "password_reset_required": False}
    return {
        "alice": {"create_date": "2024-02-29T08:30:00Z", "login_profile": password, "access_keys": [key]},
        "bob": {"create_date": "2025-06-01T09:00:00Z"},
    }


def remove(documents, action):
    """Removes an action from the permissions of a role."""
    kept = []
    for statement in documents[1]["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if rest := [it for it in actions if it != action]:
            kept.append(statement | {"Action": rest})
    assert action in json.dumps(documents[1]), action
    documents[1]["Statement"] = kept


def assert_root_credentials_are_unknown(done):
    """Of the organization, and not of an account: a note says so, and no account is partial."""
    assert list(json.loads(done.stdout)["organization"]["root_credentials_managed"]) == ["unknown"]
    assert "note: whether root credentials are managed centrally is unknown" in done.stderr


def incomplete(done):
    accounts = json.loads(done.stdout)["accounts"]
    return {account["account_id"] for account in accounts if account["outcome"] != "Complete"}
