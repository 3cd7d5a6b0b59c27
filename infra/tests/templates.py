"""The CloudFormation templates, as text and as the roles that they create; moto replaces CloudFormation."""

import ast
import json
from pathlib import Path

import world
import yaml

INFRA = Path(__file__).resolve().parents[1]
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


def documents(endpoint, arn):
    """A role's trust policy and its only inline policy. It must have no attached policies."""
    iam = world.client(endpoint, "iam", world.administrator(endpoint, arn.split(":")[4]))
    trust = role(endpoint, arn)["AssumeRolePolicyDocument"]
    of_role = {"RoleName": arn.rpartition("/")[2]}
    [name] = iam.list_role_policies(**of_role)["PolicyNames"]
    assert iam.list_attached_role_policies(**of_role)["AttachedPolicies"] == []
    permissions = iam.get_role_policy(**of_role, PolicyName=name)["PolicyDocument"]
    # moto stores this document as Python prints it, not as JSON.
    permissions = ast.literal_eval(permissions) if isinstance(permissions, str) else permissions
    return without_null(trust), without_null(permissions)


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
    values = {name: declared.get("Default") for name, declared in file["Parameters"].items()} | parameters

    def value(node):
        match node:
            case ("Ref", name):
                return values[name]
            case ("Equals", [left, right]):
                return value(left) == value(right)
            case ("Not", [condition]):
                return not value(condition)
            case ("And", conditions):
                return all(value(condition) for condition in conditions)
            case str():
                return node
        raise AssertionError(f"{node} is not allowed in a rule")

    return [
        name
        for name, rule in file["Rules"].items()
        if value(rule.get("RuleCondition", "true")) and not all(value(it["Assert"]) for it in rule["Assertions"])
    ]
