"""The endpoint with canned responses: Rolecall reads all of it, so that the benchmark measures complete scans."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEBUG = Path(subprocess.check_output([ROOT / "tools/target"], text=True).strip()) / "debug"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_REGION": "us-east-1",
}


@pytest.mark.parametrize("user_source", ["live", "credential-report"])
def test_rolecall_reads_every_account_of_the_canned_endpoint(user_source):
    with subprocess.Popen([DEBUG / "canned", "--users", "3"], stdout=subprocess.PIPE, text=True) as server:
        endpoint = server.stdout.readline().strip()
        roles = [f"arn:aws:iam::{100_000_000_000 + number}:role/IAMListRole" for number in (1, 2)]
        command = [DEBUG / "rolecall", "scan", "--role-arn", *roles, "--user-source", user_source, "--format", "jsonl"]
        environment = {"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": endpoint, **CREDENTIALS}
        scanned = subprocess.run(command, env=environment, capture_output=True, text=True)
        server.kill()
    counts = json.loads(scanned.stdout.splitlines()[-1])["counts"]
    assert (counts["complete"], counts["users"], counts["access_keys"]) == (2, 6, 6), scanned.stdout
