"""Loading the world a second time changes nothing."""

import json

import boto3_reader
import pytest
import world


@pytest.mark.parametrize("emulator", ["localstack", "moto"])
def test_a_second_load_changes_nothing(emulator, request):
    endpoint = request.getfixturevalue(emulator)
    world.load(endpoint)
    before = everything(endpoint)

    world.load(endpoint)

    assert everything(endpoint) == before


def everything(endpoint):
    return boto3_reader.account(endpoint, world.IAM_LIST_ROLE.arn), [
        documents(endpoint, role) for role in (world.IAM_LIST_ROLE, world.LAMBDA_ROLE)
    ]


def documents(endpoint, role):
    iam = world.client(endpoint, "iam", world.administrator(endpoint, role.account_id))
    found = iam.get_role(RoleName=role.name)["Role"]
    return found["RoleId"], json.dumps(found["AssumeRolePolicyDocument"]), iam.list_role_policies(RoleName=role.name)["PolicyNames"]
