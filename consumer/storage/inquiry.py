"""The rights of the program in MongoDB, and what is missing there: found out without writing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from consumer.errors import StoreDenied
from consumer.storage.indexes import COLLECTIONS, CONTRACT_VALIDATOR, same, specs
from consumer.storage.mongo_errors import translated
from consumer.storage.mongo_filters import of_topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

ACTIONS: Final = ("find", "insert", "update", "remove", "createCollection", "createIndex", "collMod")
"""The actions of the service on its collections, by MongoDB's names."""

KILL: Final = "killAnySession"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY: Final[dict[str, Any]] = {"_id": {"$in": []}}
"""Matches no document. The server checks the right before it looks for one."""


@dataclass(frozen=True, slots=True)
class Server:
    """Version and kind of the server. `ahead`: its clock minus this machine's, exact to half of `took`."""

    version: str
    replica_set: str | None
    ahead: timedelta
    took: timedelta


async def server(client: Any) -> Server:
    """Asks the server who it is.

    Raises:
        StoreUnavailable, StoreDenied: MongoDB does not answer, or refuses access.
    """
    with translated():
        version = (await client.admin.command("buildInfo"))["version"]
        before = datetime.now(UTC)
        hello = await client.admin.command("hello")
        took = datetime.now(UTC) - before
    local: datetime = hello["localTime"]
    aware = local if local.tzinfo else local.replace(tzinfo=UTC)
    return Server(version, hello.get("setName"), aware - (before + took / 2), took)


async def missing_rights(database: Any) -> tuple[list[str], bool]:
    """The rights that the service needs and does not have, and whether all of them could be checked.

    If the server does not list rights, those to insert and to create indexes cannot be checked without
    writing.

    Raises:
        StoreUnavailable: MongoDB does not answer.
    """
    with translated():
        status = await database.client.admin.command("connectionStatus", showPrivileges=True)
    who = status["authInfo"]
    if not who["authenticatedUsers"]:
        return [], True
    if privileges := who.get("authenticatedUserPrivileges"):
        return [*not_granted(privileges, database.name)], True
    return [*dict.fromkeys([right async for right in _refused(database)])], False


async def _refused(database: Any) -> AsyncIterator[str]:
    for name in COLLECTIONS:
        changed = {"q": _NOBODY, "u": {"$set": {"probe": 1}}}
        commands = {
            "find": {"find": name, "filter": _NOBODY, "limit": 1},
            "update": {"update": name, "updates": [changed]},
            "remove": {"delete": name, "deletes": [{"q": _NOBODY, "limit": 1}]},
        }
        for right, command in commands.items():
            try:
                with translated():
                    await database.command(command)
            except StoreDenied:
                yield f"{right} on {database.name}.{name}"


def not_granted(privileges: Iterable[Mapping[str, Any]], database: str) -> Iterable[str]:
    """The needed rights that these privileges lack, as MongoDB's `connectionStatus` lists them."""
    granted = [(each["resource"], frozenset(each["actions"])) for each in privileges]

    def may(action: str, collection: str) -> bool:
        return any(action in actions and _covers(on, database, collection) for on, actions in granted)

    for name in COLLECTIONS:
        for action in ACTIONS:
            if not may(action, name):
                yield f"{action} on {database}.{name}"
    if not any(KILL in actions and (on.get("cluster") or on.get("anyResource")) for on, actions in granted):
        yield f"{KILL} on the cluster"


def _covers(resource: Mapping[str, Any], database: str, collection: str) -> bool:
    if resource.get("anyResource"):
        return True
    return resource.get("db") in {"", database} and resource.get("collection") in {"", collection}


async def missing_indexes(database: Any, *, history_retention_days: int | None = None) -> list[str]:
    """What `indexes ensure` would create or refuse, as sentences; nothing is changed.

    Raises:
        StoreUnavailable, StoreDenied: MongoDB does not answer, or refuses access.
    """
    with translated():
        present = {found["name"]: found["options"] async for found in await database.list_collections()}
        there = {name: await database[name].index_information() for name in COLLECTIONS if name in present}
    found = [f"the collection {name} is missing" for name in COLLECTIONS if name not in present]
    if "contracts" in present and present["contracts"].get("validator") != CONTRACT_VALIDATOR:
        found.append("the validator of contracts is missing or another one")
    for spec in specs(history_retention_days):
        if spec.collection not in there:
            continue
        indexes = there[spec.collection]
        if not any(same(spec, index) for index in indexes.values()):
            other = any([*map(tuple, index["key"])] == [*spec.keys] for index in indexes.values())
            what = "has other options" if other or spec.name in indexes else "is missing"
            found.append(f"the index {spec.collection}.{spec.name} {what}")
    return found


async def newest_record(database: Any, topic: str) -> datetime | None:
    """The timestamp of the newest applied record of this topic; None: no record was applied.

    Raises:
        StoreUnavailable, StoreDenied: MongoDB does not answer, or refuses access.
    """
    with translated():
        positions = await database.positions.find(of_topic(topic), ["last.timestamp"]).to_list(None)
    times = [at for each in positions if isinstance(at := (each.get("last") or {}).get("timestamp"), int)]
    return EPOCH + timedelta(milliseconds=max(times)) if times else None
