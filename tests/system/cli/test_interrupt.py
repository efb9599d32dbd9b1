"""Ctrl-C, as a real signal to a real process: the last line tells how things stand and how to go on."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer

from devstack.given import GivenKafka
from devstack.kafka import KafkaServer

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **settings: str) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONTRACTS_")}
        ours = {f"CONTRACTS_{name}": value for name, value in settings.items()}
        command = [sys.executable, "-m", "consumer", *arguments]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, env=kept | ours, stdout=pipe, stderr=pipe, text=True))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def on_kafka(kafka: KafkaServer | GivenKafka, topic_prefix: str, start: Start) -> dict[str, str]:
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "TOPIC_PREFIX": topic_prefix,
        "TOPIC_REPLICATION_FACTOR": "1",
        "TOPIC_PARTITIONS": "1",
    }
    made = start("topics", "ensure", **settings)
    assert made.wait(60) == 0, made.communicate()
    return settings


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def address(silent: socket.socket) -> str:
    return "{}:{}".format(*silent.getsockname())


def interrupted(process: subprocess.Popen[str]) -> tuple[str, list[str]]:
    """What it prints after Ctrl-C, and its lines on stderr."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    return out, err.splitlines()


def test_waiting_for_a_result_tells_where_the_command_is(start: Start, on_kafka: dict[str, str]) -> None:
    arguments = ["publish", "create", "acme", "--set", "contract_type=basic", "--id", "c-1", "--wait"]
    waiting = start(*arguments, **on_kafka, RESULT_TIMEOUT_SECONDS="300")
    place = f"command c-1 is in {on_kafka['TOPIC_PREFIX']}contracts.commands, partition 0, offset 0"
    assert waiting.stderr is not None
    lines = iter(waiting.stderr.readline, "")
    assert f"{place}; waiting up to 300 s for its result\n" in lines
    out, (last,) = interrupted(waiting)
    assert out == ""
    assert last == f"interrupted: {place}, and will be applied: see `contracts result c-1 --account acme`"


def test_a_command_that_is_perhaps_sent_is_told_with_its_id(start: Start, silent: socket.socket) -> None:
    arguments = ["publish", "create", "acme", "--set", "contract_type=basic"]
    sending = start(*arguments, KAFKA_BOOTSTRAP_SERVERS=address(silent))
    connection = silent.accept()  # kept: a closed one would be an answer
    _, lines = interrupted(sending)
    connection[0].close()
    assert lines[-1].startswith(
        "interrupted: the command may be in the log; it is safe to send it again with --id "
    )
    assert lines[-1].endswith(" --source /contracts-cli")


def test_an_import_ends_with_its_summary(start: Start, on_kafka: dict[str, str], tmp_path) -> None:
    rows = [{"account_id": f"a-{number}", "contract_type": "basic"} for number in range(3)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    importing = start("import", str(tmp_path / "rows.jsonl"), "--json", **on_kafka)
    _until_in_the_log(on_kafka, 3)
    out, lines = interrupted(importing)
    assert json.loads(out)["rows"] == 3
    assert lines[-1] == (
        "interrupted: 3 rows were read; commands that were sent will be applied. "
        "Run the same import again to continue: rows that were applied are then duplicates"
    )


def _until_in_the_log(settings: dict[str, str], number: int) -> None:
    reader = Consumer(
        {
            "bootstrap.servers": settings["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": "reader",
            "auto.offset.reset": "earliest",
        }
    )
    reader.subscribe([f"{settings['TOPIC_PREFIX']}contracts.commands"])
    while number:
        record = reader.poll(60)
        assert record is not None
        number -= record.error() is None
    reader.close()


def test_following_events_ends_with_their_number(start: Start, on_kafka: dict[str, str]) -> None:
    following = start("events", "--follow", **on_kafka)
    assert following.stdout is not None
    assert following.stdout.readline().startswith("time\t")
    _, lines = interrupted(following)
    assert lines[-1] == "interrupted: after 0 events"


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        ("list", "nothing was changed"),
        ("history acme", "nothing was changed"),
        ("list --export {folder}/all.jsonl", "the file {folder}/all.jsonl is incomplete"),
        ("scan --once", "commands that were published will be applied; the next scan continues"),
        (
            "positions reset --rebuild",
            "`contracts positions show` shows the partitions that have the decision",
        ),
        ("indexes ensure", "run it again to create the rest"),
        ("indexes upgrade", "run it again to convert the rest"),
        ("import --from-mongo mongodb://{address}/crm", "nothing was sent"),
    ],
)
def test_a_database_that_says_nothing(
    start: Start, silent: socket.socket, tmp_path, arguments: str, last: str
) -> None:
    place = address(silent)
    words = arguments.format(folder=tmp_path, address=place).split()
    waiting = start(*words, MONGO_URI=f"mongodb://{place}", KAFKA_BOOTSTRAP_SERVERS=place)
    connection = silent.accept()  # kept: a closed one would be an answer
    assert waiting.stderr is not None
    told = next(line for line in waiting.stderr if line.startswith("waiting: for "))
    assert place in told or "and MongoDB" in told or "the source" in told
    _, lines = interrupted(waiting)
    connection[0].close()
    assert lines[-1] == f"interrupted: {last.format(folder=tmp_path)}"
