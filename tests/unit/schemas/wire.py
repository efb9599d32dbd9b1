"""Records as a Kafka client would hand them over."""

from __future__ import annotations

import json
from typing import NamedTuple

import orjson

from consumer.engine.decoder import Decoder
from consumer.engine.records import Undecodable
from schemas.partitioning import murmur2_home

PARTITIONS = 4
ACCOUNT = "acct-00012345"
UPDATE = "com.easytrade.contract.update.v1"
DATA = {"changes": {"base_monthly_fee": 1299.5, "notes": "from 12:30"}, "requested_by": "crm:alice"}


class Rec(NamedTuple):
    """What the decoder needs of a ConsumerRecord."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int = 0
    offset: int = 42
    timestamp: int = 1_764_000_000_123
    topic: str = "contracts.commands"


def attributes(**changed: str | None) -> dict[str, str]:
    """A command's CloudEvents attributes; one given as None is left out."""
    whole = {
        "specversion": "1.0",
        "id": "01J9ZK3V6T8Q4W2E7R5Y1U0I9P",
        "source": "/crm/contracts",
        "type": UPDATE,
    } | changed
    return {name: text for name, text in whole.items() if text is not None}


def binary_headers(
    content_type: str | None = "application/json", **changed: str | None
) -> list[tuple[str, bytes | None]]:
    headers: list[tuple[str, bytes | None]] = [
        (f"ce_{name}", text.encode()) for name, text in attributes(**changed).items()
    ]
    return headers if content_type is None else [*headers, ("content-type", content_type.encode())]


def record(value=None, headers=None, key: bytes | None = ACCOUNT.encode(), **fields) -> Rec:
    """A command in binary mode at its home, unless told otherwise."""
    value = orjson.dumps(DATA) if value is None else value
    headers = tuple(binary_headers() if headers is None else headers)
    fields.setdefault("partition", murmur2_home(key, PARTITIONS) if key else 0)
    return Rec(key, value, headers, **fields)


def structured(
    event: dict | None = None, content_type: bytes | None = b"application/cloudevents+json", **fields
) -> Rec:
    event = attributes() | {"data": DATA} if event is None else event
    headers = () if content_type is None else (("content-type", content_type),)
    return record(json.dumps(event).encode(), headers, **fields)


DECODER = Decoder(PARTITIONS)
HOME = murmur2_home(ACCOUNT.encode(), PARTITIONS)
ELSEWHERE = (HOME + 1) % PARTITIONS


def refused(given: Rec, code: str, path: str = "", words: str = "", *, told: bool = True) -> Undecodable:
    """The record is a dead letter with this reason, and `told`: its producer gets a result."""
    found = DECODER.decode(given)
    assert isinstance(found, Undecodable)
    assert (found.code, found.path, found.record) == (code, path, given)
    assert words in found.message
    assert (found.envelope is not None and found.account_id is not None) == told
    return found
