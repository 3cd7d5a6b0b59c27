"""Runs moto's server as `python -m moto.server` does, except that its Step Functions call the Lambda and the S3 of another
endpoint, FUNCTIONS_ENDPOINT: moto runs no function of `provided.al2023`.
"""

import os
import runpy
import types

import boto3
from moto.stepfunctions.parser.asl.utils import boto_client


def client(service_name: str, **settings: object) -> object:
    if service_name in ("lambda", "s3"):
        settings["endpoint_url"] = os.environ["FUNCTIONS_ENDPOINT"]
    return boto3.client(service_name=service_name, **settings)


if __name__ == "__main__":
    boto_client.boto3 = types.SimpleNamespace(client=client)
    runpy.run_module("moto.server", run_name="__main__", alter_sys=True)
