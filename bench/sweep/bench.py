#!/usr/bin/env python3
"""How fast many accounts are read, with how much CPU and memory, by Rolecall and by its peers, side by side.

README.md says what is measured and how. usage: bench.py [--runs N] [--only NAME], from `make bench-sweep`.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RELEASE = Path(subprocess.check_output([ROOT / "tools/target"], text=True).strip()) / "fast"
PATIENCE = 600


@dataclass
class Run:
    seconds: float
    cpu_s: float
    memory_mb: float
    calls: int
    throttled: int
    counted: tuple[int, int]


@contextlib.contextmanager
def canned(*flags):
    server = subprocess.Popen([RELEASE / "canned", *map(str, flags)], stdout=subprocess.PIPE, text=True)
    try:
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()


def environment(endpoint: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIACALLER",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def measure(command: list, server: list, count) -> Run:
    """One run against an endpoint of its own. `count` reads users and keys from what was printed."""
    with canned(*server) as endpoint, tempfile.TemporaryFile() as out:
        command = [str(part).replace("ENDPOINT", endpoint) for part in command]
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, env=environment(endpoint))
        said = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 11):
            sys.exit(f"{command[0]} ended with {child.returncode}: {said.decode()}")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{endpoint}/stats") as answer:
            stats = json.load(answer)
        out.seek(0)
        counted = count(out)
    cpu = used.ru_utime + used.ru_stime
    return Run(seconds, cpu, used.ru_maxrss / 1024, stats["calls"], stats["throttled"], counted)


def of_text(out) -> tuple[int, int]:
    users, keys = out.read().split()
    return int(users), int(keys)


def of_roll(out) -> tuple[int, int]:
    counts = json.loads(out.readlines()[-1])["counts"]
    return counts["users"], counts["access_keys"]


def rolecall(accounts: int, *more) -> tuple:
    listed = Path(tempfile.gettempdir()) / f"rolecall-sweep-{os.getpid()}-{accounts}.csv"
    listed.write_text("account_id\n" + "".join(f"{100_000_000_000 + n}\n" for n in range(1, accounts + 1)))
    flags = ["scan", "--accounts-file", listed, "--role-name", "IAMListRole", "--format", "jsonl", "--quiet", *more]
    return [RELEASE / "rolecall", *flags], of_roll


def floor(accounts: int) -> tuple:
    return [RELEASE / "floor", "ENDPOINT", accounts], of_text


def boto3(accounts: int) -> tuple:
    return [sys.executable, HERE / "boto3_sweep.py", "ENDPOINT", accounts], of_text


def show(name: str, runs: list[Run]) -> None:
    def spread(value) -> str:
        values = sorted(map(value, runs))
        return f"{statistics.median(values):9.2f} ({values[0]:.2f}–{values[-1]:.2f})"

    micro = spread(lambda run: run.cpu_s / run.calls * 1e6)
    print(f"  {name:<22} {spread(lambda run: run.seconds)} s {micro} µs CPU a call {spread(lambda run: run.memory_mb)} MB")


def median(runs: list[Run], value) -> float:
    return statistics.median(map(value, runs))


def contest(title: str, contestants: dict, server: list, runs: int) -> dict[str, list[Run]]:
    print(f"\n{title}")
    results: dict[str, list[Run]] = {name: [] for name in contestants}
    for _ in range(runs):
        for name, (command, count) in contestants.items():
            results[name].append(measure(command, server, count))
    counted = {run.counted for of_one in results.values() for run in of_one}
    if len(counted) != 1:
        sys.exit(f"they do not say the same, so their times do not count: {counted}")
    for name, of_one in results.items():
        show(name, of_one)
    return results


def sweep(runs: int) -> None:
    contestants = {"rolecall": rolecall(200), "floor": floor(200), "boto3, 32 threads": boto3(200)}
    results = contest("200 accounts × 50 users, 20 ms a call", contestants, ["--users", 50], runs)
    ours, least, theirs = results["rolecall"], results["floor"], results["boto3, 32 threads"]
    times = median(theirs, lambda run: run.seconds) / median(ours, lambda run: run.seconds)
    per_call = median(theirs, lambda run: run.cpu_s / run.calls) / median(ours, lambda run: run.cpu_s / run.calls)
    to_floor = median(ours, lambda run: run.seconds) / median(least, lambda run: run.seconds)
    print(f"  {times:.1f} times faster than boto3 (goal 14), {per_call:.1f} times less CPU a call (goal 20), {to_floor:.2f} times the floor (goal 1.7)")


def enforced(runs: int) -> None:
    """The same against the emulator, which checks every signature and policy, on the same cores."""
    print("\n200 accounts × 50 users, 20 ms a call, everything enforced")
    recipe = "accounts=199,users=50,denied=0,suspended=0"
    world = [RELEASE / "rolecall", "emulator", "--generate", recipe, "--latency", "20ms", "--"]
    ask = [RELEASE / "rolecall", "scan", "--organization", "--role-name", "IAMListRole", "--format", "jsonl", "--quiet"]
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        done = subprocess.run([*world, *ask], env={"PATH": os.environ["PATH"]}, capture_output=True)
        seconds.append(time.perf_counter() - began)
        trailer = json.loads(done.stdout.splitlines()[-1])
        calls = sum(each["attempts"] for each in trailer["statistics"]["calls"].values())
        if trailer["counts"]["complete"] != 200:
            sys.exit(f"not all was read: {trailer['counts']}")
    middle = statistics.median(seconds)
    print(f"  rolecall and emulator  {middle:9.2f} ({min(seconds):.2f}–{max(seconds):.2f}) s, {calls:,} calls, {calls / middle:,.0f} a second")


def throttled(runs: int) -> None:
    server = ["--users", 200, "--iam-rate", 20]
    results = contest("10 accounts × 200 users, 20 calls a second and account", {"rolecall": rolecall(10)}, server, runs)
    ours = results["rolecall"]
    ideal = 201 / 20
    part = max(run.throttled / run.calls for run in ours)
    slower = median(ours, lambda run: run.seconds) / ideal
    print(f"  {slower:.2f} times calls ÷ rate (goal 1.1), at most {part:.2%} throttled (goal 1 %)")


def until(accounts: int, command: list, server: list) -> float:
    """How long it takes until so many accounts are done."""
    with canned(*server) as endpoint:
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(endpoint)) as child:
            done = 0
            for line in child.stdout:
                done += line.startswith(b'{"record":"account"')
                if done == accounts:
                    seconds = time.perf_counter() - began
                    child.kill()
                    return seconds
    sys.exit(f"only {done} of {accounts} accounts were done")


def hanging(runs: int) -> None:
    print("\n200 accounts × 50 users, 20 ms a call, of which one never answers")
    command, _ = rolecall(200)
    none = statistics.median(until(199, command, []) for _ in range(runs))
    one = statistics.median(until(199, command, ["--hangs", 100_000_000_100]) for _ in range(runs))
    print(f"  the other 199 are done after {one:.2f} s, and after {none:.2f} s where none hangs: {one / none:.2f} times (goal 1.1)")


def from_report(runs: int) -> None:
    server = ["--users", 50, "--with-keys", 20]
    contestants = {"live": rolecall(200), "credential-report": rolecall(200, "--user-source", "credential-report")}
    results = contest("200 accounts × 50 users of whom one in five has a key, 20 ms a call", contestants, server, runs)
    fewer = median(results["exact"], lambda run: run.calls) / median(results["report"], lambda run: run.calls)
    print(f"  {fewer:.1f} times fewer calls (goal 4)")


def memory(_: int) -> None:
    server = ["--users", 100, "--latency-ms", 1]
    print("\nmemory, 100 users an account")
    few = [measure(*parts(rolecall(200), server)) for _ in range(3)]
    show("200 accounts", few)
    many = [measure(*parts(rolecall(5000), server))]
    show("5,000 accounts", many)
    more = median(many, lambda run: run.memory_mb) / median(few, lambda run: run.memory_mb)
    print(f"  {more:.2f} times the memory (goal 1.3, and under 80 MB)")


def parts(contestant: tuple, server: list) -> tuple:
    command, count = contestant
    return command, server, count


SCENES = {"sweep": sweep, "enforced": enforced, "throttled": throttled, "hanging": hanging, "report": from_report, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=SCENES)
    arguments = parser.parse_args()
    version = subprocess.run([RELEASE / "rolecall", "--version"], capture_output=True, text=True, check=True).stdout
    import boto3 as theirs

    print(f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}")
    print(f"{version.strip()}, boto3 {theirs.__version__}, Python {platform.python_version()}; {arguments.runs} runs, in turn; median (range)")
    for name, scene in SCENES.items():
        if arguments.only in (None, name):
            scene(arguments.runs)


if __name__ == "__main__":
    main()
