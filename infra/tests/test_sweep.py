"""The distributed run as a whole: the function's zip, the state machine and the stack of infra/ in ministack (and the state
machine in moto too), which read the world of `rolecall emulator`. The merged roll equals that of `rolecall scan`.
"""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import emulators
import pytest
import sweep
from test_state_machine import MotoSweep
from templates import INFRA

WORLD = "accounts=40,users=5,seed=7,denied=100,suspended=50"
ACCOUNTS = 42  # with the hub and the management account
EVENT = {"scheduled_time": "2026-11-26T03:00:00Z", "batch": 5}
BATCHES = 9
SLOW = ["--latency", "40ms"]


@pytest.fixture(scope="session")
def function():
    """The function's zip: ROLECALL_ZIP, or the program of `cargo build --workspace`."""
    if named := os.environ.get("ROLECALL_ZIP"):
        return Path(named).read_bytes()
    target = subprocess.check_output([INFRA.parent / "tools/target"], text=True).strip()
    return sweep.function_zip(Path(os.environ.get("ROLECALL_LAMBDA_BIN", f"{target}/debug/rolecall-lambda")))


@pytest.fixture
def swept(tmp_path_factory, leash, function, rolecall):
    """Returns a function that starts everything with a world."""
    with contextlib.ExitStack() as stack:

        def start(*emulator, parameters=None, **variables):
            home = tmp_path_factory.mktemp("sweep")
            command = [rolecall, "emulator", "--generate", WORLD, *emulator]
            return stack.enter_context(sweep.running(home, leash, function, command, parameters, **variables))

        yield start


@pytest.fixture(scope="session")
def plain(rolecall, tmp_path_factory):
    """The roll of a plain `rolecall scan` of the same world."""
    roll = tmp_path_factory.mktemp("plain") / "roll.jsonl"
    scan = [rolecall, "scan", "--organization", "--role-name", "IAMListRole", "--collect", "recommended"]
    command = [rolecall, "emulator", "--generate", WORLD, "--", *scan, "--roll", roll, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, env={"HOME": str(roll.parent), "PATH": os.defpath})
    assert done.returncode == 11, done.stderr
    return accounts_of(roll.read_text())


def accounts_of(roll):
    """The records of the accounts, without what differs between two scans: ids and times."""
    header, *records = [json.loads(line) for line in roll.splitlines()]
    assert (header["record"], records[-1]["record"]) == ("header", "trailer")
    accounts = [without_ids_and_times(record, header["run_id"]) for record in records if record["record"] == "account"]
    by_id = {account["account_id"]: account for account in accounts}
    assert len(by_id) == len(accounts) == records[-1]["counts"]["accounts"]
    return by_id


def without_ids_and_times(node, run_id):
    if isinstance(node, dict):
        is_session = set(node) == {"request_id", "access_key_id"}
        differs = ("as_of", "request_id", "credential_report") + (("access_key_id",) if is_session else ())
        return {name: without_ids_and_times(it, run_id) for name, it in node.items() if name not in differs}
    if isinstance(node, list):
        return [without_ids_and_times(it, run_id) for it in node]
    return node.replace(run_id, "RUN") if isinstance(node, str) else node


def differences(one, other, path=""):
    """The paths at which two documents differ, with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            yield from differences(one.get(name), other.get(name), f"{path}/{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other)):
            yield from differences(left, right, f"{path}/{index}")
    elif one != other:
        yield path, one, other


def assert_equal(merged, plain):
    assert list(differences(merged, plain)) == []


def merged(run):
    """The roll of the only run in the bucket."""
    [key] = [key for key in run.keys() if key.endswith("/roll.jsonl")]
    return accounts_of(run.get(key).decode())


def ended_well(run, execution):
    state = run.ended(execution)
    assert state["status"] == "SUCCEEDED", state
    return json.loads(state["output"])


def collected(run):
    """How many invocations read accounts: each stores its statistics."""
    return len([key for key in run.keys() if "/statistics/" in key])


def test_make_sweep_has_accounts_that_deny_hang_and_throttle_unless_a_world_is_given():
    for variable, world in [
        ("ACCOUNTS=30", "accounts=30,users=8,denied=60,suspended=20,hanging=10"),
        ("WORLD=accounts=400,users=2", "accounts=400,users=2"),
    ]:
        commands = subprocess.check_output(["make", "-n", "-C", INFRA.parent, "sweep", variable], text=True)
        assert f'"{world}"\n' in commands


def test_the_merged_roll_is_that_of_a_scan(swept, plain):
    run = swept()
    answer = ended_well(run, run.start(**EVENT))
    assert_equal(merged(run), plain)
    assert len(plain) == ACCOUNTS
    assert answer["complete"] is False, "some accounts deny access"
    assert collected(run) == BATCHES
    # The files of the run are whole.
    [sums] = [key for key in run.keys() if key.endswith("/SHA256SUMS")]
    folder = sums.removesuffix("SHA256SUMS")
    listed = dict(reversed(line.split(maxsplit=1)) for line in run.get(sums).decode().splitlines())
    assert {"roll.jsonl", "report.html", "report.json", "coverage.json"} <= {name.lstrip("*") for name in listed}
    for name, checksum in listed.items():
        assert hashlib.sha256(run.get(folder + name.lstrip("*"))).hexdigest() == checksum, name


def test_the_merged_roll_is_the_same_with_another_interpreter_of_the_state_machine(swept, plain, tmp_path_factory, leash):
    run = swept()
    home = tmp_path_factory.mktemp("moto")
    moto = emulators.up_moto(home, leash, functions=run.stack.endpoint)
    try:
        emulators.post(f"{moto}/moto-api/config", {"stepfunctions": {"execute_state_machine": True}})
        machine = MotoSweep(run, moto)
        ended_well(machine, machine.start(**EVENT))
    finally:
        emulators.down(home)
    assert_equal(merged(run), plain)


def test_with_a_short_deadline_a_batch_takes_several_invocations_and_nothing_is_lost(swept, plain):
    """One account at a time, so that most accounts of a batch wait for their turn."""
    run = swept("--latency", "20ms", ROLECALL_DEADLINE="3s", ROLECALL_CONCURRENCY="1")
    execution = run.start(**EVENT | {"batch": 21})
    run.ended(execution, seconds=240)
    ended_well(run, execution)
    assert_equal(merged(run), plain)
    assert collected(run) > 2 * 2, "of two batches"


def test_a_run_survives_the_end_of_its_programs(swept, plain):
    run = swept(*SLOW)
    execution = run.start(**EVENT)
    killed = kill_programs(run, execution)
    ended_well(run, execution)
    assert killed >= 2
    assert_equal(merged(run), plain)


def kill_programs(run, execution):
    """Kills all programs of the function once, when some accounts were read and others were not."""
    while len([key for key in run.keys() if "/accounts/" in key]) < 5:
        assert run.state_of(execution)["status"] == "RUNNING"
        time.sleep(0.05)
    ministack = int((run.home / "pid").read_text())
    programs = [pid for pid in descendants(ministack) if is_bootstrap(pid)]
    for pid in programs:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(programs)


def descendants(pid):
    listed = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid="], text=True)
    children = {}
    for child, parent in (map(int, line.split()) for line in listed.splitlines()):
        children.setdefault(parent, []).append(child)
    found, left = [], [pid]
    while left:
        left += (mine := children.get(left.pop(), []))
        found += mine
    return found


def is_bootstrap(pid):
    with contextlib.suppress(OSError):
        return Path(os.readlink(f"/proc/{pid}/exe")).name == "bootstrap"
    return False


def test_a_batch_that_is_read_twice_at_the_same_time_is_in_the_roll_once(swept, plain):
    run = swept(*SLOW)
    planned = run.invoke(action="plan", execution="doubled", max_concurrency=40, input={"batch": 10})
    batches = [*range(planned["batches"]), 0, 0]
    with concurrent.futures.ThreadPoolExecutor(len(batches)) as pool:
        answers = list(pool.map(lambda batch: read_batch(run, planned["run"], batch), batches))
    assert all(answer["left"] == 0 for answer in answers), answers
    assert "errorType" not in run.invoke(action="merge", run=planned["run"])
    assert_equal(merged(run), plain)


def read_batch(run, name, batch):
    answer = run.invoke(action="collect", run=name, batch=batch, cursor={})
    while answer.get("left"):
        answer = run.invoke(action="collect", run=name, batch=batch, cursor=answer["cursor"])
    return answer


def test_merge_names_the_batch_and_the_accounts_that_were_not_read(swept, plain):
    run = swept()
    planned = run.invoke(action="plan", execution="unread", max_concurrency=40, input={"batch": 10})
    for batch in range(planned["batches"]):
        if batch != 1:
            read_batch(run, planned["run"], batch)
    failed = run.invoke(action="merge", run=planned["run"])
    assert failed["errorType"] == "PartsMissing"
    # The plan's second batch has accounts that no part is of.
    parts = {key.split("/accounts/")[1].split("/")[0] for key in run.keys() if "/accounts/" in key}
    missing = set(re.findall(r"\b\d{12}\b", failed["errorMessage"]))
    assert missing and missing <= set(plain) - parts, failed
    assert [key for key in run.keys() if key.endswith(("/roll.jsonl", "latest.json"))] == []

    # Read later, the run is merged as if nothing had happened.
    read_batch(run, planned["run"], 1)
    assert "errorType" not in run.invoke(action="merge", run=planned["run"])
    assert_equal(merged(run), plain)


def test_a_schedule_that_is_delivered_twice_is_one_run(swept):
    run = swept()
    first, second = run.start(**EVENT), run.start(**EVENT)
    outputs = [ended_well(run, execution) for execution in (first, second)]
    [duplicate] = [output["plan"] for output in outputs if "plan" in output]
    assert duplicate["duplicate"] is True
    assert len([key for key in run.keys() if key.endswith("/roll.jsonl")]) == 1


def test_the_next_run_reports_what_changed_since_the_last_one(swept, plain):
    run = swept()
    ended_well(run, run.start(**EVENT))
    ended_well(run, run.start(**EVENT | {"scheduled_time": "2026-11-27T03:00:00Z"}))
    rolls = [key for key in run.keys() if key.endswith("/roll.jsonl")]
    assert [accounts_of(run.get(key).decode()) for key in rolls] == [plain, plain]


def test_the_schedule_invokes_the_function_for_everything_where_there_is_no_state_machine(swept, plain):
    run = swept(parameters={"Distributed": "false"})
    schedule = run.stack.client("scheduler").get_schedule(Name="rolecall")["Target"]
    assert schedule["Arn"].endswith(":function:rolecall")
    event = json.loads(schedule["Input"].replace("<aws.scheduler.scheduled-time>", EVENT["scheduled_time"]))
    answer = run.invoke(**event)
    assert answer["complete"] is False, answer
    assert_equal(merged(run), plain)
    # Delivered twice, it is one run.
    again = run.invoke(**event)
    assert again.get("duplicate") is True, again
    assert len([key for key in run.keys() if key.endswith("/roll.jsonl")]) == 1


# The permission of each operation, as ministack names it in its CloudTrail.
PERMISSIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "ListObjects": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "Publish": "sns:Publish",
    "POST.sns": "sns:Publish",
    "PutEvents": "events:PutEvents",
}


def test_the_role_may_do_what_the_function_does_and_nothing_else(swept):
    """Events of findings are sent only by a run with another one before it."""
    run = swept(CLOUDTRAIL_RECORDING="1")
    ended_well(run, run.start(**EVENT))
    pages = run.stack.client("cloudtrail").get_paginator("lookup_events").paginate()
    calls = {
        event["EventName"]
        for page in pages
        for event in page["Events"]
        if "aws-sdk-rust" in json.loads(event["CloudTrailEvent"])["userAgent"]
    }
    policy = run.stack.client("iam").get_role_policy(RoleName="LambdaRole", PolicyName="RolecallStore")["PolicyDocument"]
    actions = [statement["Action"] for statement in policy["Statement"]]
    allowed = {action for it in actions for action in ([it] if isinstance(it, str) else it)}
    assert {PERMISSIONS[call] for call in calls} | {"events:PutEvents"} == allowed


EXTERNAL_ID = "7f3c:rolecall/+=,.@-"


def test_the_external_id_is_only_in_the_environment_of_the_function(swept, plain):
    run = swept(parameters={"ExternalId": EXTERNAL_ID})
    execution = run.start(**EVENT)
    ended_well(run, execution)
    for key in run.keys(""):
        assert EXTERNAL_ID.encode() not in run.get(key), key
    history = run.stack.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
    assert EXTERNAL_ID not in json.dumps(history, default=str)
    assert EXTERNAL_ID not in (run.home / "log").read_text(errors="replace")


def test_the_alarms_look_at_the_metric_that_the_run_publishes(swept):
    run = swept()
    ended_well(run, run.start(**EVENT))
    published = [(line, declared) for line in embedded_metrics(run) for declared in line["_aws"]["CloudWatchMetrics"]]
    [(line, declared)] = [it for it in published if "RollComplete" in [metric["Name"] for metric in it[1]["Metrics"]]]
    assert line["RollComplete"] == 0, "some accounts deny access"
    for alarm in run.stack.client("cloudwatch").describe_alarms()["MetricAlarms"]:
        if alarm["MetricName"] == "RollComplete":
            assert (alarm["Namespace"], [alarm["Dimensions"]]) == (declared["Namespace"], declared["Dimensions"])


def embedded_metrics(run):
    logs = run.stack.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/rolecall")
    for event in (event for page in pages for event in page["events"]):
        if event["message"].startswith('{"_aws"'):
            yield json.loads(event["message"])


def test_the_topic_gets_a_summary(swept):
    run = swept()
    sqs, sns = run.stack.client("sqs"), run.stack.client("sns")
    queue = sqs.create_queue(QueueName="summaries")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=run.stack.physical_ids()["Topic"], Protocol="sqs", Endpoint=arn)
    ended_well(run, run.start(**EVENT))
    [message] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5)["Messages"]
    assert "INCOMPLETE" in json.loads(message["Body"])["Message"]
