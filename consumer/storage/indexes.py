"""Collections, indexes and validators, created at each start if they are missing, and never changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, get_args

import pymongo
from pymongo.errors import CollectionInvalid, ConfigurationError, OperationFailure

from consumer.errors import IndexConflict, TransactionsUnsupported
from consumer.storage import ownership
from consumer.storage.mongo_driver import start_session, start_transaction
from consumer.storage.mongo_errors import translated
from schemas.names import ContractTypeName, StatusName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAMESPACE_EXISTS: Final = 48
_INDEX_CONFLICTS: Final = frozenset({85, 86})
"""IndexOptionsConflict, IndexKeySpecsConflict."""
_NO_TRANSACTIONS: Final = frozenset({20, 263, 303})
"""IllegalOperation (a standalone mongod), OperationNotSupportedInTransaction, and the codes of servers that
imitate MongoDB."""

BUILD_SECONDS: Final = 3_600.0
"""Maximum time for building an index, and for dropping a database: on large ones they take longest."""

_OPTIONS: Final = ("unique", "sparse", "partialFilterExpression", "expireAfterSeconds")
"""The options in which two indexes differ. The server may add others."""


@dataclass(frozen=True)
class IndexSpec:
    """One index, and the question that it answers."""

    collection: str
    keys: tuple[tuple[str, int], ...]
    why: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The names of its keys, joined, without the prefix `lifecycle`."""
        return "_".join(key.removeprefix("lifecycle.").replace(".", "_") for key, _ in self.keys)


INDEXES: Final = (
    IndexSpec("contracts", (("account_id", 1),), "the current contract of an account", {"unique": True}),
    IndexSpec("contracts", (("contract_id", 1),), "a contract by its id", {"unique": True}),
    IndexSpec("contracts", (("status", 1),), "listing and counting by status"),
    IndexSpec("contracts", (("end_date", 1),), "what ends in a period"),
    IndexSpec("contracts", (("status", 1), ("end_date", 1)), "what expires, of a status"),
    IndexSpec("contracts", (("contract_type", 1),), "listing by plan"),
    IndexSpec(
        "contracts",
        (("external_reference", 1),),
        "a contract by the upstream system's reference",
        {"partialFilterExpression": {"external_reference": {"$exists": True}}},
    ),
    *(
        IndexSpec("contracts", ((path, 1),), why, {"partialFilterExpression": {path: {"$gt": ""}}})
        for path, why in (
            ("primary_contact.email", "contracts by the address of whom to talk to, where they have one"),
            ("billing_contact.email", "contracts by the address that invoices go to"),
        )
    ),
    IndexSpec(
        "contracts",
        (("lifecycle.next_action_at", 1),),
        "what is due: the scanner's only query",
        {"partialFilterExpression": {"lifecycle.next_action_at": {"$exists": True}}},
    ),
    IndexSpec("former_contracts", (("contract_id", 1),), "a replaced or deleted contract by its id"),
    IndexSpec("former_contracts", (("account_id", 1),), "an account's replaced and deleted contracts"),
    IndexSpec("history", (("account_id", 1), ("offset", 1)), "what happened to an account, in order"),
    IndexSpec("history", (("partition", 1), ("offset", 1)), "the chain of a partition, in order"),
)

CONTRACT_VALIDATOR: Final[dict[str, Any]] = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": [
            "contract_id",
            "account_id",
            "contract_type",
            "status",
            "start_date",
            "end_date",
            "renewal_date",
            "base_monthly_fee",
            "currency",
            "version",
            "lifecycle",
        ],
        "properties": {
            "contract_id": {"bsonType": "string", "minLength": 1, "maxLength": 128},
            "account_id": {"bsonType": "string", "minLength": 1, "maxLength": 128},
            "contract_type": {"enum": [*get_args(ContractTypeName)]},
            "status": {"enum": [*get_args(StatusName)]},
            "start_date": {"bsonType": "date"},
            "end_date": {"bsonType": "date"},
            "renewal_date": {"bsonType": "date"},
            "base_monthly_fee": {"bsonType": "decimal"},
            "currency": {"bsonType": "string", "minLength": 3, "maxLength": 3},
            "version": {"bsonType": ["int", "long"], "minimum": 1},
            "lifecycle": {"bsonType": "object"},
        },
    }
}
"""A guard against writes by other programs. It is not the full schema, which is checked before."""

COLLECTIONS: Final = (
    *("contracts", "former_contracts", "history", "positions", "movements", "leases"),
    "templates",
)


async def is_empty(database: Any) -> bool:
    """Whether the database has no collection: then the service has probably never worked in it.

    Raises:
        StoreUnavailable, StoreDenied: no answer.
    """
    with translated():
        return not await database.list_collection_names()


async def ensure(database: Any, *, history_retention_days: int | None = None) -> list[str]:
    """Creates what is missing; returns the names of all indexes of the plan, as `collection.index`.

    Raises:
        IndexConflict: an index of that name or those keys exists with other options.
        ForeignDocuments: a collection holds documents of another program; nothing was changed.
        StoreUnavailable, StoreDenied: MongoDB does not answer, or refuses access.
    """
    with translated():
        await _ensure_collections(database)
        planned = [*specs(history_retention_days)]
        present = {
            name: await database[name].index_information() for name in {spec.collection for spec in planned}
        }
        _refuse_removal(present["history"])
        with pymongo.timeout(BUILD_SECONDS):
            return [await _ensure_index(database, spec, present[spec.collection]) for spec in planned]


def specs(history_retention_days: int | None) -> Iterator[IndexSpec]:
    """The plan of all indexes."""
    yield from INDEXES
    if history_retention_days is not None:
        kept_whole = {"partialFilterExpression": {"account_id": {"$exists": True}}}
        yield IndexSpec("history", (("occurred_at", 1),), "old entries to strip", kept_whole)


async def _ensure_collections(database: Any) -> None:
    present = {found["name"]: found["options"] async for found in await database.list_collections()}
    for name in _doubtful(present):
        await ownership.refuse_foreign(database, name, BUILD_SECONDS)
    for name in COLLECTIONS:
        if name not in present:
            await _create(database, name)
    guard = present.get("contracts", {}).get("validator")
    if "contracts" in present and guard != CONTRACT_VALIDATOR:
        # Created by a restore, by hand or by an older release.
        await database.command("collMod", "contracts", validator=CONTRACT_VALIDATOR)


def _doubtful(present: Mapping[str, Any]) -> list[str]:
    """Collections that may belong to another program. To read a large collection at every start takes long.

    Checked are a collection of contracts without the validator, and all collections of a new database.
    """
    unguarded = present.get("contracts", {}).get("validator") != CONTRACT_VALIDATOR
    looked_at = ownership.FIELDS if "positions" not in present else ["contracts"] if unguarded else []
    return [name for name in looked_at if name in present]


async def _create(database: Any, name: str) -> None:
    validator = {"validator": CONTRACT_VALIDATOR} if name == "contracts" else {}
    try:
        await database.create_collection(name, **validator)
    except CollectionInvalid:
        return  # another instance starts at the same time
    except OperationFailure as error:
        if error.code != _NAMESPACE_EXISTS:
            raise


async def _ensure_index(database: Any, spec: IndexSpec, present: Mapping[str, Any]) -> str:
    """An index with the same keys and options is accepted under any name."""
    name = next((name for name, found in present.items() if same(spec, found)), None)
    if name is None:
        try:
            name = await database[spec.collection].create_index(
                list(spec.keys), name=spec.name, **spec.options
            )
        except OperationFailure as error:
            if error.code not in _INDEX_CONFLICTS:
                raise
            raise IndexConflict(
                f"an index on {spec.collection} is in the way of {spec.name}: {_short(error)}"
            ) from error
    return f"{spec.collection}.{name}"


def same(spec: IndexSpec, found: Mapping[str, Any]) -> bool:
    """Whether an index in the server has the planned keys and options."""
    planned = {name: spec.options[name] for name in _OPTIONS if spec.options.get(name)}
    there = {name: found[name] for name in _OPTIONS if found.get(name)}
    return [*map(tuple, found["key"])] == [*spec.keys] and there == planned


def _refuse_removal(present: Mapping[str, Any]) -> None:
    """An operator might create one to shorten the history; CONTRACTS_HISTORY_RETENTION_DAYS is for that."""
    for name, found in present.items():
        if found.get("expireAfterSeconds") is not None:
            raise IndexConflict(
                f"the index history.{name} removes entries: commands sent again would be applied again"
            )


def _short(error: OperationFailure) -> str:
    return str((error.details or {}).get("errmsg", error))


async def check_transactions(client: Any, database: Any) -> None:
    """Makes one empty read in a transaction, which a standalone mongod refuses.

    Raises:
        TransactionsUnsupported: MongoDB runs without a replica set.
        StoreUnavailable, StoreDenied: MongoDB does not answer, or refuses access.
    """
    with translated():
        try:
            session = await start_session(client)
            try:
                await start_transaction(session)
                await database.positions.find_one({"_id": "probe"}, session=session)
                await session.commit_transaction()
            finally:
                await session.end_session()
        except (ConfigurationError, OperationFailure) as error:
            if isinstance(error, OperationFailure) and error.code not in _NO_TRANSACTIONS:
                raise
            raise TransactionsUnsupported("MongoDB has no transactions: it is no replica set") from error
