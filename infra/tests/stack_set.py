"""Stands in for the calls of a StackSet: the parameters that it has after each, as CloudFormation gives them.

A parameter that an update leaves out gets the default value of the template, and not the value that it had.
"""

import json
import os
import sys
from pathlib import Path

import jmespath
import yaml

STATE = Path(os.environ["HOME"], "stack-set")
INFRA = Path(__file__).resolve().parents[1]


def main(action, arguments):
    values = dict(zip(arguments, arguments[1:]))
    if action == "describe-stack-set":
        described = described_stack_set()
        print(json.dumps(jmespath.search(values.get("--query", "@"), described)))
    else:
        previous = None if action == "create-stack-set" else json.loads(STATE.read_text())
        STATE.write_text(json.dumps(parameters(values["--parameters"], previous)))
        print("01234567-89ab-cdef-0123-456789abcdef")


def described_stack_set():
    if not STATE.exists():
        sys.exit("StackSetNotFoundException")
    # CloudFormation masks parameters with NoEcho.
    shown = json.loads(STATE.read_text()) | {"ExternalId": "****"}
    return {"StackSet": {"Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in shown.items()]}}


def parameters(given, previous):
    declared = {name: it.get("Default") for name, it in template()["Parameters"].items()}
    for parameter in json.loads(given):
        name = parameter["ParameterKey"]
        if name not in declared:
            sys.exit(f"ValidationError: Parameters: [{name}] do not exist in the template")
        if not parameter.get("UsePreviousValue"):
            declared[name] = parameter["ParameterValue"]
        elif previous is None or name not in previous:
            sys.exit(f"ValidationError: {name} has no previous value")
        else:
            assert "ParameterValue" not in parameter, parameter
            declared[name] = previous[name]
    return declared


def template():
    class Plain(yaml.SafeLoader):
        """YAML without CloudFormation's functions, which parameters do not have."""

    Plain.add_multi_constructor("!", lambda *_: None)
    return yaml.load((INFRA / "member.yaml").read_text(), Plain)


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3:])
