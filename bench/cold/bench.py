#!/usr/bin/env python3
"""Compares cold start, warm invocation and memory of rolecall-lambda with the tutorial's function in boto3.

README.md describes what is measured and how. This file contains the two replacements for AWS: the Lambda Runtime API,
which hands out events and takes responses, and STS and IAM behind TLS.
"""

import argparse
import compileall
import contextlib
import json
import multiprocessing
import os
import platform
import selectors
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = subprocess.check_output([ROOT / "tools/target"], text=True).strip()
DEFAULT_BINARIES = [
    f"{TARGET}/lambda-host/rolecall-lambda/bootstrap",
    f"{TARGET}/lambda/rolecall-lambda/bootstrap",
    f"{TARGET}/release/rolecall-lambda",
]
ACCOUNT_A, ACCOUNT_B = "111111111111", "222222222222"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_A}:role/IAMListRole"
# The goals for boto3 ÷ rust.
GOALS = {"cold ms": 25, "warm ms": 35, "memory MB": 7}
RESPONSE_TIMEOUT_S = 60

# The users of the member account, with the status of each access key.
USERS = {
    "alice": {"AKIAIOSFODNN7EXAMPL1": "Active"},
    "bob": {"AKIAIOSFODNN7EXAMPL2": "Active", "AKIAIOSFODNN7EXAMPL3": "Inactive"},
    "carol": {},
    "ci-deploy": {"AKIAIOSFODNN7EXAMPL4": "Active"},
    "zoe": {"AKIAIOSFODNN7EXAMPL5": "Inactive", "AKIAIOSFODNN7EXAMPL6": "Active"},
}


# --- STS and IAM ------------------------------------------------------------------------------------------------------


def prepared_responses():
    """Every response, ready to be sent, by action, and for ListAccessKeys by action and user."""

    def response(action, namespace, body):
        xml = f'<{action}Response xmlns="{namespace}"><{action}Result>{body}</{action}Result><ResponseMetadata>'
        xml += f"<RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ResponseMetadata></{action}Response>"
        head = "HTTP/1.1 200 OK\r\nx-amzn-RequestId: 01234567-89ab-cdef-0123-456789abcdef\r\nContent-Type: text/xml\r\n"
        return f"{head}Content-Length: {len(xml)}\r\n\r\n{xml}".encode()

    sts, iam = "https://sts.amazonaws.com/doc/2011-06-15/", "https://iam.amazonaws.com/doc/2010-05-08/"
    expiration = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    ready = {
        b"GetCallerIdentity": response(
            "GetCallerIdentity",
            sts,
            f"<Arn>arn:aws:sts::{ACCOUNT_B}:assumed-role/LambdaRole/rolecall</Arn><UserId>AROAEXAMPLE:rolecall</UserId>"
            f"<Account>{ACCOUNT_B}</Account>",
        ),
        b"AssumeRole": response(
            "AssumeRole",
            sts,
            f"<AssumedRoleUser><Arn>arn:aws:sts::{ACCOUNT_A}:assumed-role/IAMListRole/session</Arn>"
            "<AssumedRoleId>AROAEXAMPLE:session</AssumedRoleId></AssumedRoleUser><Credentials>"
            "<AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>"
            "<SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>"
            f"<SessionToken>{'IQoJb3JpZ2luX2VjEXAMPLETOKEN' * 20}</SessionToken><Expiration>{expiration}</Expiration>"
            "</Credentials>",
        ),
    }
    members = ""
    for number, (name, keys) in enumerate(USERS.items()):
        members += (
            f"<member><Path>/</Path><UserName>{name}</UserName><UserId>AIDAEXAMPLE{number:09}</UserId>"
            f"<Arn>arn:aws:iam::{ACCOUNT_A}:user/{name}</Arn><CreateDate>2024-01-02T03:04:05Z</CreateDate></member>"
        )
        listed = "".join(
            f"<member><UserName>{name}</UserName><AccessKeyId>{key}</AccessKeyId><Status>{status}</Status>"
            "<CreateDate>2024-02-03T04:05:06Z</CreateDate></member>"
            for key, status in keys.items()
        )
        body = f"<UserName>{name}</UserName><AccessKeyMetadata>{listed}</AccessKeyMetadata>"
        ready[b"ListAccessKeys", name.encode()] = response("ListAccessKeys", iam, body + "<IsTruncated>false</IsTruncated>")
    ready[b"ListUsers"] = response("ListUsers", iam, f"<Users>{members}</Users><IsTruncated>false</IsTruncated>")
    return ready


def fake_aws(listener, certificate, control):
    """Serves STS and IAM until `control` closes.

    One thread, one epoll loop, responses prepared in advance: its time is in the figures of both functions and moves
    their ratio towards one, so it is only some tens of microseconds per request. It measures its own time. Send
    anything to `control` to receive the counts, and the events since the previous time.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    ready = prepared_responses()
    clock = time.perf_counter
    events, counts = [], {"requests": 0, "request s": 0.0, "handshakes": 0, "handshake s": 0.0}
    poll = selectors.DefaultSelector()
    listener.setblocking(False)
    poll.register(listener, selectors.EVENT_READ)
    poll.register(control, selectors.EVENT_READ)
    received, secured, shaking = {}, set(), {}

    def drop(connection):
        poll.unregister(connection)
        received.pop(connection, None)
        secured.discard(connection)
        shaking.pop(connection, None)
        connection.close()

    def shake_hands(connection):
        began = clock()
        try:
            connection.do_handshake()
            secured.add(connection)
            poll.modify(connection, selectors.EVENT_READ)
        except ssl.SSLWantReadError:
            poll.modify(connection, selectors.EVENT_READ)
        except ssl.SSLWantWriteError:
            poll.modify(connection, selectors.EVENT_WRITE)
        except OSError:
            # A client that does not trust the certificate closes the connection, and reports the error itself.
            drop(connection)
            return
        shaking[connection] += clock() - began
        if connection in secured:
            counts["handshakes"] += 1
            counts["handshake s"] += shaking.pop(connection)
            events.append((clock(), "TLS handshake done"))
            serve(connection)

    def serve(connection):
        began = clock()
        request = received[connection]
        try:
            request += connection.recv(65536)
            # Data that OpenSSL has decrypted already does not make the socket readable.
            while left := connection.pending():
                request += connection.recv(left)
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            request.clear()
        if not request:
            drop(connection)
            return
        head, gap, body = bytes(request).partition(b"\r\n\r\n")
        if not gap or len(body) < content_length(head):
            return
        request.clear()
        action = argument(body, b"Action=")
        connection.sendall(ready[action, argument(body, b"UserName=")] if action == b"ListAccessKeys" else ready[action])
        ended = clock()
        events.append((began, action.decode() + " requested"))
        events.append((ended, action.decode() + " answered"))
        counts["requests"] += 1
        counts["request s"] += ended - began

    while True:
        for key, _ in poll.select():
            if key.fileobj is control:
                try:
                    control.recv()
                except EOFError:
                    return
                control.send((dict(counts), list(events)))
                events.clear()
            elif key.fileobj is listener:
                connection, _ = listener.accept()
                began = clock()
                events.append((began, "connected"))
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                received[connection] = bytearray()
                shaking[connection] = clock() - began
                poll.register(connection, selectors.EVENT_READ)
            elif key.fileobj in secured:
                serve(key.fileobj)
            else:
                shake_hands(key.fileobj)


def argument(body, name):
    begins = body.index(name) + len(name)
    ends = body.find(b"&", begins)
    return body[begins:] if ends < 0 else body[begins:ends]


def content_length(head):
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    return 0


@dataclass
class Aws:
    """The fake AWS. It runs in a process of its own, so that it does not wait for the measuring process."""

    url: str
    bundle: Path
    control: object
    counts: dict = field(default_factory=dict)

    def take_counts(self):
        """The counts and the events since the previous call."""
        self.control.send(None)
        counts, events = self.control.recv()
        since = {name: value - self.counts.get(name, 0) for name, value in counts.items()}
        self.counts = counts
        return since, events


@contextlib.contextmanager
def running_aws(folder):
    import trustme

    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    # RSA, as AWS's own endpoints use. Its signature is the main cost of a handshake on the server.
    leaf = authority.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.RSA)
    certificate, bundle = folder / "leaf.pem", folder / "roots.pem"
    leaf.private_key_and_cert_chain_pem.write_to_path(certificate)
    # The system's root certificates and one more: reading about 140 certificates is part of a start.
    bundle.write_bytes(system_roots().read_bytes() + b"\n" + authority.cert_pem.bytes())

    listener = socket.create_server(("127.0.0.1", 0))
    our_end, its_end = multiprocessing.Pipe()
    processes = multiprocessing.get_context("fork")
    process = processes.Process(target=serve_until_closed, args=(listener, certificate, its_end, our_end), daemon=True)
    process.start()
    its_end.close()
    try:
        yield Aws(f"https://localhost:{listener.getsockname()[1]}", bundle, our_end)
    finally:
        our_end.close()
        process.join(5)
        process.kill()


def serve_until_closed(listener, certificate, control, parent_end):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent_end.close()
    fake_aws(listener, certificate, control)


def system_roots():
    found = ssl.get_default_verify_paths().cafile
    for file in [found, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/cert.pem", "/etc/ssl/cert.pem"]:
        if file and Path(file).exists():
            return Path(file)
    import botocore

    return Path(botocore.__file__).parent / "cacert.pem"


# --- the Lambda Runtime API -------------------------------------------------------------------------------------------


class RuntimeApi:
    """Hands out one event at a time and takes the response, and records the time of each."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.poll = selectors.DefaultSelector()
        self.poll.register(self.listener, selectors.EVENT_READ)
        self.received = {}
        self.waiting = None
        self.requested_at = None
        self.number = 0

    def close(self):
        for connection in [self.listener, *self.received]:
            connection.close()
        self.poll.close()

    def invoke(self, process):
        """Returns when the event was handed out, when the response was posted, and the response."""
        while self.waiting is None:
            self.next_request(process)
        connection, self.waiting = self.waiting, None
        self.number += 1
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
            f"Lambda-Runtime-Aws-Request-Id: 00000000-0000-0000-0000-{self.number:012}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {int((time.time() + 900) * 1000)}\r\n"
            f"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:{ACCOUNT_B}:function:rolecall\r\n"
            "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\r\n"
        )
        handed_out = time.perf_counter()
        connection.sendall(head.encode() + b"{}")
        while True:
            connection, path, body, at = self.next_request(process)
            if path.endswith(("/response", "/error")):
                connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                if path.endswith("/error"):
                    raise Failed(f"the function returned an error: {body.decode(errors='replace')[:2000]}")
                return handed_out, at, json.loads(body)

    def next_request(self, process):
        deadline = time.monotonic() + RESPONSE_TIMEOUT_S
        while time.monotonic() < deadline:
            for key, _ in self.poll.select(timeout=0.2):
                if key.fileobj is self.listener:
                    connection, _ = self.listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.received[connection] = bytearray()
                    self.poll.register(connection, selectors.EVENT_READ)
                    continue
                request = self.read(key.fileobj)
                if request is None:
                    continue
                path, body = request
                at = time.perf_counter()
                if path.endswith("/invocation/next"):
                    self.waiting, self.requested_at = key.fileobj, at
                return key.fileobj, path, body, at
            if process.poll() is not None:
                raise Failed(f"the function exited with code {process.returncode}")
        raise Failed(f"the function did not respond within {RESPONSE_TIMEOUT_S} s")

    def read(self, connection):
        """A complete request, or `None` if more of it is still to come."""
        piece = connection.recv(65536)
        if not piece:
            self.poll.unregister(connection)
            del self.received[connection]
            connection.close()
            return None
        request = self.received[connection]
        request += piece
        head, gap, body = bytes(request).partition(b"\r\n\r\n")
        if not gap:
            return None
        if b"transfer-encoding: chunked" in head.lower():
            body = decode_chunks(body)
            if body is None:
                return None
        elif len(body) < content_length(head):
            return None
        request.clear()
        return head.split(b" ", 2)[1].decode(), body


def decode_chunks(body):
    whole = b""
    while True:
        size, gap, body = body.partition(b"\r\n")
        if not gap:
            return None
        length = int(size.split(b";")[0], 16)
        if len(body) < length + 2:
            return None
        if length == 0:
            return whole
        whole, body = whole + body[:length], body[length + 2 :]


class Failed(Exception):
    pass


# --- the two functions ------------------------------------------------------------------------------------------------


@dataclass
class Side:
    name: str
    command: list
    # Its variables for the CA bundle and the role.
    environment: dict
    users: object


def rust(binary, aws):
    def users(answer):
        [account] = answer["accounts"]
        return {
            user["user_name"]: {key["access_key_id"]: key["status"] for key in user["access_keys"]}
            for user in account["users"]
        }

    return Side("rust", [binary], {"SSL_CERT_FILE": aws.bundle, "ROLECALL_ROLE_ARN": ROLE_ARN}, users)


def boto3(aws):
    def users(answer):
        return {
            user["UserName"]: {key["AccessKeyId"]: key["Status"] for key in user["AccessKeys"]}
            for user in answer["users"]
        }

    command = [sys.executable, "-m", "awslambdaric", "tutorial.lambda_handler"]
    return Side("boto3", command, {"AWS_CA_BUNDLE": aws.bundle, "ROLE_ARN": ROLE_ARN}, users)


@dataclass
class Round:
    cold: float
    warm: list
    memory: float
    cpu: float
    first: object
    last: object
    # The own time of the fake AWS in a warm invocation, in seconds.
    share: float
    per_request: float
    requests: float
    handshakes: float
    timeline: list


def measure(side, aws, warm, folder):
    """Starts the function, invokes it once cold and `warm` times more, and stops it."""
    api = RuntimeApi()
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        # An empty folder, so that no configuration of the person who runs this is read.
        "HOME": folder / "home",
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "rolecall",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/rolecall",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
        "_HANDLER": "tutorial.lambda_handler" if side.name == "boto3" else "bootstrap",
        "LAMBDA_TASK_ROOT": folder / "task",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLB",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEXAMPLETOKEN" * 20,
        "AWS_ENDPOINT_URL": aws.url,
    }
    environment = {name: str(value) for name, value in (environment | side.environment).items()}
    log = folder / f"{side.name}.log"
    aws.take_counts()
    with log.open("wb") as output:
        spawned = time.perf_counter()
        process = subprocess.Popen(
            side.command, cwd=folder / "task", env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )
        try:
            handed_out, answered, first = api.invoke(process)
            cold = answered - spawned
            _, events = aws.take_counts()
            cpu = cpu_seconds(process.pid)
            timeline = [(api.requested_at - spawned, "first event requested")]
            timeline += [(at - spawned, what) for at, what in events]
            timeline.append((cold, "response posted"))
            times, last = [], first
            for _ in range(warm):
                handed_out, answered, last = api.invoke(process)
                times.append(answered - handed_out)
            counts, _ = aws.take_counts()
            memory = peak_memory(process.pid)
        except Failed as failure:
            raise Failed(f"{side.name}: {failure}\n{log.read_text(errors='replace')[-2000:]}") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            api.close()
    return Round(
        cold=cold, warm=times, memory=memory, cpu=cpu, first=first, last=last,
        share=(counts["request s"] + counts["handshake s"]) / warm,
        per_request=counts["request s"] / max(counts["requests"], 1),
        requests=counts["requests"] / warm, handshakes=counts["handshakes"] / warm, timeline=sorted(timeline),
    )


def peak_memory(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise Failed("/proc has no VmHWM: this benchmark needs Linux")


def cpu_seconds(pid):
    """The CPU time of all threads that exist now, in seconds."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def check(side, result):
    for what, answer in [("first", result.first), ("last", result.last)]:
        try:
            users = side.users(answer)
        except (KeyError, TypeError, ValueError):
            users = None
        if users != USERS:
            difference = f"the {what} response differs from the users and keys of the member account"
            raise Failed(f"{side.name}: {difference}:\n{json.dumps(answer)[:2000]}")


# --- output -----------------------------------------------------------------------------------------------------------


def figures(rounds):
    return {
        "cold ms": [each.cold * 1000 for each in rounds],
        "warm ms": [statistics.median(each.warm) * 1000 for each in rounds],
        "memory MB": [each.memory for each in rounds],
        "cpu ms, cold": [each.cpu * 1000 for each in rounds],
    }


def report(results, warm):
    for side, rounds in results.items():
        per = rounds[0]
        share = statistics.median(each.share for each in rounds) * 1000
        per_request = statistics.median(each.per_request for each in rounds) * 1e6
        print(f"\n{side}: median (min – max) of {len(rounds)} rounds; warm is the median of {warm} invocations in each")
        for what, numbers in figures(rounds).items():
            print(f"  {what:14}{statistics.median(numbers):10.2f}  ({min(numbers):.2f} – {max(numbers):.2f})")
        print(
            f"  the fake AWS itself takes {share:.2f} ms of a warm invocation: {per.requests:.1f} requests"
            f" of {per_request:.0f} µs and {per.handshakes:.1f} TLS handshakes"
        )
    if len(results) < 2:
        return
    print("\nboto3 ÷ rust")
    rust_figures, boto3_figures = figures(results["rust"]), figures(results["boto3"])
    for what, goal in GOALS.items():
        ratio = statistics.median(boto3_figures[what]) / statistics.median(rust_figures[what])
        print(f"  {what:14}{ratio:10.1f}  goal {goal}{'' if ratio >= goal else '  (not reached)'}")


def report_timeline(name, rounds):
    """The median time of each step of a cold start. All rounds are expected to have the same steps."""
    print(f"\n{name}: steps of a cold start, in ms since the process was started, median of {len(rounds)} rounds")
    times_of_steps = {}
    for each in rounds:
        number = {}
        for at, what in each.timeline:
            number[what] = number.get(what, 0) + 1
            times_of_steps.setdefault((what, number[what]), []).append(at * 1000)
    before = 0.0
    for at, (what, _) in sorted((statistics.median(times), what) for what, times in times_of_steps.items()):
        print(f"  {at:9.2f}  +{at - before:8.2f}  {what}")
        before = at


def site_packages():
    return {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}


def find_binary(given):
    candidates = [Path(given)] if given else [Path(file) for file in DEFAULT_BINARIES]
    for file in candidates:
        if file.exists():
            machine = int.from_bytes(file.read_bytes()[18:20], "little")
            if machine == {"x86_64": 62, "aarch64": 183}[platform.machine()]:
                return file.resolve()
            if given:
                raise Failed(f"{file} is not built for this machine, {platform.machine()}")
    return None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--binary",
        default=os.environ.get("ROLECALL_LAMBDA"),
        help=f"path of rolecall-lambda (default: {', then '.join(DEFAULT_BINARIES)})",
    )
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="rounds (default: 11)")
    parser.add_argument("--warm", type=int, default=20, metavar="N", help="warm invocations in each round (default: 20)")
    parser.add_argument("--only", choices=["rust", "boto3"], help="measure only this function")
    parser.add_argument("--phases", action="store_true", help="also print the time of each step of a cold start")
    parser.add_argument(
        "--self-check", action="store_true", help="a short run that tests the benchmark itself; needs no rolecall-lambda"
    )
    parsed = parser.parse_args()
    if parsed.rounds < 1 or parsed.warm < 1:
        parser.error("--rounds and --warm must be at least 1")
    return parsed


def main():
    options = arguments()
    binary = None if options.only == "boto3" else find_binary(options.binary)
    if binary is None and options.only != "boto3" and not options.self_check:
        searched = options.binary or " or ".join(DEFAULT_BINARIES)
        message = f"no rolecall-lambda for {platform.machine()} at {searched}; build it, or pass its path with --binary"
        print(message, file=sys.stderr)
        return 2
    if binary and "debug" in binary.parts:
        print("warning: this is a debug build; its figures are not representative\n")

    folder = Path(tempfile.mkdtemp(prefix="rolecall-bench-"))
    (folder / "home").mkdir()
    (folder / "task").mkdir()
    try:
        # In favor of boto3: the function need not compile anything to bytecode when it starts.
        shutil.copy(HERE / "tutorial.py", folder / "task")
        for path in [folder / "task", *site_packages()]:
            compileall.compile_dir(path, quiet=2)
        with running_aws(folder) as aws:
            sides = [rust(binary, aws)] if binary else []
            if options.only != "rust":
                sides.append(boto3(aws))
            if options.self_check:
                return self_check(sides, aws, folder)

            for side in sides:
                check(side, measure(side, aws, 2, folder))
            print(f"users and keys are correct: {', '.join(side.name for side in sides)}")
            results = {side.name: [] for side in sides}
            for number in range(options.rounds):
                for side in sides:
                    result = measure(side, aws, options.warm, folder)
                    check(side, result)
                    results[side.name].append(result)
                print(f"\rround {number + 1} of {options.rounds}", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
            report(results, options.warm)
            if options.phases:
                for name, rounds in results.items():
                    report_timeline(name, rounds)
        return 0
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def self_check(sides, aws, folder):
    for side in sides:
        result = measure(side, aws, 5, folder)
        check(side, result)
        calls = [what for _, what in result.timeline if what.endswith(" requested") and what != "first event requested"]
        expected = {"AssumeRole requested": 1, "ListUsers requested": 1, "ListAccessKeys requested": len(USERS)}
        if any(calls.count(what) != times for what, times in expected.items()):
            raise Failed(f"{side.name}: these are not the calls of one scan: {calls}")
        print(f"{side.name}: users and keys are correct; {result.requests:.0f} requests per invocation")
        # Reading the CA bundle is part of what is measured, so check that the clients verify the certificate with it.
        without_ca = Side(side.name, side.command, side.environment | {
            name: system_roots() for name in ("SSL_CERT_FILE", "AWS_CA_BUNDLE") if name in side.environment
        }, side.users)
        try:
            check(without_ca, measure(without_ca, aws, 1, folder))
        except Failed:
            print(f"{side.name}: without the private CA in its bundle it rejects the fake AWS")
        else:
            raise Failed(f"{side.name}: it trusts a certificate of a CA that is not in its bundle")
    if len(sides) < 2:
        print(f"not checked: {'rust' if sides and sides[0].name == 'boto3' else 'boto3'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
