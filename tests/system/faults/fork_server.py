"""A process that has imported the service and becomes workers by forks: imports are most of their start.

`python -m tests.system.faults.fork_server SOCKET` answers lines of JSON, for `Fork` in forks.py:

{"log": PATH, "environment": {…}}   a worker is forked; its process id
{"ended": PID}                      its exit code, null while it runs
"""

import gc
import json
import os
import socket
import sys
from typing import Any

import uvloop  # noqa: F401 - imported by workers when they run

from consumer import process  # noqa: F401 - the same
from devstack.launch import die_with
from tests.system.faults import worker


def main() -> None:
    """Serves the test process; in a fork it runs the worker."""
    server = os.getpid()
    gc.collect()
    gc.freeze()  # a fork that looked through all this would copy it
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(sys.argv[1])
        requests = connection.makefile("r")
        while line := requests.readline():
            request = json.loads(line)
            if "ended" in request:
                answer = _exit_code(request["ended"])
            elif not (answer := os.fork()):
                break
            connection.sendall(f"{json.dumps(answer)}\n".encode())
        else:
            return
        requests.close()
    _become(request, server)
    worker.main()


def _exit_code(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _become(request: dict[str, Any], server: int) -> None:
    """What a process that is started anew has: a session, an environment and an output of its own."""
    die_with(server)
    os.setsid()
    os.environ.clear()
    os.environ.update(request["environment"])
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


if __name__ == "__main__":
    main()
