"""The running API does what its description says: requests made from the document, a few an end point."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from consumer.api.tokens import new_token
from schemas.export import OPENAPI
from tests import servers as kinds
from tests.servers import Servers

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

SMALL = r"^(?!.*/commands/)|/commands/(cancel|renew)(/preview)?$"
"""All end points but most commands: large bodies take seconds to make up, and all go one way."""

schema = schemathesis.openapi.from_dict(orjson.loads(OPENAPI.read_bytes())).include(path_regex=SMALL)


@pytest.fixture(scope="module")
def live(
    servers: Servers, kafka_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """`contracts run` with its API: the address, and a token that may do all."""
    folder = tmp_path_factory.mktemp("described")
    token, line = new_token("desk", "operator", personal=True)
    (folder / "tokens").write_text(line)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTS_")}
    environment |= {
        "CONTRACTS_KAFKA_BOOTSTRAP_SERVERS": servers.kafka(kafka_kind).bootstrap,
        "CONTRACTS_MONGO_URI": servers.mongo(kinds.mongo_kind()).uri,
        "CONTRACTS_MONGO_DATABASE": "described",
        "CONTRACTS_TOPIC_PREFIX": "described.",
        "CONTRACTS_GROUP_ID": "described",
        "CONTRACTS_TOPIC_REPLICATION_FACTOR": "1",
        "CONTRACTS_TOPIC_PARTITIONS": "2",
        "CONTRACTS_HTTP_PORT": "0",
        "CONTRACTS_LOG_FORMAT": "json",
        "CONTRACTS_API_WITH_RUN": "true",
        "CONTRACTS_API_PORT": "0",
        "CONTRACTS_API_TOKENS_PATH": str(folder / "tokens"),
        "CONTRACTS_API_REQUESTS_PER_SECOND": "10000",
        "CONTRACTS_API_MAX_WAIT_SECONDS": "1",
    }
    program = [sys.executable, "-m", "consumer"]
    subprocess.run([*program, "topics", "ensure"], env=environment, check=True, capture_output=True)
    log = (folder / "log").open("w+")
    running = subprocess.Popen([*program, "run"], env=environment, stderr=log)
    try:
        yield _url(folder / "log", running), token
    finally:
        running.terminate()
        assert running.wait(60) == 0
        log.close()


def _url(log: Path, running: subprocess.Popen[bytes]) -> str:
    while running.poll() is None:
        for line in log.read_text().splitlines():
            told = orjson.loads(line)
            if told["event"] == "the API listens":
                return str(told["url"])
    raise AssertionError(log.read_text())


@pytest.mark.kafka
@pytest.mark.mongo
@schema.parametrize()
@settings(
    max_examples=2,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_end_point_answers_as_described(case: schemathesis.Case, live: tuple[str, str]) -> None:
    url, token = live
    answer = case.call(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    case.validate_response(answer, checks=CHECKS)
