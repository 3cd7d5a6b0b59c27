"""The CloudFormation templates, as text and as the roles that they create; moto replaces CloudFormation."""

import ast
import json
import re
import sys
from pathlib import Path

import world
import yaml

INFRA = Path(__file__).resolve().parents[1]
# The AWS CLI, for a shell script. It names a change set by the second, and a stack takes less than one here.
AWS_CLI = f"""
    while [ "$2" = deploy ] && [ "$(date +%s)" = "$(cat "$HOME/deployed-at" 2>/dev/null)" ]; do sleep 0.1; done
    {Path(sys.executable).parent}/aws "$@" && code=0 || code=$?
    date +%s > "$HOME/deployed-at"
    exit $code
"""
TEMPLATES = ("hub.yaml", "management.yaml", "member.yaml")
# The names of `rolecall scan --collect`, each with the document of its permissions.
FACT_SETS = {
    "default": "member-permissions",
    "recommended": "member-permissions-recommended",
    "all": "member-permissions-all",
}


def policy(name):
    return json.loads((INFRA / "policies" / f"{name}.json").read_text())


def actions_of(fact_set):
    return policy(FACT_SETS[fact_set])["Statement"][0]["Action"]


def deploy(endpoint, account_id, template, parameters):
    """Creates a stack from the template and returns its outputs."""
    cloudformation = world.client(endpoint, "cloudformation", world.administrator(endpoint, account_id))
    name = template.removesuffix(".yaml")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(INFRA / template).read_text(),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def role(endpoint, arn):
    """A role as IAM has it."""
    iam = world.client(endpoint, "iam", world.administrator(endpoint, arn.split(":")[4]))
    role = iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
    assert role["Arn"] == arn
    return role


def documents(endpoint, arn, policy_name="Rolecall"):
    """A role's trust policy and its inline policy of this name. It must have no attached policies."""
    iam = world.client(endpoint, "iam", world.administrator(endpoint, arn.split(":")[4]))
    trust = role(endpoint, arn)["AssumeRolePolicyDocument"]
    of_role = {"RoleName": arn.rpartition("/")[2]}
    assert iam.list_attached_role_policies(**of_role)["AttachedPolicies"] == []
    permissions = iam.get_role_policy(**of_role, PolicyName=policy_name)["PolicyDocument"]
    # moto stores this document as Python prints it, not as JSON.
    permissions = ast.literal_eval(permissions) if isinstance(permissions, str) else permissions
    return without_null(trust), without_null(permissions)


def policy_names(endpoint, arn):
    iam = world.client(endpoint, "iam", world.administrator(endpoint, arn.split(":")[4]))
    return iam.list_role_policies(RoleName=arn.rpartition("/")[2])["PolicyNames"]


def without_null(node):
    """A document without what `AWS::NoValue` removes. moto keeps it as null."""
    if isinstance(node, dict):
        return {name: without_null(value) for name, value in node.items() if value is not None}
    if isinstance(node, list):
        return [without_null(item) for item in node if item is not None]
    return node


class Template(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, as a name and its argument: `!Ref A` is `("Ref", "A")`."""


def function(loader, tag, node):
    if isinstance(node, yaml.SequenceNode):
        return tag, loader.construct_sequence(node, deep=True)
    return tag, loader.construct_scalar(node)


Template.add_multi_constructor("!", function)


def read(template):
    return yaml.load((INFRA / template).read_text(), Template)


def violated_rules(template, parameters):
    """The rules that reject these parameters. moto does not check rules."""
    file = read(template)
    value = Values(file, parameters)
    return [
        name
        for name, rule in file["Rules"].items()
        if value(rule.get("RuleCondition", "true")) and not all(value(it["Assert"]) for it in rule["Assertions"])
    ]


class Values:
    """What CloudFormation makes of a template's functions, given the parameters and the stack's resources."""

    def __init__(self, file, parameters, pseudo=None, physical_ids=None, attributes=None):
        declared = {name: it.get("Default") for name, it in file.get("Parameters", {}).items()}
        self.file, self.values = file, declared | parameters | (pseudo or {}) | (physical_ids or {})
        self.attributes = attributes or {}

    def __call__(self, node):
        match node:
            case ("Ref", "AWS::NoValue"):
                return None
            case ("Ref", name):
                return self.values[name]
            case ("GetAtt", name):
                return self.attributes[name]
            case ("Sub", text):
                return re.sub(r"\$\{([\w:.]+)\}", lambda it: str((self.values | self.attributes)[it[1]]), text)
            case ("Split", [separator, text]):
                return self(text).split(separator)
            case ("FindInMap", [name, key, field]):
                return self.file["Mappings"][name][self(key)][field]
            case ("If", [condition, then, otherwise]):
                return self(then if self.condition(condition) else otherwise)
            case ("Equals", [left, right]):
                return str(self(left)) == str(self(right))
            case ("Not", [condition]):
                return not self(condition)
            case ("And", conditions):
                return all(self(condition) for condition in conditions)
            case {"Condition": str(name)} if len(node) == 1:
                return self.condition(name)
            case dict():
                return {name: made for name, it in node.items() if (made := self(it)) is not None}
            case list():
                return [made for it in node if (made := self(it)) is not None]
            case str() | bool() | int() | float():
                return node
        raise AssertionError(f"{node} is not known here")

    def condition(self, name):
        return self(self.file["Conditions"][name])
