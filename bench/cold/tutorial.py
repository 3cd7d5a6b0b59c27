"""The cross-account function as tutorials write it: boto3 clients created in the handler, one call after the other."""

import os

import boto3


def lambda_handler(event, context):
    sts = boto3.client("sts")
    assumed = sts.assume_role(RoleArn=os.environ["ROLE_ARN"], RoleSessionName="cross_acct_lambda")
    credentials = assumed["Credentials"]

    iam = boto3.client(
        "iam",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )

    users = []
    for page in iam.get_paginator("list_users").paginate():
        for user in page["Users"]:
            keys = iam.list_access_keys(UserName=user["UserName"])["AccessKeyMetadata"]
            users.append(
                {
                    "UserName": user["UserName"],
                    "AccessKeys": [
                        {"AccessKeyId": key["AccessKeyId"], "Status": key["Status"], "CreateDate": str(key["CreateDate"])}
                        for key in keys
                    ],
                }
            )
    return {"statusCode": 200, "users": users}
