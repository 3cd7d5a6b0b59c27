"""Makes the virtual environment VENVS/NAME from REQUIREMENTS/NAME.txt; called by `venv`, which looks first."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path


def main(venvs: Path, requirements: Path, name: str) -> None:
    venvs.mkdir(parents=True, exist_ok=True)
    with open(venvs / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The installers hold the lock too: killed alone, this process leaves them running for a moment.
        os.set_inheritable(lock.fileno(), True)
        make(venvs / "uv", requirements / "uv.txt", with_pip)
        if name != "uv":
            make(venvs / name, requirements / f"{name}.txt", lambda at, pins: with_uv(venvs / "uv", at, pins))


def make(at: Path, pins: Path, install) -> None:
    stamp = at / "made-from.txt"
    wanted = pins.read_bytes()
    if stamp.is_file() and stamp.read_bytes() == wanted and runs(at / "bin/python"):
        return
    began = time.monotonic()
    print(f"making the Python environment {at}", flush=True)
    shutil.rmtree(at, ignore_errors=True)
    install(at, pins)
    # A kill before this line leaves no stamp, and a file of that name is there whole or not at all.
    unfinished = at / "made-from.new"
    unfinished.write_bytes(wanted)
    unfinished.replace(stamp)
    print(f"made it in {time.monotonic() - began:.0f} s", flush=True)


def with_pip(at: Path, pins: Path) -> None:
    venv.create(at, with_pip=True)
    run([at / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", pins])


def with_uv(uv: Path, at: Path, pins: Path) -> None:
    environment = os.environ.copy()
    # uv does not read pip's settings; an index named there is meant for it too.
    if index := environment.get("PIP_INDEX_URL"):
        environment.setdefault("UV_DEFAULT_INDEX", index)
    command = [uv / "bin/uv", "--quiet", "--no-config"]
    run([*command, "venv", "--python", sys.executable, at], environment)
    into = ["--python", at / "bin/python", "--compile-bytecode"]
    run([*command, "pip", "install", *into, "--requirement", pins], environment)


def run(command: list, environment: dict | None = None) -> None:
    subprocess.run(command, env=environment, check=True, close_fds=False)


def runs(python: Path) -> bool:
    return python.exists() and subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[0]} ended with {error.returncode}, see above; another run begins anew")
