"""A distributed run on this machine: the function's zip and the state machine of infra/ in ministack, which read the world of
`rolecall emulator`. Used by the tests of infra/ and by `make sweep`.

usage: sweep.py ROLECALL FUNCTION FOLDER WORLD, which reads a world such as accounts=200,denied=60,hanging=10 and writes the
files of the run to FOLDER. FUNCTION is a zip, or the program in it.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import emulators
import world

ROOT = Path(__file__).resolve().parent.parent
STACK = "rolecall-hub"
ORGANIZATION = "o-rolecall00"  # of `rolecall emulator --generate`
REGION = "us-east-1"


class HubStack:
    """The stack of infra/hub.yaml in ministack."""

    def __init__(self, endpoint: str, region: str = REGION):
        self.endpoint, self.region, self.parameters = endpoint, region, {}

    def client(self, service: str):
        credentials = {"aws_access_key_id": world.HUB, "aws_secret_access_key": "test"}
        return world.client(self.endpoint, service, credentials, self.region)

    def deploy(self, parameters: dict[str, str], function: bytes) -> None:
        """Creates the stack without a function first, as a person does, since the code is in the stack's bucket."""
        self.put("create", parameters | {"CodeKey": ""})
        if key := parameters.get("CodeKey"):
            bucket = self.physical_ids()["Bucket"]
            definition = (ROOT / "infra/sweep.asl.json").read_bytes()
            for name, body in ((f"{key}.zip", function), (f"{key}.asl.json", definition)):
                self.client("s3").put_object(Bucket=bucket, Key=name, Body=body)
            self.put("update", parameters)

    def put(self, action: str, parameters: dict[str, str]) -> None:
        cloudformation = self.client("cloudformation")
        getattr(cloudformation, f"{action}_stack")(
            StackName=STACK,
            TemplateBody=(ROOT / "infra/hub.yaml").read_text(),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        cloudformation.get_waiter(f"stack_{action}_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
        self.parameters = parameters

    def physical_ids(self) -> dict[str, str]:
        resources = self.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        return {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in resources}


class Sweep:
    """A stack with the state machine and the function, and the emulator that the function reads."""

    def __init__(self, stack: HubStack, home: Path):
        self.stack, self.home = stack, home
        ids = stack.physical_ids()
        self.bucket, self.machine = ids["Bucket"], ids.get("StateMachine")

    def start(self, **event: object) -> str:
        """Starts an execution and returns its ARN."""
        step_functions = self.stack.client("stepfunctions")
        return step_functions.start_execution(stateMachineArn=self.machine, input=json.dumps(event))["executionArn"]

    def state_of(self, execution: str) -> dict:
        return self.stack.client("stepfunctions").describe_execution(executionArn=execution)

    def ended(self, execution: str, seconds: float = 120) -> dict:
        """Waits for the end of an execution; returns how it ended."""
        deadline = time.monotonic() + seconds
        while (state := self.state_of(execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"the execution runs for more than {seconds} s"
            time.sleep(0.1)
        return state

    def invoke(self, **event: object) -> dict:
        """Invokes the function; an error is a dictionary with `errorType`."""
        answer = self.stack.client("lambda").invoke(FunctionName="rolecall", Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read())

    def keys(self, prefix: str = "store/") -> list[str]:
        pages = self.stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [it["Key"] for page in pages for it in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        return self.stack.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()


def function_zip(program: Path) -> bytes:
    """The zip of a program, as `cargo lambda build` makes it."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, program.read_bytes())
        file.seek(0)
        return file.read()


@contextlib.contextmanager
def running(
    home: Path, leash: Path, function: bytes, emulator: list[str], parameters: dict[str, str] | None = None, **variables: str
) -> Iterator[Sweep]:
    """Starts everything; `emulator` is the command of the emulator, and the function inherits the variables."""
    venv = subprocess.check_output([ROOT / "tools/venv", "ministack"], text=True).strip()
    under = [*map(str, emulator), "--"]
    url = emulators.up_ministack(home, leash, f"{venv}/bin/python", under, **variables)
    try:
        stack = HubStack(url)
        settings = {"OrganizationId": ORGANIZATION, "CodeKey": "code/0123456789abcdef", "Distributed": "true"}
        stack.deploy(settings | (parameters or {}), function)
        yield Sweep(stack, home)
    finally:
        emulators.down(home)


# An account that hangs is given up after this time, and not after the 15 minutes of an invocation.
ACCOUNT_TIMEOUT = "15s"
# Calls a second and account: all accounts are throttled.
IAM_RATE = "15"


def main(rolecall: Path, function: Path, folder: Path, spec: str) -> None:
    code = function.read_bytes() if function.suffix == ".zip" else function_zip(function)
    emulator = [rolecall, "emulator", "--generate", spec, "--iam-rate", IAM_RATE]
    home = Path(tempfile.mkdtemp(prefix="rolecall-sweep-"))
    leash = home / "leash"
    os.mkfifo(leash)
    holder = os.open(leash, os.O_RDWR)
    try:
        with running(home, leash, code, emulator, ROLECALL_ACCOUNT_TIMEOUT=ACCOUNT_TIMEOUT) as sweep:
            began, shown = time.monotonic(), ""
            execution = sweep.start()
            while (state := sweep.state_of(execution))["status"] == "RUNNING":
                shown = show_progress(sweep, time.monotonic() - began, shown)
                time.sleep(0.5)
            show_progress(sweep, time.monotonic() - began, shown)
            seconds = (state["stopDate"] - state["startDate"]).total_seconds()
            line_break = "\n" if sys.stderr.isatty() else ""
            print(f"{line_break}the execution took {seconds:.1f} s", file=sys.stderr)
            if state["status"] != "SUCCEEDED":
                sys.exit(f"the execution failed: {state.get('error')}: {state.get('cause')}")
            answer = json.loads(state["output"])
            save(sweep, f"store/rolls/{answer['run']}/", folder)
    finally:
        os.close(holder)
        shutil.rmtree(home, ignore_errors=True)
    # As `rolecall scan` prints it.
    subprocess.run([rolecall, "report", folder / "roll.jsonl"], check=False)
    print(f"report: {folder / 'report.html'}")


def show_progress(sweep: Sweep, seconds: float, shown: str) -> str:
    """Shows how far the run is; not in a terminal, only if that is not what was shown last."""
    keys = sweep.keys()
    batches = len([key for key in keys if "/batches/" in key])
    read = {key.split("/accounts/")[1].split("/")[0] for key in keys if key.endswith("/complete.json")}
    state = f"{batches} batches, {len(read)} accounts read completely"
    if sys.stderr.isatty():
        print(f"\r{seconds:4.0f} s  {state}", end="", file=sys.stderr, flush=True)
    elif state != shown:
        print(f"{seconds:4.0f} s  {state}", file=sys.stderr, flush=True)
    return state


def save(sweep: Sweep, prefix: str, folder: Path) -> None:
    """Writes the files of the run, without the parts that they were made of."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for key in sweep.keys(prefix):
        if "/" not in (name := key.removeprefix(prefix)):
            (folder / name).write_bytes(sweep.get(key))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
