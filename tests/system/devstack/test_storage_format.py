"""The storage of a broker is formatted quickly, whatever the broker itself is started with."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from devstack import kafka
from devstack.kafka import QUICK_START, ApacheKafka


@pytest.mark.parametrize("options", [(), QUICK_START], ids=["that must be fast", "that dies often"])
def test_the_storage_tool_of_a_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    ran = list[list[str]]()

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        ran.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(kafka, "java", lambda: "java")
    monkeypatch.setattr(kafka, "kafka_jars", lambda _: tmp_path)
    monkeypatch.setattr(kafka, "class_archive", lambda *_: tmp_path / "archive")
    server = ApacheKafka(tmp_path, java_options=options)
    broker = server._command()
    server.close()
    (formatted,) = ran
    assert "kafka.tools.StorageTool" in formatted
    assert {*QUICK_START} <= {*formatted}
    assert {*QUICK_START} & {*broker} == {*options}
    archived = f"-XX:SharedArchiveFile={tmp_path / 'archive'}"
    assert (archived in formatted) == (archived in broker) == (options == QUICK_START)
