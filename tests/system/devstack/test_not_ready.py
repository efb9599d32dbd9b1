"""A server that does not come up says why in one line."""

from uuid import UUID

import pytest

from devstack.errors import ServerNotReady, ServerUnavailable
from devstack.jars import kafka_jars
from devstack.kafka import ApacheKafka, NoidaKafka
from devstack.mongo import SecantusMongo, SecantusRust
from tests.system.devstack.conftest import needs


def one_line(raised) -> str:
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_broker_with_a_bad_setting(tmp_path):
    needs("apache")
    server = ApacheKafka(tmp_path)
    server.data.mkdir()
    (server.data / "meta.properties").write_text("version=1\n")  # looks formatted and is not
    with pytest.raises(ServerNotReady) as raised:
        server.start()
    message = one_line(raised)
    assert "apache 4.1.0 ended with code 1" in message
    assert "meta.properties" in message
    assert not server.running


def test_broker_whose_folder_cannot_be_formatted(tmp_path):
    needs("apache")
    with pytest.raises(ServerUnavailable) as raised:
        ApacheKafka(tmp_path, properties={"process.roles": "nonsense"}).start()
    assert "could not format" in one_line(raised)


def test_broker_whose_random_id_begins_with_a_dash(tmp_path, monkeypatch):
    needs("apache")
    monkeypatch.setattr("devstack.kafka.uuid.uuid4", lambda: UUID(bytes=b"\xf8" + b"\x01" * 15))
    broker = ApacheKafka(tmp_path)
    broker.data.mkdir()
    broker._command()
    assert "cluster.id=-" in (broker.data / "meta.properties").read_text()


def test_database_with_an_unknown_option(tmp_path):
    with pytest.raises(ServerNotReady) as raised:
        SecantusMongo(tmp_path, options=["--nonsense"]).start()
    assert "unrecognized arguments: --nonsense" in one_line(raised)


def test_message_shows_the_log_of_this_run_only(tmp_path):
    server = SecantusMongo(tmp_path)
    server.log.write_text("an older run\n")
    server.options = ("--nonsense",)
    with pytest.raises(ServerNotReady) as raised:
        server.start()
    assert "an older run" not in one_line(raised)


def test_server_that_listens_and_never_answers_is_killed_at_the_deadline(tmp_path):
    class Silent(NoidaKafka):
        ready_seconds = 0.3

        def _probe(self):
            raise TimeoutError("no answer")

    server = Silent(tmp_path)
    with pytest.raises(ServerNotReady, match=r"not ready after 0\.3 s \(no answer\)") as raised:
        server.start()
    one_line(raised)
    assert not server.running


def test_server_that_ended_by_itself_is_noticed(tmp_path):
    with NoidaKafka(tmp_path) as server:
        server.check_running()
        server._process.kill()
        with pytest.raises(ServerNotReady, match="ended with code -9"):
            server.check_running()


def test_missing_java(tmp_path, monkeypatch):
    monkeypatch.setenv("CONTRACTS_DEVSTACK_CACHE", str(tmp_path))
    (tmp_path / "kafka-4.1.0").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerUnavailable, match="java is not on the PATH"):
        ApacheKafka(tmp_path / "server").start()


def test_missing_maven(tmp_path, monkeypatch):
    monkeypatch.setenv("CONTRACTS_DEVSTACK_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerUnavailable, match="mvn is not on the PATH"):
        kafka_jars("4.1.0")


def test_missing_rust_server(tmp_path, monkeypatch):
    monkeypatch.setenv("CONTRACTS_DEVSTACK_CACHE", str(tmp_path))
    monkeypatch.delenv("CONTRACTS_SECANTUS_RS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerUnavailable, match="build-secantus-rs"):
        SecantusRust(tmp_path / "server").start()
