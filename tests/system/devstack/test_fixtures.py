"""The shared fixtures tell the truth about what ran. Each case is a small test run of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers

ROOT = Path(__file__).parents[3]
SMOKE = "tests/system/devstack/test_transactions.py::test_committed_records_are_read_and_aborted_ones_are_not"


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def without_java(tmp_path) -> dict[str, str]:
    return {"PATH": str(tmp_path), "CONTRACTS_DEVSTACK_CACHE": str(tmp_path)}


def test_missing_java_is_reported_and_skipped_at_a_desk(without_java):
    code, output = run(SMOKE, **without_java)
    assert code == 0, output
    assert "1 passed, 1 skipped" in output
    assert "APACHE KAFKA NOT TESTED" in output
    assert "kafka noida 0.2.3: 1 tests" in output
    assert "kafka apache" not in output


def test_missing_java_is_an_error_in_ci(without_java):
    code, output = run(f"{SMOKE}[apache]", **without_java, CI="true")
    assert code == 1, output
    assert "Apache Kafka is required in CI: java and mvn not on the PATH" in output


def test_given_servers_are_used_and_nothing_is_started(mongo, kafka):
    given = {"CONTRACTS_TEST_KAFKA": kafka.bootstrap, "CONTRACTS_TEST_MONGO": mongo.uri}
    code, output = run("tests/system/devstack/given_probe.py", **given)
    assert code == 0, output
    assert "kafka given" in output
    assert "1 passed, 1 skipped" in output


def test_tests_are_marked_by_the_servers_they_use():
    code, output = run(
        "--collect-only", "-m", "not kafka and not apache_kafka and not mongo", "tests/system/devstack"
    )
    assert code == 0, output
    assert "test_delay_keeps_order" in output
    assert "test_committed_records_are_read" not in output


@pytest.mark.parametrize("programs", [{"java"}, {"mvn"}, set()])
def test_broker_without_jars_needs_both_programs(monkeypatch, tmp_path, programs):
    monkeypatch.setenv("CONTRACTS_DEVSTACK_CACHE", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)
    missing = servers.missing_for("apache")
    assert missing
    assert all((name in missing) == (name not in programs) for name in ("java", "mvn"))
    assert servers.missing_for("noida") is None


@pytest.mark.parametrize(
    ("required", "missing", "kind"),
    [(False, "java", "noida"), (False, None, "apache"), (True, "java", "apache")],
)
def test_most_tests_run_on_the_real_broker_where_it_can_start_or_must(monkeypatch, required, missing, kind):
    monkeypatch.setattr(servers, "GIVEN_KAFKA", None)
    monkeypatch.setattr(servers, "REAL_REQUIRED", required)
    monkeypatch.setattr(servers, "missing_for", lambda _: missing)
    assert servers.broker_kind() == kind


def test_shared_server_is_mended_for_the_next_test(servers):
    server = servers.mongo("secantus")
    server.kill()
    assert servers.mongo("secantus") is server
    assert server.running
    server.pause()
    assert not servers.mongo("secantus").paused


def test_names_differ_from_test_to_test(database, topic_prefix, test_id):
    assert database == f"t{test_id}"
    assert topic_prefix == f"t{test_id}."
    assert len(test_id) == 12
