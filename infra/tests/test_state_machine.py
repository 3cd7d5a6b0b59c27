"""infra/sweep.asl.json in two interpreters, ministack and moto, with a function that answers as a test says."""

import collections
import json
import subprocess
import uuid
from pathlib import Path

import emulators
import pytest
import world
from sweep import HubStack, Sweep, function_zip
from templates import INFRA

RUN = "dt=2026-11-26/run=0b1c"
BATCHES = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("script")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory, leash, folder):
    """The stack in ministack, where waits between retries take a tenth of their time."""
    home = tmp_path_factory.mktemp("ministack")
    venv = subprocess.check_output([INFRA.parent / "tools/venv", "ministack"], text=True).strip()
    url = emulators.up_ministack(home, leash, f"{venv}/bin/python", SCRIPT_FOLDER=str(folder), SFN_WAIT_SCALE="0.1")
    stack = HubStack(url)
    program = Path(__file__).with_name("scripted_function.py")
    parameters = {"OrganizationId": "o-example001", "CodeKey": "code/0123456789abcdef", "Distributed": "true"}
    stack.deploy(parameters, function_zip(program))
    yield Sweep(stack, home)
    emulators.down(home)


class MotoSweep(Sweep):
    """The state machine in moto, which calls the function and the bucket of ministack."""

    def __init__(self, sweep, moto):
        super().__init__(sweep.stack, sweep.home)
        self.moto = moto
        definition = (INFRA / "sweep.asl.json").read_text().replace("${FunctionArn}", "rolecall")
        role = f"arn:aws:iam::{world.HUB}:role/Sweep"
        created = self.client().create_state_machine(name="rolecall", definition=definition, roleArn=role)
        self.machine = created["stateMachineArn"]

    def client(self):
        return world.client(self.moto, "stepfunctions", {})

    def start(self, **event):
        # moto calls each execution without a name "None".
        named = {"stateMachineArn": self.machine, "name": uuid.uuid4().hex}
        return self.client().start_execution(**named, input=json.dumps(event))["executionArn"]

    def state_of(self, execution):
        return self.client().describe_execution(executionArn=execution)


@pytest.fixture(scope="module")
def moto_sweep(sweep, tmp_path_factory, leash):
    home = tmp_path_factory.mktemp("moto")
    url = emulators.up_moto(home, leash, functions=sweep.stack.endpoint)
    emulators.post(f"{url}/moto-api/config", {"stepfunctions": {"execute_state_machine": True}})
    yield MotoSweep(sweep, url)
    emulators.down(home)


@pytest.fixture(params=["ministack", "moto"])
def engine(request):
    return request.getfixturevalue({"ministack": "sweep", "moto": "moto_sweep"}[request.param])


@pytest.fixture
def execute(engine, folder):
    """Runs an execution with a script; returns how it ended, and the events of the function by action."""

    def run(script=None, plan=None, **event):
        for file in folder.iterdir():
            file.unlink()
        bucket, key = engine.bucket, f"store/rolls/{RUN}/batches.json"
        batches = [{"batch": batch, "accounts": 25} for batch in range(BATCHES)]
        engine.stack.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(batches))
        planned = {"run": RUN, "bucket": bucket, "key": key, "accounts": 200, "batches": BATCHES, "duplicate": False}
        (folder / "script").write_text(json.dumps({"plan": planned | (plan or {}), "batches": {}} | (script or {})))
        ended = engine.ended(engine.start(**event))
        events = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
        return ended, {action: [it for it in events if it["action"] == action] for action in ("plan", "collect", "merge")}

    return run


def per_batch(events):
    return collections.Counter(event["batch"] for event in events["collect"])


def test_each_batch_is_read_until_nothing_is_left_and_the_answer_is_that_of_merge(execute):
    event = {"scheduled_time": "2026-11-26T03:00:00Z", "batch": 25}
    ended, events = execute(**event)
    assert ended["status"] == "SUCCEEDED"
    assert json.loads(ended["output"]) == {"run": RUN, "complete": True}
    [plan] = events["plan"]
    assert plan == {"action": "plan", "execution": plan["execution"], "max_concurrency": 40, "input": event}
    assert plan["execution"] == ended["name"]
    assert per_batch(events) == {batch: 3 for batch in range(BATCHES)}
    for batch in range(BATCHES):
        mine = [it for it in events["collect"] if it["batch"] == batch]
        assert mine == [
            {"action": "collect", "run": RUN, "batch": batch, "cursor": cursor} for cursor in ({}, {"left": 2}, {"left": 1})
        ]
    assert events["merge"] == [{"action": "merge", "run": RUN}]


@pytest.mark.parametrize("answer", ["as the first", "of nothing else"])
def test_a_run_that_another_execution_has_is_not_done_again(answer, execute):
    if answer == "as the first":
        ended, events = execute(plan={"duplicate": True})
    else:
        ended, events = execute(script={"plan": {"duplicate": True}})
    assert ended["status"] == "SUCCEEDED"
    assert (len(events["plan"]), events["collect"], events["merge"]) == (1, [], [])


def test_an_invocation_that_ends_midway_is_repeated(execute):
    ended, events = execute({"batches": {"1": "ends in the first invocation"}})
    assert ended["status"] == "SUCCEEDED"
    assert per_batch(events) == {batch: 4 if batch == 1 else 3 for batch in range(BATCHES)}


def test_a_batch_that_is_never_read_ends_after_20_invocations(execute):
    ended, events = execute({"batches": {"1": "is never read"}, "missing": "batch 1"})
    assert per_batch(events) == {batch: 20 if batch == 1 else 3 for batch in range(BATCHES)}
    assert (ended["status"], ended["error"]) == ("FAILED", "PartsMissing")
    assert "batch 1" in ended["cause"]
    # It is not tried again: nothing reads the batch in the meantime.
    assert len(events["merge"]) == 1


def test_a_child_that_fails_does_not_stop_the_others_and_merge_says_what_is_missing(execute):
    ended, events = execute({"batches": {"1": "ends in each invocation"}, "missing": "batch 1"})
    assert per_batch(events) == {batch: 5 if batch == 1 else 3 for batch in range(BATCHES)}
    assert (ended["status"], ended["error"]) == ("FAILED", "PartsMissing")
