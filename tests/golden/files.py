"""The golden files: one JSON object a line, so that a change of behaviour is a readable diff."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

HERE: Final = Path(__file__).parent
LOG: Final = HERE / "log.jsonl"
MADE: Final = HERE / "made.jsonl"

_RUN: Final = re.compile(r"(.)\1{999,}", re.DOTALL)


class Record(NamedTuple):
    """A record of the command log, as a client hands it over; `readable` False: no client can parse it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    readable: bool = True


def shown(content: bytes | None) -> Any:
    """Bytes as JSON: text where they are UTF-8, with runs of 1,000 and more characters counted."""
    if content is None:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(content).decode()}
    if not _RUN.search(text):
        return text
    pieces: list[Any] = []
    place = 0
    for run in _RUN.finditer(text):
        pieces += [text[place : run.start()], [run[1], len(run[0])]]
        place = run.end()
    return {"pieces": [*pieces, text[place:]]}


def content_of(shown_as: Any) -> bytes | None:
    """The bytes that `shown` shows."""
    match shown_as:
        case None:
            return None
        case {"base64": text}:
            return b64decode(text)
        case {"pieces": pieces}:
            return "".join(each if isinstance(each, str) else each[0] * each[1] for each in pieces).encode()
        case _:
            return shown_as.encode()


def read_log() -> list[Record]:
    """The records of all partitions, each partition's in its order."""
    lines = map(orjson.loads, LOG.read_bytes().splitlines())
    return [
        Record(
            line["topic"],
            line["partition"],
            line["offset"],
            line["timestamp"],
            content_of(line["key"]),
            content_of(line["value"]),
            tuple((name, content_of(content)) for name, content in line["headers"]),
            line.get("readable", True),
        )
        for line in lines
    ]


def write_log(records: list[Record]) -> None:
    """Replaces the log."""
    LOG.write_bytes(b"".join(orjson.dumps(_line(record)) + b"\n" for record in records))


def _line(record: Record) -> dict[str, Any]:
    line = record._asdict() | {
        "key": shown(record.key),
        "value": shown(record.value),
        "headers": [[name, shown(content)] for name, content in record.headers],
    }
    if record.readable:
        del line["readable"]
    return line
