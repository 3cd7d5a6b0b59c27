"""Rolecall's own emulator with other clients: boto3, the AWS CLI, and the tutorial's function.

LocalStack and moto are the reference where they are right: the same calls give the same fields, types and error codes.
"""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import emulators
import pytest
import world
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ROOT / "infra/policies"
TUTORIAL = ROOT / "bench/cold"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.fixture
def world_file(tmp_path):
    """Writes the built-in world with changed policies or a changed file, and returns its path."""

    def write(changes=(), change_file=lambda file: None):
        for document in POLICIES.glob("*.json"):
            text = document.read_text()
            for name, old, new in changes:
                if name == document.name:
                    assert old in text
                    text = text.replace(old, new)
            (tmp_path / "infra/policies").mkdir(parents=True, exist_ok=True)
            (tmp_path / "infra/policies" / document.name).write_text(text)
        text = (ROOT / "crates/emulator/worlds/tutorial.json").read_text()
        file = json.loads(text.replace("../../../infra", "infra"))
        change_file(file)
        (tmp_path / "world.json").write_text(json.dumps(file))
        return tmp_path / "world.json"

    return write


@pytest.fixture
def under(rolecall, tmp_path):
    """Runs a command under `rolecall emulator --`."""

    def run(*command, world_file=None):
        flags = ["--world", world_file] if world_file else []
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin:/bin",
            "HOME": str(tmp_path),
            "ROLE_ARN": world.IAM_LIST_ROLE.arn,
            "PYTHONPATH": str(TUTORIAL),
            "AWS_PAGER": "",
        }
        return subprocess.run(
            [rolecall, "emulator", *flags, "--", *command], env=environment, capture_output=True, text=True, timeout=60
        )

    return run


FUNCTION = [sys.executable, "-c", "import json, tutorial; print(json.dumps(tutorial.lambda_handler({}, None)))"]
CLI = ["aws", "sts", "assume-role", "--role-arn", world.IAM_LIST_ROLE.arn, "--role-session-name", "cli"]

MISSING = {
    "A's role trusts B's role": ("member-trust.json", "role/LambdaRole", "role/Other"),
    "B's role may assume A's role": ("hub-permissions.json", "role/IAMListRole", "role/Other"),
    "A's role may list users": ("member-permissions.json", "iam:ListUsers", "iam:ListRoles"),
}


def test_the_tutorials_function_runs_unchanged(under):
    done = under(*FUNCTION)
    assert done.returncode == 0, done.stderr
    users = {user["UserName"]: len(user["AccessKeys"]) for user in json.loads(done.stdout)["users"]}
    assert users == {"alice": 1, "bob": 0, "carol": 2, "deploy+eu=1,blue.green@ci-2": 3, "runner": 1}


@pytest.mark.parametrize("missing", MISSING)
def test_without_a_permission_access_is_denied(missing, under, world_file):
    done = under(*FUNCTION, world_file=world_file([MISSING[missing]]))
    assert done.returncode == 1
    assert "(AccessDenied) when calling the" in done.stderr
    if "list" not in missing:
        cli = under(*CLI, world_file=world_file([MISSING[missing]]))
        assert cli.returncode > 0
        assert "An error occurred (AccessDenied) when calling the AssumeRole operation" in cli.stderr


def test_nothing_runs_if_lambda_may_not_assume_the_role(under, world_file):
    done = under(*FUNCTION, world_file=world_file([("hub-trust.json", "lambda.amazonaws.com", "ec2.amazonaws.com")]))
    assert (done.returncode, done.stdout) == (10, "")
    assert "lambda.amazonaws.com may not assume arn:aws:iam::222222222222:role/LambdaRole" in done.stderr


def test_the_aws_cli_runs_unchanged(under):
    identity = under("aws", "sts", "get-caller-identity")
    assert json.loads(identity.stdout)["Arn"] == "arn:aws:sts::222222222222:assumed-role/LambdaRole/rolecall"
    assumed = under(*CLI)
    assert json.loads(assumed.stdout)["AssumedRoleUser"]["Arn"].endswith(":assumed-role/IAMListRole/cli")
    denied = under("aws", "iam", "list-users")
    assert "because no identity-based policy allows the iam:ListUsers action" in denied.stderr


@contextmanager
def running(rolecall, folder, world_file):
    """Runs an emulator; yields its endpoint and the caller's credentials."""
    env_file = folder / "aws.env"
    command = [rolecall, "emulator", "--world", world_file, "--listen", "127.0.0.1:0", "--env-file", env_file]
    with subprocess.Popen(command, env={"PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL) as server:
        try:
            emulators.wait_until(env_file.exists, 20, "the emulator has not written its env file")
            lines = [line.removeprefix("export ").split("=", 1) for line in env_file.read_text().splitlines()]
            settings = {name[0]: name[1].strip("'") for name in lines if len(name) == 2}
            names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
            yield settings["AWS_ENDPOINT_URL"], {name: settings[name.upper()] for name in names}
        finally:
            server.terminate()


def calls(endpoint, caller, client):
    """The result of each of these calls: the shape of the response, or the code of the error."""
    role = world.IAM_LIST_ROLE.arn
    member = world.assume(endpoint, caller, role)
    unknown_user = {"UserName": "nobody"}
    with_key = {"UserName": next(user.name for user in world.USERS if len(user.key_statuses) == 1)}
    keys = world.client(endpoint, "iam", member).list_access_keys(**with_key)["AccessKeyMetadata"]
    key = {"AccessKeyId": keys[0]["AccessKeyId"]}
    session = {"RoleArn": role, "RoleSessionName": "test"}
    table = {
        "GetCallerIdentity": (caller, "sts", "get_caller_identity", {}),
        "AssumeRole": (caller, "sts", "assume_role", session | {"DurationSeconds": 900}),
        "ListUsers": (member, "iam", "list_users", {}),
        "ListUsers, with a path": (member, "iam", "list_users", {"PathPrefix": "/ci/"}),
        "ListAccessKeys": (member, "iam", "list_access_keys", with_key),
        "ListAccessKeys, no keys": (member, "iam", "list_access_keys", {"UserName": "erin"}),
        "ListAccessKeys, unknown user": (member, "iam", "list_access_keys", unknown_user),
        "GetUser": (member, "iam", "get_user", with_key),
        "GetUser, unknown user": (member, "iam", "get_user", unknown_user),
        "GetAccessKeyLastUsed": (member, "iam", "get_access_key_last_used", key),
    }
    return {name: client(endpoint, *call) for name, call in table.items()}


def boto3(endpoint, credentials, service, operation, parameters):
    try:
        answer = getattr(world.client(endpoint, service, credentials), operation)(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    del answer["ResponseMetadata"]
    return shape(answer)


def aws_cli(endpoint, credentials, service, operation, parameters):
    command = ["aws", "--endpoint-url", endpoint, "--region", "us-east-1", service, operation.replace("_", "-")]
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin:/bin", "AWS_PAGER": ""}
    environment |= {name.upper(): value for name, value in credentials.items()}
    done = subprocess.run(
        [*command, "--output", "json", "--cli-input-json", json.dumps(parameters)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode == 0:
        return shape(json.loads(done.stdout))
    error = re.search(r"An error occurred \((\w+)\) when calling the (\w+) operation", done.stderr)
    assert error, done.stderr
    return error.groups()


def shape(value):
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


# Where the reference is wrong: moto returns PackedPolicySize although no policy was passed, and for keys it returns no
# IsTruncated, which the CLI does not show.
KNOWN_DIFFERENCES = {
    ("localstack", boto3): set(),
    ("localstack", aws_cli): set(),
    ("moto", boto3): {"AssumeRole", "ListAccessKeys", "ListAccessKeys, no keys"},
    ("moto", aws_cli): {"AssumeRole"},
}


@pytest.mark.parametrize(("reference", "client"), KNOWN_DIFFERENCES)
def test_the_same_calls_give_the_same_shapes(reference, client, request, rolecall, tmp_path, world_file):
    endpoint = request.getfixturevalue(reference)
    world.load(endpoint)
    expected = calls(endpoint, world.assume(endpoint, {}, world.LAMBDA_ROLE.arn), client)

    def put_users(file):
        date = "2026-01-05T12:00:00Z"

        def keys(user):
            ids = (f"AKIA{world.USERS.index(user)}{number}EXAMPLEEXAMPLE" for number in range(len(user.key_statuses)))
            return [
                {"access_key_id": id, "status": status, "create_date": date} for id, status in zip(ids, user.key_statuses)
            ]

        file["accounts"][world.MEMBER]["roles"]["IAMListRole"]["policies"] = [EVERYTHING]
        file["accounts"][world.MEMBER]["users"] = {
            user.name: {"path": user.path, "create_date": date, "access_keys": keys(user)} for user in world.USERS
        }

    with running(rolecall, tmp_path, world_file(change_file=put_users)) as (ours, caller):
        actual = calls(ours, caller, client)

    different = {name: (actual[name], expected[name]) for name in actual if actual[name] != expected[name]}
    assert set(different) == KNOWN_DIFFERENCES[reference, client], different
