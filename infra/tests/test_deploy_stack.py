"""`make deploy-hub`, `make deploy` and `make destroy` in one hub account; ministack replaces AWS."""

import os
import re
import shlex
import subprocess
import zipfile

import pytest
import world
from templates import AWS_CLI, INFRA

ROOT = INFRA.parent
REGION = "eu-central-1"
ORGANIZATION = {"HUB": world.HUB, "MANAGEMENT": world.HUB, "ORGANIZATION": "o-example001", "OU": "r-exam"}
ELF = {"x86_64": 0x3E, "arm64": 0xB7}
# ministack has no service-managed StackSets.
STUB = f"""#!/bin/sh
case "$2" in
describe-stack-set) echo StackSetNotFoundException >&2; exit 254 ;;
*stack-set* | *stack-instances*) ;;
*) {AWS_CLI} ;;
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


@pytest.mark.parametrize("way", ["printed", "run"])
def test_an_upgrade_without_the_variables_of_the_first_time_changes_no_setting_of_the_hub(way, shell, aws, tmp_path):
    def deploy_hub(**settings):
        done = run("deploy-hub", shell, **ORGANIZATION, **settings, RUN="1" if way == "run" else "0")
        if way == "printed":
            typed = subprocess.run(["sh", "-eu"], input=done.stdout, env=shell, capture_output=True, text=True)
            assert typed.returncode == 0, typed.stderr

    def stack():
        [stack] = aws("cloudformation").describe_stacks(StackName="rolecall-hub")["Stacks"]
        return {it["ParameterKey"]: it["ParameterValue"] for it in stack["Parameters"]}

    def trusted():
        policy = aws("iam").get_role(RoleName="LambdaRole")["Role"]["AssumeRolePolicyDocument"]
        return {statement["Sid"] for statement in policy["Statement"] if isinstance(statement, dict)}

    def external_id():
        return functions(aws)["inventory"]["Environment"]["Variables"].get("ROLECALL_EXTERNAL_ID")

    ci_role = f"arn:aws:iam::{world.HUB}:role/RolecallCI"
    optional = {"SSO_PERMISSION_SET": "Audit", "CI_ROLE": ci_role, "FACTS": "all", "FUNCTION": "inventory"}
    deploy_hub(EXTERNAL_ID="between-us", **optional)
    run("deploy", shell, ZIP=function_zip(tmp_path / "function.zip"))
    before = stack()
    everybody = trusted()
    assert len(everybody) == 3
    assert external_id() == "between-us"

    deploy_hub()
    assert (stack(), trusted(), external_id()) == (before, everybody, "between-us")

    deploy_hub(EXTERNAL_ID="rotated-1", SSO_PERMISSION_SET="Security")
    changed = {name for name, value in stack().items() if value != before[name]}
    assert changed - {"ExternalId"} == {"SsoPermissionSet"}
    assert external_id() == "rotated-1"

    deploy_hub(EXTERNAL_ID="none", SSO_PERMISSION_SET="none", CI_ROLE="none")
    assert external_id() is None
    assert trusted() == {"AllowLambda"}
    assert (stack()["FactSet"], stack()["FunctionName"]) == ("all", "inventory")


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
        zip_of_test = {"ZIP": zip_file} if target == "deploy" else {}
        run(target, shell, **dict(setting.split("=", 1) for setting in settings) | zip_of_test)
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


def test_printed_commands_upload_the_zip_that_they_build(shell, aws, tmp_path):
    """Pasted after each change: the key of the code is that of the zip at that time, not that of a zip from before."""
    run("deploy-hub", shell, **ORGANIZATION, RUN="1")
    zip_file = function_zip(tmp_path / "built.zip")
    environment = shell | {"BUILT_ZIP": str(zip_file), "DRY": "1"}
    printed = subprocess.run([INFRA / "deploy.sh"], env=environment, capture_output=True, text=True, check=True).stdout
    sums = []
    for content in (b"first", b"second"):
        function_zip(zip_file, content=content)
        typed = subprocess.run(["sh", "-eu"], input=printed, env=shell, capture_output=True, text=True)
        assert typed.returncode == 0, typed.stderr
        sums.append(functions(aws)["rolecall"]["CodeSha256"])
    assert sums[0] != sums[1]


def test_none_removes_what_the_stack_has(shell, aws, tmp_path):
    zip_file = function_zip(tmp_path / "function.zip")
    run("deploy-hub", shell, **ORGANIZATION, RUN="1")
    run("deploy", shell, ZIP=zip_file, EMAIL="security@example.com")
    topic = aws("sns").list_topics()["Topics"][0]["TopicArn"]
    stack = aws("cloudformation").describe_stacks(StackName="rolecall-hub")["Stacks"][0]
    assert {"ParameterKey": "NotificationEmail", "ParameterValue": "security@example.com"} in stack["Parameters"]
    run("deploy", shell, ZIP=zip_file, EMAIL="none")
    assert aws("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_settings_are_checked_before_the_function_is_built(shell, tmp_path):
    for name in ("cargo", "python3.13"):
        (tmp_path / name).write_text('#!/bin/sh\necho "$0 $*" >> "$HOME/ran"; exit 1\n')
        (tmp_path / name).chmod(0o755)
    done = make("deploy", shell, EMAIL="security")
    assert done.returncode == 2
    assert "EMAIL is 'security'" in done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ZIP": "/missing.zip"}, "ZIP is '/missing.zip', which cannot be read"),
        ({"ZIP": "/missing.zip", "DRY": "1"}, "ZIP is '/missing.zip', which cannot be read"),
        ({"ZIP": __file__}, "which has no program 'bootstrap' for arm64 or x86_64"),
        ({"DRY": "yes"}, "DRY is 'yes'"),
        ({"DISTRIBUTED": "yes"}, "DISTRIBUTED is 'yes'"),
        ({"PARAMETERS": "memory"}, "PARAMETERS has 'memory'"),
        ({"PARAMETERS": "Foo=1"}, "PARAMETERS has 'Foo', and infra/hub.yaml has no such parameter"),
        ({"PARAMETERS": "MemorySize=512 HasFunction=1", "DRY": "1"}, "PARAMETERS has 'HasFunction'"),
        ({"EMAIL": "notanemail", "DRY": "1"}, "EMAIL is 'notanemail'; set it to an address"),
        ({"EMAIL": "@example.com"}, "EMAIL is '@example.com'"),
        ({"SCHEDULE": "daily"}, "SCHEDULE is 'daily'"),
        ({"KMS_KEY": "alias/rolls"}, "KMS_KEY is 'alias/rolls'"),
        ({"STACK": "a b"}, "STACK, HUB_PROFILE and REGION"),
        ({"ROLE": "LambdaRole"}, "ROLE is 'LambdaRole'"),
        ({"ROLE": world.LAMBDA_ROLE.arn}, "ZIP is for the stack of make deploy-hub"),
    ],
)
def test_invalid_settings_are_rejected_with_a_message(settings, message, shell, tmp_path):
    done = make("deploy", shell, **{"ZIP": function_zip(tmp_path / "function.zip")} | settings)
    assert done.returncode != 0
    assert message in done.stderr
