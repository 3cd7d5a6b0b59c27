"""Programs that read IAM run on `rolecall emulator` unchanged, and see the users and keys of its world."""

import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parent.parent
WORLD = Path(__file__).resolve().parent / "world.json"
ACCOUNT = "111111111111"
USERS = json.loads(WORLD.read_text())["accounts"][ACCOUNT]["users"]
KEYS = {name: [(key["access_key_id"], key["status"]) for key in user.get("access_keys", [])] for name, user in USERS.items()}


def venv(name: str) -> Path:
    done = subprocess.run([ROOT / "tools/venv", name], check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip()) / "bin"


@pytest.fixture
def emulate(rolecall, tmp_path):
    """Runs a command on an emulator as SecurityAudit of the account; returns the command and the emulator's log."""

    def run(*command: str | Path) -> tuple[subprocess.CompletedProcess, list[dict]]:
        log = tmp_path / "requests.jsonl"
        role = f"arn:aws:iam::{ACCOUNT}:role/SecurityAudit"
        emulator = [rolecall, "emulator", "--world", WORLD, "--log", log, "--as", role, "--", *command]
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "NO_COLOR": "1"}
        environment |= {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        done = subprocess.run(
            emulator, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600
        )
        return done, [json.loads(line) for line in log.read_text().splitlines()]

    return run


def unexpected(log: list[dict]) -> set[tuple[str, str]]:
    """The requests that were neither allowed nor answered as AWS does where a thing does not exist."""
    expected = {"Allowed", "NoSuchEntity", "ReportNotPresent", "CallerIsNotManagementAccountException"}
    return {(entry["operation"], entry["verdict"]) for entry in log if entry["verdict"] not in expected}


def test_prowler_sees_all_users_and_active_keys_in_any_region(emulate, tmp_path):
    checks = ["iam_user_console_access_unused", "iam_rotate_access_key_90_days", "iam_user_two_active_access_key"]
    checks += ["iam_user_mfa_enabled_console_access", "iam_customer_unattached_policy_no_administrative_privileges"]
    done, log = emulate(
        venv("prowler") / "prowler", "aws", "--checks", *checks, "--region", "eu-west-1",
        "--output-formats", "json-ocsf", "--output-directory", tmp_path / "prowler", "--no-banner", "--ignore-exit-code-3",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert unexpected(log) == set(), done.stdout
    [report] = (tmp_path / "prowler").glob("*.ocsf.json")
    findings = json.loads(report.read_text())
    by_check: dict[str, list[dict]] = {}
    for finding in findings:
        by_check.setdefault(finding["metadata"]["event_code"], []).append(finding)
    names = lambda check: [finding["resources"][0]["name"] for finding in by_check[check]]
    assert set(names("iam_user_console_access_unused")) - {"<root_account>"} == set(USERS)
    # All keys of the world are old, and the check names each that is active.
    old = {it["resources"][0]["name"] for it in by_check["iam_rotate_access_key_90_days"] if it["status_code"] == "FAIL"}
    numbered = [(name, number, status) for name, keys in KEYS.items() for number, (_, status) in enumerate(keys, 1)]
    assert old == {f"{name}-access-key-{number}" for name, number, status in numbered if status == "Active"}
    active = {name: sum(status == "Active" for _, status in keys) for name, keys in KEYS.items()}
    two = {it["resources"][0]["name"] for it in by_check["iam_user_two_active_access_key"] if it["status_code"] == "FAIL"}
    assert two == {name for name, count in active.items() if count == 2}
    no_mfa = {
        it["resources"][0]["name"]
        for it in by_check["iam_user_mfa_enabled_console_access"]
        if it["status_code"] == "FAIL"
    }
    assert no_mfa - {"<root_account>"} == {n for n, user in USERS.items() if "login_profile" in user and not user.get("mfa_devices")}


def test_cloud_custodian_sees_all_users_and_keys(emulate, tmp_path):
    policies = {
        "policies": [
            {"name": "users", "resource": "aws.iam-user", "filters": [{"type": "access-key", "key": "Status", "op": "ni", "value": []}]},
            {"name": "all", "resource": "aws.iam-user"},
            {"name": "active", "resource": "aws.iam-user", "filters": [{"type": "credential", "key": "access_keys.active", "value": True}]},
            {"name": "attached", "resource": "aws.iam-user", "filters": [{"type": "policy", "key": "PolicyName", "value": "ReadBuckets"}]},
            {"name": "mfa", "resource": "aws.iam-user", "filters": [{"type": "mfa-device", "key": "MFADevices", "value": "not-null"}]},
            {"name": "roles", "resource": "aws.iam-role", "filters": [{"type": "has-specific-managed-policy", "value": "AdministratorAccess"}]},
            {"name": "groups", "resource": "aws.iam-group"},
            # Not aws.iam-policy, which also calls the Resource Groups Tagging API.
        ]
    }  # fmt: skip
    file = tmp_path / "custodian.json"
    file.write_text(json.dumps(policies))
    out = tmp_path / "custodian"
    custodian = venv("custodian") / "custodian"
    done, log = emulate(custodian, "run", "--region", "eu-central-1", "--output-dir", out, file)
    assert done.returncode == 0, done.stdout
    assert unexpected(log) == set(), done.stdout
    resources = {path.parent.name: json.loads(path.read_text()) for path in out.glob("*/resources.json")}
    names = lambda policy, field="UserName": {resource[field] for resource in resources[policy]}
    assert names("all") == set(USERS)
    seen = {user["UserName"]: [(key["AccessKeyId"], key["Status"]) for key in user["c7n:AccessKeys"]] for user in resources["users"]}
    assert seen == {name: keys for name, keys in KEYS.items() if keys}
    assert names("active") == {name for name, keys in KEYS.items() if any(status == "Active" for _, status in keys)}
    assert names("attached") == {"bob"}
    assert names("roles", "RoleName") == {"Admin"}
    assert names("groups", "GroupName") == {"developers"}


# A program of botocove's users: the names of the users in each account, as JSON.
COVE = """
import json, sys
from botocove import cove

@cove(rolename="SecurityAudit", target_ids=sys.argv[1:] or None)
def users(session):
    pages = session.client("iam").get_paginator("list_users").paginate()
    return [user["UserName"] for page in pages for user in page["Users"]]

print(json.dumps(users(), default=str))
"""


def test_botocove_sees_the_accounts_of_the_organization_and_of_a_unit(rolecall, tmp_path):
    world = json.loads(WORLD.read_text())
    accounts, root = world["accounts"], world["organization"]["root"]
    accounts["333333333333"] = {
        "name": "payments-test",
        "roles": {"SecurityAudit": accounts[ACCOUNT]["roles"]["SecurityAudit"]},
        "users": {"dave": {"create_date": "2026-01-05T12:00:00Z"}},
    }
    accounts["444444444444"] = {"state": "SUSPENDED"}
    root["accounts"].append("444444444444")
    root["units"][0]["units"] = [{"id": "ou-peer-22222222", "accounts": ["333333333333"]}]
    # botocove 1.7 reads `Status`, in place of which AWS returns `State` since September 2026.
    world["fault_injection"] = {"old_status": True}
    file, script = tmp_path / "world.json", tmp_path / "users.py"
    file.write_text(json.dumps(world))
    script.write_text(COVE)

    def run(*targets: str) -> tuple[dict[str, set[str]], set[str]]:
        """The users of each account that botocove read, and the accounts whose role it could not assume."""
        role = "arn:aws:iam::222222222222:role/Auditor"
        emulator = [rolecall, "emulator", "--world", file, "--as", role, "--", venv("botocove") / "python", script, *targets]
        done = subprocess.run(emulator, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        assert seen["Exceptions"] == [], done.stdout
        names = {entry["Id"]: entry["Name"] for entry in seen["Results"]}
        assert names == {account: accounts[account]["name"] for account in names}
        return {it["Id"]: set(it["Result"]) for it in seen["Results"]}, {it["Id"] for it in seen["FailedAssumeRole"]}

    expected = {ACCOUNT: set(USERS), "333333333333": {"dave"}}
    # Its own account it never reads, and in the management account there is no such role.
    assert run() == (expected, {"999999999999"})
    assert run("ou-peer-11111111") == (expected, set())
    assert run("ou-peer-22222222") == ({"333333333333": {"dave"}}, set())


def read(operation: str, **parameters):
    return pytest.param(operation, parameters, id=operation)


POLICY = f"arn:aws:iam::{ACCOUNT}:policy/team/ReadBuckets"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        read("list_users"), read("get_user", UserName="bob"), read("list_user_tags", UserName="alice"),
        read("list_user_policies", UserName="carol"), read("get_user_policy", UserName="carol", PolicyName="policy-1"),
        read("list_attached_user_policies", UserName="bob"), read("list_groups_for_user", UserName="alice"),
        read("list_access_keys", UserName="deploy"), read("get_access_key_last_used", AccessKeyId="AKIADEPLOYDEPLOYDEP1"),
        read("get_login_profile", UserName="alice"), read("list_mfa_devices", UserName="alice"),
        read("list_ssh_public_keys", UserName="alice"), read("list_signing_certificates", UserName="alice"),
        read("list_service_specific_credentials", AllUsers=True), read("list_groups"),
        read("get_group", GroupName="developers"), read("list_group_policies", GroupName="developers"),
        read("get_group_policy", GroupName="developers", PolicyName="policy-1"),
        read("list_attached_group_policies", GroupName="developers"), read("list_roles"), read("get_role", RoleName="Admin"),
        read("list_role_tags", RoleName="SecurityAudit"), read("list_role_policies", RoleName="SecurityAudit"),
        read("get_role_policy", RoleName="SecurityAudit", PolicyName="policy-1"),
        read("list_attached_role_policies", RoleName="Admin"), read("list_instance_profiles"), read("list_policies"),
        read("get_policy", PolicyArn=POLICY), read("get_policy_version", PolicyArn=POLICY, VersionId="v1"),
        read("list_policy_versions", PolicyArn=POLICY), read("list_entities_for_policy", PolicyArn=POLICY),
        read("list_policy_tags", PolicyArn=POLICY), read("list_server_certificate_tags", ServerCertificateName="www"),
        read("list_saml_provider_tags", SAMLProviderArn=f"arn:aws:iam::{ACCOUNT}:saml-provider/okta"),
        read("get_account_summary"), read("list_account_aliases"), read("get_account_password_policy"),
        read("list_virtual_mfa_devices"), read("list_saml_providers"), read("list_server_certificates"),
        read("generate_credential_report"), read("get_account_authorization_details"),
        read("generate_service_last_accessed_details", Arn=f"arn:aws:iam::{ACCOUNT}:user/alice"),
        read("simulate_principal_policy", PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/alice", ActionNames=["s3:GetObject"]),
    ],
)  # fmt: skip
def test_iam_answers_have_the_elements_of_awss_service_model(clients, operation, parameters):
    client = clients["iam"]
    bodies = []
    name = client.meta.method_to_api_mapping[operation]
    client.meta.events.register(f"before-parse.iam.{name}", lambda response_dict, **_: bodies.append(response_dict["body"]))
    getattr(client, operation)(**parameters)
    model = client.meta.service_model.operation_model(name)
    root = ElementTree.fromstring(bodies[-1])
    strip(root)
    assert root.tag == f"{name}Response"
    check(root.find(model.output_shape.serialization["resultWrapper"]), model.output_shape, name)


def test_every_iam_operation_of_the_emulator_is_checked(clients):
    tested = {mark.values[0] for mark in test_iam_answers_have_the_elements_of_awss_service_model.pytestmark[0].args[1]}
    client = clients["iam"]
    with pytest.raises(client.exceptions.ClientError) as error:
        client.list_open_id_connect_providers()
    listed = error.value.response["Error"]["Message"].split("implements ")[1].split(", ")
    names = {method for method, name in client.meta.method_to_api_mapping.items() if f"iam:{name}" in listed}
    # Their answers need a call before, or another account.
    others = {"get_credential_report", "get_service_last_accessed_details", "list_organizations_features"}
    assert names == tested | others


def test_answers_of_two_steps_have_the_elements_of_awss_service_model(clients):
    client = clients["iam"]
    job = client.generate_service_last_accessed_details(Arn=f"arn:aws:iam::{ACCOUNT}:user/alice")["JobId"]
    client.generate_credential_report()
    for operation, parameters in [("get_service_last_accessed_details", {"JobId": job}), ("get_credential_report", {})]:
        test_iam_answers_have_the_elements_of_awss_service_model(clients, operation, parameters)
    organizations = clients["organizations"]
    [administrator, _] = organizations.list_delegated_administrators()["DelegatedAdministrators"]
    assert {"Id", "Arn", "Email", "Name", "State", "JoinedMethod", "JoinedTimestamp", "DelegationEnabledDate"} == set(administrator)
    unit = organizations.describe_organizational_unit(OrganizationalUnitId="ou-peer-11111111")["OrganizationalUnit"]
    assert unit["Name"] == "Workloads"
    regions = clients["ec2"].describe_regions()["Regions"]
    assert {"RegionName": "eu-west-1", "Endpoint": "ec2.eu-west-1.amazonaws.com", "OptInStatus": "opt-in-not-required"} in regions


@pytest.fixture(scope="module")
def clients(rolecall, tmp_path_factory):
    """boto3 clients of a running emulator."""
    import shlex
    import time

    import boto3

    env_file = tmp_path_factory.mktemp("peers") / "aws.env"
    role = f"arn:aws:iam::{ACCOUNT}:role/SecurityAudit"
    command = [rolecall, "emulator", "--world", WORLD, "--as", role, "--listen", "127.0.0.1:0", "--env-file", env_file]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 30
        while not env_file.exists():
            assert process.poll() is None and time.monotonic() < deadline, "the emulator did not start"
            time.sleep(0.02)
        words = [shlex.split(line, comments=True) for line in env_file.read_text().splitlines()]
        values = dict(word[1].split("=", 1) for word in words if word[:1] == ["export"])
        settings = {
            "endpoint_url": values["AWS_ENDPOINT_URL"],
            "region_name": "eu-west-1",
            "aws_access_key_id": values["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": values["AWS_SECRET_ACCESS_KEY"],
            "aws_session_token": values["AWS_SESSION_TOKEN"],
        }
        yield {name: boto3.client(name, **settings) for name in ["iam", "organizations", "ec2"]}
    finally:
        process.terminate()
        process.wait()


def strip(element: ElementTree.Element) -> None:
    """Removes the namespace from all names."""
    element.tag = element.tag.rsplit("}", 1)[-1]
    for child in element:
        strip(child)


def check(element, shape, path: str) -> None:
    """Requires that an element has only the members of its shape, and all that are required."""
    assert element is not None, f"{path} is missing"
    if shape.type_name == "structure":
        names = [child.tag for child in element]
        unknown = set(names) - set(shape.members)
        assert not unknown, f"{path} has {unknown}, which AWS does not have"
        missing = set(shape.required_members) - set(names)
        assert not missing, f"{path} lacks {missing}"
        assert len(names) == len(set(names)), f"{path} has an element twice: {names}"
        for child in element:
            check(child, shape.members[child.tag], f"{path}.{child.tag}")
    elif shape.type_name == "list":
        for child in element:
            assert child.tag == "member", f"{path} has {child.tag} in place of member"
            check(child, shape.member, f"{path}[]")
    elif shape.type_name == "map":
        assert all([child.tag for child in entry] == ["key", "value"] for entry in element), path
    else:
        assert len(element) == 0, f"{path} is not a {shape.type_name}"
