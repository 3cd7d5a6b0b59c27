"""Reads an account with boto3 and returns it in the form of Rolecall's JSON document, to compare with."""

import re
from datetime import datetime

import world

DATES = {"create_date", "password_last_used"}


def account(endpoint: str, role_arn: str, page_size: int | None = None) -> dict:
    """The expected entry in Rolecall's document for the account of a role that may read all of it."""
    caller = world.assume(endpoint, {}, world.LAMBDA_ROLE.arn)
    iam = world.client(endpoint, "iam", world.assume(endpoint, caller, role_arn))
    return {
        "account_id": role_arn.split(":")[4],
        "role_arn": role_arn,
        "account": None,
        "outcome": "Complete",
        "skipped": None,
        "gaps": [],
        "notes": [],
        "users": sorted(users(iam, page_size), key=lambda user: user["user_name"]),
    }


def users(iam, page_size: int | None) -> list[dict]:
    pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": page_size})
    return [
        {
            "user_name": user["UserName"],
            "user_id": user["UserId"],
            "arn": user["Arn"],
            "path": user["Path"],
            "create_date": user["CreateDate"],
            "password_last_used": user.get("PasswordLastUsed"),
            "access_keys": access_keys(iam, user["UserName"]),
        }
        for page in pages
        for user in page["Users"]
    ]


def access_keys(iam, user_name: str) -> list[dict]:
    pages = iam.get_paginator("list_access_keys").paginate(UserName=user_name)
    keys = [
        {"access_key_id": key["AccessKeyId"], "status": key["Status"], "create_date": key["CreateDate"]}
        for page in pages
        for key in page["AccessKeyMetadata"]
    ]
    return sorted(keys, key=lambda key: key["access_key_id"])


def with_dates(document):
    """A part of Rolecall's document with its dates parsed. A date that is not RFC 3339 in UTC raises an error."""
    if isinstance(document, list):
        return [with_dates(item) for item in document]
    if isinstance(document, dict):
        # These are properties of the run, not of the account.
        document = {name: value for name, value in document.items() if name not in ("as_of", "sessions")}
        return {name: date(value) if name in DATES and value else with_dates(value) for name, value in document.items()}
    return document


def date(text: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
        raise ValueError(f"{text!r} is not an RFC 3339 date in UTC")
    return datetime.fromisoformat(text)
