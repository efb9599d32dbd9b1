"""What every server can do, whatever its kind."""

import signal
import socket

import pytest

from devstack.errors import ServerStateError
from tests.system.devstack.client import NoAnswerError, store, stored

pytestmark = pytest.mark.fault


def test_killed_server_comes_back_on_its_port_with_its_data(server):
    store(server, "before-kill", "kept")
    if not server.durable:
        server.restart()  # a stop writes down what it has; a kill alone may lose the last second
    port, pid = server.port, server.pid
    server.kill()
    assert not server.running
    server.start()
    assert server.port == port
    assert server.pid != pid
    assert stored(server, "before-kill") == "kept"


def test_restarted_server_keeps_its_data(server):
    store(server, "before-restart", "kept")
    pid = server.pid
    server.restart()
    assert server.pid != pid
    assert stored(server, "before-restart") == "kept"


def test_stopped_server_leaves_nothing_listening(server):
    server.stop()
    assert not server.running
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    server.stop()  # once more does no harm


def test_paused_server_answers_again_only_after_resume(server):
    store(server, "before-pause", "kept")
    server.pause()
    assert server.paused
    assert server.running
    with pytest.raises(NoAnswerError):
        stored(server, "before-pause", seconds=0.5)
    server.resume()
    assert not server.paused
    assert stored(server, "before-pause") == "kept"


def test_paused_server_can_be_stopped(server):
    server.pause()
    server.stop()
    assert not server.running
    assert server._process.exit_code != -signal.SIGKILL


def test_heal_mends_a_killed_and_a_paused_server(server):
    store(server, "before-heal", "kept")
    if not server.durable:
        server.restart()
    server.kill()
    server.heal()
    assert stored(server, "before-heal") == "kept"
    server.pause()
    server.heal()
    assert stored(server, "before-heal") == "kept"


def test_running_server_is_not_started_twice(server):
    with pytest.raises(ServerStateError, match="already running"):
        server.start()


def test_stopped_server_cannot_be_killed_or_paused(server):
    server.stop()
    for act in (server.kill, server.pause, server.resume):
        with pytest.raises(ServerStateError, match="not running"):
            act()


def test_version_is_a_version(server):
    assert server.version[0].isdigit()
    assert server.kind in repr(server)
