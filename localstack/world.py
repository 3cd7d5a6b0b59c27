"""The accounts for LocalStack and moto as data, and functions that load them. Loading twice gives the same world.

usage: world.py ENDPOINT_URL, which loads the hub account and the member account there
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

POLICIES = Path(__file__).resolve().parent.parent / "infra" / "policies"

MEMBER = "111111111111"
HUB = "222222222222"
CROWD = "333333333333"


@dataclass(frozen=True)
class Role:
    account_id: str
    name: str
    policies: str  # prefix of its files in POLICIES: <prefix>-trust.json and <prefix>-permissions.json

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account_id}:role/{self.name}"


@dataclass(frozen=True)
class User:
    name: str
    key_statuses: tuple[str, ...] = ()
    path: str = "/"


LAMBDA_ROLE = Role(HUB, "LambdaRole", "hub")
IAM_LIST_ROLE = Role(MEMBER, "IAMListRole", "member")
CROWD_ROLE = Role(CROWD, "IAMListRole", "member")

USERS = (
    User("alice", ("Active",)),
    User("bob", ("Active", "Active")),
    User("carol", ("Active", "Inactive")),
    User("dave", ("Inactive",)),
    User("erin"),
    User("deploy+eu=1,blue.green@ci-2", ("Active",)),
    User("runner", ("Active",), "/ci/"),
)


# One user more than the largest page of IAM.
CROWD_USERS = tuple(User(f"user-{number:04}", ("Active",) * (number % 10 == 0), "/crowd/") for number in range(1001))


def load(endpoint: str) -> None:
    """Loads the hub account, in which Rolecall runs, and a member account."""
    put_role(endpoint, LAMBDA_ROLE)
    put_role(endpoint, IAM_LIST_ROLE)
    put_users(endpoint, MEMBER, USERS)


def load_crowd(endpoint: str) -> None:
    """Loads an account with more users than the largest page."""
    put_role(endpoint, CROWD_ROLE)
    put_users(endpoint, CROWD, CROWD_USERS)


def put_role(endpoint: str, role: Role) -> None:
    iam = client(endpoint, "iam", administrator(endpoint, role.account_id))
    trust = (POLICIES / f"{role.policies}-trust.json").read_text()
    permissions = (POLICIES / f"{role.policies}-permissions.json").read_text()
    try:
        iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=trust)
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=trust)
    iam.put_role_policy(RoleName=role.name, PolicyName="Rolecall", PolicyDocument=permissions)


def put_users(endpoint: str, account_id: str, users: tuple[User, ...]) -> None:
    iam = client(endpoint, "iam", administrator(endpoint, account_id))
    for user in users:
        try:
            iam.create_user(UserName=user.name, Path=user.path)
            keys = []
        except iam.exceptions.EntityAlreadyExistsException:
            keys = iam.list_access_keys(UserName=user.name)["AccessKeyMetadata"]
        put_access_keys(iam, user, keys)


def put_access_keys(iam, user: User, keys: list[dict]) -> None:
    while len(keys) < len(user.key_statuses):
        keys.append(iam.create_access_key(UserName=user.name)["AccessKey"])
    for key, status in zip(keys, user.key_statuses):
        if key["Status"] != status:
            iam.update_access_key(UserName=user.name, AccessKeyId=key["AccessKeyId"], Status=status)


def administrator(endpoint: str, account_id: str) -> dict:
    """Credentials with all permissions in an account. Neither emulator checks that the role exists or trusts the caller."""
    return assume(endpoint, {}, f"arn:aws:iam::{account_id}:role/OrganizationAccountAccessRole")


def assume(endpoint: str, credentials: dict, role_arn: str) -> dict:
    """Credentials of a session of the role, as keyword arguments of boto3's `client`."""
    sts = client(endpoint, "sts", credentials)
    session = sts.assume_role(RoleArn=role_arn, RoleSessionName="world")["Credentials"]
    return {
        "aws_access_key_id": session["AccessKeyId"],
        "aws_secret_access_key": session["SecretAccessKey"],
        "aws_session_token": session["SessionToken"],
    }


def client(endpoint: str, service: str, credentials: dict, region: str = "us-east-1"):
    # Calls to the loopback address must not use a proxy or a profile of the person who runs this.
    settings = Config(proxies={}, retries={"total_max_attempts": 1})
    credentials = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=endpoint, region_name=region, config=settings, **credentials)


if __name__ == "__main__":
    load(sys.argv[1])
