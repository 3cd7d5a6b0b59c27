"""`cargo lambda` as it is typed at the repository's root: what deploy, watch and build make of Cargo.toml.

Nothing here is a second description of the function: name, binary, memory, timeout, runtime and target come from the
workspace's metadata, and these tests hold that they arrive where AWS would read them. moto stands for AWS.

The binaries are those of `cargo build --workspace`; the optimised build takes minutes and changes nothing here.
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import platform
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(subprocess.check_output([ROOT / "tools/target"], text=True).strip())
REGION = "us-east-1"
# The account that moto gives to callers it has not heard of: where the function lives.
ACCOUNT_B = "123456789012"
ACCOUNT_A = "111111111111"
LAMBDA_ROLE = f"arn:aws:iam::{ACCOUNT_B}:role/LambdaRole"
LIST_ROLE = f"arn:aws:iam::{ACCOUNT_A}:role/IAMListRole"
# The comma is legal, and would end the value in `--env-var`.
EXTERNAL_ID = "rolecall,7f3c"
ENVIRONMENT = {"ROLECALL_ROLE_ARN": LIST_ROLE, "ROLECALL_EXTERNAL_ID": EXTERNAL_ID}


@pytest.fixture(scope="module")
def shell():
    """The environment of someone who types: cargo-lambda at hand, and of AWS nothing but what a test says."""
    venv = ROOT / "tools" / "venv"
    if venv.exists():
        tools = Path(subprocess.run([venv, "cargo-lambda"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
        path = f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"
    else:
        path = os.environ["PATH"]
    assert shutil.which("cargo-lambda", path=path), "cargo-lambda is not there: tools/venv cargo-lambda"
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "ROLECALL_", "CARGO_LAMBDA_")) and not name.lower().endswith("_proxy")
    }
    return mine | {
        "PATH": path,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # All that is needed was fetched when the binaries were built.
        "CARGO_NET_OFFLINE": "true",
        "CARGO_TERM_COLOR": "never",
    }


@pytest.fixture(scope="module")
def moto_server(shell):
    port = free_port()
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, cwd=ROOT, env=shell, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for_port(port, process, seconds=60)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def aws(moto_server):
    """Clients by service name, of a moto that knows LambdaRole and nothing else."""
    with urllib.request.urlopen(f"{moto_server}/moto-api/reset", data=b"", timeout=10) as answer:
        assert answer.status == 200

    def client(service, credentials=None):
        keys = credentials or {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "secret"}
        return boto3.client(
            service,
            endpoint_url=moto_server,
            region_name=REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
        )

    client("iam").create_role(RoleName="LambdaRole", AssumeRolePolicyDocument=trust({"Service": "lambda.amazonaws.com"}))
    client.url = moto_server
    return client


@pytest.mark.parametrize("said_in", ["flags", "CargoLambda.toml"])
def test_deploy_makes_the_function_that_cargo_toml_describes(said_in, aws, shell, tmp_path):
    # Where `cargo lambda build` puts it, but for its --lambda-dir: the name comes from Cargo.toml's `binary_name`.
    built = tmp_path / "lambda" / "rolecall-lambda" / "bootstrap"
    built.parent.mkdir(parents=True)
    built.symlink_to(binary("rolecall-lambda"))
    # What differs from owner to owner is not in Cargo.toml: flags say it, or a CargoLambda.toml that is not in git.
    if said_in == "flags":
        file = tmp_path / "function.env"
        file.write_text("".join(f"{name}={value}\n" for name, value in ENVIRONMENT.items()))
        ours = ["--iam-role", LAMBDA_ROLE, "--env-file", file, "--global", os.devnull]
    else:
        file = tmp_path / "CargoLambda.toml"
        variables = "".join(f"{name} = {json.dumps(value)}\n" for name, value in ENVIRONMENT.items())
        file.write_text(f"[env]\n{variables}\n[deploy]\nrole = {json.dumps(LAMBDA_ROLE)}\n")
        ours = ["--global", file]

    typed("cargo", "lambda", "deploy", "--endpoint-url", aws.url, "--lambda-dir", tmp_path / "lambda", *ours, env=shell)

    function = aws("lambda").get_function(FunctionName="rolecall")
    configuration = function["Configuration"]
    assert configuration["Role"] == LAMBDA_ROLE
    assert configuration["Runtime"] == "provided.al2023"
    assert configuration["Handler"] == "bootstrap"
    assert configuration["PackageType"] == "Zip"
    # From the binary's own header, not from the configuration.
    assert configuration["Architectures"] == [{"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]]
    assert configuration["MemorySize"] == metadata(shell)["deploy"]["memory"]
    assert configuration["Timeout"] == metadata(shell)["deploy"]["timeout"] == 900
    assert configuration["Environment"]["Variables"] == ENVIRONMENT

    archive = built.with_name("bootstrap.zip").read_bytes()
    assert configuration["CodeSha256"] == base64.b64encode(hashlib.sha256(archive).digest()).decode()
    with zipfile.ZipFile(io.BytesIO(archive)) as inside:
        assert inside.namelist() == ["bootstrap"]
        assert inside.read("bootstrap") == binary("rolecall-lambda").read_bytes()
        assert inside.getinfo("bootstrap").external_attr >> 16 & 0o111, "bootstrap is not executable"
    # Without a role cargo-lambda makes one of its own, which account A would not know.
    assert [role["RoleName"] for role in aws("iam").list_roles()["Roles"]] == ["LambdaRole"]


def test_watch_and_invoke_give_the_roll_of_the_command_line(aws, shell, tmp_path):
    expected = people(aws)
    shell = shell | ENVIRONMENT | {"AWS_ENDPOINT_URL": aws.url}
    scanned = typed(binary("rolecall"), "scan", "--role-arn", LIST_ROLE, "--format", "json", "--no-rules", env=shell)

    port = free_port()
    here = ["--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    log = tmp_path / "watch.log"
    # --ignore-changes: a file that is saved meanwhile is no reason to start anew in the middle of a test.
    watch = ["cargo", "lambda", "watch", *here, "--ignore-changes", "--global", os.devnull]
    with log.open("w") as output, running(watch, cwd=ROOT, env=shell, stdout=output, stderr=output) as process:
        try:
            wait_for_port(port, process, seconds=60)
            invoke = ["cargo", "lambda", "invoke", *here, "--data-ascii", "{}"]
            by_name = typed(*invoke, "rolecall-lambda", env=shell)
            # Bare: there is one function, and it is the one that was started with the server.
            unnamed = typed(*invoke, env=shell)
        except BaseException:
            print(log.read_text(), file=sys.stderr)
            raise

    roll = json.loads(scanned)
    assert users_and_keys(roll) == expected
    assert roll["accounts"][0]["outcome"] == "Complete"
    assert comparable(json.loads(by_name)) == comparable(roll)
    assert comparable(json.loads(unnamed)) == comparable(roll)
    ran = log.read_text()
    assert '"--bin", "rolecall-lambda"' in ran
    # watch runs what `cargo build --workspace` built. Were it to choose by package, features would differ, and the AWS
    # SDK would be compiled again: minutes before the first answer.
    compiled = [line for line in ran.splitlines() if "Compiling" in line and "Compiling rolecall" not in line]
    assert not compiled, compiled


def test_watch_under_the_emulator_gives_the_roll_or_what_was_refused(shell, tmp_path):
    port = free_port()
    here = ["--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    watch = ["cargo", "lambda", "watch", *here, "--ignore-changes", "--global", os.devnull]
    log = tmp_path / "watch.log"
    with log.open("w") as output, running(
        [str(binary("rolecall")), "emulator", "--", *watch],
        cwd=ROOT,
        env=shell | {"ROLECALL_ROLE_ARN": LIST_ROLE},
        stdout=output,
        stderr=output,
    ) as process:
        try:
            wait_for_port(port, process, seconds=60)
            invoke = ["cargo", "lambda", "invoke", *here]
            roll = json.loads(typed(*invoke, "--data-ascii", "{}", env=shell))
            other = json.dumps({"role_arn": "arn:aws:iam::111111111111:role/Other"})
            refused = subprocess.run([*invoke, "--data-ascii", other], env=shell, cwd=ROOT, capture_output=True, text=True)
        except BaseException:
            print(log.read_text(), file=sys.stderr)
            raise
    counts = {"accounts": 1, "complete": 1, "partial": 0, "failed": 0, "skipped": 0, "users": 5, "access_keys": 7}
    assert roll["counts"] == counts
    # cargo-lambda draws a frame around the error, and breaks its lines.
    said = " ".join(refused.stderr.replace("│", " ").split())
    assert "AllAccountsFailed" in said
    assert "no identity-based policy allows the sts:AssumeRole action" in said


def test_a_release_build_is_of_the_function_alone_for_lambda_and_unwinds(shell, tmp_path):
    # A cargo that writes down what it is asked to build, and builds nothing.
    asked = tmp_path / "asked"
    stand_in = tmp_path / "cargo"
    real = shlex.quote(shutil.which("cargo", path=shell["PATH"]))
    stand_in.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = metadata ]; then exec {real} "$@"; fi\n'
        f"printf '%s\\n' \"$@\" > {shlex.quote(str(asked))}\n"
    )
    stand_in.chmod(0o755)
    # --skip-target-check: cargo-lambda would fetch the target's standard library.
    build = ["cargo-lambda", "lambda", "build", "--skip-target-check", "--lambda-dir", tmp_path / "lambda"]
    typed(*build, "--global", os.devnull, env=shell | {"CARGO": str(stand_in)})

    arguments = asked.read_text().splitlines()
    assert arguments[0] in ("build", "zigbuild")
    assert "--release" in arguments
    assert values(arguments, "--target") == ["aarch64-unknown-linux-gnu"]
    # The package too: with the binary alone, cargo gives it the features that other members, the tests', ask for.
    assert values(arguments, "--package") == ["rolecall-lambda"]
    assert values(arguments, "--bin") == ["rolecall-lambda"]
    # cargo-lambda adds `panic = "abort"` where the profile does not say, and then a panic ends more than one account.
    assert not any("panic" in argument for argument in arguments), arguments


def people(aws):
    """Makes users and keys in account A, and gives them back: name to the ids and states of the keys."""
    visitor = aws("sts").assume_role(RoleArn=LIST_ROLE, RoleSessionName="setup")["Credentials"]
    iam = aws("iam", visitor)
    iam.create_role(RoleName="IAMListRole", AssumeRolePolicyDocument=trust({"AWS": LAMBDA_ROLE}))
    made = {}
    for name, path, states in [
        ("alice", "/", ["Active", "Inactive"]),
        ("bob", "/teams/build/", ["Active"]),
        ("carol@example.com", "/", []),
    ]:
        iam.create_user(UserName=name, Path=path)
        made[name] = {}
        for status in states:
            key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
            iam.update_access_key(UserName=name, AccessKeyId=key, Status=status)
            made[name][key] = status
    return made


def users_and_keys(roll):
    assert [account["account_id"] for account in roll["accounts"]] == [ACCOUNT_A]
    return {
        user["user_name"]: {key["access_key_id"]: key["status"] for key in user["access_keys"]}
        for user in roll["accounts"][0]["users"]
    }


def comparable(node):
    """A roll without what differs between two scans of the same account."""
    if isinstance(node, dict):
        passing = ("run_id", "as_of", "request_id", "request_ids", "statistics")
        return {name: comparable(value) for name, value in node.items() if name not in passing}
    if isinstance(node, list):
        return [comparable(item) for item in node]
    return node


def metadata(shell):
    """What Cargo.toml says to cargo-lambda."""
    said = typed("cargo", "metadata", "--no-deps", "--format-version", "1", env=shell)
    return json.loads(said)["metadata"]["lambda"]


def binary(name):
    path = TARGET / "debug" / name
    assert path.exists(), f"{path} is not there: cargo build --workspace"
    return path


def trust(principal):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def values(arguments, flag):
    return [after for before, after in zip(arguments, arguments[1:]) if before == flag]


def typed(*command, env):
    """Runs a command at the repository's root, and gives its stdout."""
    command = [str(part) for part in command]
    with running(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # Long enough for a build of the workspace, should it be stale.
        stdout, stderr = process.communicate(timeout=900)
    assert process.returncode == 0, f"{shlex.join(command)}: exit code {process.returncode}\n{stdout}\n{stderr}"
    return stdout


@contextlib.contextmanager
def running(command, **how):
    """A process that is gone at the end with all that it started, whatever happens."""
    process = subprocess.Popen(command, start_new_session=True, **how)
    try:
        yield process
    finally:
        end_session(process)


def end_session(process):
    # By session, for watch gives each function a process group of its own.
    for ending in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 5
        while (members := session_members(process.pid)) and time.monotonic() < deadline:
            for member in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, ending)
            process.poll()
            time.sleep(0.1)
    process.wait(timeout=5)
    assert not session_members(process.pid), f"{process.args} left something running"


def session_members(session):
    listed = subprocess.run(["ps", "-A", "-o", "pid=,sess=,stat="], check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = (line.split() for line in listed.splitlines())
    return [int(pid) for pid, of, state in rows if of == str(session) and not state.startswith("Z")]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for_port(port, process, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args} ended with exit code {process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port} after {seconds} s")
