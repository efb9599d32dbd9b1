"""Run a command that dies with the process that asked for it.

Executed by path, as a child: it arranges the signal, then becomes the command; the process id stays the same.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """From now on the kernel kills this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the signal was arranged
        sys.exit(1)


def main() -> None:
    """Become `argv[2:]`, killed by the kernel when the process `argv[1]` ends."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    die_with(parent)
    os.execvp(command[0], command)  # noqa: S606  # the command is ours; no shell is wanted


if __name__ == "__main__":
    main()
