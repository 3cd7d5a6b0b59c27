"""A scan returns what boto3 reads at the same endpoint, item by item; LocalStack and moto replace AWS.

They check no permissions, so no test here is about trust.
"""

import boto3_reader
import world


def test_a_scan_of_localstack_returns_what_boto3_reads(localstack, scan):
    compare(localstack, scan)


def test_a_scan_of_moto_returns_what_boto3_reads(moto, scan):
    world.load(moto)
    compare(moto, scan)


def compare(endpoint, scan):
    role_arn = world.IAM_LIST_ROLE.arn
    expected = boto3_reader.account(endpoint, role_arn)
    assert [shape(user) for user in expected["users"]] == [
        (user.name, user.path, sorted(user.key_statuses)) for user in sorted(world.USERS, key=lambda user: user.name)
    ]

    code, document = scan(endpoint, role_arn)

    assert code == 0
    assert document["schema_version"] == 3
    assert document["caller"]["account_id"] == world.HUB
    assert boto3_reader.with_dates(document["accounts"]) == [expected]


def shape(user):
    return user["user_name"], user["path"], sorted(key["status"] for key in user["access_keys"])


def test_a_list_of_several_pages_is_read_to_its_end(localstack, scan):
    world.load_crowd(localstack)
    role_arn = world.CROWD_ROLE.arn
    administrator = world.administrator(localstack, world.CROWD)
    first = world.client(localstack, "iam", administrator).list_users(MaxItems=1000)
    assert (len(first["Users"]), first["IsTruncated"]) == (1000, True), "LocalStack does not page"

    code, document = scan(localstack, role_arn)

    assert code == 0
    # An unusual page size, so that boto3 and Rolecall split the list at different places.
    expected = boto3_reader.account(localstack, role_arn, page_size=97)
    assert len(expected["users"]) == len(world.CROWD_USERS)
    assert boto3_reader.with_dates(document["accounts"]) == [expected]


def test_several_accounts_are_kept_apart(moto, scan):
    world.load(moto)
    world.put_role(moto, world.CROWD_ROLE)
    world.put_users(moto, world.CROWD, (world.User("alice"), world.User("zoe", ("Inactive",))))
    role_arns = [world.IAM_LIST_ROLE.arn, world.CROWD_ROLE.arn]

    code, document = scan(moto, *role_arns)

    assert code == 0
    assert boto3_reader.with_dates(document["accounts"]) == [boto3_reader.account(moto, role_arn) for role_arn in role_arns]
