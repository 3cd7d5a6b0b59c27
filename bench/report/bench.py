#!/usr/bin/env python3
"""Reports on rolls of 1,000 to 300,000 access keys in every format: time, compared with reading the roll once, and memory.

README.md describes what is measured and how. usage: bench.py FOLDER, the folder of the programs, from `make bench-report`.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FORMATS = ["table", "jsonl", "csv", "roll-csv", "json", "ocsf", "markdown", "html"]
# Accounts and users in each. Of two users, one has one key and one has two.
ROLLS = [(4, 167), (40, 500), (1000, 200), (1, 5000)]
RUNS = 3


def measure(command: list) -> tuple[float, float]:
    """Seconds and the peak of memory in MB."""
    began = time.monotonic()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    if os.waitstatus_to_exitcode(status) not in (0, 11):
        raise SystemExit(f"{command} failed")
    return seconds, usage.ru_maxrss / 1024


def main():
    programs = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        for accounts, users in ROLLS:
            roll, out = Path(folder) / "roll.jsonl", Path(folder) / "out"
            subprocess.run(
                [programs / "rolecall-large-roll", "write", roll, "--accounts", str(accounts), "--users", str(users)],
                check=True,
            )
            read = [programs / "rolecall-large-roll", "read", roll]
            keys = int(subprocess.check_output(list(map(str, read)), text=True).split()[1])
            base, memory = best(read)
            print(f"\n{accounts:,} accounts, {accounts * users:,} users, {keys:,} keys, {roll.stat().st_size / 1e6:.0f} MB")
            print(f"  {'read once':<10} {base:6.2f} s            {memory:6.0f} MB")
            for name in FORMATS:
                seconds, memory = best([programs / "rolecall", "report", roll, "--format", name, "--out", out])
                size = out.stat().st_size / 1e6
                print(f"  {name:<10} {seconds:6.2f} s  {seconds / base:5.1f} ×  {memory:6.0f} MB  writes {size:6.1f} MB", flush=True)


def best(command: list) -> tuple[float, float]:
    """The shortest time, since other load only adds to it, and the largest memory."""
    runs = [measure(command) for _ in range(RUNS)]
    return min(seconds for seconds, _ in runs), max(memory for _, memory in runs)


if __name__ == "__main__":
    main()
