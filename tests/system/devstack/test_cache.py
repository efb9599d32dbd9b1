import json
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devstack import ports
from devstack.cache import cache_folder
from devstack.errors import ServerUnavailable
from devstack.jars import jars_cached, kafka_jars

FAKE_MAVEN = """\
import json, pathlib, sys, time
calls = pathlib.Path(__file__).with_name("calls")
with calls.open("a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
[folder] = [word.partition("=")[2] for word in sys.argv if word.startswith("-DoutputDirectory=")]
time.sleep(0.2)  # as a download takes its time: without a lock others would begin theirs
(pathlib.Path(folder) / "kafka.jar").touch()
if (pathlib.Path(__file__).with_name("fail")).exists():
    print("[INFO] Scanning\\n[ERROR] Could not find artifact kafka_2.13:jar:9.9.9\\n[ERROR] more")
    sys.exit(1)
"""


@pytest.fixture
def maven(tmp_path, monkeypatch) -> Path:
    """A program named mvn that notes its calls; the cache is empty."""
    program = tmp_path / "bin" / "mvn"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{FAKE_MAVEN}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("CONTRACTS_DEVSTACK_CACHE", str(tmp_path / "cache"))
    return program


def calls(maven: Path) -> list[list[str]]:
    return [json.loads(line) for line in maven.with_name("calls").read_text().splitlines()]


def test_jars_are_downloaded_once_by_many_at_once(maven):
    assert not jars_cached("4.1.0")
    together = threading.Barrier(4)

    def first_use(_: int) -> Path:
        together.wait()
        return kafka_jars("4.1.0")

    with ThreadPoolExecutor(4) as pool:
        [folder] = set(pool.map(first_use, range(4)))
    assert (folder / "kafka.jar").exists()
    assert jars_cached("4.1.0")
    [call] = calls(maven)
    assert "-Dkafka.version=4.1.0" in call
    assert "dependency:copy-dependencies" in call


def test_each_version_has_its_folder(maven):
    assert kafka_jars("4.1.0") != kafka_jars("4.4.0")
    assert len(calls(maven)) == 2


def test_failed_download_says_why_and_leaves_nothing_that_looks_whole(maven):
    maven.with_name("fail").touch()
    with pytest.raises(
        ServerUnavailable, match=r"Kafka 9\.9\.9: \[ERROR\] Could not find artifact"
    ) as raised:
        kafka_jars("9.9.9")
    assert "\n" not in str(raised.value)
    assert not jars_cached("9.9.9")
    maven.with_name("fail").unlink()
    assert (kafka_jars("9.9.9") / "kafka.jar").exists()


def test_reserved_port_is_not_given_twice(monkeypatch):
    port = ports.reserve_port()
    monkeypatch.setattr(ports, "LOWEST", port.number)
    monkeypatch.setattr(ports, "HIGHEST", port.number)
    with pytest.raises(ServerUnavailable, match="no free port"):
        ports.reserve_port()
    port.release()
    again = ports.reserve_port()
    assert again.number == port.number
    again.release()


def test_port_somebody_listens_on_is_not_given(monkeypatch):
    port = ports.reserve_port()
    port.release()
    monkeypatch.setattr(ports, "LOWEST", port.number)
    monkeypatch.setattr(ports, "HIGHEST", port.number)
    with (
        socket.create_server(("127.0.0.1", port.number)),
        pytest.raises(ServerUnavailable, match="no free port"),
    ):
        ports.reserve_port()


def test_ports_are_out_of_reach_of_outgoing_connections():
    lowest_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert lowest_ephemeral > ports.HIGHEST


def test_cache_is_in_the_home_folder_by_default(monkeypatch):
    monkeypatch.delenv("CONTRACTS_DEVSTACK_CACHE", raising=False)
    assert cache_folder() == Path("~/.cache/contract-service").expanduser()
