"""hub.yaml makes what it declares: ministack creates the stack, and each resource is read through the API of its service
and compared with the template. The status of a stack says nothing: emulators of AWS skip types that they do not know.
"""

import base64
import hashlib
import json
import subprocess

import pytest
import world
from sweep import STACK, HubStack
from templates import INFRA, Values, read

REGION = "eu-central-1"
ORGANIZATION = {"OrganizationId": "o-example001"}
CODE = {"CodeKey": "code/0123456789abcdef"}
KEY = f"arn:aws:kms:{REGION}:{world.HUB}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
EVERYTHING = {
    "OrganizationRoleArn": "arn:aws:iam::999999999999:role/OrganizationListRole",
    "MemberRoleArns": world.IAM_LIST_ROLE.arn,
    "MemberRolePath": "/security/",
    "FactSet": "all",
    "OrganizationalUnits": "Workloads/Prod,ou-exam-11111111",
    "ExcludeAccounts": "sandbox-*",
    "MemorySize": "2048",
    "EphemeralStorageSize": "4096",
    "KmsKeyArn": KEY,
    "RetentionDays": "30",
    "NotificationEmail": "security@example.com",
    "EventBusName": "findings",
    "OnlyChanges": "true",
    "FunctionName": "roll",
    "Architecture": "x86_64",
    "ExternalId": "7f3c:rolecall/+=,.@-",
    "ReservedConcurrency": "50",
    "LogRetentionDays": "731",
    "Distributed": "true",
    "BatchSize": "10",
    "ScheduleExpression": "rate(12 hours)",
    "ScheduleTimezone": "Europe/Berlin",
    "HoursBetweenRuns": "14",
}
STACKS = {
    "no function yet": ORGANIZATION,
    "one invocation": ORGANIZATION | CODE,
    "distributed": ORGANIZATION | CODE | {"Distributed": "true"},
    "no schedule": ORGANIZATION | CODE | {"ScheduleExpression": ""},
    "every option": ORGANIZATION | CODE | EVERYTHING,
}
ZIP = b"PK\x05\x06" + bytes(18)
SWEEP = (INFRA / "sweep.asl.json").read_text()


class Hub(HubStack):
    def declared(self):
        """The properties that the template declares, by the resource's name."""
        file, ids = read("hub.yaml"), self.physical_ids()
        pseudo = {
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::AccountId": world.HUB,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": STACK,
        }
        name = self.parameters.get("FunctionName", "rolecall")
        attributes = {
            "Bucket.Arn": f"arn:aws:s3:::{ids['Bucket']}",
            "Function.Arn": f"arn:aws:lambda:{REGION}:{world.HUB}:function:{name}",
        } | {f"{role}.Arn": f"arn:aws:iam::{world.HUB}:role/{ids.get(role)}" for role in ROLES}
        value = Values(file, self.parameters, pseudo, ids, attributes)
        is_declared = lambda it: "Condition" not in it or value.condition(it["Condition"])
        resources = {name: it for name, it in file["Resources"].items() if is_declared(it)}
        return {name: (it["Type"], value(it["Properties"])) for name, it in resources.items()}


ROLES = ("LambdaRole", "StateMachineRole", "ScheduleRole")


@pytest.fixture
def hub(ministack):
    return Hub(ministack, REGION)


@pytest.mark.parametrize("parameters", STACKS.values(), ids=STACKS)
def test_each_declared_resource_is_made_as_declared(parameters, hub):
    hub.deploy(parameters, ZIP)
    ids, declared = hub.physical_ids(), hub.declared()
    assert set(ids) == set(declared)
    for name, (type_name, properties) in declared.items():
        expected, made = READERS[type_name](hub, ids[name], properties)
        assert contained(expected, made) == expected, name


def test_the_stack_needs_no_function_and_gives_up_the_function_without_its_code(hub):
    hub.deploy(ORGANIZATION | CODE | {"Distributed": "true"}, ZIP)
    hub.put("update", ORGANIZATION | {"CodeKey": ""})
    assert hub.client("lambda").list_functions()["Functions"] == []
    assert hub.client("scheduler").list_schedules()["Schedules"] == []
    assert hub.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert hub.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_the_rolls_outlive_the_stack(hub):
    hub.deploy(ORGANIZATION | CODE, ZIP)
    bucket = hub.physical_ids()["Bucket"]
    hub.client("cloudformation").delete_stack(StackName=STACK)
    hub.client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    assert hub.client("lambda").list_functions()["Functions"] == []
    assert hub.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 2
    assert [it["RoleName"] for it in hub.client("iam").list_roles()["Roles"]] == []


def test_the_environment_of_the_function(hub):
    hub.deploy(ORGANIZATION | CODE | EVERYTHING, ZIP)
    ids = hub.physical_ids()
    variables = hub.client("lambda").get_function_configuration(FunctionName="roll")["Environment"]["Variables"]
    assert variables == {
        "ROLECALL_STORE": f"s3://{ids['Bucket']}/store",
        "ROLECALL_BUCKET_OWNER": world.HUB,
        "ROLECALL_TOPIC_ARN": ids["Topic"],
        "ROLECALL_EVENT_BUS": "findings",
        "ROLECALL_ONLY_CHANGES": "1",
        "ROLECALL_METRICS": "1",
        "ROLECALL_BATCH_SIZE": "10",
        "ROLECALL_COLLECT": "all",
        "ROLECALL_ORGANIZATION": "1",
        "ROLECALL_ORGANIZATION_ROLE_ARN": EVERYTHING["OrganizationRoleArn"],
        "ROLECALL_OU": EVERYTHING["OrganizationalUnits"],
        "ROLECALL_EXCLUDE": "sandbox-*",
        "ROLECALL_ROLE_NAME": "IAMListRole",
        "ROLECALL_ROLE_TEMPLATE": "arn:aws:iam::{account_id}:role/security/{role_name}",
        "ROLECALL_ROLE_ARN": world.IAM_LIST_ROLE.arn,
        "ROLECALL_EXTERNAL_ID": EVERYTHING["ExternalId"],
    }


BUS = f"arn:aws:events:{REGION}:{world.HUB}:event-bus/findings"
OBJECT = "arn:aws:s3:::{Bucket}/{key}"
TO_STORE = "store/rolls/dt=2026-11-26/run=0b1c/plan.json"
BATCHES = "store/rolls/dt=2026-11-26/run=0b1c/batches.json"
# Role, action, resource, context, and whether the role may do it.
DECISIONS = [
    ("LambdaRole", "s3:PutObject", OBJECT.format(Bucket="{Bucket}", key=TO_STORE), {}, True),
    ("LambdaRole", "s3:GetObject", OBJECT.format(Bucket="{Bucket}", key="store/latest.json"), {}, True),
    ("LambdaRole", "s3:PutObject", OBJECT.format(Bucket="{Bucket}", key="code/0123.zip"), {}, False),
    ("LambdaRole", "s3:GetObject", OBJECT.format(Bucket="another", key=TO_STORE), {}, False),
    ("LambdaRole", "s3:DeleteObject", OBJECT.format(Bucket="{Bucket}", key=TO_STORE), {}, False),
    ("LambdaRole", "s3:ListBucket", "arn:aws:s3:::{Bucket}", {}, True),
    ("LambdaRole", "kms:GenerateDataKey", KEY, {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}, True),
    ("LambdaRole", "kms:Decrypt", KEY, {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}, False),
    ("LambdaRole", "sns:Publish", "{Topic}", {}, True),
    ("LambdaRole", "sns:Publish", f"arn:aws:sns:{REGION}:{world.HUB}:another", {}, False),
    ("LambdaRole", "events:PutEvents", BUS, {"events:source": "rolecall"}, True),
    ("LambdaRole", "events:PutEvents", BUS, {"events:source": "aws.ec2"}, False),
    ("LambdaRole", "sts:GetAccessKeyInfo", "*", {}, True),
    ("LambdaRole", "lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{world.HUB}:function:roll", {}, False),
    ("StateMachineRole", "lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{world.HUB}:function:roll", {}, True),
    ("StateMachineRole", "lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{world.HUB}:function:another", {}, False),
    ("StateMachineRole", "states:StartExecution", "{StateMachine}", {}, True),
    ("StateMachineRole", "states:StopExecution", f"arn:aws:states:{REGION}:{world.HUB}:execution:roll/Collect:0b1c", {}, True),
    ("StateMachineRole", "states:StopExecution", f"arn:aws:states:{REGION}:{world.HUB}:execution:another:0b1c", {}, False),
    ("StateMachineRole", "s3:GetObject", OBJECT.format(Bucket="{Bucket}", key=BATCHES), {}, True),
    ("StateMachineRole", "s3:GetObject", OBJECT.format(Bucket="{Bucket}", key="store/latest.json"), {}, False),
    ("StateMachineRole", "kms:Decrypt", KEY, {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}, True),
    ("ScheduleRole", "states:StartExecution", "{StateMachine}", {}, True),
    ("ScheduleRole", "lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{world.HUB}:function:roll", {}, False),
]


def test_each_role_may_do_what_its_part_needs_and_nothing_near_to_it(hub, rolecall):
    """As IAM decides it: `rolecall policy` with the policies that were made."""
    hub.deploy(ORGANIZATION | CODE | EVERYTHING, ZIP)
    ids = hub.physical_ids()
    policies = {role: made_policies(hub, ids[role]) for role in ROLES}
    cases = [
        {
            "name": f"{role} {action} {resource}",
            "identityPolicies": list(policies[role].values()),
            "request": {
                "principal": f"arn:aws:sts::{world.HUB}:assumed-role/{ids[role]}/session",
                "action": action,
                "resource": resource.format(**ids),
                "resourceAccount": world.HUB,
            },
            "context": context,
            "expected": "Allowed" if allowed else "Denied",
        }
        for role, action, resource, context, allowed in DECISIONS
    ]
    evaluate = [rolecall, "policy", "evaluate", "--format", "json", "-"]
    done = subprocess.run(evaluate, input=json.dumps(cases), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_role_of_the_schedule_invokes_the_function_where_there_is_no_state_machine(hub):
    hub.deploy(ORGANIZATION | CODE, ZIP)
    [statement] = made_policies(hub, hub.physical_ids()["ScheduleRole"])["StartRun"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (
        "lambda:InvokeFunction",
        f"arn:aws:lambda:{REGION}:{world.HUB}:function:rolecall",
    )


def test_what_ministack_does_not_apply_is_declared(hub):
    hub.deploy(ORGANIZATION | CODE | EVERYTHING, ZIP)
    declared = hub.declared()
    assert declared["Function"][1]["ReservedConcurrentExecutions"] == "50"
    assert declared["Schedule"][1]["ScheduleExpressionTimezone"] == "Europe/Berlin"
    bucket = declared["Bucket"][1]
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
        {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
    ]
    rules = {rule.pop("Id"): rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    expires = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules.values() if "Prefix" in rule}
    # Not latest.json, with which the next run compares, and not the code.
    assert expires == {"store/rolls/": "30", "store/claims/": "30"}
    assert rules["NoncurrentVersions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


def test_the_template_fits_in_a_call():
    """CloudFormation takes 51,200 bytes without a bucket, and `make deploy-hub` has no bucket yet."""
    assert len((INFRA / "hub.yaml").read_bytes()) < 51_200


def made_policies(hub, role):
    iam = hub.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


def contained(expected, made):
    """What `made` has of what is expected, in the types of what is expected: parameters are strings, answers are not."""
    if isinstance(expected, dict):
        return {name: contained(value, made[name]) for name, value in expected.items()} if isinstance(made, dict) else made
    if isinstance(expected, list) and isinstance(made, list) and len(made) == len(expected):
        return [contained(value, it) for value, it in zip(expected, made)]
    if not isinstance(expected, type(made)) and float_of(expected) == float_of(made) is not None:
        return expected
    return made


def float_of(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


# What ministack does not apply to a bucket, a function and a schedule; cfn-lint checks its form.
NOT_APPLIED = (
    "BucketEncryption",
    "LifecycleConfiguration",
    "OwnershipControls",
    "ReservedConcurrentExecutions",
    "ScheduleExpressionTimezone",
)


def read_bucket(hub, name, properties):
    s3 = hub.client("s3")
    expected = {name: value for name, value in properties.items() if name not in NOT_APPLIED}
    return expected, {
        "PublicAccessBlockConfiguration": s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
        "VersioningConfiguration": s3.get_bucket_versioning(Bucket=name),
    }


def read_role(hub, name, properties):
    made = hub.client("iam").get_role(RoleName=name)["Role"]
    boundary = made.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    expected = properties | {"Policies": {it["PolicyName"]: it["PolicyDocument"] for it in properties["Policies"]}}
    return expected, made | {"Policies": made_policies(hub, name), "PermissionsBoundary": boundary}


def read_function(hub, name, properties):
    lambda_ = hub.client("lambda")
    made = lambda_.get_function_configuration(FunctionName=name)
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(ZIP).digest()).decode()
    return {name: value for name, value in properties.items() if name not in ("Code", *NOT_APPLIED)}, made


def read_state_machine(hub, arn, properties):
    made = hub.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
    function = properties["DefinitionSubstitutions"]["FunctionArn"]
    assert json.loads(made["definition"]) == json.loads(SWEEP.replace("${FunctionArn}", function))
    expected = (properties["StateMachineName"], properties["StateMachineType"], properties["RoleArn"])
    return expected, (made["name"], made["type"], made["roleArn"])


def read_alarm(hub, name, properties):
    [made] = hub.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return properties, made


def read_log_group(hub, name, properties):
    [made] = hub.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    expected = {"logGroupName": properties["LogGroupName"], "retentionInDays": properties["RetentionInDays"]}
    return expected, made


def read_topic(hub, arn, properties):
    return properties, hub.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]


def read_topic_policy(hub, _, properties):
    [topic] = properties["Topics"]
    made = hub.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    return properties["PolicyDocument"], json.loads(made)


def read_subscription(hub, _, properties):
    made = hub.client("sns").list_subscriptions_by_topic(TopicArn=properties["TopicArn"])["Subscriptions"]
    return [properties], made


def read_bucket_policy(hub, _, properties):
    made = hub.client("s3").get_bucket_policy(Bucket=properties["Bucket"])["Policy"]
    return properties["PolicyDocument"], json.loads(made)


def read_failed_events(hub, _, properties):
    expected = {name: value for name, value in properties.items() if name not in ("FunctionName", "Qualifier")}
    return expected, hub.client("lambda").get_function_event_invoke_config(
        FunctionName=properties["FunctionName"], Qualifier=properties["Qualifier"]
    )


def read_schedule(hub, name, properties):
    expected = {name: value for name, value in properties.items() if name not in NOT_APPLIED}
    return expected, hub.client("scheduler").get_schedule(Name=name)


# How each type is read: what is expected of it, and what was made.
READERS = {
    "AWS::CloudWatch::Alarm": read_alarm,
    "AWS::IAM::Role": read_role,
    "AWS::Lambda::EventInvokeConfig": read_failed_events,
    "AWS::Lambda::Function": read_function,
    "AWS::Logs::LogGroup": read_log_group,
    "AWS::S3::Bucket": read_bucket,
    "AWS::S3::BucketPolicy": read_bucket_policy,
    "AWS::SNS::Subscription": read_subscription,
    "AWS::SNS::Topic": read_topic,
    "AWS::SNS::TopicPolicy": read_topic_policy,
    "AWS::Scheduler::Schedule": read_schedule,
    "AWS::StepFunctions::StateMachine": read_state_machine,
}
