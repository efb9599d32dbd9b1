import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.errors import ServerStateError, ServerUnavailable
from devstack.kafka import NoidaKafka, probe_kafka
from devstack.mongo import SecantusMongo, probe_mongo
from devstack.ports import reserve_port
from devstack.stack import Stack
from tests.system.devstack.test_process import ends

UP = [sys.executable, "-m", "devstack", "up"]


@pytest.fixture
def up(tmp_path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([*UP, "--data", str(tmp_path / "kept")], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def environment(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout
    return dict(process.stdout.readline().strip().split("=", 1) for _ in range(2))


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_serves_until_it_is_ended(up, tmp_path, number):
    found = environment(up)
    probe_kafka(found["CONTRACTS_KAFKA_BOOTSTRAP_SERVERS"])
    assert probe_mongo(found["CONTRACTS_MONGO_URI"])["ok"]
    servers = children(up.pid)
    assert len(servers) == 2
    up.send_signal(number)
    assert up.wait(30) == 0
    assert all(ends(pid) for pid in servers)
    assert (tmp_path / "kept" / "secantus" / "data").is_dir()


def test_up_serves_the_ports_it_is_told(tmp_path):
    kafka, mongo = reserve_port(), reserve_port()
    command = [*UP, "--kafka-port", str(kafka.number), "--mongo-port", str(mongo.number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        found = environment(process)
        process.send_signal(signal.SIGINT)
    assert found["CONTRACTS_KAFKA_BOOTSTRAP_SERVERS"] == f"127.0.0.1:{kafka.number}"
    assert f":{mongo.number}/" in found["CONTRACTS_MONGO_URI"]
    kafka.release()
    mongo.release()


def test_servers_die_with_a_killed_up(up):
    environment(up)
    servers = children(up.pid)
    assert len(servers) == 2
    up.kill()
    assert all(ends(pid) for pid in servers)


def test_up_ends_with_a_reason_when_a_server_dies(tmp_path):
    process = subprocess.Popen([*UP], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    environment(process)
    [broker] = [pid for pid in children(process.pid) if "kafka" in Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(broker, signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "devstack: noida 0.2.3 ended with code -9" in errors


def test_up_says_what_is_missing(tmp_path):
    missing = {**os.environ, "CONTRACTS_DEVSTACK_CACHE": str(tmp_path), "PATH": str(tmp_path)}
    done = subprocess.run(
        [*UP, "--kafka", "apache"], env=missing, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith("devstack: mvn is not on the PATH")
    assert done.stdout == ""


def test_stack_that_starts_by_half_is_stopped(tmp_path, monkeypatch):
    def fail(_self):
        raise ServerUnavailable("not here")

    monkeypatch.setattr(SecantusMongo, "_command", fail)
    stack = Stack(tmp_path)
    assert isinstance(stack.kafka, NoidaKafka)
    with pytest.raises(ServerUnavailable, match="not here"):
        stack.start()
    assert not stack.kafka.running
    with pytest.raises(ServerStateError):
        stack.kafka.kill()
