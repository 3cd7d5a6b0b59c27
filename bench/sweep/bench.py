#!/usr/bin/env python3
"""Scans many accounts with Rolecall, with boto3 and with a minimal client, and compares time, CPU time and memory.

README.md describes what is measured and how. usage: bench.py [--runs N] [--only NAME], from `make bench-sweep`.
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
    """One run against an endpoint of its own. `count` reads the numbers of users and keys from the output."""
    with canned(*server) as endpoint, tempfile.TemporaryFile() as out:
        command = [str(part).replace("ENDPOINT", endpoint) for part in command]
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, env=environment(endpoint))
        errors = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 11):
            sys.exit(f"{command[0]} exited with code {child.returncode}: {errors.decode()}")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{endpoint}/stats") as answer:
            stats = json.load(answer)
        out.seek(0)
        counted = count(out)
    cpu = used.ru_utime + used.ru_stime
    return Run(seconds, cpu, used.ru_maxrss / 1024, stats["calls"], stats["throttled"], counted)


def counts_from_text(out) -> tuple[int, int]:
    users, keys = out.read().split()
    return int(users), int(keys)


def counts_from_roll(out) -> tuple[int, int]:
    counts = json.loads(out.readlines()[-1])["counts"]
    return counts["users"], counts["access_keys"]


def rolecall(accounts: int, *more) -> tuple:
    listed = Path(tempfile.gettempdir()) / f"rolecall-sweep-{os.getpid()}-{accounts}.csv"
    listed.write_text("account_id\n" + "".join(f"{100_000_000_000 + n}\n" for n in range(1, accounts + 1)))
    flags = ["scan", "--accounts-file", listed, "--role-name", "IAMListRole", "--format", "jsonl", "--quiet", *more]
    return [RELEASE / "rolecall", *flags], counts_from_roll


def floor(accounts: int) -> tuple:
    return [RELEASE / "floor", "ENDPOINT", accounts], counts_from_text


def boto3(accounts: int) -> tuple:
    return [sys.executable, HERE / "boto3_sweep.py", "ENDPOINT", accounts], counts_from_text


def print_results(name: str, runs: list[Run]) -> None:
    def spread(value) -> str:
        values = sorted(map(value, runs))
        return f"{statistics.median(values):9.2f} ({values[0]:.2f}–{values[-1]:.2f})"

    micro = spread(lambda run: run.cpu_s / run.calls * 1e6)
    print(f"  {name:<22} {spread(lambda run: run.seconds)} s {micro} µs CPU per call {spread(lambda run: run.memory_mb)} MB")


def median(runs: list[Run], value) -> float:
    return statistics.median(map(value, runs))


def compare(title: str, programs: dict, server: list, runs: int) -> dict[str, list[Run]]:
    print(f"\n{title}")
    results: dict[str, list[Run]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, (command, count) in programs.items():
            results[name].append(measure(command, server, count))
    counted = {run.counted for its_runs in results.values() for run in its_runs}
    if len(counted) != 1:
        sys.exit(f"the programs count different users and keys, so their times are not comparable: {counted}")
    for name, its_runs in results.items():
        print_results(name, its_runs)
    return results


def cpu_per_call(run: Run) -> float:
    return run.cpu_s / run.calls


def sweep(runs: int) -> None:
    programs = {"rolecall": rolecall(200), "floor": floor(200), "boto3, 32 threads": boto3(200)}
    results = compare("200 accounts × 50 users, 20 ms per call", programs, ["--users", 50], runs)
    rolecall_runs, floor_runs, boto3_runs = results["rolecall"], results["floor"], results["boto3, 32 threads"]
    times = median(boto3_runs, lambda run: run.seconds) / median(rolecall_runs, lambda run: run.seconds)
    per_call = median(boto3_runs, cpu_per_call) / median(rolecall_runs, cpu_per_call)
    to_floor = median(rolecall_runs, lambda run: run.seconds) / median(floor_runs, lambda run: run.seconds)
    print(
        f"  {times:.1f} times as fast as boto3 (goal 14), 1/{per_call:.1f} of its CPU time per call (goal 1/20), "
        f"{to_floor:.2f} times the time of floor (goal 1.7)"
    )


def enforced(runs: int) -> None:
    """The same against the emulator, which checks every signature and policy and runs on the same cores."""
    print("\n200 accounts × 50 users, 20 ms per call, with enforcement")
    spec = "accounts=199,users=50,denied=0,suspended=0"
    world = [RELEASE / "rolecall", "emulator", "--generate", spec, "--latency", "20ms", "--"]
    scan = [RELEASE / "rolecall", "scan", "--organization", "--role-name", "IAMListRole", "--format", "jsonl", "--quiet"]
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        done = subprocess.run([*world, *scan], env={"PATH": os.environ["PATH"]}, capture_output=True)
        seconds.append(time.perf_counter() - began)
        trailer = json.loads(done.stdout.splitlines()[-1])
        calls = sum(each["attempts"] for each in trailer["statistics"]["calls"].values())
        if trailer["counts"]["complete"] != 200:
            sys.exit(f"not all accounts are complete: {trailer['counts']}")
    middle = statistics.median(seconds)
    print(
        f"  rolecall and emulator  {middle:9.2f} ({min(seconds):.2f}–{max(seconds):.2f}) s, {calls:,} calls, "
        f"{calls / middle:,.0f} per second"
    )


def throttled(runs: int) -> None:
    server = ["--users", 200, "--iam-rate", 20]
    results = compare("10 accounts × 200 users, 20 calls per second and account", {"rolecall": rolecall(10)}, server, runs)
    ours = results["rolecall"]
    ideal = 201 / 20
    fraction = max(run.throttled / run.calls for run in ours)
    slower = median(ours, lambda run: run.seconds) / ideal
    print(f"  {slower:.2f} times the time of calls ÷ rate (goal 1.1), at most {fraction:.2%} throttled (goal 1 %)")


def seconds_until(accounts: int, command: list, server: list) -> float:
    """The time until this number of accounts is complete, in seconds."""
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
    sys.exit(f"only {done} of {accounts} accounts are complete")


def hanging(runs: int) -> None:
    print("\n200 accounts × 50 users, 20 ms per call; one account never answers")
    command, _ = rolecall(200)
    none_hangs = statistics.median(seconds_until(199, command, []) for _ in range(runs))
    one_hangs = statistics.median(seconds_until(199, command, ["--hangs", 100_000_000_100]) for _ in range(runs))
    print(
        f"  the other 199 are complete after {one_hangs:.2f} s, compared with {none_hangs:.2f} s if none hangs: "
        f"{one_hangs / none_hangs:.2f} times (goal 1.1)"
    )


def from_report(runs: int) -> None:
    server = ["--users", 50, "--with-keys", 20]
    programs = {"live": rolecall(200), "credential-report": rolecall(200, "--user-source", "credential-report")}
    results = compare("200 accounts × 50 users, one in five with a key, 20 ms per call", programs, server, runs)
    fewer = median(results["live"], lambda run: run.calls) / median(results["credential-report"], lambda run: run.calls)
    print(f"  1/{fewer:.1f} of the calls (goal 1/4)")


def memory(_: int) -> None:
    server = ["--users", 100, "--latency-ms", 1]
    print("\nmemory, 100 users per account")
    few = [measure(*measurement(rolecall(200), server)) for _ in range(3)]
    print_results("200 accounts", few)
    many = [measure(*measurement(rolecall(5000), server))]
    print_results("5,000 accounts", many)
    more = median(many, lambda run: run.memory_mb) / median(few, lambda run: run.memory_mb)
    print(f"  {more:.2f} times the memory (goal 1.3, and under 80 MB)")


def measurement(program: tuple, server: list) -> tuple:
    command, count = program
    return command, server, count


SCENARIOS = {"sweep": sweep, "enforced": enforced, "throttled": throttled, "hanging": hanging, "report": from_report, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=SCENARIOS)
    arguments = parser.parse_args()
    version = subprocess.run([RELEASE / "rolecall", "--version"], capture_output=True, text=True, check=True).stdout
    import boto3 as boto3_module

    print(f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}")
    print(f"{version.strip()}, boto3 {boto3_module.__version__}, Python {platform.python_version()}; {arguments.runs} runs, in turn; median (range)")
    for name, scenario in SCENARIOS.items():
        if arguments.only in (None, name):
            scenario(arguments.runs)


if __name__ == "__main__":
    main()
