"""Independent readers of Rolecall's output: an OCSF model, DuckDB, Python's CSV reader."""

import csv
import io
import json
import os
import re
import subprocess
from collections import Counter
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding

ROOT = Path(__file__).resolve().parents[4]
ROLECALL = Path(subprocess.check_output([ROOT / "tools/target"], text=True).strip()) / "debug/rolecall"
WORLD = "accounts=60,users=12,seed=5,denied=60,suspended=60"


def rolecall(*arguments, cwd, codes=(0, 11)):
    result = subprocess.run([ROLECALL, *arguments], cwd=cwd, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert result.returncode in codes, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A directory with the roll of an organization."""
    folder = tmp_path_factory.mktemp("roll")
    scan = ["scan", "--organization", "--role-name", "IAMListRole", "--collect", "recommended", "--roll", "roll.jsonl"]
    rolecall("emulator", "--generate", WORLD, "--error-rate", "0.002", "--", ROLECALL, *scan, "-q", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def document(folder):
    return json.loads(rolecall("report", "roll.jsonl", "--format", "json", cwd=folder))


def test_every_event_is_an_ocsf_compliance_finding_and_none_is_missing(folder, document):
    events = [json.loads(line) for line in rolecall("report", "roll.jsonl", "--format", "ocsf", cwd=folder).splitlines()]
    for event in events:
        read = ComplianceFinding.model_validate(event)
        assert (read.class_uid, read.type_uid, read.metadata.version) == (2003, 200301, "1.5.0")
        # The model keeps the values of all fields that it has, unchanged.
        parsed = json.loads(read.model_dump_json(exclude_none=True))
        for name in ("finding_info", "compliance", "severity_id", "status_id", "time"):
            known = {key: value for key, value in flat(event[name]) if key in dict(flat(parsed[name]))}
            assert known and known == {key: value for key, value in flat(parsed[name]) if key in known}, name
    fails = [event for event in events if event["compliance"]["status"] == "Fail"]
    assert len(fails) == len(document["findings"]) + len(document["suppressed"]) + 1, "and the coverage"
    gaps = sum(len(account["gaps"]) for account in document["accounts"])
    unknown = [event for event in events if event["compliance"]["status"] == "Unknown"]
    assert len(unknown) == gaps + len(document["unknown"]) and gaps > 0
    assert events[-1]["unmapped"]["coverage"]["is_complete"] is False
    uids = Counter(event["finding_info"]["uid"] for event in events)
    assert uids.most_common(1)[0][1] == 1, "each event has an id of its own"


def flat(value):
    return sorted(value.items()) if isinstance(value, dict) else [("", value)]


def test_the_findings_in_csv_are_those_of_the_document(folder, document):
    text = rolecall("report", "roll.jsonl", "--format", "csv", cwd=folder)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    found = [row for row in rows if row["record"] == "finding"]
    assert [row["id"] for row in found] == [finding["id"] for finding in document["findings"]]
    assert [int(row["score"]) for row in found] == [finding["score"]["points"] for finding in document["findings"]]
    assert rows[-1]["record"] == "coverage" and rows[-1]["message"].startswith("ROLL INCOMPLETE")
    (folder / "findings.csv").write_text(text)
    count = f"SELECT count(*) FROM '{folder}/findings.csv' WHERE record = 'finding'"
    assert duckdb.connect().execute(count).fetchall() == [(len(found),)]


def test_the_roll_in_csv_has_every_key(folder, document):
    text = rolecall("report", "roll.jsonl", "--format", "roll-csv", cwd=folder)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    keys = {row["access_key_id"]: row for row in rows if row["record"] == "access_key"}
    assert len(keys) == document["counts"]["access_keys"]
    for _, user, key in all_keys(document):
        row = keys[key["access_key_id"]]
        assert (row["user_name"], row["status"]) == (user["user_name"], key["status"])
        last = key["last_used"]
        used = f"unknown: {last['unknown']}" if "unknown" in last else (last["value"] or {"date": "never"})["date"]
        assert row["last_used"] == used
    not_read = [row for row in rows if row["record"] == "not_read"]
    assert len(not_read) == sum(len(account["gaps"]) for account in document["accounts"])


def all_keys(document):
    for account in document["accounts"]:
        for user in account["users"] or []:
            for key in user["access_keys"] or []:
                yield account, user, key


def test_duckdb_answers_the_questions_of_the_documentation(folder, document):
    text = (ROOT / "docs/query.md").read_text()
    views, *questions = re.findall(r"```sql\n(.*?)```", text, re.S)
    assert len(questions) == 10
    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'UTC'")
    duck.execute(views.replace("roll.jsonl", str(folder / "roll.jsonl")))
    answers = [duck.execute(question).fetchall() for question in questions]

    as_of = datetime.fromisoformat(document["as_of"])
    active = [it for it in all_keys(document) if it[2]["status"] == "Active"]
    known = [it for it in active if "value" in it[2]["last_used"]]
    incomplete = {it["account_id"] for it in document["accounts"] if it["outcome"] != "Complete"}
    assert {row[0] for row in answers[0]} == incomplete and incomplete
    per_account = Counter(account["account_id"] for account, _, _ in active)
    read = {it["account_id"]: len(it["users"]) for it in document["accounts"] if it["users"] is not None}
    assert {row[0]: row[2] for row in answers[1]} == read
    assert {row[0]: row[3] for row in answers[1] if row[3]} == per_account
    oldest = min(it[2]["create_date"] for it in active)
    assert answers[2][0][0] == (as_of - datetime.fromisoformat(oldest)).days
    never = {it[2]["access_key_id"] for it in known if it[2]["last_used"]["value"] is None}
    assert {row[2] for row in answers[3]} == never and never
    last = [(it[2]["access_key_id"], it[2]["last_used"]["value"]) for it in known]
    days = {key: (as_of - datetime.fromisoformat(use["date"])).days for key, use in last if use}
    assert {row[2] for row in answers[4]} == {key for key, idle in days.items() if idle >= 90}
    unknown = {it[2]["access_key_id"] for it in all_keys(document) if "unknown" in it[2]["last_used"]}
    assert {row[2] for row in answers[5]} == unknown
    twice = Counter((account["account_id"], user["user_name"]) for account, user, _ in active)
    assert {row[:2] for row in answers[6]} == {user for user, number in twice.items() if number > 1}
    without = {
        (account["account_id"], user["user_name"])
        for account in document["accounts"]
        for user in account["users"] or []
        if user["console_password"].get("value") and user["mfa_devices"].get("value") == []
    }
    assert set(answers[7]) == without and without
    services = Counter((use["service"], use["region"]) for _, _, key in all_keys(document) if (use := key["last_used"].get("value")))
    assert {row[:2]: row[2] for row in answers[8]} == services
    unknown_tags, no_owner = re.search(r"THEN '([^']+)'.*?\['owner'\], '([^']+)'\)", questions[9], re.S).groups()

    def owner(user):
        policies = user["policies"].get("value")
        return unknown_tags if policies is None else policies["tags"].get("owner", no_owner)

    owners = Counter(owner(user) for _, user, _ in active)
    assert {row[0]: row[1] for row in answers[9]} == owners
