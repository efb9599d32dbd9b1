"""What `make demo KEEP=1` leaves a reader with: a service on embedded servers, `contracts` on the PATH."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.ports import reserve_port
from devstack.process import Process
from devstack.stack import Stack

ROOT = Path(__file__).parents[3]
PARTITIONS = "4"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, client_path: Path) -> Iterator[dict[str, str]]:
    """Its environment variables."""
    folder = tmp_path_factory.mktemp("demo")
    programs = folder / "bin"
    programs.mkdir()
    for name, command in {"contracts": "-m consumer ", "python": ""}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {command}"$@"\n')
        program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTS_")}
    port = reserve_port()
    with Stack(folder) as stack:
        environment = kept | {
            **stack.environment,
            "CONTRACTS_TOPIC_REPLICATION_FACTOR": "1",
            "CONTRACTS_TOPIC_PARTITIONS": PARTITIONS,
            "CONTRACTS_SCAN_INTERVAL_SECONDS": "2",
            "CONTRACTS_HTTP_PORT": str(port.number),
            "CONTRACTS_RESULT_TIMEOUT_SECONDS": "60",
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}:{client_path}",
            "PYTHONUNBUFFERED": "1",
        }
        ensure = ["contracts", "topics", "ensure"]
        subprocess.run(ensure, env=environment, check=True, capture_output=True, timeout=60)
        port.release()
        command = [sys.executable, "-m", "consumer", "run"]
        service = Process(command, folder=folder, log=folder / "service.log", env=environment)
        try:
            yield environment
        finally:
            service.stop(30)
