"""LocalStack, moto and ministack without containers: background processes that listen on 127.0.0.1 only.

usage: emulators.py up HOME PORT [LEASH] | endpoint HOME | linger HOME | down HOME

`up` starts LocalStack on PORT (0: any free port) and prints its endpoint when the world is loaded. HOME is the folder
for all files that it writes. LEASH is a FIFO: LocalStack stops when no process holds it open. `linger` waits until
LocalStack stops.
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
    """An error for people: what happened and what to do."""

    exit_code = 1


class Running(Failure):
    """An emulator is already running or starting in this folder."""

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
    """Starts LocalStack, which then loads the world of `world.py`."""
    port = port or free_port()
    files = home / "files"

    def prepare() -> None:
        # LocalStack runs the scripts in this folder when it is ready; in the container, localstack/ is mounted there.
        (files / "etc/localstack").mkdir(parents=True, exist_ok=True)
        init = files / "etc/localstack/init"
        init.unlink(missing_ok=True)
        init.symlink_to(HERE)

    settings = {
        "SERVICES": "iam,sts",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        # The default server, twisted, ignores the address and listens on all interfaces.
        "GATEWAY_SERVER": "hypercorn",
        # Without these it would send usage events, download a certificate and use name servers.
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "FILESYSTEM_ROOT": str(files),
        # Inside any container it would assume that it runs in its own image, and ignore FILESYSTEM_ROOT.
        "OVERRIDE_IN_DOCKER": "0",
    }
    return up(home, port, [python, "localstack.runtime.main"], settings, localstack_is_ready, leash, prepare)


def localstack_is_ready(url: str) -> bool:
    state = json.loads(get(f"{url}/_localstack/init/ready"))
    if not state["completed"]:
        return False
    if [script["state"] for script in state["scripts"]] != ["SUCCESSFUL"]:
        raise Failure(f"LocalStack runs, but loading its world failed: {state['scripts']}")
    return True


def up_moto(home: Path, leash: Path, python: str = sys.executable, functions: str | None = None) -> str:
    """Starts an empty moto on a free port; its Step Functions call the Lambda and the S3 of the endpoint `functions`."""
    port = free_port()
    module = "moto_launcher" if functions else "moto.server"
    settings = {"PYTHONPATH": str(HERE), "FUNCTIONS_ENDPOINT": functions} if functions else {}
    command = [python, module, "-H", "127.0.0.1", "-p", str(port)]
    return up(home, port, command, settings, lambda url: bool(get(f"{url}/moto-api/data.json")), leash)


def up_ministack(home: Path, leash: Path, python: str, under: list[str] | None = None, **variables: str) -> str:
    """Starts an empty ministack on a free port, whose functions inherit these variables.

    `under` is a command that runs ministack with credentials and endpoints, `rolecall emulator … --`.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # Of the functions: ministack has what they store and send, and the emulator the rest.
    endpoints = {f"AWS_ENDPOINT_URL_{service}": url for service in ("S3", "SNS", "EVENTBRIDGE")}
    settings = variables | (endpoints | {"PYTHONPATH": str(HERE)} if under else {})
    settings |= {
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        # The account of all credentials that do not name one: the hub account.
        "MINISTACK_ACCOUNT_ID": "222222222222",
        "GATEWAY_PORT": str(port),
        "TMPDIR": str(home),
        "S3_DATA_DIR": str(home / "s3"),
    }
    command = [python, "ministack_launcher" if under else "ministack"]
    return up(home, port, command, settings, lambda url: bool(get(f"{url}/_ministack/health")), leash, under=under or [])


def up(
    home: Path,
    port: int,
    command: list[str],
    settings: dict[str, str],
    is_ready: Callable[[str], bool],
    leash: Path | None,
    prepare: Callable[[], None] = lambda: None,
    under: list[str] | None = None,
) -> str:
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitignore").write_text("*\n")
    log = home / "log"
    with open(home / "lock", "w") as lock:
        if not try_lock(lock):
            raise Running(f"already running or starting: {endpoint(home) or f'see {log}'}; localstack/stop stops it")
        if not is_free(port):
            raise Failure(f"port {port} is in use; choose another port, for example LOCALSTACK_PORT=4567")
        (home / "endpoint").unlink(missing_ok=True)
        prepare()
        python, *module = command
        run = ["-m"] if leash is None else [str(HERE / "leashed.py"), str(leash)]
        with open(log, "wb") as output:
            server = subprocess.Popen(
                [*(under or []), python, "-P", *run, *module],
                cwd=home,
                env=environment(home, python) | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # It holds the lock while it runs, so the lock shows whether it runs, even if its process id is reused.
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
    """The URL of the emulator in this folder, or `None` if none is ready."""
    file = home / "endpoint"
    return file.read_text() if is_up(home) and file.exists() else None


def linger(home: Path) -> None:
    """Waits until the emulator in this folder stops."""
    with open(home / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def down(home: Path) -> None:
    """Stops the emulator in this folder, if one runs. Its state is only in memory, so it is killed at once."""
    if is_up(home):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int((home / "pid").read_text()), signal.SIGKILL)
        wait_until(lambda: not is_up(home), 10, f"the process with the id in {home / 'pid'} does not stop")
    (home / "endpoint").unlink(missing_ok=True)


def is_up(home: Path) -> bool:
    try:
        with open(home / "lock") as lock:
            return not try_lock(lock)
    except FileNotFoundError:
        return False


def try_lock(lock) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def environment(home: Path, python: str) -> dict[str, str]:
    """The environment of an emulator, without the caller's AWS settings, proxies and home folder."""
    path = os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", os.defpath)])
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"}


def wait_for(server: subprocess.Popen, is_ready: Callable[[], bool], log: Path) -> None:
    def ready_or_dead() -> bool:
        if server.poll() is not None:
            raise Failure(f"the emulator exited with code {server.returncode} while starting")
        try:
            return is_ready()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    try:
        wait_until(ready_or_dead, 90, "the emulator is not ready")
    except Failure as failure:
        raise Failure(f"{failure}; last lines of {log}:\n{tail(log)}") from None


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def wait_until(condition: Callable[[], bool], seconds: float, error: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"{error} after {seconds} s")
        time.sleep(0.1)


def post(url: str, document: dict) -> bytes:
    return get(url, "POST", json.dumps(document).encode())


def get(url: str, method: str = "GET", body: bytes | None = None) -> bytes:
    # Without the proxies of the environment, which must not get requests to this machine's own address.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, body, method=method), timeout=5) as answer:
        return answer.read()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    # Exit through an exception, so that `up` stops the emulator that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        main(sys.argv[1:])
    except Failure as failure:
        print(f"localstack: {failure}", file=sys.stderr)
        sys.exit(failure.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
