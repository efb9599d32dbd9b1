"""What the driver's errors mean to us: what the pipeline does next depends on nothing else."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pymongo
from bson.errors import InvalidDocument
from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from consumer.errors import (
    AheadOfPosition,
    BatchTooLarge,
    ContractIdTaken,
    ContractsError,
    PoisonDocument,
    ServiceUnavailable,
    StoreDenied,
    StoreError,
    StoreUnavailable,
    WriteConflict,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DENIED: Final = frozenset({11, 13, 18, 31, 33, 334, 8000})
"""UserNotFound, Unauthorized, AuthenticationFailed, RoleNotFound, two of the mechanism, Atlas' own."""

_POISON: Final = frozenset({22, 52, 56, 57, 121, 10334, 17280, 17419, 17420})
"""Errors of one document: encoding, names of fields, validation, size (also of an index key)."""

_TOO_LARGE: Final = frozenset({50, 257, 262, 290, 359})
"""The server answers, but the batch is too much for it: MaxTimeMSExpired, TransactionTooLarge,
ExceededTimeLimit, TransactionExceededLifetimeLimitSeconds, TransactionTooLargeForCache."""

_DUPLICATE_KEY: Final = 11000

_TOPOLOGY: Final = re.compile(r" \(configured timeouts: [^)]*\)|, Timeout: .*", re.DOTALL)
"""What the driver adds to an error: its view of all servers, ten times as long as the reason."""

_HINTS: Final[Mapping[str, str]] = {
    "CERTIFICATE_VERIFY_FAILED": (
        "tlsCAFile in CONTRACTS_MONGO_URI must name a file with the authority of the server's certificate"
    ),
    r"\[SSL|SSL handshake": "is this port without TLS? tls=true in CONTRACTS_MONGO_URI asks for it",
    "Connection reset|connection closed|No servers found yet": (
        "if MongoDB is running: does tls=… in CONTRACTS_MONGO_URI fit this port, with TLS or without?"
    ),
}
"""By what stands in the reason."""

_UNENCODABLE: Final = (InvalidDocument, OverflowError, UnicodeEncodeError)
"""What bson raises, before anything is sent, for a value that has no BSON."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises the driver's errors as ours; around calls of the driver only, never around a fold."""
    try:
        yield
    except (PyMongoError, *_UNENCODABLE) as error:
        raise translate(error) from error


@contextmanager
def answered(seconds: float | None) -> Iterator[None]:
    """For readers: whatever fails within so many seconds, the answer is unknown.

    Raises:
        ServiceUnavailable: for any of the driver's errors.
    """
    try:
        with pymongo.timeout(seconds), translated():
            yield
    except StoreError as error:
        raise ServiceUnavailable(str(error), hint=error.hint) from error


def translate(error: Exception) -> ContractsError:
    """A driver's error as one of ours.

    Whatever is not known to be the fault of a document or of the batch is waited for: a full disk or
    a missing right must never turn commands into dead letters.
    """
    if isinstance(error, _UNENCODABLE):
        return PoisonDocument(f"a document that cannot be stored: {error}")
    if isinstance(error, BulkWriteError):
        failed = (error.details or {}).get("writeErrors") or [{}]
        return _by_code(failed[0].get("code"), failed[0], error)
    if isinstance(error, OperationFailure) and not isinstance(error, ConnectionFailure):
        return _by_code(error.code, error.details or {"errmsg": str(error)}, error)
    reason = _TOPOLOGY.sub("", str(error))
    return StoreUnavailable(f"MongoDB does not answer: {reason}", hint=_hint(reason))


def _hint(reason: str) -> str | None:
    """The setting that is probably wrong; None: the default hint."""
    return next((hint for pattern, hint in _HINTS.items() if re.search(pattern, reason)), None)


def _by_code(code: int | None, details: Mapping[str, Any], error: PyMongoError) -> ContractsError:
    message = f"{details.get('codeName') or details.get('code') or ''} {details.get('errmsg', '')}".strip()
    if error.has_error_label("TransientTransactionError"):
        return WriteConflict(message)
    if code == _DUPLICATE_KEY:
        return _duplicate(details)
    if code in _TOO_LARGE:
        return BatchTooLarge(message)
    if code in _POISON:
        return PoisonDocument(message)
    if code in _DENIED:
        return StoreDenied(f"MongoDB refuses us: {message}")
    return StoreUnavailable(f"MongoDB fails: {message}")


def _duplicate(details: Mapping[str, Any]) -> ContractsError:
    """Ids of contracts may come from outside (adopted ones); all other keys are this partition's alone.

    So another document under one of those means that the database is not of one moment. The server's
    message is left out: it quotes the document.
    """
    fields = sorted(details.get("keyPattern") or _index_fields(str(details.get("errmsg", ""))))
    message = f"there is another document with the same {' and '.join(fields) or 'key'}"
    return ContractIdTaken(message) if fields == ["contract_id"] else AheadOfPosition(message)


def _index_fields(message: str) -> list[str]:
    """From `… index: contract_id_1 dup key: { contract_id: "x" }`, where a server has no keyPattern."""
    _, _, rest = message.partition(" index: ")
    return ["contract_id"] if rest.startswith("contract_id") else []
