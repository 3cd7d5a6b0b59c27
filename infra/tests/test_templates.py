"""The CloudFormation templates create the roles of policies/*.json; moto replaces CloudFormation."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import world
import yaml

INFRA = Path(__file__).resolve().parents[1]
TEMPLATES = ("member.yaml", "hub.yaml")
EXTERNAL_ID = "7f3c:rolecall/+=,.@-"
FOR_MEMBER = {"HubAccountId": world.HUB}
FOR_HUB = {"MemberRoleArns": world.IAM_LIST_ROLE.arn}


def test_member_yaml_creates_the_role_of_the_policies(moto):
    outputs = deploy(moto, world.MEMBER, "member.yaml", FOR_MEMBER)

    assert outputs == {"RoleArn": world.IAM_LIST_ROLE.arn}
    assert documents(moto, world.IAM_LIST_ROLE) == (policy("member-trust"), policy("member-permissions"))


def test_hub_yaml_creates_the_role_of_the_policies(moto):
    outputs = deploy(moto, world.HUB, "hub.yaml", FOR_HUB)

    assert outputs == {"RoleArn": world.LAMBDA_ROLE.arn}
    assert documents(moto, world.LAMBDA_ROLE) == (policy("hub-trust"), policy("hub-permissions"))


def test_member_yaml_requires_the_external_id(moto):
    deploy(moto, world.MEMBER, "member.yaml", FOR_MEMBER | {"ExternalId": EXTERNAL_ID})

    expected = policy("member-trust")
    expected["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
    assert documents(moto, world.IAM_LIST_ROLE) == (expected, policy("member-permissions"))


def test_hub_yaml_accepts_several_members(moto):
    arns = [world.IAM_LIST_ROLE.arn, "arn:aws:iam::012345678901:role/security/Lister"]
    deploy(moto, world.HUB, "hub.yaml", {"MemberRoleArns": ",".join(arns)})

    expected = policy("hub-permissions")
    expected["Statement"][0]["Resource"] = arns
    assert documents(moto, world.LAMBDA_ROLE) == (policy("hub-trust"), expected)


def test_names_can_be_chosen(moto):
    lister = world.Role(world.MEMBER, "Lister", "member")
    caller = world.Role(world.HUB, "Caller", "hub")
    deploy(moto, world.MEMBER, "member.yaml", FOR_MEMBER | {"RoleName": "Lister", "HubRoleName": "Caller"})
    deploy(moto, world.HUB, "hub.yaml", FOR_HUB | {"RoleName": "Caller", "FunctionName": "roll"})

    trust, _ = documents(moto, lister)
    assert trust["Statement"][0]["Principal"] == {"AWS": caller.arn}
    _, permissions = documents(moto, caller)
    assert permissions["Statement"][1]["Resource"] == f"arn:aws:logs:*:{world.HUB}:log-group:/aws/lambda/roll:*"


def test_the_roles_may_do_nothing_else():
    """The literal list: if a policy and its template were widened together, comparing them would not show it."""
    granted = {name: [statement["Action"] for statement in policy(name)["Statement"]] for name in POLICIES}
    assert granted == {
        "member-permissions": [["iam:ListUsers", "iam:ListAccessKeys"]],
        "member-trust": ["sts:AssumeRole"],
        "hub-permissions": ["sts:AssumeRole", ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]],
        "hub-trust": ["sts:AssumeRole"],
    }


@pytest.mark.parametrize("template", TEMPLATES)
def test_cfn_lint_finds_nothing(template):
    lint = shutil.which("cfn-lint", path=Path(sys.executable).parent)
    command = [lint, "--include-checks", "I", "--non-zero-exit-code", "informational", "--", INFRA / template]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "")


@pytest.mark.parametrize(
    ("template", "parameter", "valid", "invalid"),
    [
        ("member.yaml", "HubAccountId", [world.HUB, "012345678901"], ["", "1234567890", "1234-5678-9012", "22222222222a"]),
        ("member.yaml", "ExternalId", ["", "ab", EXTERNAL_ID, "x" * 1224], ["x", "x" * 1225, "a b", "a'b", "a*"]),
        ("member.yaml", "RoleName", ["IAMListRole", "a.b-c_d"], ["", "a,b", "path/role", "x" * 65]),
        ("member.yaml", "HubRoleName", ["LambdaRole", "a,b"], ["", "*", "path/role"]),
        (
            "hub.yaml",
            "MemberRoleArns",
            [world.IAM_LIST_ROLE.arn, "arn:aws-us-gov:iam::012345678901:role/security/Lister"],
            ["", "arn:aws:iam::*:role/IAMListRole", "arn:aws:iam::1234567890:role/R", "arn:aws:iam::111111111111:role/*"],
        ),
        ("hub.yaml", "FunctionName", ["rolecall", "a_b-C"], ["", "*", "a/b"]),
    ],
)
def test_parameters_reject_invalid_values(template, parameter, valid, invalid):
    declared = read(template)["Parameters"][parameter]
    assert declared["ConstraintDescription"]
    for value in valid:
        assert re.fullmatch(declared["AllowedPattern"], value, re.ASCII), value
    for value in invalid:
        assert not re.fullmatch(declared["AllowedPattern"], value, re.ASCII), value


def test_no_account_is_trusted_by_default():
    for template in TEMPLATES:
        for name, declared in read(template)["Parameters"].items():
            assert not re.search(r"\d{12}", str(declared.get("Default", ""))), name


def test_the_external_id_is_not_shown_with_the_stack():
    assert read("member.yaml")["Parameters"]["ExternalId"]["NoEcho"] is True


POLICIES = ("member-permissions", "member-trust", "hub-permissions", "hub-trust")


def policy(name):
    return json.loads((INFRA / "policies" / f"{name}.json").read_text())


def deploy(endpoint, account_id, template, parameters):
    """Creates a stack from the template and returns its outputs."""
    cloudformation = world.client(endpoint, "cloudformation", world.administrator(endpoint, account_id))
    cloudformation.create_stack(
        StackName="rolecall",
        TemplateBody=(INFRA / template).read_text(),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    [stack] = cloudformation.describe_stacks(StackName="rolecall")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def documents(endpoint, role):
    """A role's trust policy and its only inline policy. It must have no attached policies."""
    iam = world.client(endpoint, "iam", world.administrator(endpoint, role.account_id))
    trust = iam.get_role(RoleName=role.name)["Role"]["AssumeRolePolicyDocument"]
    [name] = iam.list_role_policies(RoleName=role.name)["PolicyNames"]
    assert iam.list_attached_role_policies(RoleName=role.name)["AttachedPolicies"] == []
    permissions = iam.get_role_policy(RoleName=role.name, PolicyName=name)["PolicyDocument"]
    # moto stores this document as Python prints it, not as JSON.
    return trust, ast.literal_eval(permissions) if isinstance(permissions, str) else permissions


class Template(yaml.SafeLoader):
    """YAML with CloudFormation's short functions. Their values are dropped, because no test reads them."""


Template.add_multi_constructor("!", lambda loader, tag, node: tag)


def read(template):
    return yaml.load((INFRA / template).read_text(), Template)
