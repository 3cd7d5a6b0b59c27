"""Runs ministack as `python -m ministack` does, except that a function gets the AWS credentials of ministack's own
environment. ministack would give it the account id as access key id, which `rolecall emulator` does not accept, since it
verifies signatures.
"""

import os
import runpy

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def execution_credentials(_configuration: dict) -> dict[str, str]:
    return {name: os.environ[name] for name in CREDENTIALS}


if __name__ == "__main__":
    for module in (lambda_runtime, lambda_svc):
        module.execution_credentials = execution_credentials
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
