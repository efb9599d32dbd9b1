"""The integration tests once more, on Kafka and MongoDB in containers."""

import os
import re
import subprocess
import sys

from tests.system.docker.compose import ROOT
from tests.system.docker.containers import servers

TESTS = (
    "tests/system/engine",
    "tests/system/operator/test_events.py",
    "tests/system/operator/test_dead_letters.py",
)


def test_the_integration_tests_pass_on_containers(engine_with_images: None) -> None:
    with servers() as (bootstrap, uri):
        given = {"CONTRACTS_TEST_KAFKA": bootstrap, "CONTRACTS_TEST_MONGO": uri}
        command = [sys.executable, "-m", "pytest", "-q", *TESTS]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout[-5_000:]
    assert re.search(r"kafka given unknown: \d+ tests", done.stdout)
    assert re.search(r"mongo given \S+: \d+ tests", done.stdout)
