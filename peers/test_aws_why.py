"""aws-why and `rolecall doctor` explain the same denials, and docs/doctor-comparison.md shows what both say.

A denial is a change of the healthy world in denials.json. The emulator gives the message, aws-why explains it, and the doctor
runs in the same world.
"""

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/doctor-comparison.md"
HEALTHY = json.loads((Path(__file__).resolve().parent / "denials.json").read_text())
HUB, MEMBER = "222222222222", "111111111111"
HUB_ROLE = f"arn:aws:iam::{HUB}:role/LambdaRole"
MEMBER_ROLE = f"arn:aws:iam::{MEMBER}:role/IAMListRole"


@dataclass(frozen=True)
class Denial:
    """A way to break the flow, named as in the page, and the link and the cause that the doctor must find."""

    name: str
    link: str
    cause: str
    breaks: Callable[[dict], object]
    session_tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Explanations:
    """What is said of one denial."""

    aws_why: str
    aws_why_knows_the_reason: bool
    link: dict
    candidate: dict
    doctor: str


def policy(*statements: dict) -> dict:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(effect: str, action: str | list[str], **others: object) -> dict:
    return {"Effect": effect, "Action": action, "Resource": "*"} | others


def trust(principal: str, action: str | list[str] = "sts:AssumeRole", **others: object) -> dict:
    return policy({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action} | others)


def hub(world: dict) -> dict:
    return world["accounts"][HUB]


def hub_role(world: dict) -> dict:
    return hub(world)["roles"]["LambdaRole"]


def member(world: dict) -> dict:
    return world["accounts"][MEMBER]


def member_role(world: dict) -> dict:
    return member(world)["roles"]["IAMListRole"]


def units(world: dict) -> list[dict]:
    return world["organization"]["root"]["units"]


def rename_role(world: dict) -> None:
    roles = member(world)["roles"]
    roles["IamListRole"] = roles.pop("IAMListRole")


def deny_by_managed_policy(world: dict) -> None:
    hub(world)["managed_policies"] = {"DenySts": {"document": policy(statement("Deny", "sts:*"))}}
    hub_role(world)["attached_policies"] = [f"arn:aws:iam::{HUB}:policy/DenySts"]


ALLOW_ALL = statement("Allow", "*")
LOGS_ONLY = policy(statement("Allow", "logs:*"))
DENY_ASSUME_ROLE = statement("Deny", "sts:AssumeRole")
TAGS = {"team": "search"}
EXTERNAL_ID = {"Condition": {"StringEquals": {"sts:ExternalId": "between-us"}}}

DENIALS = [
    Denial("the hub role has no policy", "hub", "not_allowed", lambda w: hub_role(w).update(policies=[])),
    Denial("a managed policy of the hub role denies", "hub", "explicitly_denied", deny_by_managed_policy),
    Denial(
        "an SCP above the hub account denies", "hub", "explicitly_denied",
        lambda w: units(w)[0].update(scps=[policy(ALLOW_ALL, DENY_ASSUME_ROLE)]),
    ),
    Denial(
        "the permissions boundary of the hub role", "hub", "not_allowed",
        lambda w: hub_role(w).update(permissions_boundary=LOGS_ONLY),
    ),
    Denial(
        "the session policy of the caller", "hub", "not_allowed",
        lambda w: w.update(caller={"arn": HUB_ROLE, "session_policy": LOGS_ONLY}),
    ),
    Denial(
        "an RCP above the member account denies", "member", "explicitly_denied",
        lambda w: units(w)[1].update(rcps=[policy(DENY_ASSUME_ROLE | {"Principal": "*"})]),
    ),
    Denial(
        "the trust policy names another principal", "member", "caller_not_trusted",
        lambda w: member_role(w).update(trust_policy=trust(f"arn:aws:iam::{HUB}:role/Other")),
    ),
    Denial(
        "the trust policy requires an external id, none is sent", "member", "trust_condition_not_met",
        lambda w: member_role(w).update(trust_policy=trust(HUB_ROLE, **EXTERNAL_ID)),
    ),
    Denial("the role has another name", "member", "role_missing", rename_role),
    Denial(
        "the trusted role was deleted and created again", "member", "trusted_principal_deleted",
        lambda w: member_role(w).update(trust_policy=trust("AROAEXAMPLEDELETED001")),
    ),
    Denial(
        "the member account is suspended", "member", "account_suspended",
        lambda w: member(w).update(state="SUSPENDED"),
    ),
    Denial(
        "the hub role may not pass session tags", "session", "not_allowed",
        lambda w: member_role(w).update(trust_policy=trust(HUB_ROLE, ["sts:AssumeRole", "sts:TagSession"])), TAGS,
    ),
    Denial(
        "the trust policy does not allow session tags", "session", "caller_not_trusted",
        lambda w: hub_role(w).update(policies=[policy(statement("Allow", "sts:*"))]), TAGS,
    ),
    Denial(
        "the member role lacks an action", "collect", "not_allowed",
        lambda w: member_role(w).update(policies=[policy(statement("Allow", "iam:ListUsers"))]),
    ),
    Denial(
        "the permissions boundary of the member role", "collect", "not_allowed",
        lambda w: member_role(w).update(permissions_boundary=policy(statement("Allow", "iam:ListUsers"))),
    ),
    Denial(
        "the caller's credentials have expired", "caller", "credentials_rejected",
        lambda w: w.update(caller={"arn": HUB_ROLE, "session_duration": 0}),
    ),
]  # fmt: skip

SEEN = [
    "the trust policy names another principal", "the trust policy requires an external id, none is sent",
    "the role has another name", "the trusted role was deleted and created again", "the trust policy does not allow session tags",
]  # fmt: skip


@pytest.fixture(scope="module")
def aws_why() -> Path:
    done = subprocess.run([ROOT / "tools/venv", "aws-why"], check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip()) / "bin/aws-why"


@contextmanager
def emulator(rolecall: Path, world: dict, folder: Path) -> Iterator[dict[str, str]]:
    """A running emulator with the world; gives the environment of its caller, and a profile `member` of the member account."""
    file, env_file = folder / "world.json", folder / "aws.env"
    file.write_text(json.dumps(world))
    process = subprocess.Popen([rolecall, "emulator", "--world", file, "--listen", "127.0.0.1:0", "--env-file", env_file])
    try:
        deadline = time.monotonic() + 30
        while not env_file.exists():
            assert process.poll() is None and time.monotonic() < deadline, "the emulator did not start"
            time.sleep(0.02)
        words = [shlex.split(line, comments=True) for line in env_file.read_text().splitlines()]
        exported = dict(word[1].split("=", 1) for word in words if word[:1] == ["export"])
        profiles = {"AWS_SHARED_CREDENTIALS_FILE": str(member_profile(folder)), "AWS_CONFIG_FILE": os.devnull}
        yield {"HOME": str(folder), "PATH": os.environ["PATH"]} | exported | profiles
    finally:
        process.terminate()
        process.wait()


def member_profile(folder: Path) -> Path:
    [key] = member(HEALTHY)["users"]["auditor"]["access_keys"]
    file = folder / "credentials"
    file.write_text(f"[member]\naws_access_key_id = {key['access_key_id']}\naws_secret_access_key = {key['secret_access_key']}\n")
    return file


def scan(environment: dict[str, str], session_tags: dict[str, str]) -> None:
    """Makes the calls of a scan with boto3, whose errors have the text of the AWS CLI's."""
    client = lambda service, key, secret, token: boto3.client(
        service, endpoint_url=environment["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token,
    )  # fmt: skip
    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    sts = client("sts", *[environment[name] for name in names])
    tags = [{"Key": key, "Value": value} for key, value in session_tags.items()]
    session = sts.assume_role(RoleArn=MEMBER_ROLE, RoleSessionName="rolecall", Tags=tags)["Credentials"]
    iam = client("iam", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    for user in iam.list_users()["Users"]:
        iam.list_access_keys(UserName=user["UserName"])


def explain(aws_why: Path, message: str, *options: str) -> str:
    done = subprocess.run([aws_why, "explain", *options], input=message, check=True, stdout=subprocess.PIPE, text=True, timeout=30)
    return done.stdout


def doctor(rolecall: Path, environment: dict[str, str], session_tags: dict[str, str], *options: str) -> tuple[int, dict]:
    """The exit code of the doctor, and its check of the member account."""
    tags = [word for name, value in session_tags.items() for word in ("--session-tag", f"{name}={value}")]
    command = [rolecall, "doctor", "--role-arn", MEMBER_ROLE, "--format", "json", *tags, *options]
    done = subprocess.run(command, env=environment, cwd=environment["HOME"], stdout=subprocess.PIPE, text=True, timeout=120)
    [target] = json.loads(done.stdout)["targets"]
    return done.returncode, target


def compare(rolecall: Path, aws_why: Path, folder: Path, denial: Denial, *options: str) -> Explanations:
    world = deepcopy(HEALTHY)
    denial.breaks(world)
    with emulator(rolecall, world, folder) as environment:
        with pytest.raises(ClientError) as error:
            scan(environment, denial.session_tags)
        code, target = doctor(rolecall, environment, denial.session_tags, *options)
    assert code == 10, target
    [link] = [link for link in target["links"] if link["state"] == "broken"]
    message = str(error.value)
    report = json.loads(explain(aws_why, message, "--json"))
    causes = [authorization["cause"] for authorization in report.get("authorization", [])]
    candidates = [candidate for candidate in link["candidates"] if candidate["cause"] == denial.cause]
    assert candidates, f"{denial.cause} is not among the candidates of {link}"
    text = after_reason(explain(aws_why, message))
    return Explanations(text, "unknown" not in causes, link, candidates[0], doctor_text(link, candidates[0]))


def after_reason(text: str) -> str:
    """What aws-why says after it repeated the request."""
    return words(text.split("Reason\n", 1)[-1])


def doctor_text(link: dict, candidate: dict) -> str:
    """The link, the cause with its place among the candidates, and the cure, as in the page."""
    candidates = link["candidates"]
    place = f"{candidates.index(candidate) + 1} of {len(candidates)}: " if len(candidates) > 1 else ""
    return words(f"{link['link']} {place}{candidate['text']} {cure_text(candidate['cure'])}")


def cure_text(cure: dict) -> str:
    if "paste" not in cure:
        return f"to do: {cure['step']}"
    paste = cure["paste"]
    compact = json.dumps(paste["statement"], separators=(",", ":"))
    return f"paste into {paste['into']}: {compact}"


def words(text: str) -> str:
    """The text without line breaks and without the marks of Markdown."""
    return " ".join(text.replace("<br>", " ").replace("`", "").split())


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of the table below a heading of the page, by the denial in the first one."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {cells[0].strip(): [words(cell) for cell in cells[1:]] for cells in lines[1:]}


def is_shortened(cell: str, text: str) -> bool:
    """Whether the cell is the text, without the parts that an ellipsis between spaces stands for."""
    parts = re.split(r"(?:^| )…(?: |$)", cell)
    return re.fullmatch(".*".join(re.escape(part) for part in parts), text) is not None


def ids(denials: list[Denial]) -> list[str]:
    return [denial.name for denial in denials]


@pytest.mark.parametrize("denial", DENIALS, ids=ids(DENIALS))
def test_the_page_shows_what_both_say_of_a_denial(rolecall, aws_why, tmp_path, denial):
    said = compare(rolecall, aws_why, tmp_path, denial)
    assert said.link["link"] == denial.link
    is_concluded = said.link["evidence"] == "message"
    assert said.aws_why_knows_the_reason == is_concluded, "where AWS names a reason, both know it"
    [of_aws_why, of_doctor] = rows("The same denials")[denial.name]
    assert is_shortened(of_aws_why, said.aws_why), said.aws_why
    assert is_shortened(of_doctor, said.doctor), said.doctor


@pytest.mark.parametrize("name", SEEN)
def test_the_page_shows_what_the_doctor_says_if_it_may_read_the_role(rolecall, aws_why, tmp_path, name):
    [denial] = [denial for denial in DENIALS if denial.name == name]
    said = compare(rolecall, aws_why, tmp_path, denial, "--member-profile", "member")
    assert len(said.link["candidates"]) == 1, "one cause, and no candidates"
    [of_doctor] = rows("Where AWS gives no reason")[name]
    assert is_shortened(of_doctor, said.doctor), said.doctor


def test_the_page_has_these_denials_and_no_others(aws_why):
    assert list(rows("The same denials")) == ids(DENIALS)
    assert list(rows("Where AWS gives no reason")) == SEEN
    version = subprocess.run([aws_why, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    assert f"| {version} says |" in PAGE.read_text()


def test_the_world_that_the_denials_break_is_healthy(rolecall, tmp_path):
    with emulator(rolecall, HEALTHY, tmp_path) as environment:
        scan(environment, {})
        code, target = doctor(rolecall, environment, {})
    assert (code, {link["state"] for link in target["links"]}) == (0, {"ok"})


@pytest.mark.parametrize(
    ("cell", "is_true"),
    [
        ("one … four", True), ("one …", True), ("… four", True), ("one two (AROA… or) four", True),
        ("one four", False), ("one", False), ("… two", False), ("one … five", False),
    ],
)  # fmt: skip
def test_a_cell_leaves_something_out_only_with_an_ellipsis(cell, is_true):
    assert is_shortened(cell, "one two (AROA… or) four") == is_true
