"""`make deploy-hub`, `deploy-members` and `destroy`: their commands, run as printed and with RUN=1.

moto replaces AWS. It has no service-managed StackSets, so a stub of the AWS CLI answers for them, and the AWS CLI itself
checks their options.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import world
from templates import AWS_CLI, INFRA, documents

ROOT = INFRA.parent
VENV = Path(sys.executable).parent
MANAGEMENT = "999999999999"
SETTINGS = {"HUB": world.HUB, "MANAGEMENT": MANAGEMENT, "ORGANIZATION": "o-example001", "OU": "r-exam"}
# All characters that STS allows and that have a meaning in a shell, in JSON or in the AWS CLI's short form.
EXTERNAL_ID = "7f3c:rolecall/+=,.@-_"
ORGANIZATION_LIST_ROLE = f"arn:aws:iam::{MANAGEMENT}:role/OrganizationListRole"
MANAGEMENT_LIST_ROLE = f"arn:aws:iam::{MANAGEMENT}:role/IAMListRole"

# Calls of StackSets are recorded and answered; all others are moto's.
STUB = f"""#!/bin/sh
case "$*" in
*stack-set* | *stack-instances*)
    printf '%s\\n' "$*" >> "$HOME/calls"
    case "$2" in
    create-* | update-* | delete-*) {VENV}/aws "$@" --generate-cli-skeleton output >/dev/null || exit ;;
    esac
    case "$2" in
    describe-stack-set | create-stack-set | update-stack-set) exec {sys.executable} {INFRA}/tests/stack_set.py "$@" ;;
    describe-stack-set-operation) echo SUCCEEDED ;;
    list-stack-set-operation-results) cat "$HOME/failed" 2>/dev/null || true ;;
    delete-stack-set) rm "$HOME/stack-set" ;;
    *) echo 01234567-89ab-cdef-0123-456789abcdef ;;
    esac
    ;;
*) {AWS_CLI} ;;
esac
"""


@pytest.fixture
def shell(moto, tmp_path):
    """An environment with profiles `hub` and `management` of moto, and the stub."""
    return environment_of(tmp_path, moto, lambda account_id: world.administrator(moto, account_id))


@pytest.fixture
def updating_shell(ministack, tmp_path):
    """The same of ministack, which unlike moto changes the roles of a stack that is updated."""
    return environment_of(tmp_path, ministack, credentials_of)


def credentials_of(account_id):
    """Credentials of ministack, which reads an access key id of 12 digits as an account id."""
    return {"aws_access_key_id": account_id, "aws_secret_access_key": "test"}


def environment_of(folder, endpoint, credentials_of_account):
    (folder / "aws").write_text(STUB)
    (folder / "aws").chmod(0o755)
    config, credentials = folder / "config", folder / "credentials"
    accounts = {"hub": world.HUB, "management": MANAGEMENT}
    config.write_text("".join(f"[profile {name}]\nregion = us-east-1\nendpoint_url = {endpoint}\n" for name in accounts))
    credentials.write_text(
        "".join(
            f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in credentials_of_account(account_id).items())
            for name, account_id in accounts.items()
        )
    )
    return {
        "PATH": f"{folder}{os.pathsep}{os.defpath}",
        "HOME": str(folder),
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


def run(action, shell, **settings):
    environment = shell | SETTINGS | settings
    return subprocess.run([INFRA / "organization.sh", action], env=environment, capture_output=True, text=True, timeout=120)


def calls(shell):
    file = Path(shell["HOME"], "calls")
    recorded = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return recorded


@pytest.mark.parametrize("way", ["printed", "run"])
def test_the_hub_role_and_the_roles_of_all_accounts_are_created_and_deleted(way, moto, shell):
    def make(action):
        # A region other than moto's default, where the stacks are looked for.
        settings = {"EXTERNAL_ID": EXTERNAL_ID, "FACTS": "all", "SSO_PERMISSION_SET": "Audit", "REGION": "eu-central-1"}
        done = run(action, shell, RUN="1" if way == "run" else "0", **settings)
        assert done.returncode == 0, done.stderr
        if way == "printed":
            assert done.stderr == ""
            typed = subprocess.run(["sh", "-eu"], input=done.stdout, env=shell, capture_output=True, text=True)
            assert typed.returncode == 0, typed.stderr

    make("hub")
    trust, permissions = documents(moto, world.LAMBDA_ROLE.arn)
    assert [statement["Sid"] for statement in trust["Statement"]] == ["AllowLambda", "AllowPermissionSet"]
    statements = {statement["Sid"]: statement for statement in permissions["Statement"]}
    assert statements["AllowAssumeOrganizationListRole"]["Resource"] == ORGANIZATION_LIST_ROLE
    assert calls(shell) == []

    make("members")
    [listing] = documents(moto, ORGANIZATION_LIST_ROLE)[0]["Statement"]
    [reading] = documents(moto, MANAGEMENT_LIST_ROLE)[0]["Statement"]
    for statement in (listing, reading):
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{world.HUB}:root"}
        assert statement["Condition"]["ArnLike"] == {"aws:PrincipalArn": world.LAMBDA_ROLE.arn}
        assert statement["Condition"]["StringEquals"]["aws:PrincipalOrgID"] == SETTINGS["ORGANIZATION"]
    assert reading["Condition"]["StringEquals"]["sts:ExternalId"] == EXTERNAL_ID
    recorded = calls(shell)
    [create] = [call for call in recorded if " create-stack-set " in call]
    parameters = json.loads(create[create.index("[{") : create.index("}]") + 2])
    assert {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in parameters} == {
        "HubAccountId": world.HUB,
        "HubTrust": "account",
        "OrganizationId": SETTINGS["ORGANIZATION"],
        "FactSet": "all",
        "ExternalId": EXTERNAL_ID,
    }
    assert "--permission-model SERVICE_MANAGED" in create
    [instances] = [call for call in recorded if " create-stack-instances " in call]
    assert "--deployment-targets OrganizationalUnitIds=r-exam --regions eu-central-1" in instances

    make("destroy")
    recorded = calls(shell)
    order = [call.split()[1] for call in recorded if "delete" in call]
    assert order == ["delete-stack-instances", "delete-stack-set"]
    assert "--no-retain-stacks" in next(call for call in recorded if "delete-stack-instances" in call)
    for account_id in (world.HUB, MANAGEMENT):
        assert world.client(moto, "iam", world.administrator(moto, account_id)).list_roles()["Roles"] == []


def test_a_second_run_updates_what_exists(shell):
    assert run("members", shell, RUN="1").returncode == 0
    calls(shell)
    done = run("members", shell, RUN="1", FACTS="all")
    assert done.returncode == 0, done.stderr
    actions = [call.split()[1] for call in calls(shell)]
    assert "create-stack-set" not in actions
    assert actions.index("update-stack-set") < actions.index("create-stack-instances")


def deploy(way, action, shell, **settings):
    """Runs the action, or what it prints."""
    done = run(action, shell, RUN="1" if way == "run" else "0", **settings)
    assert done.returncode == 0, done.stderr
    if way == "printed":
        typed = subprocess.run(["sh", "-eu"], input=done.stdout, env=shell, capture_output=True, text=True)
        assert typed.returncode == 0, typed.stderr


def stack_set_parameters(shell):
    return json.loads(Path(shell["HOME"], "stack-set").read_text())


@pytest.mark.parametrize("way", ["printed", "run"])
def test_an_upgrade_without_the_variables_of_the_first_time_changes_no_setting_of_the_members(
    way, ministack, updating_shell
):
    shell = updating_shell
    iam = world.client(ministack, "iam", credentials_of(MANAGEMENT))

    def roles():
        return [
            (
                iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],
                iam.get_role_policy(RoleName=name, PolicyName="Rolecall")["PolicyDocument"],
            )
            for name in ("IAMListRole", "OrganizationListRole")
        ]

    def external_id():
        [statement] = roles()[0][0]["Statement"]
        return statement["Condition"]["StringEquals"].get("sts:ExternalId")

    deploy(way, "members", shell, EXTERNAL_ID=EXTERNAL_ID, FACTS="all")
    # A parameter that no variable sets, too: somebody set it with the AWS CLI.
    of_members = stack_set_parameters(shell) | {"PermissionsBoundary": "Boundary"}
    Path(shell["HOME"], "stack-set").write_text(json.dumps(of_members))
    before = roles()
    assert (of_members["ExternalId"], of_members["FactSet"], external_id()) == (EXTERNAL_ID, "all", EXTERNAL_ID)
    assert "iam:ListOrganizationsFeatures" in json.dumps(before[1][1])

    deploy(way, "members", shell)
    assert stack_set_parameters(shell) == of_members
    assert roles() == before

    deploy(way, "members", shell, EXTERNAL_ID="rotated-1")
    assert stack_set_parameters(shell) == of_members | {"ExternalId": "rotated-1"}
    assert external_id() == "rotated-1"

    deploy(way, "members", shell, EXTERNAL_ID="none")
    assert stack_set_parameters(shell) == of_members | {"ExternalId": ""}
    assert external_id() is None
    assert roles()[1] == before[1]


def test_an_update_of_a_stack_set_of_an_older_template_names_only_parameters_that_it_has(updating_shell):
    shell = updating_shell
    deploy("run", "members", shell, EXTERNAL_ID=EXTERNAL_ID)
    state = Path(shell["HOME"], "stack-set")
    older = stack_set_parameters(shell)
    del older["RolePath"]
    state.write_text(json.dumps(older | {"Removed": "value"}))
    deploy("run", "members", shell)
    assert stack_set_parameters(shell) == older | {"RolePath": "/"}


def test_accounts_in_which_an_operation_failed_are_named(shell):
    Path(shell["HOME"], "failed").write_text("111111111111\tFAILED\tdenied by a service control policy\n")
    done = run("members", shell, RUN="1")
    assert done.returncode == 1
    assert "111111111111\tFAILED\tdenied by a service control policy" in done.stderr


def test_results_that_cannot_be_read_are_an_error(shell):
    Path(shell["HOME"], "failed").mkdir()
    stub = Path(shell["HOME"], "aws")
    stub.write_text(stub.read_text().replace("2>/dev/null || true", ""))
    done = run("members", shell, RUN="1")
    assert done.returncode == 1
    assert "whether it failed in an account is unknown" in done.stderr


def test_a_delegated_administrator_manages_the_stack_set_and_lists_the_accounts_itself(moto, shell):
    assert run("hub", shell, RUN="1", DELEGATED="1").returncode == 0
    _, permissions = documents(moto, world.LAMBDA_ROLE.arn)
    assert "AllowListAccountsOfOrganization" in [statement["Sid"] for statement in permissions["Statement"]]

    done = run("members", shell, RUN="1", DELEGATED="1", MANAGEMENT="")
    assert done.returncode == 0, done.stderr
    for call in calls(shell):
        assert "--profile hub" in call and "--call-as DELEGATED_ADMIN" in call, call
    iam = world.client(moto, "iam", world.administrator(moto, MANAGEMENT))
    assert iam.list_roles()["Roles"] == []


@pytest.mark.parametrize("action", ["hub", "members", "destroy"])
def test_a_profile_of_another_account_is_rejected_before_anything_changes(action, moto, shell):
    done = run(action, shell, RUN="1", HUB_PROFILE="management", MANAGEMENT_PROFILE="hub")
    assert done.returncode == 1
    assert "set HUB_PROFILE and MANAGEMENT_PROFILE" in done.stderr
    assert calls(shell) == []


@pytest.mark.parametrize(("region", "partition"), [("eu-west-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")])
def test_the_region_tells_the_partition(region, partition, shell):
    assert f"OrganizationRoleArn=arn:{partition}:iam::{MANAGEMENT}:role/" in run("hub", shell, REGION=region).stdout


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"HUB": ""}, "usage: make deploy-hub"),
        ({"ORGANIZATION": ""}, "usage: make deploy-hub"),
        ({"MANAGEMENT": ""}, "usage: make deploy-hub"),
        ({"OU": ""}, "usage: make deploy-hub"),
        ({"HUB": "1234"}, "HUB is '1234'"),
        ({"MANAGEMENT": "9999-9999-9999"}, "MANAGEMENT is '9999-9999-9999'"),
        ({"ORGANIZATION": "r-exam"}, "ORGANIZATION is 'r-exam'"),
        ({"ORGANIZATION": "o-*"}, "ORGANIZATION is 'o-*'"),
        ({"OU": "Workloads"}, "OU is 'Workloads'"),
        ({"FACTS": "everything"}, "FACTS is 'everything'; set it to default, recommended or all"),
        ({"DELEGATED": "yes"}, "DELEGATED is 'yes'"),
        ({"CI_ROLE": "RolecallCI"}, "CI_ROLE is 'RolecallCI'"),
        ({"SSO_PERMISSION_SET": "Audit*"}, "SSO_PERMISSION_SET is 'Audit*'"),
        ({"REGION": "Frankfurt"}, "REGION is 'Frankfurt'"),
        ({"FUNCTION": "a/b"}, "FUNCTION is 'a/b'"),
        ({"EXTERNAL_ID": "a secret"}, "EXTERNAL_ID is not valid"),
        ({"RUN": "yes"}, "RUN is 'yes'"),
    ],
)
def test_invalid_settings_are_rejected_with_a_message(settings, message, shell):
    done = run("members", shell, **settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "a secret" not in done.stderr


@pytest.mark.parametrize("target", ["deploy-hub", "deploy-members", "destroy"])
def test_make_passes_the_settings(target, shell):
    settings = [f"{name}={value}" for name, value in SETTINGS.items()]
    path = {"PATH": f"{shell['PATH']}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["make", "-s", target, *settings], cwd=ROOT, env=shell | path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"# this must print {world.HUB if target != 'deploy-members' else MANAGEMENT};" in done.stdout


@pytest.mark.parametrize(
    ("target", "typed", "message"),
    [
        ("deploy-hub", "EXTERNALID=between-us", "make deploy-hub has no variable EXTERNALID; its variables are HUB MANAGEMENT"),
        ("deploy-members", "SSO_PERMISION_SET=Audit", "make deploy-members has no variable SSO_PERMISION_SET"),
        ("destroy", "OUS=r-exam", "make destroy has no variable OUS"),
        ("roles", "REGION=us-east-1", "make roles has no variable REGION"),
        ("deploy", "EMIAL=a@example.com", "make deploy has no variable EMIAL; its variables are ZIP"),
        ("deploy", "ROLE=arn:aws:iam::222222222222:role/LambdaRole ENV=file", "make deploy has no variable ENV; "),
    ],
)
def test_a_misspelled_variable_is_rejected(target, typed, message, shell):
    path = {"PATH": f"{shell['PATH']}{os.pathsep}{os.environ['PATH']}"}
    command = ["make", "-s", target, *typed.split(), "DRY=1"] if target == "deploy" else ["make", "-s", target, typed]
    done = subprocess.run(command, cwd=ROOT, env=shell | path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "between-us" not in done.stderr


def test_deploy_with_dry_prints_the_commands_and_runs_none(shell, tmp_path):
    for name in ("cargo", "python3.13"):
        (tmp_path / name).write_text('#!/bin/sh\necho ran >> "$HOME/ran"\n')
        (tmp_path / name).chmod(0o755)
    role = f"ROLE={world.LAMBDA_ROLE.arn}"
    make = ["make", "-s", "-f", ROOT / "Makefile", "deploy", role, "DRY=1"]
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(make, cwd=ROOT, env=shell | path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    build, deploy = done.stdout.splitlines()
    assert build.endswith(" lambda build")
    assert deploy.rstrip().endswith(f'cargo lambda deploy --iam-role "{world.LAMBDA_ROLE.arn}"')
    assert not (tmp_path / "ran").exists()
