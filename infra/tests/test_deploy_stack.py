"""`make deploy-hub`, `make deploy` and `make destroy` in one hub account; ministack replaces AWS."""

import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import world
from templates import INFRA

ROOT = INFRA.parent
VENV = Path(sys.executable).parent
REGION = "eu-central-1"
ORGANIZATION = {"HUB": world.HUB, "MANAGEMENT": world.HUB, "ORGANIZATION": "o-example001", "OU": "r-exam"}
ELF = {"x86_64": 0x3E, "arm64": 0xB7}
# ministack has no service-managed StackSets.
STUB = f"""#!/bin/sh
case "$2" in
describe-stack-set) echo StackSetNotFoundException >&2; exit 254 ;;
*stack-set* | *stack-instances*) ;;
*) exec {VENV}/aws "$@" ;;
esac
"""


@pytest.fixture
def shell(ministack, tmp_path):
    """An environment with the profiles `hub` and `management` of ministack."""
    (tmp_path / "aws").write_text(STUB)
    (tmp_path / "aws").chmod(0o755)
    keys = f"aws_access_key_id = {world.HUB}\naws_secret_access_key = test\n"
    (tmp_path / "config").write_text(
        "".join(f"[profile {name}]\nregion = us-east-1\nendpoint_url = {ministack}\n{keys}" for name in ("hub", "management"))
    )
    return {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "REGION": REGION,
    }


@pytest.fixture
def aws(ministack):
    credentials = {"aws_access_key_id": world.HUB, "aws_secret_access_key": "test"}
    return lambda service: world.client(ministack, service, credentials, REGION)


def make(target, shell, **settings):
    variables = [f"{name}={value}" for name, value in settings.items()]
    command = ["make", "--silent", "-C", ROOT, target, *variables]
    return subprocess.run(command, env=shell, capture_output=True, text=True, timeout=120)


def run(target, shell, **settings):
    done = make(target, shell, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def function_zip(path, architecture="arm64", content=b""):
    header = b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + bytes([ELF[architecture], 0])
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("bootstrap", header + content)
    return path


def functions(aws):
    return {it["FunctionName"]: it for it in aws("lambda").list_functions()["Functions"]}


@pytest.mark.parametrize("way", ["printed", "run"])
def test_the_function_is_deployed_into_the_stack_and_destroyed_with_it(way, shell, aws, tmp_path):
    def step(target, **settings):
        if way == "run":
            # `deploy` runs its commands by itself.
            return run(target, shell, **settings, **({} if target == "deploy" else {"RUN": "1"}))
        done = run(target, shell, **settings, **({"DRY": "1"} if target == "deploy" else {}))
        assert done.stderr == ""
        typed = subprocess.run(["sh", "-eu"], input=done.stdout, env=shell, capture_output=True, text=True)
        assert typed.returncode == 0, typed.stderr
        return done

    step("deploy-hub", **ORGANIZATION)
    assert functions(aws) == {}
    zip_file = function_zip(tmp_path / "function.zip")
    step("deploy", ZIP=zip_file)
    first = functions(aws)["rolecall"]
    assert (first["Architectures"], first["MemorySize"]) == (["arm64"], 512)
    schedule = aws("scheduler").get_schedule(Name="rolecall")["Target"]
    assert schedule["Arn"] == first["FunctionArn"]

    # Another program, for another architecture, and the state machine.
    function_zip(zip_file, "x86_64", b"newer")
    step("deploy", ZIP=zip_file, DISTRIBUTED="1", SCHEDULE="rate(12 hours)", EMAIL="security@example.com")
    second = functions(aws)["rolecall"]
    assert second["Architectures"] == ["x86_64"]
    assert second["CodeSha256"] != first["CodeSha256"]
    [machine] = aws("stepfunctions").list_state_machines()["stateMachines"]
    schedule = aws("scheduler").get_schedule(Name="rolecall")
    assert (schedule["Target"]["Arn"], schedule["ScheduleExpression"]) == (machine["stateMachineArn"], "rate(12 hours)")

    # `deploy-hub` changes the role, and leaves the function.
    step("deploy-hub", **ORGANIZATION, FACTS="all")
    assert functions(aws)["rolecall"]["Environment"]["Variables"]["ROLECALL_COLLECT"] == "all"
    assert functions(aws)["rolecall"]["CodeSha256"] == second["CodeSha256"]
    step("deploy", ZIP=zip_file, DISTRIBUTED="0", PARAMETERS="MemorySize=2048 ExcludeAccounts=sandbox-*")
    assert functions(aws)["rolecall"]["MemorySize"] == 2048
    assert functions(aws)["rolecall"]["Environment"]["Variables"]["ROLECALL_EXCLUDE"] == "sandbox-*"
    assert aws("stepfunctions").list_state_machines()["stateMachines"] == []

    done = step("destroy", **ORGANIZATION)
    assert "rolecall-hub-bucket" in done.stdout + done.stderr
    assert functions(aws) == {}
    assert [it["RoleName"] for it in aws("iam").list_roles()["Roles"]] == []
    [bucket] = aws("s3").list_buckets()["Buckets"]
    assert bucket["Name"].startswith("rolecall-hub-bucket-")


def documented(page, section):
    """The commands of a section of a page that deploy the stack, each as words."""
    text = (ROOT / page).read_text().split(f"\n{section}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words for words in commands if words[:1] == ["make"] and "deploy" in words[1] and "ROLE=" not in str(words)]


@pytest.mark.parametrize(
    ("page", "section", "number"), [("README.md", "## Run it in Lambda", 3), ("docs/install.md", "## Deploy the function", 4)]
)
def test_the_documented_commands_work_as_they_are_written(page, section, number, shell, aws, tmp_path):
    """With the zip of this test, because another test builds it."""
    zip_file = function_zip(tmp_path / "function.zip")
    run("deploy-hub", shell, **ORGANIZATION, RUN="1")
    commands = documented(page, section)
    assert len(commands) == number
    for _, target, *settings in commands:
        run(target, shell, **dict(setting.split("=", 1) for setting in settings) | {"ZIP": zip_file})
    assert list(functions(aws)) == ["rolecall"]
    assert len(aws("stepfunctions").list_state_machines()["stateMachines"]) == 1
    topic = aws("sns").list_topics()["Topics"][0]["TopicArn"]
    [subscription] = aws("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert subscription["Endpoint"] == "security@example.com"


def test_the_documented_commands_of_the_aws_cli_create_the_roles_of_single_accounts(shell, aws, ministack):
    text = (ROOT / "docs/install.md").read_text().split("### With CloudFormation")[1]
    block = re.search(r"^```sh[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]
    profile = {"AWS_PROFILE": "hub", "AWS_REGION": REGION}
    done = subprocess.run(["sh", "-eu"], input=block, cwd=ROOT, env=shell | profile, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Both in one account here: the commands have no profile.
    assert {it["RoleName"] for it in aws("iam").list_roles()["Roles"]} == {"LambdaRole", "IAMListRole"}


def test_with_a_zip_nothing_is_compiled(shell, tmp_path):
    for name in ("cargo", "python3.13"):
        (tmp_path / name).write_text('#!/bin/sh\necho "$0 $*" >> "$HOME/ran"; exit 1\n')
        (tmp_path / name).chmod(0o755)
    run("deploy-hub", shell, **ORGANIZATION, RUN="1")
    run("deploy", shell, ZIP=function_zip(tmp_path / "function.zip"))
    assert not (tmp_path / "ran").exists()


def test_without_a_zip_the_function_is_built_first(shell):
    done = run("deploy", shell, DRY="1")
    assert done.stdout.splitlines()[0].endswith(" lambda build")
    assert "rolecall-lambda/bootstrap.zip" in done.stdout
    assert "put-object" in done.stdout


def test_a_stack_that_does_not_exist_is_named_with_what_creates_it(shell, tmp_path):
    done = make("deploy", shell, ZIP=function_zip(tmp_path / "function.zip"))
    assert done.returncode != 0
    assert "stack 'rolecall-hub' cannot be read" in done.stderr
    assert "make deploy-hub creates it" in done.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ZIP": "/missing.zip"}, "ZIP is '/missing.zip', which cannot be read"),
        ({"ZIP": __file__}, "which has no program 'bootstrap' for arm64 or x86_64"),
        ({"DRY": "yes"}, "DRY is 'yes'"),
        ({"DISTRIBUTED": "yes"}, "DISTRIBUTED is 'yes'"),
        ({"PARAMETERS": "memory"}, "PARAMETERS has 'memory'"),
        ({"STACK": "a b"}, "STACK, HUB_PROFILE and REGION"),
        ({"ROLE": "LambdaRole"}, "ROLE is 'LambdaRole'"),
        ({"ROLE": world.LAMBDA_ROLE.arn}, "ZIP is for the stack of make deploy-hub"),
    ],
)
def test_invalid_settings_are_rejected_with_a_message(settings, message, shell, tmp_path):
    done = make("deploy", shell, **{"ZIP": function_zip(tmp_path / "function.zip")} | settings)
    assert done.returncode != 0
    assert message in done.stderr
