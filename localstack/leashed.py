"""Runs a Python module as `python -m` does, and kills it when no process holds the FIFO named LEASH open.

A test run or a script that is killed cannot clean up, but its end closes the FIFO and so stops this process.

usage: leashed.py LEASH MODULE [ARGUMENT…], as the leader of a process group of its own
"""

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    # A blocking open would wait for a holder, which may have exited already.
    leash = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(leash, True)
    threading.Thread(target=kill_group_at_eof, args=[leash], daemon=True).start()
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def kill_group_at_eof(leash: int) -> None:
    while os.read(leash, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
