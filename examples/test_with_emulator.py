"""Tests of your own code against `rolecall emulator`: pip install pytest boto3, then pytest test_with_emulator.py."""

import os
import shlex
import subprocess
import time

import boto3
import botocore.exceptions
import pytest

MEMBER_ROLE = "arn:aws:iam::111111111111:role/IAMListRole"


def users_with_keys(role_arn):
    """The code under test: the user names and access key ids of an account, read through a role in it."""
    session = boto3.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="example")["Credentials"]
    iam = boto3.client(
        "iam",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    users = {}
    for page in iam.get_paginator("list_users").paginate():
        for user in page["Users"]:
            keys = iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
            users[user["UserName"]] = [key["AccessKeyId"] for key in keys]
    return users


@pytest.fixture
def emulator(tmp_path, monkeypatch):
    """An emulator on a free port, and its environment variables in this process, as a session of LambdaRole."""
    env_file = tmp_path / "aws.env"
    program = os.environ.get("ROLECALL", "rolecall")
    # Add "--world", "world.json" for accounts, users and policies of your own.
    process = subprocess.Popen([program, "emulator", "--listen", "127.0.0.1:0", "--env-file", env_file])
    try:
        deadline = time.monotonic() + 30
        while not env_file.exists():  # it is there once it is complete
            assert process.poll() is None and time.monotonic() < deadline, "the emulator did not start"
            time.sleep(0.02)
        for line in env_file.read_text().splitlines():
            match shlex.split(line, comments=True):
                case ["unset", name]:
                    monkeypatch.delenv(name, raising=False)
                case ["export", assignment]:
                    monkeypatch.setenv(*assignment.split("=", 1))
        # boto3 keeps the credentials of its default session, and each emulator issues its own.
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield
    finally:
        process.terminate()
        process.wait()


def test_users_are_read_through_the_role(emulator):
    users = users_with_keys(MEMBER_ROLE)
    assert users["alice"] == ["AKIAIOSFODNN7EXAMPLE"]
    assert users["bob"] == []


def test_a_role_that_does_not_trust_us_is_not_an_account_without_users(emulator):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        users_with_keys("arn:aws:iam::111111111111:role/Missing")
    assert error.value.response["Error"]["Code"] == "AccessDenied"
