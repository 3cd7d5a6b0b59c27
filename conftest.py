"""Fixtures for the tests of infra/ and localstack/: emulators on free loopback ports, and Rolecall's binary.

The emulators stop with the test run, even if it is killed. The report of a failed test shows their logs.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

import emulators
import world

ROOT = Path(__file__).resolve().parent

# The tests must not use the AWS settings of the person who runs them.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session")
def leash(tmp_path_factory):
    fifo = tmp_path_factory.mktemp("leash") / "leash"
    os.mkfifo(fifo)
    holder = os.open(fifo, os.O_RDWR)
    yield fifo
    os.close(holder)


@pytest.fixture(scope="session")
def localstack_home(tmp_path_factory):
    return tmp_path_factory.mktemp("localstack")


@pytest.fixture(scope="session")
def localstack(localstack_home, leash):
    """The endpoint of a LocalStack with the world. A test that adds resources uses accounts of its own."""
    venv = subprocess.run([ROOT / "tools/venv", "localstack"], check=True, stdout=subprocess.PIPE, text=True)
    yield emulators.up_localstack(localstack_home, 0, leash, python=f"{venv.stdout.strip()}/bin/python")
    emulators.down(localstack_home)


@pytest.fixture(scope="session")
def moto_home(tmp_path_factory):
    return tmp_path_factory.mktemp("moto")


@pytest.fixture(scope="session")
def moto_server(moto_home, leash):
    yield emulators.up_moto(moto_home, leash)
    emulators.down(moto_home)


@pytest.fixture
def moto(moto_server):
    """The endpoint of an empty moto."""
    emulators.get(f"{moto_server}/moto-api/reset", method="POST")
    return moto_server


@pytest.fixture(scope="session")
def ministack_home(tmp_path_factory):
    return tmp_path_factory.mktemp("ministack")


@pytest.fixture(scope="session")
def ministack_server(ministack_home, leash):
    venv = subprocess.check_output([ROOT / "tools/venv", "ministack"], text=True).strip()
    yield emulators.up_ministack(ministack_home, leash, f"{venv}/bin/python")
    emulators.down(ministack_home)


@pytest.fixture
def ministack(ministack_server):
    """The endpoint of an empty ministack."""
    emulators.get(f"{ministack_server}/_ministack/reset", method="POST")
    return ministack_server


@pytest.fixture(scope="session")
def rolecall():
    target = subprocess.check_output([ROOT / "tools/target"], text=True).strip()
    binary = Path(os.environ.get("ROLECALL_BIN", f"{target}/debug/rolecall"))
    if not binary.is_file():
        pytest.fail(f"{binary} does not exist; run cargo build --workspace", pytrace=False)
    return binary


@pytest.fixture
def scan(rolecall, tmp_path):
    """Runs `rolecall scan` as LambdaRole of the hub account; returns its exit code and its JSON document."""

    def run(endpoint: str, *role_arns: str) -> tuple[int, dict]:
        caller = world.assume(endpoint, {}, world.LAMBDA_ROLE.arn)
        environment = {
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        } | {name.upper(): value for name, value in caller.items()}
        command = [rolecall, "scan", "--format", "json", "--role-arn", *role_arns]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=120)
        return done.returncode, json.loads(done.stdout)

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for name in ("localstack_home", "moto_home", "ministack_home"):
            if home := item.funcargs.get(name):
                report.sections.append((f"{home / 'log'}", emulators.tail(home / "log")))
    return report
