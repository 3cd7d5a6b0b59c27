"""localstack/start and stop, as typed: what they print, and that no process is left behind however they exit.

A stub replaces `docker`. It reports that no engine runs, or acts as an engine and records its arguments.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import emulators
import pytest

LOCALSTACK = Path(__file__).resolve().parents[1]
ROOT = LOCALSTACK.parent
SCRIPTS = [
    *(LOCALSTACK / name for name in ("start", "stop", "ready.d/load-world.sh")),
    *(ROOT / "infra" / name for name in ("common.sh", "deploy.sh", "organization.sh", "roles.sh")),
    *(ROOT / name for name in ("tools/release", "tools/venv", "tools/python3.13")),
]


@pytest.fixture
def shell(tmp_path):
    """An environment without a Docker engine, in which LocalStack has a folder and a port of its own."""
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    stub(stubs / "docker", "exit 1")
    return {
        "PATH": f"{stubs}{os.pathsep}{os.environ['PATH']}",
        "HOME": os.environ["HOME"],
        "LOCALSTACK_HOME": str(tmp_path / "localstack"),
        "LOCALSTACK_PORT": str(emulators.free_port()),
    }


@pytest.fixture
def home(shell):
    """The folder that LocalStack writes to. After the test, any emulator in it is stopped."""
    folder = Path(shell["LOCALSTACK_HOME"])
    yield folder
    for lock in folder.rglob("lock"):
        emulators.down(lock.parent)


def stub(file, script):
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def run(script, *arguments, env):
    return subprocess.run([LOCALSTACK / script, *arguments], env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)


def is_gone(folder):
    def none_runs():
        return not any(emulators.is_up(lock.parent) for lock in folder.rglob("lock"))

    emulators.wait_until(none_runs, 10, "an emulator still runs")
    return True


def test_a_detached_localstack_runs_until_it_is_stopped(shell, home):
    url = f"http://127.0.0.1:{shell['LOCALSTACK_PORT']}"
    started = run("start", "--detach", env=shell)
    assert started.returncode == 0, started.stderr
    assert started.stdout.count("\n") == 1
    assert url in started.stdout
    assert emulators.localstack_is_ready(url)

    again = run("start", "--detach", env=shell)
    assert again.returncode == 1
    assert again.stderr == f"LocalStack is already running at {url}; localstack/stop stops it\n"

    assert run("stop", env=shell).returncode == 0
    assert is_gone(home)
    assert run("stop", env=shell).returncode == 0, "stopping when nothing runs is not an error"


def reset_signals():
    """A background job, or one under nohup, ignores these signals, and so would the processes that it starts."""
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_DFL)


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_it_stops_with_its_script(stop_signal, shell, home):
    with subprocess.Popen([LOCALSTACK / "start"], env=shell, stdout=subprocess.PIPE, text=True, preexec_fn=reset_signals) as script:
        assert "LocalStack is running" in script.stdout.readline()
        assert emulators.endpoint(home)
        time.sleep(0.5)  # until it waits; it prints nothing then
        script.send_signal(stop_signal)
    assert is_gone(home)


def test_a_port_in_use_is_an_error(shell, home, localstack):
    done = run("start", env=shell | {"LOCALSTACK_PORT": localstack.rsplit(":")[-1]})
    assert done.returncode == 1
    assert "is in use; choose another port, for example LOCALSTACK_PORT=" in done.stderr


@pytest.mark.parametrize("port", ["http", "-1", "4566 ", "123456"])
def test_an_invalid_port_is_an_error(port, shell):
    done = run("start", env=shell | {"LOCALSTACK_PORT": port})
    assert (done.returncode, done.stdout) == (2, "")
    assert f"LOCALSTACK_PORT is '{port}'" in done.stderr


def test_without_docker_and_python_it_prints_what_it_needs(shell, tmp_path):
    for name in ("python3.13", "python3", "pyenv", "uv"):
        stub(tmp_path / "stubs" / name, "exit 1")
    for script in ("start", "stop"):
        done = run(script, env=shell | {"HOME": str(tmp_path)})
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "needs a Docker engine with Compose, or Python 3.13" in done.stderr


def test_of_two_that_start_at_the_same_time_one_runs(shell, home):
    with (
        subprocess.Popen([LOCALSTACK / "start"], env=shell, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first,
        subprocess.Popen([LOCALSTACK / "start"], env=shell, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as second,
    ):
        emulators.wait_until(lambda: first.poll() is not None or second.poll() is not None, 60, "neither has exited")
        exited, up = (first, second) if first.poll() is not None else (second, first)
        message = exited.stderr.read()
        assert exited.returncode in (1, 3), message
        assert "already" in message and "Traceback" not in message
        emulators.wait_until(lambda: emulators.endpoint(home), 60, "the other one does not run")
        assert up.poll() is None
        up.send_signal(signal.SIGTERM)
    assert is_gone(home)


@pytest.fixture
def docker(shell, tmp_path):
    """A stub of a Docker engine in which every command succeeds. Returns the file with its arguments."""
    recorded = tmp_path / "arguments"
    stub(
        tmp_path / "stubs" / "docker",
        f"""
        echo "$*" >> {recorded}
        case "$*" in
        *" up "*) touch {tmp_path}/up ;;
        *" port "*) [ -e {tmp_path}/up ] && echo 127.0.0.1:4999 ;;
        *" down "*) rm {tmp_path}/up ;;
        esac
        """,
    )
    return recorded


def test_with_a_docker_engine_it_runs_there(shell, docker):
    compose = f"compose --project-name rolecall-localstack --file {LOCALSTACK / 'compose.yaml'}"
    started = run("start", "--detach", env=shell)
    assert started.returncode == 0, started.stderr
    assert "LocalStack is running at http://127.0.0.1:4999" in started.stdout
    assert f"{compose} up --detach --wait --quiet-pull" in docker.read_text().splitlines()

    assert run("stop", env=shell).returncode == 0
    assert docker.read_text().splitlines()[-1] == f"{compose} down --volumes --timeout 1"


def test_shellcheck_finds_nothing():
    shellcheck = shutil.which("shellcheck", path=Path(sys.executable).parent)
    command = [shellcheck, "--external-sources", "--source-path", LOCALSTACK, "--source-path", ROOT, *SCRIPTS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
