"""The model of scale: it agrees with the code, with the emulator and with the page that has its tables."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import constants as c
import model
import tables
from model import FACT_SETS, USER_SOURCES, Workload

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SETTINGS = "crates/core/src/options/settings.rs"
WORK = Workload()


def text(path):
    return (ROOT / path).read_text()


def test_the_tables_of_the_page_are_those_of_the_model():
    page = text("docs/scale.md")
    assert set(tables.TABLES) == {mark[2] for mark in tables.MARKS.finditer(page)}
    assert tables.filled(page) == page, "`make docs` writes the tables anew"


def test_a_page_with_other_numbers_is_told_apart():
    page = text("docs/scale.md")
    assert tables.filled(page.replace("| `AssumeRole` | 1 |", "| `AssumeRole` | 2 |")) == page


def test_every_constant_has_a_unit_and_a_source():
    names = {name for name in dir(c) if name.isupper()} - {"DOCUMENTED", "CODE", "MEASURED", "ASSUMED"}
    assert {name.split("[")[0] for name in c.constants()} <= names
    for name, constant in c.constants().items():
        assert constant > 0 and constant.unit and constant.source, name
        assert constant.kind != c.DOCUMENTED or "https://" in constant.source, f"{name} has no page of AWS"
        if constant.kind == c.CODE:
            assert "/" in constant.source or constant.source.endswith(".toml"), name


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        (SETTINGS, r"concurrency \(concurrency\): usize = (\d+)", c.CONCURRENCY),
        (SETTINGS, r"\(account_concurrency\): usize = (\d+)", c.ACCOUNT_CONCURRENCY),
        (SETTINGS, r"\(account_timeout\): Duration = Duration::from_mins\((\d+)\)", c.ACCOUNT_TIMEOUT / 60),
        (SETTINGS, r"\(sts_rate\): f64 = ([\d.]+)", c.STS_RATE),
        ("crates/core/src/collect/read_account.rs", r"USERS_PER_CONNECTION: usize = (\d+)", c.USERS_PER_CONNECTION),
        ("crates/core/src/collect/users.rs", r"MAX_ITEMS: i32 = (\d+)", c.LIST_USERS_PAGE),
        ("crates/core/src/collect/policies.rs", r"max_items\((\d+)\)", c.DETAILS_PAGE),
    ],
)
def test_the_constants_are_those_of_the_code(path, pattern, expected):
    found = re.search(pattern, text(path))
    assert found, f"{path} has no {pattern}"
    assert float(found[1]) == expected


def test_the_model_calls_what_the_collectors_declare():
    """Each collector names the actions that it needs, and the smallest set of facts that it is in."""
    needed = {facts: set() for facts in FACT_SETS}
    for file in (ROOT / "crates/core/src/collect").rglob("*.rs"):
        collector = re.search(r"pub const COLLECTOR: Collector = Collector \{(.*?)\n\};", file.read_text(), re.DOTALL)
        if collector:
            smallest = re.search(r"FactSet::(\w+)", collector[1])[1].lower()
            for facts in FACT_SETS[FACT_SETS.index(smallest) :]:
                needed[facts] |= set(re.findall(r'"iam:(\w+)"', collector[1]))
    # GetUser is called only in doubt, and ListOrganizationsFeatures once for the organization.
    rare = {"GetUser", "ListOrganizationsFeatures"}
    for facts in FACT_SETS:
        assert set(model.calls_of_account(Workload(facts=facts))) - {"AssumeRole"} == needed[facts] - rare, facts


@pytest.mark.parametrize("source", USER_SOURCES)
@pytest.mark.parametrize("facts", FACT_SETS)
def test_a_scan_of_the_emulator_makes_the_calls_of_the_model(rolecall, tmp_path, facts, source):
    roll = tmp_path / "roll.jsonl"
    scan = [rolecall, "scan", "--organization", "--role-name", "IAMListRole", "--collect", facts, "--no-rules"]
    emulator = [rolecall, "emulator", "--generate", "accounts=4,users=30,seed=7", "--"]
    outputs = ["--roll", roll, "--format", "jsonl", "--out", tmp_path / "out"]
    command = [*emulator, *scan, "--user-source", source, *outputs]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 11), done.stderr
    records = [json.loads(line) for line in roll.read_text().splitlines()]
    # An account that denies access is not called after AssumeRole.
    accounts = [record for record in records if record["record"] == "account" and record["users"] is not None]
    users = [user for account in accounts for user in account["users"]]
    keyless = [user for user in users if not user["access_keys"]]
    share = lambda fact: sum(bool((user.get(fact) or {}).get("value")) for user in keyless) / len(keyless)
    work = Workload(
        accounts=len(accounts),
        users=len(users) / len(accounts),
        facts=facts,
        source=source,
        with_keys=1 - len(keyless) / len(users),
        keys=sum(len(user["access_keys"]) for user in users) / len(users),
        keyless_with_password=share("console_password"),
        keyless_with_mfa=share("mfa_devices"),
    )
    assert len(accounts) >= 3 and len(keyless) >= 5 and all(account["outcome"] == "Complete" for account in accounts)
    made = {name: counts["attempts"] for name, counts in records[-1]["statistics"]["calls"].items()}
    for operation, number in model.calls_of_account(work).items():
        if operation != "AssumeRole":
            assert round(number * work.accounts, 6) == made[operation], operation


def test_more_of_everything_never_costs_less_time():
    def seconds(**changes):
        work = replace(WORK, **changes)
        return model.on_a_machine(work).seconds, model.in_the_state_machine(work).seconds

    for changes in [{"iam_rate": 10}, {"users": 400}, {"accounts": 20_000}, {"call_seconds": 0.5}]:
        assert all(more > less for more, less in zip(seconds(**changes), seconds(), strict=True)), changes
    assert model.account_seconds(replace(WORK, facts="default")) < model.account_seconds(WORK)
    narrow, wide = (model.in_the_state_machine(WORK, children).seconds for children in (10, 40))
    assert narrow > wide


def test_the_rate_of_iam_decides_the_time_of_an_account_until_calls_are_slow():
    by_rate = (model.iam_calls(WORK) - c.IAM_BURST) / (c.IAM_RATE * c.LIMITER_EFFICIENCY)
    assert model.account_seconds(WORK) == pytest.approx(by_rate)
    slow = replace(WORK, iam_rate=10_000)
    assert model.account_seconds(slow) == pytest.approx(model.account_seconds(replace(slow, iam_rate=20_000)))


@pytest.mark.parametrize("run", [model.in_one_response, model.in_one_invocation, model.in_the_state_machine])
def test_the_number_of_accounts_that_fit_is_the_largest(run):
    fitting, limit = model.accounts_that_fit(WORK, run)
    share = lambda accounts: run(replace(WORK, accounts=accounts)).tightest.share
    assert 0 < fitting and share(fitting) <= 1 < share(fitting + 1)
    assert limit.share > 1 and limit.setting


def test_the_memory_of_the_function_is_the_least_with_which_the_merge_fits():
    for accounts in (10, 500, 1_500):
        work = replace(WORK, accounts=accounts)
        memory = model.memory_for(work)
        assert model.merge(work, memory).fits and model.merge(work, memory).memory <= memory
        smaller = [it for it in (512, 1024, 1769, 3008, 5308, 7076) if it < memory]
        assert not any(model.merge(work, it).fits and model.merge(work, it).memory <= it for it in smaller)
    assert not model.merge(replace(WORK, accounts=1_000_000), 10_240).fits


def test_an_account_that_outlasts_an_invocation_takes_several():
    large = Workload(accounts=1, users=5_000)
    assert model.account_seconds(large) > model.USABLE_SECONDS
    assert model.in_the_state_machine(large).invocations == 2 + 2
    assert model.in_one_invocation(large).tightest.share > 1
    assert model.in_the_state_machine(replace(large, facts="default")).invocations == 2 + 1


def test_the_cost_is_the_sum_of_its_services():
    sweep = model.in_the_state_machine(WORK, memory=1024)
    assert sweep.usd == pytest.approx(sum(sweep.cost.values()))
    assert sweep.transitions == c.PARENT_TRANSITIONS + 400 * (c.CHILD_STARTS + c.CHILD_TRANSITIONS)
    assert sweep.cost["Step Functions"] == pytest.approx(sweep.transitions * 0.000025)
    # Each account is written once, and each invocation reads its batch.
    assert sweep.puts > WORK.accounts and sweep.gets > WORK.accounts
    assert sweep.gb_seconds > sweep.children * sweep.child_seconds


def test_the_state_machine_is_that_of_the_template():
    path = ROOT / "infra/sweep.asl.json"
    if not path.exists():
        pytest.skip("infra/ has no state machine yet")
    states = json.loads(path.read_text())["States"]
    collect = next(state for state in states.values() if state["Type"] == "Map")
    assert collect["MaxConcurrency"] == c.MAX_CONCURRENCY
    # A run enters all states but the one that ends a duplicate, and a child all but the one that continues.
    assert sum(state["Type"] != "Succeed" for state in states.values()) == c.PARENT_TRANSITIONS
    assert len(collect["ItemProcessor"]["States"]) - 1 == c.CHILD_TRANSITIONS
    hub = text("infra/hub.yaml")
    assert int(re.search(r"MemorySize:.*?Default: (\d+)", hub, re.DOTALL)[1]) == c.MEMORY
    assert int(re.search(r"RetentionDays:.*?Default: (\d+)", hub, re.DOTALL)[1]) == c.RETENTION


def run(*arguments):
    command = [sys.executable, HERE / "model.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_program_prints_the_figures_of_ones_own_organization():
    done = run("--accounts", "500", "--users", "40", "--collect", "default")
    assert done.returncode == 0, done.stderr
    assert "| ListAccessKeys | 20,000 |" in done.stdout
    for arguments in [("--users", "0"), ("--iam-rate", "-1"), ("--with-keys", "2"), ("--collect", "keys")]:
        done = run(*arguments)
        assert done.returncode == 2 and arguments[0] in done.stderr and "Traceback" not in done.stderr
