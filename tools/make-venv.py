"""Creates the virtual environment VENVS/NAME from REQUIREMENTS/NAME.txt; `tools/venv` calls it if it is out of date."""

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
        # The installers inherit the lock, because they can outlive this process for a moment if it is killed.
        os.set_inheritable(lock.fileno(), True)
        create(venvs / "uv", requirements / "uv.txt", install_with_pip)
        if name != "uv":
            create(venvs / name, requirements / f"{name}.txt", lambda at, pins: install_with_uv(venvs / "uv", at, pins))


def create(at: Path, pins: Path, install) -> None:
    stamp = at / "made-from.txt"
    expected = pins.read_bytes()
    if stamp.is_file() and stamp.read_bytes() == expected and runs(at / "bin/python"):
        return
    began = time.monotonic()
    print(f"creating the Python environment {at}", flush=True)
    shutil.rmtree(at, ignore_errors=True)
    install(at, pins)
    # Written last and atomically: if this process is killed before, there is no stamp.
    unfinished = at / "made-from.new"
    unfinished.write_bytes(expected)
    unfinished.replace(stamp)
    print(f"created it in {time.monotonic() - began:.0f} s", flush=True)


def install_with_pip(at: Path, pins: Path) -> None:
    venv.create(at, with_pip=True)
    run([at / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", pins])


def install_with_uv(uv: Path, at: Path, pins: Path) -> None:
    environment = os.environ.copy()
    # uv does not read pip's settings; use the package index that they name.
    if index := environment.get("PIP_INDEX_URL"):
        environment.setdefault("UV_DEFAULT_INDEX", index)
    command = [uv / "bin/uv", "--quiet", "--no-config"]
    run([*command, "venv", "--python", sys.executable, at], environment)
    options = ["--python", at / "bin/python", "--compile-bytecode"]
    run([*command, "pip", "install", *options, "--requirement", pins], environment)


def run(command: list, environment: dict | None = None) -> None:
    subprocess.run(command, env=environment, check=True, close_fds=False)


def runs(python: Path) -> bool:
    return python.exists() and subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[0]} exited with code {error.returncode}, see the error above; run the command again to start over")
