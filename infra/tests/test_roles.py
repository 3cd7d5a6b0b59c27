"""`roles.sh` creates the roles of policies/*.json: its printed commands, run as printed, and RUN=1.

LocalStack replaces AWS. It accepts every principal, so a stub of the AWS CLI returns the errors.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import world
from templates import FACT_SETS

INFRA = Path(__file__).resolve().parents[1]
ROLES = INFRA / "roles.sh"
VENV = Path(sys.executable).parent
# All characters that STS allows and that have a meaning in a shell, sed or JSON.
EXTERNAL_ID = "7f3c:rolecall/+=,.@-_"


def roles(*arguments, path=VENV, files=None, **settings):
    """Runs roles.sh with these settings and no other variables of the environment."""
    environment = {"PATH": f"{path}{os.pathsep}{os.defpath}"} | (files or {}) | settings
    return subprocess.run([ROLES, *arguments], env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def profiles(localstack, tmp_path):
    """Writes the AWS CLI's files with profiles `a` and `b` for two accounts that are still empty in LocalStack."""

    def write(a, b):
        config, credentials = tmp_path / "config", tmp_path / "credentials"
        config.write_text("".join(f"[profile {name}]\nregion = us-east-1\nendpoint_url = {localstack}\n" for name in "ab"))
        # LocalStack reads an access key id of 12 digits as an account id.
        keys = {"a": a, "b": b}
        credentials.write_text(
            "".join(f"[{name}]\naws_access_key_id = {keys[name]}\naws_secret_access_key = test\n" for name in keys)
        )
        return {
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "HOME": str(tmp_path),
        }

    return write


@pytest.mark.parametrize(
    ("external_id", "facts", "a", "b"),
    [
        ("", "default", "000000000443", "000000000444"),
        (EXTERNAL_ID, "recommended", "000000000441", "000000000442"),
        ("", "all", "000000000445", "000000000446"),
    ],
)
def test_the_printed_commands_create_the_roles(external_id, facts, a, b, localstack, profiles):
    printed = roles(A=a, B=b, EXTERNAL_ID=external_id, FACTS=facts)
    assert (printed.returncode, printed.stderr) == (0, "")

    environment = {"PATH": f"{VENV}{os.pathsep}{os.defpath}"} | profiles(a, b)
    typed = subprocess.run(["sh", "-eu"], input=printed.stdout, env=environment, capture_output=True, text=True)

    assert (typed.returncode, typed.stderr) == (0, "")
    assert created_documents(localstack, a, b) == expected(a, b, external_id, facts)


def test_run_creates_the_roles_and_a_second_run_keeps_them(localstack, profiles):
    a, b = "000000000551", "000000000552"
    for _ in range(2):
        done = roles(A=a, B=b, RUN="1", files=profiles(a, b))
        assert done.returncode == 0, done.stderr
        assert created_documents(localstack, a, b) == expected(a, b, "")
    assert "role IAMListRole exists with the right trust policy" in done.stderr


def test_a_role_with_the_same_name_and_another_trust_policy_is_not_changed(localstack, profiles):
    a, b = "000000000661", "000000000662"
    environment = profiles(a, b)
    assert roles(A=a, B=b, RUN="1", files=environment).returncode == 0

    done = roles(A=a, B=b, RUN="1", EXTERNAL_ID=EXTERNAL_ID, files=environment)

    assert done.returncode == 1
    assert created_documents(localstack, a, b) == expected(a, b, "")
    # The command that it prints sets the trust policy, and then RUN=1 succeeds.
    remedy = done.stderr[done.stderr.index("aws iam update-assume-role-policy") :]
    path = {"PATH": f"{VENV}{os.pathsep}{os.defpath}"}
    subprocess.run(["sh", "-eu"], input=remedy, env=path | environment, text=True, check=True)
    assert roles(A=a, B=b, RUN="1", EXTERNAL_ID=EXTERNAL_ID, files=environment).returncode == 0
    assert created_documents(localstack, a, b) == expected(a, b, EXTERNAL_ID)


def test_the_external_id_of_a_role_is_removed_only_where_that_is_said(localstack, profiles):
    a, b = "000000000665", "000000000666"
    environment = profiles(a, b)
    assert roles(A=a, B=b, RUN="1", EXTERNAL_ID=EXTERNAL_ID, files=environment).returncode == 0
    done = roles(A=a, B=b, RUN="1", files=environment)
    assert done.returncode == 1
    assert "role IAMListRole requires an external id: give it as EXTERNAL_ID" in done.stderr
    assert "update-assume-role-policy" not in done.stderr
    assert EXTERNAL_ID not in done.stderr
    done = roles(A=a, B=b, RUN="1", EXTERNAL_ID="none", files=environment)
    remedy = done.stderr[done.stderr.index("aws iam update-assume-role-policy") :]
    path = {"PATH": f"{VENV}{os.pathsep}{os.defpath}"}
    subprocess.run(["sh", "-eu"], input=remedy, env=path | environment, text=True, check=True)
    assert created_documents(localstack, a, b) == expected(a, b, "")


@pytest.mark.parametrize(("way", "a", "b"), [("printed", "000000000881", "000000000882"), ("run", "000000000883", "000000000884")])
def test_destroy_deletes_the_roles(way, a, b, localstack, profiles):
    files = profiles(a, b)
    assert roles(A=a, B=b, RUN="1", files=files).returncode == 0
    done = roles("destroy", A=a, B=b, RUN="1" if way == "run" else "0", files=files)
    assert done.returncode == 0, done.stderr
    if way == "printed":
        environment = {"PATH": f"{VENV}{os.pathsep}{os.defpath}"} | files
        subprocess.run(["sh", "-eu"], input=done.stdout, env=environment, text=True, check=True)
    for account in (a, b):
        iam = world.client(localstack, "iam", world.administrator(localstack, account))
        assert iam.list_roles()["Roles"] == []
    again = roles("destroy", A=a, B=b, RUN="1", files=files)
    assert again.returncode == 0
    assert "role IAMListRole does not exist" in again.stderr


@pytest.mark.parametrize("wrong", ["a", "b"])
def test_a_profile_of_another_account_is_rejected_before_anything_is_created(wrong, localstack, profiles):
    a, b, other = "000000000771", "000000000772", "000000000773"
    done = roles(A=a, B=b, RUN="1", files=profiles(**({"a": a, "b": b} | {wrong: other})))
    assert done.returncode == 1
    assert f"profile '{wrong}' is for account {other}, not for" in done.stderr
    for account in (a, b):
        iam = world.client(localstack, "iam", world.administrator(localstack, account))
        assert iam.list_roles()["Roles"] == []


def test_account_ids_that_are_swapped_examples_are_not_mixed_up():
    printed = roles(A=world.HUB, B=world.MEMBER).stdout
    assert f'"AWS": "arn:aws:iam::{world.MEMBER}:role/LambdaRole"' in printed
    assert f'"Resource": ["arn:aws:iam::{world.HUB}:role/IAMListRole"]' in printed


def test_profiles_and_the_function_name_can_be_chosen():
    printed = roles(A=world.MEMBER, B=world.HUB, A_PROFILE="it's me", B_PROFILE="$HOME", FUNCTION="roll").stdout
    assert "--profile 'it'\\''s me'" in printed
    assert "--profile '$HOME'" in printed
    assert "log-group:/aws/lambda/roll:*" in printed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "usage: make roles"),
        ({"A": "111111111111"}, "usage: make roles"),
        ({"A": "1234567890", "B": world.HUB}, "A is '1234567890', which has 10 digits; an account id has 12"),
        ({"A": world.MEMBER, "B": "12345678901"}, "B is '12345678901', which has 11 digits"),
        ({"A": "1111-1111-1111", "B": world.HUB}, "A is '1111-1111-1111'; an account id has 12 digits"),
        ({"A": "11111111111l", "B": world.HUB}, "an account id has 12 digits and no other characters"),
        ({"A": world.HUB, "B": world.HUB}, f"A and B are both {world.HUB}"),
        ({"A": world.MEMBER, "B": world.HUB, "FUNCTION": "a/b"}, "FUNCTION is 'a/b'"),
        ({"A": world.MEMBER, "B": world.HUB, "FACTS": "keys"}, "FACTS is 'keys'; set it to default, recommended or all"),
        ({"A": world.MEMBER, "B": world.HUB, "RUN": "yes"}, "RUN is 'yes'"),
    ],
)
def test_invalid_settings_are_rejected_with_a_message(settings, message):
    done = roles(**settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_run_without_the_aws_cli_is_an_error(tmp_path):
    (tmp_path / "dirname").symlink_to(shutil.which("dirname"))
    environment = {"PATH": str(tmp_path), "A": world.MEMBER, "B": world.HUB, "RUN": "1"}
    done = subprocess.run([ROLES], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "RUN=1 needs the AWS CLI, which is not installed; without RUN=1 the commands are printed\n")


@pytest.mark.parametrize("external_id", ["x", "a secret", "it's", 'quo"te', "back\\slash", "a&b|c", "line\nbreak", "é" * 3, "x" * 1225])
def test_an_invalid_external_id_is_not_shown(external_id):
    done = roles(A=world.MEMBER, B=world.HUB, EXTERNAL_ID=external_id)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "EXTERNAL_ID is not valid; use 2 to 1224 letters, digits and the characters _+=,.@:/-\n"


def test_it_waits_until_iam_accepts_the_new_role_as_a_principal(tmp_path):
    """IAM rejects a principal that was created a moment ago in another account."""
    stub(tmp_path, "sleep", 'echo "$1" >> "$HOME/slept"')
    stub(
        tmp_path,
        "aws",
        """
        case "$*" in
        *"get-caller-identity --profile a"*) echo 111111111111 ;;
        *get-caller-identity*) echo 222222222222 ;;
        *get-role*) exit 254 ;;
        *"create-role --profile a"*)
            if [ ! -e "$HOME/slept" ] || [ "$(wc -l < "$HOME/slept")" -lt 2 ]; then
                echo "An error occurred (MalformedPolicyDocument): Invalid principal in policy" >&2
                exit 254
            fi ;;
        esac
        """,
    )

    done = roles(A=world.MEMBER, B=world.HUB, RUN="1", path=tmp_path, HOME=str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "slept").read_text() == "5\n5\n"


def test_an_error_of_aws_is_shown_and_stops_the_run(tmp_path):
    stub(
        tmp_path,
        "aws",
        """
        case "$*" in
        *"get-caller-identity --profile a"*) echo 111111111111 ;;
        *get-caller-identity*) echo 222222222222 ;;
        *get-role*) exit 254 ;;
        *) echo "$*" >> "$HOME/calls"; echo "An error occurred (AccessDenied): not you" >&2; exit 254 ;;
        esac
        """,
    )

    done = roles(A=world.MEMBER, B=world.HUB, RUN="1", path=tmp_path, HOME=str(tmp_path))

    assert done.returncode == 1
    assert "An error occurred (AccessDenied): not you" in done.stderr
    assert (tmp_path / "calls").read_text().count("iam create-role") == 1


def stub(folder, name, script):
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}")
    file.chmod(0o755)


def created_documents(endpoint, a, b):
    return [documents(endpoint, account, name) for account, name in ((b, "LambdaRole"), (a, "IAMListRole"))]


def documents(endpoint, account, name):
    iam = world.client(endpoint, "iam", world.administrator(endpoint, account))
    assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == [name]
    [policy] = iam.list_role_policies(RoleName=name)["PolicyNames"]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    return trust, iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]


def expected(a, b, external_id, facts="recommended"):
    def document(name):
        text = (INFRA / "policies" / f"{name}.json").read_text()
        return json.loads(text.replace(world.MEMBER, a).replace(world.HUB, b))

    trust = document("member-trust")
    if external_id:
        trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    return [(document("hub-trust"), document("hub-permissions")), (trust, document(FACT_SETS[facts]))]
