"""The same scan with boto3, as a careful script would do it: 32 threads, one client per account, retries configured."""

import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

endpoint, accounts = sys.argv[1], int(sys.argv[2])
settings = Config(proxies={}, retries={"total_max_attempts": 10, "mode": "standard"}, max_pool_connections=32)
keys = {"aws_access_key_id": "AKIACALLER", "aws_secret_access_key": "secret"}
session = boto3.Session(region_name="us-east-1")
sts = session.client("sts", endpoint_url=endpoint, config=settings, **keys)


def account(number: int) -> tuple[int, int]:
    role_arn = f"arn:aws:iam::{100_000_000_000 + number}:role/IAMListRole"
    credentials = sts.assume_role(RoleArn=role_arn, RoleSessionName="boto3")["Credentials"]
    iam = boto3.Session(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], "us-east-1").client(
        "iam", endpoint_url=endpoint, config=settings
    )
    users = [user for page in iam.get_paginator("list_users").paginate() for user in page["Users"]]
    keys = sum(len(iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]) for user in users)
    return len(users), keys


with ThreadPoolExecutor(32) as pool:
    counts = list(pool.map(account, range(1, accounts + 1)))
print(sum(users for users, _ in counts), sum(keys for _, keys in counts))
