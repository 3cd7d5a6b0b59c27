"""The CloudFormation templates create the roles of policies/*.json; moto replaces CloudFormation."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import world
from templates import (
    FACT_SETS,
    INFRA,
    TEMPLATES,
    actions_of,
    deploy,
    documents,
    policy,
    policy_names,
    read,
    role,
    violated_rules,
)

ORGANIZATION = "o-example001"
EXTERNAL_ID = "7f3c:rolecall/+=,.@-"
FOR_MEMBER = {"HubAccountId": world.HUB}
FOR_HUB = {"MemberRoleArns": world.IAM_LIST_ROLE.arn}
FOR_MANAGEMENT = FOR_MEMBER | {"OrganizationId": ORGANIZATION}
MANAGEMENT = "999999999999"
ORGANIZATION_LIST_ROLE = f"arn:aws:iam::{MANAGEMENT}:role/OrganizationListRole"


@pytest.mark.parametrize("fact_set", FACT_SETS)
def test_member_yaml_creates_the_role_of_the_policies(fact_set, moto):
    outputs = deploy(moto, world.MEMBER, "member.yaml", FOR_MEMBER | {"FactSet": fact_set})

    assert outputs == {"RoleArn": world.IAM_LIST_ROLE.arn}
    trust, permissions = documents(moto, world.IAM_LIST_ROLE.arn)
    assert trust == policy("member-trust")
    assert permissions["Statement"] == [
        {"Sid": "AllowReadFacts", "Effect": "Allow", "Action": actions_of(fact_set), "Resource": "*"}
    ]


def test_hub_yaml_creates_the_role_of_the_policies(moto):
    outputs = deploy(moto, world.HUB, "hub.yaml", FOR_HUB)

    assert outputs["RoleArn"] == world.LAMBDA_ROLE.arn
    assert documents(moto, world.LAMBDA_ROLE.arn) == (policy("hub-trust"), policy("hub-permissions"))


def test_member_yaml_requires_the_external_id(moto):
    deploy(moto, world.MEMBER, "member.yaml", FOR_MEMBER | {"ExternalId": EXTERNAL_ID})

    expected = policy("member-trust")
    expected["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}
    assert documents(moto, world.IAM_LIST_ROLE.arn)[0] == expected


@pytest.mark.parametrize("external_id", [{}, {"ExternalId": EXTERNAL_ID}])
def test_member_yaml_trusts_the_account_only_with_conditions_for_the_role_and_the_organization(external_id, moto):
    parameters = FOR_MEMBER | {"HubTrust": "account", "OrganizationId": ORGANIZATION} | external_id
    deploy(moto, world.MEMBER, "member.yaml", parameters)

    [statement] = documents(moto, world.IAM_LIST_ROLE.arn)[0]["Statement"]
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{world.HUB}:root"}
    expected = {"aws:PrincipalOrgID": ORGANIZATION}
    if external_id:
        expected["sts:ExternalId"] = EXTERNAL_ID
    assert statement["Condition"] == {
        "StringEquals": expected,
        "ArnLike": {"aws:PrincipalArn": world.LAMBDA_ROLE.arn},
    }


def test_hub_yaml_accepts_several_members(moto):
    arns = [world.IAM_LIST_ROLE.arn, "arn:aws:iam::012345678901:role/security/Lister"]
    deploy(moto, world.HUB, "hub.yaml", {"MemberRoleArns": ",".join(arns)})

    expected = policy("hub-permissions")
    expected["Statement"][0]["Resource"] = arns
    assert documents(moto, world.LAMBDA_ROLE.arn) == (policy("hub-trust"), expected)


def test_names_paths_and_boundaries_can_be_chosen(moto):
    boundary = {"PermissionsBoundary": "security/Boundary"}
    member = {"RoleName": "Lister", "RolePath": "/security/", "HubRoleName": "audit/Caller"} | boundary
    deploy(moto, world.MEMBER, "member.yaml", FOR_MEMBER | member)
    deploy(moto, MANAGEMENT, "management.yaml", FOR_MANAGEMENT | {"RoleName": "Org"} | boundary)
    hub = {"RoleName": "Caller", "FunctionName": "roll", "OrganizationId": ORGANIZATION} | boundary
    deploy(moto, world.HUB, "hub.yaml", hub | {"MemberRoleName": "Lister", "MemberRolePath": "/security/"})

    lister = f"arn:aws:iam::{world.MEMBER}:role/security/Lister"
    caller = f"arn:aws:iam::{world.HUB}:role/Caller"
    trust, _ = documents(moto, lister)
    assert trust["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{world.HUB}:role/audit/Caller"}
    statements = statements_of(moto, caller)
    assert statements["AllowAssumeRoleInOrganization"]["Resource"] == "arn:aws:iam::*:role/security/Lister"
    assert statements["AllowWriteOwnLogs"]["Resource"] == f"arn:aws:logs:*:{world.HUB}:log-group:/aws/lambda/roll:*"
    for arn in (lister, caller, f"arn:aws:iam::{MANAGEMENT}:role/Org"):
        account_id = arn.split(":")[4]
        boundary = role(moto, arn)["PermissionsBoundary"]["PermissionsBoundaryArn"]
        assert boundary == f"arn:aws:iam::{account_id}:policy/security/Boundary"


def test_the_roles_may_do_nothing_else(moto):
    """The literal list: if a policy and its template were widened together, comparing them would not show it."""
    granted = {name: [statement["Action"] for statement in policy(name)["Statement"]] for name in POLICIES}
    assert granted == {
        "member-permissions": [["iam:ListUsers", "iam:ListAccessKeys"]],
        "member-trust": ["sts:AssumeRole"],
        "hub-permissions": [
            "sts:AssumeRole",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            "sts:GetAccessKeyInfo",
        ],
        "hub-trust": ["sts:AssumeRole"],
    }
    deploy(moto, world.HUB, "hub.yaml", FOR_HUB | {"OrganizationId": ORGANIZATION})
    deploy(moto, MANAGEMENT, "management.yaml", FOR_MANAGEMENT | {"FactSet": "all"})
    deploy(moto, world.MEMBER, "member.yaml", FOR_MEMBER)

    statements = statements_of(moto, world.LAMBDA_ROLE.arn)
    assert set(statements) == {
        "AllowAssumeRoleInOrganization",
        "AllowAssumeIAMListRole",
        "AllowListAccountsOfOrganization",
        "AllowReadFactsOfOwnAccount",
        "AllowWriteOwnLogs",
        "AllowGetAccountOfAccessKey",
    }
    assert policy_names(moto, world.LAMBDA_ROLE.arn) == ["Rolecall", "RolecallStore"]
    _, store = documents(moto, world.LAMBDA_ROLE.arn, "RolecallStore")
    assert {statement["Sid"]: statement["Action"] for statement in store["Statement"]} == {
        "AllowReadAndWriteStore": ["s3:GetObject", "s3:PutObject"],
        "AllowListBucket": "s3:ListBucket",
        "AllowPublishSummary": "sns:Publish",
        "AllowPutEventsOfFindings": "events:PutEvents",
    }
    assert statements["AllowAssumeRoleInOrganization"]["Condition"] == {
        "StringEquals": {"aws:ResourceOrgID": ORGANIZATION}
    }
    assert statements["AllowReadFactsOfOwnAccount"]["Action"] == actions_of("recommended")
    assert statements["AllowListAccountsOfOrganization"]["Action"] == ORGANIZATIONS_ACTIONS
    for arn in (ORGANIZATION_LIST_ROLE, world.IAM_LIST_ROLE.arn):
        assert policy_names(moto, arn) == ["Rolecall"]
    statements = statements_of(moto, ORGANIZATION_LIST_ROLE)
    assert {sid: statement["Action"] for sid, statement in statements.items()} == {
        "AllowListAccountsOfOrganization": ORGANIZATIONS_ACTIONS,
        "AllowReadRootCredentialsManagement": "iam:ListOrganizationsFeatures",
    }


def test_with_a_role_that_lists_the_accounts_the_hub_role_does_not(moto):
    deploy(moto, world.HUB, "hub.yaml", {"OrganizationId": ORGANIZATION, "OrganizationRoleArn": ORGANIZATION_LIST_ROLE})
    statements = statements_of(moto, world.LAMBDA_ROLE.arn)
    assert "AllowListAccountsOfOrganization" not in statements
    assert statements["AllowAssumeOrganizationListRole"]["Resource"] == ORGANIZATION_LIST_ROLE


@pytest.mark.parametrize("fact_set", FACT_SETS)
def test_each_template_has_the_actions_of_the_fact_sets(fact_set):
    for template in ("hub.yaml", "member.yaml"):
        assert read(template)["Mappings"]["FactSets"][fact_set]["Actions"] == actions_of(fact_set), template


def test_the_fact_set_is_the_same_parameter_in_all_templates_with_the_default_of_init(rolecall, tmp_path):
    subprocess.run([rolecall, "init"], cwd=tmp_path, check=True, capture_output=True)
    [collect] = re.findall(r'^collect = "(\w+)"$', (tmp_path / "rolecall.toml").read_text(), re.MULTILINE)
    for template in TEMPLATES:
        declared = read(template)["Parameters"]["FactSet"]
        assert declared["Default"] == collect
        assert declared["AllowedValues"] == list(FACT_SETS)


def test_the_names_that_init_and_the_templates_use_are_the_same(rolecall, tmp_path):
    subprocess.run([rolecall, "init"], cwd=tmp_path, check=True, capture_output=True)
    [name] = re.findall(r'^role_name = "(\w+)"$', (tmp_path / "rolecall.toml").read_text(), re.MULTILINE)
    assert read("member.yaml")["Parameters"]["RoleName"]["Default"] == name
    assert read("hub.yaml")["Parameters"]["MemberRoleName"]["Default"] == name
    for template in ("member.yaml", "management.yaml"):
        assert read(template)["Parameters"]["HubRoleName"]["Default"] == world.LAMBDA_ROLE.name


@pytest.mark.parametrize("template", TEMPLATES)
def test_cfn_lint_finds_nothing(template):
    lint = shutil.which("cfn-lint", path=Path(sys.executable).parent)
    command = [lint, "--include-checks", "I", "--non-zero-exit-code", "informational", "--", INFRA / template]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "")


GENERATED = ["--hub-role-arn", world.LAMBDA_ROLE.arn, "--collect", "all", "--external-id", EXTERNAL_ID]
OF_ORGANIZATION = ["--role-name", "IAMListRole", "--organization-id", ORGANIZATION, "--trust", "organization"]
OF_ORGANIZATION += ["--permission-set", "Audit", "--organization-role-arn", ORGANIZATION_LIST_ROLE]


@pytest.fixture
def generated(rolecall, tmp_path):
    """Runs `rolecall policy generate` into a folder, which it returns."""

    def run(*arguments):
        command = [rolecall, "policy", "generate", *GENERATED, *arguments, "--out-dir", tmp_path / "generated"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env={})
        return tmp_path / "generated"

    return run


@pytest.mark.parametrize(
    ("arguments", "count"),
    [(["--role-arn", world.IAM_LIST_ROLE.arn], 2), (OF_ORGANIZATION, 3)],
    ids=["listed", "organization"],
)
def test_cfn_lint_finds_nothing_in_generated_templates(arguments, count, generated):
    templates = sorted(generated(*arguments, "--format", "cloudformation").iterdir())
    assert len(templates) == count
    lint = shutil.which("cfn-lint", path=Path(sys.executable).parent)
    done = subprocess.run([lint, "--", *templates], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "")


def test_generated_templates_create_the_roles_of_the_generated_documents(moto, generated):
    arguments = ["--role-arn", world.IAM_LIST_ROLE.arn]
    folder = generated(*arguments, "--format", "cloudformation")
    generated(*arguments)
    for account_id, arn, name in (
        (world.HUB, world.LAMBDA_ROLE.arn, "hub"),
        (world.MEMBER, world.IAM_LIST_ROLE.arn, "member"),
    ):
        cloudformation = world.client(moto, "cloudformation", world.administrator(moto, account_id))
        body = (folder / f"{name}.template.json").read_text()
        cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
        expected = [json.loads((folder / f"{name}-{kind}.json").read_text()) for kind in ("trust", "permissions")]
        assert list(documents(moto, arn)) == expected


def test_the_templates_give_the_permissions_of_the_generated_documents(moto, generated):
    """The same statements, by their actions, resources and conditions; the names of the statements may differ."""
    folder = generated(*OF_ORGANIZATION)
    hub = {"OrganizationId": ORGANIZATION, "OrganizationRoleArn": ORGANIZATION_LIST_ROLE, "FactSet": "all"}
    trust = FOR_MANAGEMENT | {"HubTrust": "account", "FactSet": "all"}
    deploy(moto, world.HUB, "hub.yaml", hub)
    deploy(moto, world.MEMBER, "member.yaml", trust | {"ExternalId": EXTERNAL_ID})
    deploy(moto, MANAGEMENT, "management.yaml", trust)
    for arn, name in (
        (world.LAMBDA_ROLE.arn, "hub"),
        (world.IAM_LIST_ROLE.arn, "member"),
        (ORGANIZATION_LIST_ROLE, "organization"),
    ):
        expected = json.loads((folder / f"{name}-permissions.json").read_text())["Statement"]
        made = documents(moto, arn)[1]["Statement"]
        assert grants(made) == grants(expected), name


def grants(statements):
    def listed(value):
        return value if isinstance(value, list) else [value]

    return sorted(
        (action, sorted(listed(statement["Resource"])), json.dumps(statement.get("Condition"), sort_keys=True))
        for statement in statements
        for action in listed(statement["Action"])
    )


def test_checkov_finds_nothing():
    """A check that is skipped has its reason in the template."""
    venv = subprocess.check_output([INFRA.parent / "tools/venv", "checkov"], text=True).strip()
    command = [f"{venv}/bin/checkov", "--framework", "cloudformation", "--skip-download", "--output", "json", "-d", INFRA]
    done = subprocess.run(command, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["results"]["failed_checks"] == []
    summary = report["summary"]
    assert (summary["failed"], summary["parsing_errors"]) == (0, 0)
    skipped = {check["check_id"]: check["check_result"]["suppress_comment"] for check in report["results"]["skipped_checks"]}
    assert set(skipped) == {f"CKV_AWS_{number}" for number in (18, 26, 116, 117, 158, 173)}
    assert all(len(reason.split()) > 5 for reason in skipped.values()), skipped
    assert {check["file_path"] for check in report["results"]["passed_checks"]} == {f"/{name}" for name in TEMPLATES}


def test_cfn_lint_finds_nothing_in_the_state_machine(tmp_path):
    """In its own file it would not be looked at."""
    machine = {
        "RoleArn": "arn:aws:iam::222222222222:role/Sweep",
        "Definition": json.loads((INFRA / "sweep.asl.json").read_text()),
        "DefinitionSubstitutions": {"FunctionArn": "arn:aws:lambda:us-east-1:222222222222:function:rolecall"},
    }
    template = {"Resources": {"Sweep": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine}}}
    (tmp_path / "sweep.json").write_text(json.dumps(template))
    lint = shutil.which("cfn-lint", path=Path(sys.executable).parent)
    done = subprocess.run([lint, "--", tmp_path / "sweep.json"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "")


SSO_ROLE = "aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Audit_"
HUB_ROLE_NAMES = (
    ["LambdaRole", "a,b", "security/audit/Role", f"{SSO_ROLE}0123456789abcdef", SSO_ROLE + "?" * 16],
    ["", "*", "/path/role", "path/", "Lambda*", f"{SSO_ROLE}*", "????????????????", "other/AWSReservedSSO_Audit_" + "?" * 16],
)
BOUNDARIES = (["", "Boundary", "security/Boundary"], ["arn:aws:iam::aws:policy/ReadOnlyAccess", "*", "/Boundary"])
ORGANIZATIONS = (["o-example001", "o-a1b2c3d4e5"], ["o-*", "r-abcd", "o-short", "O-EXAMPLE001"])
KMS_KEY = "arn:aws:kms:eu-central-1:222222222222:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PATHS = (["/", "/security/", "/a/b/"], ["", "security/", "/security", "/*/", "//"])


@pytest.mark.parametrize(
    ("template", "parameter", "valid", "invalid"),
    [
        ("member.yaml", "HubAccountId", [world.HUB, "012345678901"], ["", "1234567890", "1234-5678-9012", "22222222222a"]),
        ("member.yaml", "ExternalId", ["", "ab", EXTERNAL_ID, "x" * 1224], ["x", "x" * 1225, "a b", "a'b", "a*"]),
        ("member.yaml", "RoleName", ["IAMListRole", "a.b-c_d"], ["", "a,b", "path/role", "x" * 65]),
        ("member.yaml", "RolePath", *PATHS),
        ("member.yaml", "HubRoleName", *HUB_ROLE_NAMES),
        ("member.yaml", "PermissionsBoundary", *BOUNDARIES),
        ("member.yaml", "OrganizationId", ["", *ORGANIZATIONS[0]], ORGANIZATIONS[1]),
        ("management.yaml", "HubAccountId", [world.HUB], ["", "1234567890"]),
        ("management.yaml", "HubRoleName", *HUB_ROLE_NAMES),
        ("management.yaml", "OrganizationId", ORGANIZATIONS[0], ["", *ORGANIZATIONS[1]]),
        ("management.yaml", "PermissionsBoundary", *BOUNDARIES),
        (
            "hub.yaml",
            "MemberRoleArns",
            [
                "",
                world.IAM_LIST_ROLE.arn,
                "arn:aws-us-gov:iam::012345678901:role/security/Lister",
                f"{world.IAM_LIST_ROLE.arn},{world.CROWD_ROLE.arn}",
            ],
            [
                "arn:aws:iam::*:role/IAMListRole",
                "arn:aws:iam::1234567890:role/R",
                "arn:aws:iam::111111111111:role/*",
                f"{world.IAM_LIST_ROLE.arn}, {world.CROWD_ROLE.arn}",
                f"{world.IAM_LIST_ROLE.arn},",
                f"{world.IAM_LIST_ROLE.arn},*",
            ],
        ),
        ("hub.yaml", "OrganizationId", ["", *ORGANIZATIONS[0]], ORGANIZATIONS[1]),
        ("hub.yaml", "OrganizationRoleArn", ["", ORGANIZATION_LIST_ROLE], ["*", "OrganizationListRole", "arn:aws:iam::*:role/R"]),
        ("hub.yaml", "CiRoleArn", ["", "arn:aws:iam::222222222222:role/ci/Role"], ["*", "arn:aws:iam::222222222222:role/*"]),
        ("hub.yaml", "SsoPermissionSet", ["", "SecurityAudit"], ["*", "Audit*", "Audit?", "a/b", "x" * 33]),
        ("hub.yaml", "MemberRoleName", ["IAMListRole"], ["", "*", "a,b", "path/role"]),
        ("hub.yaml", "MemberRolePath", *PATHS),
        ("hub.yaml", "PermissionsBoundary", *BOUNDARIES),
        ("hub.yaml", "FunctionName", ["rolecall", "a_b-C"], ["", "*", "a/b"]),
        ("hub.yaml", "ExternalId", ["", "ab", EXTERNAL_ID, "x" * 1224], ["x", "x" * 1225, "a b", "a'b", "a*"]),
        ("hub.yaml", "OrganizationalUnits", ["", "ou-exam-11111111", "Workloads/Prod,Sandbox"], [",", "a,", "a,,b"]),
        ("hub.yaml", "ExcludeAccounts", ["", "111111111111", "sandbox-*,Old accounts"], [",", "a,,b"]),
        ("hub.yaml", "KmsKeyArn", ["", KMS_KEY, KMS_KEY.replace("key/", "key/mrk-")], ["alias/aws/s3", f"{KMS_KEY}*"]),
        ("hub.yaml", "NotificationEmail", ["", "security@example.com"], ["security", "a b@example.com", "a@b@c"]),
        ("hub.yaml", "EventBusName", ["default", "security/findings"], ["", "*", "arn:aws:events:us-east-1:1:event-bus/b"]),
        ("hub.yaml", "CodeKey", ["", "code/0123456789abcdef"], ["0123", "store/latest.json", "code/../store/a", "code/*"]),
        (
            "hub.yaml",
            "ScheduleExpression",
            ["", "cron(0 3 * * ? *)", "rate(1 day)"],
            ["0 3 * * *", "at(2026-11-26T03:00:00)", "rate(1 day) "],
        ),
        ("hub.yaml", "ScheduleTimezone", ["UTC", "America/Port-au-Prince", "Etc/GMT+1"], ["", "Europe Berlin"]),
    ],
)
def test_parameters_reject_invalid_values(template, parameter, valid, invalid):
    declared = read(template)["Parameters"][parameter]
    assert declared["ConstraintDescription"]
    for value in valid:
        assert re.fullmatch(declared["AllowedPattern"], value, re.ASCII), value
    for value in invalid:
        assert not re.fullmatch(declared["AllowedPattern"], value, re.ASCII), value


@pytest.mark.parametrize(
    ("template", "parameters", "violated"),
    [
        ("hub.yaml", FOR_HUB, []),
        ("hub.yaml", {"OrganizationId": ORGANIZATION}, []),
        ("hub.yaml", FOR_HUB | {"ReservedConcurrency": "0"}, ["FunctionCanRun"]),
        ("hub.yaml", FOR_HUB | {"OrganizationalUnits": "Sandbox"}, ["OrganizationOfItsUnits"]),
        ("hub.yaml", {}, ["SomeAccounts"]),
        ("hub.yaml", FOR_HUB | {"OrganizationRoleArn": ORGANIZATION_LIST_ROLE}, ["OrganizationOfItsRole"]),
        ("member.yaml", FOR_MEMBER, []),
        ("member.yaml", FOR_MEMBER | {"HubTrust": "account", "OrganizationId": ORGANIZATION}, []),
        ("member.yaml", FOR_MEMBER | {"HubTrust": "account"}, ["OrganizationOfTheAccount"]),
    ],
)
def test_rules_reject_parameters_that_do_not_fit_together(template, parameters, violated):
    assert violated_rules(template, parameters) == violated


def test_every_wildcard_has_a_comment():
    for template in TEMPLATES:
        lines = (INFRA / template).read_text().splitlines()
        body = lines.index("Resources:")
        for number, line in enumerate(lines[body:], body):
            if not line.lstrip().startswith("#") and re.search(r"[*?]", line):
                above = [text.lstrip() for text in lines[number - 3 : number]]
                assert any(text.startswith("#") for text in above), f"{template}:{number + 1}: {line}"


def test_no_account_is_trusted_by_default():
    for template in TEMPLATES:
        for name, declared in read(template)["Parameters"].items():
            assert not re.search(r"\d{12}", str(declared.get("Default", ""))), name


def test_the_external_id_is_not_shown_with_the_stack():
    for template in ("hub.yaml", "member.yaml"):
        assert read(template)["Parameters"]["ExternalId"]["NoEcho"] is True


def test_the_state_machine_has_no_external_id_and_shares_the_rate_of_sts_among_its_children():
    text = (INFRA / "sweep.asl.json").read_text()
    assert "external" not in text.lower()
    states = json.loads(text)["States"]
    assert states["Plan"]["Parameters"]["Payload"]["max_concurrency"] == states["Collect"]["MaxConcurrency"] == 40


POLICIES = ("member-permissions", "member-trust", "hub-permissions", "hub-trust")
ORGANIZATIONS_ACTIONS = [
    "organizations:DescribeOrganization",
    "organizations:ListAccounts",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListRoots",
    "organizations:ListTagsForResource",
]


def statements_of(endpoint, arn):
    return {statement["Sid"]: statement for statement in documents(endpoint, arn)[1]["Statement"]}
