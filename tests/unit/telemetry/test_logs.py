"""What is in the logs, and what must never be."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from consumer.cli.logs import set_up
from consumer.telemetry.logs import OncePerWhile, get_logger, log_context


class Log(io.StringIO):
    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    stream, root = Log(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    set_up("info", "json", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_its_correlation(log: Log) -> None:
    with log_context(partition=3, offset=7):
        get_logger(command_id="c-1").info("batch stored", commands=200)
    get_logger().info("after")
    line, after = log.lines
    assert {
        key: line[key] for key in ("event", "level", "partition", "offset", "command_id", "commands")
    } == {
        "event": "batch stored",
        "level": "info",
        "partition": 3,
        "offset": 7,
        "command_id": "c-1",
        "commands": 200,
    }
    assert line["timestamp"].endswith("Z")
    assert "partition" not in after


def test_libraries_log_through_the_same_processors(log: Log) -> None:
    with log_context(partition=3):
        logging.getLogger("aiokafka.conn").error("cannot reach %s", "mongodb://app:hunter2@db")
    (line,) = log.lines
    assert (line["event"], line["logger"], line["partition"]) == (
        "cannot reach mongodb://***@db",
        "aiokafka.conn",
        3,
    )


PRIVATE = ("hunter2", "Jane", "jane@example.com", "+49 30 1234")


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "hunter2"},
        {"kafka_sasl_password": "hunter2", "http_bearer_token": "hunter2"},
        {"mongo_uri": "mongodb://app:hunter2@db"},
        {"address": "mongodb://app:hunter2@db"},
        {"reason": "jane@example.com has no such right"},
        {"primary_contact": {"name": "Jane", "email": "jane@example.com", "phone": "+49 30 1234"}},
        {"contract": {"notes": "call Jane"}},
        {"batch": [{"value": b"Jane"}, {"nested": ({"phone": "+49 30 1234"},)}]},
        {"found": {b"email": "jane@example.com", 7: "fine"}},
        {"record": b"Jane"},
        {"error": ValueError("jane@example.com is not an address")},
        {"changes": {"primary_contact": {"name": "Jane"}}},
    ],
)
def test_nothing_private_is_logged(log: Log, fields: dict[str, Any]) -> None:
    get_logger().warning("refused", **fields)
    assert len(log.lines) == 1
    for private in PRIVATE:
        assert private not in log.getvalue()


@pytest.mark.parametrize(
    "message",
    [
        "batch op errors occurred, full error: {'writeErrors': [{'op': {'name': 'Jane'}}]}",
        'E11000 duplicate key error collection: c.contracts index: account_id_1 dup key: { email: "Jane" }',
        "1 validation error for create\n  Input should be valid [type=x, input_value='Jane', input_type=str]",
        "mongodb://app:hunter2@db:27017: connection refused",
    ],
)
def test_nothing_private_is_in_a_traceback(log: Log, message: str) -> None:
    try:
        raise RuntimeError(message)
    except RuntimeError:
        get_logger().exception("batch failed")
    (line,) = log.lines
    assert "RuntimeError" in line["exception"]
    assert "test_logs.py" in line["exception"]
    for private in PRIVATE:
        assert private not in line["exception"].split("RuntimeError: ", 1)[1]


def test_tracebacks_hold_no_local_variables(log: Log) -> None:
    contract = {"name": "Jane" + " Doe"}
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logging.getLogger("aiokafka").exception("failed")
    assert contract["name"] not in log.getvalue()


@pytest.mark.parametrize("value", [2**70, float("nan"), "\ud800", {"a": {1, 2}}, object(), b"\xff"])
def test_no_value_can_break_a_line(log: Log, value: Any) -> None:
    get_logger().info("odd", found=value)
    assert log.lines[0]["event"] == "odd"


def test_the_retries_that_brokers_ask_for_are_not_errors(log: Log) -> None:
    sender = logging.getLogger("aiokafka.producer.sender")
    sender.warning(
        "Got error produce response on topic-partition %s, retrying. Error: %s",
        "t-1",
        "NotEnoughReplicasError",
    )
    assert log.lines == []
    sender.warning(
        "Got error produce response on topic-partition %s, retrying. Error: %s", "t-1", "LeaderNotAvailable"
    )
    assert len(log.lines) == 1


def test_libraries_may_not_quote_requests(log: Log) -> None:
    set_up("debug", "json", log)
    logging.getLogger("pymongo.command").debug("insert Jane")
    logging.getLogger("aiokafka.conn").debug("Request to %s: %s", "kafka", "sasl_auth_bytes=hunter2")
    logging.getLogger("aiokafka.producer.producer").debug("Sending (key=%s value=%s)", "acme", "Jane")
    logging.getLogger("aiokafka.cluster").debug("visible when asked for")
    assert [line["event"] for line in log.lines] == ["visible when asked for"]


def test_the_level_is_kept(log: Log) -> None:
    set_up("warning", "json", log)
    get_logger().info("not this")
    get_logger().warning("but this")
    assert [line["event"] for line in log.lines] == ["but this"]


def test_console_lines_hide_the_same(log: Log) -> None:
    set_up("info", "console", log)
    get_logger().info("starting", mongo="mongodb://app:hunter2@db", email="jane@example.com")
    assert "mongodb://***@db" in log.getvalue()
    assert "hunter2" not in log.getvalue()
    assert "jane" not in log.getvalue()
    assert "\x1b" not in log.getvalue()


def test_a_library_says_the_same_only_once_in_a_while() -> None:
    now = 0.0
    once = OncePerWhile("aiokafka", clock=lambda: now)

    def line(name: str = "aiokafka", node: int = 1) -> logging.LogRecord:
        return logging.LogRecord(name, logging.ERROR, "", 0, "Unable to connect to %s", (node,), None)

    assert once.filter(line())
    assert [once.filter(line(node=node)) for node in (1, 2, 3)] == [False, False, False]
    assert once.filter(line("consumer.engine")), "ours are never withheld"
    now = 10.0
    later = line(node=4)
    assert once.filter(later)
    assert later.getMessage() == "Unable to connect to 4 (and 3 times more before)"
