"""Writes crates/lambda/hot_functions.txt: the functions that an invocation of rolecall-lambda runs, from valgrind.

The linker puts them next to each other (crates/lambda/build.rs). A page that is in memory has 64 KiB around it mapped with it, so that a
program whose functions lie scattered is in memory as a whole. A name that the program no longer has does nothing, and a function that
is missing costs memory, but nothing else: run this again when `make bench-cold` shows that the memory grew.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

import bench

LIST = Path(bench.HERE).parents[1] / "crates/lambda/hot_functions.txt"
# What differs from build to build: the hash at the end of a symbol, or in Rust's newer symbols the hash of each crate.
HASH = re.compile(r"(?<=17h)[0-9a-f]{16}E(\.llvm)?(\.\d+)*$|(?<=Cs)[0-9A-Za-z]+(?=_)|\.\d+$")
FUNCTION = re.compile(r"c?fn=\(\d+\) (_ZN\S+|_R\S+)")
# How often valgrind writes what it saw, in basic blocks: what comes after the last time is lost when the function is stopped.
DUMP_EVERY = 150_000


def functions(folder):
    """The symbols in valgrind's files, with `*` for their hashes."""
    names = set()
    for file in folder.glob("calls.*"):
        for line in file.read_text(errors="replace").splitlines():
            # valgrind appends 'N to the name of a recursive function.
            if match := FUNCTION.match(line):
                names.add(HASH.sub("*", match[1].split("'")[0]))
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, help="path of rolecall-lambda, a release build with symbols")
    binary = bench.find_binary(parser.parse_args().binary)
    if not shutil.which("valgrind"):
        print("valgrind is not installed; install it, for example with apt-get install valgrind", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="rolecall-hot-"))
    for name in ("home", "task", "calls"):
        (folder / name).mkdir()
    try:
        with bench.running_aws(folder) as aws:
            side = bench.rust(binary, aws)
            calls = folder / "calls" / "calls.%p"
            side.command = [
                "valgrind", "-q", "--tool=callgrind", "--demangle=no", f"--dump-every-bb={DUMP_EVERY}",
                f"--callgrind-out-file={calls}", str(binary),
            ]
            bench.check(side, bench.measure(side, aws, 5, folder))
        names = functions(folder / "calls")
        if len(names) < 1000:
            print(f"only {len(names)} functions: the binary has no symbols; build it with strip = false", file=sys.stderr)
            return 1
        LIST.write_text("\n".join(sorted(names)) + "\n")
        print(f"{LIST}: {len(names)} functions")
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
