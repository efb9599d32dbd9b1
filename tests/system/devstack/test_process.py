import os
import select
import signal
import subprocess
import sys
import threading
import time

from devstack.process import Process

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
POLITE = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print('up', flush=True)"
ANSWER_SIGTERM = [sys.executable, "-c", f"{POLITE}; signal.pause(); signal.pause()"]


def ends(pid: int, seconds: float = 10) -> bool:
    """Whether the process ends within so many seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def start(folder, command) -> Process:
    return Process(command, folder=folder, log=folder / "log")


def wait_for_log(process: Process, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in process.log_tail():
        assert time.monotonic() < deadline, process.log_tail()
        time.sleep(0.01)


def test_child_dies_with_a_killed_parent(tmp_path):
    program = (
        "import os, pathlib, sys; from tests.system.devstack.test_process import SLEEP, start, wait_for_log\n"
        "child = start(pathlib.Path(sys.argv[1]), SLEEP)\n"
        "wait_for_log(child, 'up')\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    assert ends(int(parent.stdout))


def test_child_outlives_the_thread_that_started_it(tmp_path):
    started = []

    def run() -> None:
        started.append(start(tmp_path, SLEEP))
        wait_for_log(started[0], "up")  # only from here on the kernel's signal is arranged

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    [process] = started
    assert not process.wait(0.3)
    process.kill()


def test_stop_asks_first(tmp_path):
    process = start(tmp_path, ANSWER_SIGTERM)
    wait_for_log(process, "up")
    process.stop(10)
    assert process.exit_code == 7


def test_paused_child_hears_the_stop(tmp_path):
    process = start(tmp_path, ANSWER_SIGTERM)
    wait_for_log(process, "up")
    process.pause()
    process.stop(10)
    assert process.exit_code == 7


def test_stop_kills_what_does_not_listen(tmp_path):
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    process = start(tmp_path, [sys.executable, "-c", deaf])
    wait_for_log(process, "up")
    process.stop(0.1)
    assert process.exit_code == -signal.SIGKILL


def test_paused_child_can_be_killed(tmp_path):
    process = start(tmp_path, SLEEP)
    process.pause()
    assert process.paused
    process.kill()
    assert process.exit_code == -signal.SIGKILL
    assert not process.paused


def test_log_tail_is_the_last_lines_of_this_run(tmp_path):
    (tmp_path / "log").write_text("older\n")
    process = start(tmp_path, [sys.executable, "-c", "print('a', 'b', '', 'c', 'd', sep='\\n')"])
    assert process.wait(10)
    assert process.log_tail(2) == "c | d"
    assert process.log_tail(9) == "a | b | c | d"


def test_unknown_command_ends_with_a_reason(tmp_path):
    process = start(tmp_path, ["no-such-program"])
    assert process.wait(10)
    assert process.exit_code == 1
    assert "no-such-program" in process.log_tail() or "No such file" in process.log_tail()


def test_children_are_not_hit_by_the_terminal(tmp_path):
    process = start(tmp_path, SLEEP)
    assert os.getsid(process.pid) == process.pid
    process.kill()
