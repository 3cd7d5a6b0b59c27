"""LocalStack and moto without containers: background processes that answer on 127.0.0.1 and nowhere else.

usage: emulators.py up HOME PORT [LEASH] | endpoint HOME | linger HOME | down HOME

`up` starts LocalStack on PORT (0: any that is free) and prints its endpoint once the world is loaded. HOME is the
folder for all that it writes. LEASH is a FIFO: LocalStack ends when nobody holds it open. `linger` waits until it ends.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Failure(Exception):
    """What went wrong and what to do, for a person."""

    exit_code = 1


class Running(Failure):
    """One is there already, or is being started."""

    exit_code = 3


def main(arguments: list[str]) -> None:
    match arguments:
        case ["up", home, port, *leash] if len(leash) <= 1:
            print(up_localstack(Path(home), int(port), *map(Path, leash)))
        case ["endpoint", home]:
            if not (url := endpoint(Path(home))):
                sys.exit(1)
            print(url)
        case ["linger", home]:
            linger(Path(home))
        case ["down", home]:
            down(Path(home))
        case _:
            sys.exit(__doc__)


def up_localstack(home: Path, port: int, leash: Path | None = None, python: str = sys.executable) -> str:
    """Starts LocalStack with the world of `world.py` in it."""
    port = port or free_port()
    files = home / "files"

    def prepare() -> None:
        # Where LocalStack looks for what to run once it is ready; in the container this folder is mounted there.
        (files / "etc/localstack").mkdir(parents=True, exist_ok=True)
        init = files / "etc/localstack/init"
        init.unlink(missing_ok=True)
        init.symlink_to(HERE)

    settings = {
        "SERVICES": "iam,sts",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        # The default one, twisted, leaves the address out and listens on all of them.
        "GATEWAY_SERVER": "hypercorn",
        # It would ask outside for them: usage events, a certificate, name servers.
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "FILESYSTEM_ROOT": str(files),
        # Within a container of somebody else's it would take that one for its own and ignore FILESYSTEM_ROOT.
        "OVERRIDE_IN_DOCKER": "0",
    }
    return up(home, port, [python, "localstack.runtime.main"], settings, localstack_is_ready, leash, prepare)


def localstack_is_ready(url: str) -> bool:
    state = json.loads(get(f"{url}/_localstack/init/ready"))
    if not state["completed"]:
        return False
    if [script["state"] for script in state["scripts"]] != ["SUCCESSFUL"]:
        raise Failure(f"LocalStack answers, but its world could not be loaded: {state['scripts']}")
    return True


def up_moto(home: Path, leash: Path, python: str = sys.executable) -> str:
    """Starts an empty moto on a free port."""
    port = free_port()
    command = [python, "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    return up(home, port, command, {}, lambda url: bool(get(f"{url}/moto-api/data.json")), leash)


def up(
    home: Path,
    port: int,
    command: list[str],
    settings: dict[str, str],
    is_ready: Callable[[str], bool],
    leash: Path | None,
    prepare: Callable[[], None] = lambda: None,
) -> str:
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitignore").write_text("*\n")
    log = home / "log"
    with open(home / "lock", "w") as lock:
        if not take(lock):
            raise Running(f"one is running already, or starting: {endpoint(home) or f'see {log}'}; localstack/stop stops it")
        if not is_free(port):
            raise Failure(f"port {port} is in use by something else; choose another one: LOCALSTACK_PORT=4567")
        (home / "endpoint").unlink(missing_ok=True)
        prepare()
        python, *module = command
        run = ["-m"] if leash is None else [str(HERE / "leashed.py"), str(leash)]
        with open(log, "wb") as output:
            server = subprocess.Popen(
                [python, "-P", *run, *module],
                cwd=home,
                env=environment(home, python) | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # It holds the lock as long as it lives, so the lock tells whether it does, whatever became of its id.
                pass_fds=[lock.fileno()],
            )
        try:
            (home / "pid").write_text(str(server.pid))
            url = f"http://127.0.0.1:{port}"
            wait_for(server, lambda: is_ready(url), log)
            (home / "endpoint").write_text(url)
            return url
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            raise


def endpoint(home: Path) -> str | None:
    """The URL of the emulator that runs in this folder and is ready."""
    file = home / "endpoint"
    return file.read_text() if is_up(home) and file.exists() else None


def linger(home: Path) -> None:
    """Waits until the emulator of this folder ends."""
    with open(home / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def down(home: Path) -> None:
    """Ends the emulator of this folder, if one runs. Its state is in memory alone, so nothing asks for mercy."""
    if is_up(home):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int((home / "pid").read_text()), signal.SIGKILL)
        wait_until(lambda: not is_up(home), 10, f"process {home / 'pid'} does not end")
    (home / "endpoint").unlink(missing_ok=True)


def is_up(home: Path) -> bool:
    try:
        with open(home / "lock") as lock:
            return not take(lock)
    except FileNotFoundError:
        return False


def take(lock) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def environment(home: Path, python: str) -> dict[str, str]:
    """Nothing of the caller's own AWS settings, proxies and home."""
    path = os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", os.defpath)])
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"}


def wait_for(server: subprocess.Popen, is_ready: Callable[[], bool], log: Path) -> None:
    def ready_or_dead() -> bool:
        if server.poll() is not None:
            raise Failure(f"it ended with {server.returncode} at its start")
        try:
            return is_ready()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    try:
        wait_until(ready_or_dead, 90, "it does not get ready")
    except Failure as failure:
        raise Failure(f"{failure}; the end of {log}:\n{tail(log)}") from None


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def wait_until(condition: Callable[[], bool], seconds: float, complaint: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{complaint}, after {seconds} s")
        time.sleep(0.1)


def get(url: str, method: str = "GET") -> bytes:
    # Without the proxies of the environment, which have no business with this machine's own address.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, method=method), timeout=5) as answer:
        return answer.read()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    # So that what was started is ended on every way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        main(sys.argv[1:])
    except Failure as failure:
        print(f"localstack: {failure}", file=sys.stderr)
        sys.exit(failure.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
