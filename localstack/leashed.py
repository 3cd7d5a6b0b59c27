"""Runs a Python module as `python -m` does, and ends it when nobody holds the FIFO named LEASH open any more.

A test run or a script that is killed can clean nothing up; what hangs on its leash goes with it.

usage: leashed.py LEASH MODULE [ARGUMENT…], as the leader of a process group of its own
"""

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    # A plain open would wait for a holder that may be gone already.
    leash = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(leash, True)
    threading.Thread(target=end_with, args=[leash], daemon=True).start()
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def end_with(leash: int) -> None:
    while os.read(leash, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
