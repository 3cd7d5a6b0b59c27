#!/usr/bin/env python3
"""Reports on rolls of 1,000 to 300,000 access keys in every format: time and memory, compared with other work on the same bytes.

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
# What does not change with Rolecall: the roll parsed line by line, and nothing done with it.
PYTHON = "import json, sys\nfor line in open(sys.argv[1], 'rb'): json.loads(line)"


def measure(command: list) -> tuple[float, float, float]:
    """Seconds, seconds of all cores together, and the peak of memory in MB."""
    began = time.monotonic()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    if os.waitstatus_to_exitcode(status) not in (0, 11):
        raise SystemExit(f"{command} failed")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def best(command: list) -> tuple[float, float, float]:
    """The shortest times, since other load only adds to them, and the largest memory."""
    seconds, cores, memory = zip(*(measure(command) for _ in range(RUNS)))
    return min(seconds), min(cores), max(memory)


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
            print(f"\n{accounts:,} accounts, {accounts * users:,} users, {keys:,} keys, {roll.stat().st_size / 1e6:.0f} MB")
            once = best(read)

            def row(name: str, measured: tuple[float, float, float], more: str = ""):
                seconds, cores, memory = measured
                print(f"  {name:<10} {seconds:6.2f} s  {seconds / once[0]:5.1f} ×  {cores:6.2f} s CPU  {memory:6.0f} MB{more}", flush=True)

            row("read once", once)
            row("json.loads", best([sys.executable, "-c", PYTHON, roll]))
            for name in FORMATS:
                measured = best([programs / "rolecall", "report", roll, "--format", name, "--out", out])
                copied, _, _ = best(["dd", f"if={out}", f"of={out}.copy", "bs=1M", "conv=fsync"])
                row(name, measured, f"  writes {out.stat().st_size / 1e6:6.1f} MB; a copy takes {copied:5.2f} s")


if __name__ == "__main__":
    main()
