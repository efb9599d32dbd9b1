"""What the FastStream programs share with the service: its schemas and its pure decision.

So all of them do the same work for a command; what differs is how it comes in and where it goes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from bson import ObjectId
from motor.motor_asyncio import AsyncIOMotorClient

from benchmarks.contenders.apps.bson_money import CODEC
from consumer.domain.decider import decide
from consumer.domain.model import Changed, Command, Policy
from consumer.settings import load_settings
from schemas.cloudevents import DEFAULT_SOURCE
from schemas.commands import COMMANDS_BY_TYPE
from schemas.contract import to_json
from schemas.identity import command_identity, event_id
from schemas.views import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import ConsumerRecord

SETTINGS = load_settings()
POLICY = Policy()
EVENT_TYPE = "com.easytrade.contract.changed.v1"


class Decided(NamedTuple):
    """What a command came to; `event` None: it was refused or changed nothing."""

    account_id: str
    contract: Any
    event: bytes | None
    headers: dict[str, str]


def contracts() -> Any:
    """The collection, majority-committed."""
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(SETTINGS.mongo_uri.get_secret_value(), w="majority")
    return client.get_database(SETTINGS.mongo_database, codec_options=CODEC).contracts


def account_of(record: ConsumerRecord[bytes, bytes]) -> str:
    """The account a command is for."""
    return (record.key or b"").decode()


def decided(record: ConsumerRecord[bytes, bytes], contract: Any) -> Decided:
    """Validate and decide one record."""
    headers = dict(record.headers)
    spec = COMMANDS_BY_TYPE[headers["ce_type"].decode()]
    account, source, id_ = account_of(record), headers["ce_source"].decode(), headers["ce_id"].decode()
    data = spec.adapter.validator.validate_json(record.value or b"", strict=True)
    identity = command_identity(account, source, id_)
    command = Command(spec.name, account, data, identity, source, id_, record.offset)
    now = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    decision = decide(contract, command, now, POLICY)
    changed = next((event for event in decision.events if isinstance(event, Changed)), None)
    if changed is None:
        return Decided(account, decision.contract, None, {})
    event = {
        "change": changed.change,
        "contract": visible(changed.contract),
        "version": changed.version,
        "occurred_at": now,
        "command": {"id": id_, "source": source, "type": spec.type},
    }
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": event_id(identity, EVENT_TYPE, 0),
        "ce_source": DEFAULT_SOURCE,
        "ce_type": EVENT_TYPE,
        "ce_subject": account,
    }
    return Decided(account, decision.contract, to_json(event), attributes)


def stored(contract: Mapping[str, Any]) -> dict[str, Any]:
    """A contract as a document."""
    return {**contract, "_id": ObjectId(contract["_id"])}


def loaded(document: dict[str, Any]) -> dict[str, Any]:
    """A document as a contract."""
    document["_id"] = document["_id"].binary
    return document
