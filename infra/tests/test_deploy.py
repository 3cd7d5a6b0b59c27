"""`cargo lambda` deploy, watch and build, as typed in the repository's root: what they take from Cargo.toml.

Name, binary, memory, timeout, runtime and target are only in the workspace's metadata. These tests check that AWS would
receive them. moto replaces AWS.

The binaries are those of `cargo build --workspace`; the optimized build takes minutes and changes nothing here.
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
# The account that moto assigns to unknown callers; the function is deployed there.
ACCOUNT_B = "123456789012"
ACCOUNT_A = "111111111111"
LAMBDA_ROLE = f"arn:aws:iam::{ACCOUNT_B}:role/LambdaRole"
LIST_ROLE = f"arn:aws:iam::{ACCOUNT_A}:role/IAMListRole"
# A comma is valid in an external id, but would end the value in `--env-var`.
EXTERNAL_ID = "rolecall,7f3c"
ENVIRONMENT = {"ROLECALL_ROLE_ARN": LIST_ROLE, "ROLECALL_EXTERNAL_ID": EXTERNAL_ID}


@pytest.fixture(scope="module")
def shell():
    """The environment of an interactive shell with cargo-lambda, without AWS settings other than those here."""
    venv = ROOT / "tools" / "venv"
    if venv.exists():
        tools = Path(subprocess.run([venv, "cargo-lambda"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
        path = f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"
    else:
        path = os.environ["PATH"]
    assert shutil.which("cargo-lambda", path=path), "cargo-lambda is not installed; run tools/venv cargo-lambda"
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "ROLECALL_", "CARGO_LAMBDA_")) and not name.lower().endswith("_proxy")
    }
    return inherited | {
        "PATH": path,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # All dependencies were downloaded when the binaries were built.
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
    """Returns a function that makes clients by service name, of a moto that has only LambdaRole."""
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


@pytest.mark.parametrize("settings_in", ["flags", "CargoLambda.toml"])
def test_deploy_creates_the_function_that_cargo_toml_describes(settings_in, aws, shell, tmp_path):
    # The place where `cargo lambda build` writes it, below --lambda-dir; the name is Cargo.toml's `binary_name`.
    built = tmp_path / "lambda" / "rolecall-lambda" / "bootstrap"
    built.parent.mkdir(parents=True)
    built.symlink_to(binary("rolecall-lambda"))
    # Settings of one deployment are not in Cargo.toml but in flags, or in a CargoLambda.toml that is not in git.
    if settings_in == "flags":
        file = tmp_path / "function.env"
        file.write_text("".join(f"{name}={value}\n" for name, value in ENVIRONMENT.items()))
        deployment = ["--iam-role", LAMBDA_ROLE, "--env-file", file, "--global", os.devnull]
    else:
        file = tmp_path / "CargoLambda.toml"
        variables = "".join(f"{name} = {json.dumps(value)}\n" for name, value in ENVIRONMENT.items())
        file.write_text(f"[env]\n{variables}\n[deploy]\nrole = {json.dumps(LAMBDA_ROLE)}\n")
        deployment = ["--global", file]

    deploy = ["cargo", "lambda", "deploy", "--endpoint-url", aws.url, "--lambda-dir", tmp_path / "lambda"]
    run_in_root(*deploy, *deployment, env=shell)

    function = aws("lambda").get_function(FunctionName="rolecall")
    configuration = function["Configuration"]
    assert configuration["Role"] == LAMBDA_ROLE
    assert configuration["Runtime"] == "provided.al2023"
    assert configuration["Handler"] == "bootstrap"
    assert configuration["PackageType"] == "Zip"
    # cargo-lambda reads the architecture from the binary's header, not from the configuration.
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
    # Without a role, cargo-lambda would create one of its own, which the member account would not trust.
    assert [role["RoleName"] for role in aws("iam").list_roles()["Roles"]] == ["LambdaRole"]


def test_watch_and_invoke_return_the_roll_of_the_command_line(aws, shell, tmp_path):
    expected = create_users(aws)
    shell = shell | ENVIRONMENT | {"AWS_ENDPOINT_URL": aws.url}
    scan = [binary("rolecall"), "scan", "--role-arn", LIST_ROLE, "--format", "json", "--no-rules"]
    scanned = run_in_root(*scan, env=shell)

    port = free_port()
    here = ["--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    log = tmp_path / "watch.log"
    # --ignore-changes: a file that is saved during the test must not restart the function.
    watch = ["cargo", "lambda", "watch", *here, "--ignore-changes", "--global", os.devnull]
    with log.open("w") as output, running(watch, cwd=ROOT, env=shell, stdout=output, stderr=output) as process:
        try:
            wait_for_port(port, process, seconds=60)
            invoke = ["cargo", "lambda", "invoke", *here, "--data-ascii", "{}"]
            by_name = run_in_root(*invoke, "rolecall-lambda", env=shell)
            # Without a name: there is one function, the one that was started with the server.
            unnamed = run_in_root(*invoke, env=shell)
        except BaseException:
            print(log.read_text(), file=sys.stderr)
            raise

    roll = json.loads(scanned)
    assert users_and_keys(roll) == expected
    assert roll["accounts"][0]["outcome"] == "Complete"
    assert comparable(json.loads(by_name)) == comparable(roll)
    assert comparable(json.loads(unnamed)) == comparable(roll)
    output = log.read_text()
    assert '"--bin", "rolecall-lambda"' in output
    # watch runs what `cargo build --workspace` built. If it selected a package, features would differ and the AWS SDK
    # would be compiled again, which takes minutes.
    compiled = [line for line in output.splitlines() if "Compiling" in line and "Compiling rolecall" not in line]
    assert not compiled, compiled


def test_watch_under_the_emulator_returns_the_roll_or_the_denial(shell, tmp_path):
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
            roll = json.loads(run_in_root(*invoke, "--data-ascii", "{}", env=shell))
            other = json.dumps({"role_arn": "arn:aws:iam::111111111111:role/Other"})
            denied = subprocess.run([*invoke, "--data-ascii", other], env=shell, cwd=ROOT, capture_output=True, text=True)
        except BaseException:
            print(log.read_text(), file=sys.stderr)
            raise
    counts = {"accounts": 1, "complete": 1, "partial": 0, "failed": 0, "skipped": 0, "users": 5, "access_keys": 7}
    assert roll["counts"] == counts
    # cargo-lambda draws a frame around the error and wraps its lines.
    message = " ".join(denied.stderr.replace("│", " ").split())
    assert "AllAccountsFailed" in message
    assert "no identity-based policy allows the sts:AssumeRole action" in message


def test_a_release_build_compiles_only_the_function_for_lambda_and_unwinds(shell, tmp_path):
    # A stub of cargo that records its arguments and builds nothing.
    recorded = tmp_path / "arguments"
    stub = tmp_path / "cargo"
    real = shlex.quote(shutil.which("cargo", path=shell["PATH"]))
    stub.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = metadata ]; then exec {real} "$@"; fi\n'
        f"printf '%s\\n' \"$@\" > {shlex.quote(str(recorded))}\n"
    )
    stub.chmod(0o755)
    # --skip-target-check: without it cargo-lambda would download the target's standard library.
    build = ["cargo-lambda", "lambda", "build", "--skip-target-check", "--lambda-dir", tmp_path / "lambda"]
    run_in_root(*build, "--global", os.devnull, env=shell | {"CARGO": str(stub)})

    arguments = recorded.read_text().splitlines()
    assert arguments[0] in ("build", "zigbuild")
    assert "--release" in arguments
    assert values(arguments, "--target") == ["aarch64-unknown-linux-gnu"]
    # The package too: with the binary alone, cargo would enable the features that other members, such as the tests, need.
    assert values(arguments, "--package") == ["rolecall-lambda"]
    assert values(arguments, "--bin") == ["rolecall-lambda"]
    # cargo-lambda adds `panic = "abort"` unless the profile sets it, and then a panic would end more than one account.
    assert not any("panic" in argument for argument in arguments), arguments


def create_users(aws):
    """Creates users and keys in the member account; returns the ids and states of the keys by user name."""
    session = aws("sts").assume_role(RoleArn=LIST_ROLE, RoleSessionName="setup")["Credentials"]
    iam = aws("iam", session)
    iam.create_role(RoleName="IAMListRole", AssumeRolePolicyDocument=trust({"AWS": LAMBDA_ROLE}))
    created = {}
    for name, path, states in [
        ("alice", "/", ["Active", "Inactive"]),
        ("bob", "/teams/build/", ["Active"]),
        ("carol@example.com", "/", []),
    ]:
        iam.create_user(UserName=name, Path=path)
        created[name] = {}
        for status in states:
            key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
            iam.update_access_key(UserName=name, AccessKeyId=key, Status=status)
            created[name][key] = status
    return created


def users_and_keys(roll):
    assert [account["account_id"] for account in roll["accounts"]] == [ACCOUNT_A]
    return {
        user["user_name"]: {key["access_key_id"]: key["status"] for key in user["access_keys"]}
        for user in roll["accounts"][0]["users"]
    }


def comparable(node):
    """A roll without the fields that differ between two scans of the same account."""
    if isinstance(node, dict):
        volatile = ("run_id", "as_of", "request_id", "sessions", "statistics")
        return {name: comparable(value) for name, value in node.items() if name not in volatile}
    if isinstance(node, list):
        return [comparable(item) for item in node]
    return node


def metadata(shell):
    """The metadata for cargo-lambda in Cargo.toml."""
    output = run_in_root("cargo", "metadata", "--no-deps", "--format-version", "1", env=shell)
    return json.loads(output)["metadata"]["lambda"]


def binary(name):
    path = TARGET / "debug" / name
    assert path.exists(), f"{path} does not exist; run cargo build --workspace"
    return path


def trust(principal):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def values(arguments, flag):
    return [value for name, value in zip(arguments, arguments[1:]) if name == flag]


def run_in_root(*command, env):
    """Runs a command in the repository's root and returns its stdout."""
    command = [str(part) for part in command]
    with running(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # Long enough to build the workspace if it is out of date.
        stdout, stderr = process.communicate(timeout=900)
    assert process.returncode == 0, f"{shlex.join(command)}: exit code {process.returncode}\n{stdout}\n{stderr}"
    return stdout


@contextlib.contextmanager
def running(command, **options):
    """Runs a process, and at the end stops it with all processes that it started."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        end_session(process)


def end_session(process):
    # By session, because watch gives each function a process group of its own.
    for stop_signal in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 5
        while (members := session_members(process.pid)) and time.monotonic() < deadline:
            for member in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, stop_signal)
            process.poll()
            time.sleep(0.1)
    process.wait(timeout=5)
    assert not session_members(process.pid), f"{process.args} left processes running"


def session_members(session):
    listed = subprocess.run(["ps", "-A", "-o", "pid=,sess=,stat="], check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = (line.split() for line in listed.splitlines())
    return [int(pid) for pid, its_session, state in rows if its_session == str(session) and not state.startswith("Z")]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for_port(port, process, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args} exited with code {process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port} after {seconds} s")
