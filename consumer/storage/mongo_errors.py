"""The driver's errors as errors of the service, on which the worker's reaction depends."""

from __future__ import annotations

import asyncio
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
"""UserNotFound, Unauthorized, AuthenticationFailed, RoleNotFound, two codes of the mechanism, one of Atlas.
"""

_POISON: Final = frozenset({22, 52, 56, 57, 121, 10334, 17280, 17419, 17420})
"""Errors of one document: encoding, field names, validation, size (also of an index key)."""

_OUT_OF_TIME: Final = 50
"""MaxTimeMSExpired; also from the driver, if the time was over before it could send the command."""

_TOO_LARGE: Final = frozenset({_OUT_OF_TIME, 257, 262, 290, 359})
"""The server answers, but the batch is too large or too slow for it: TransactionTooLarge, ExceededTimeLimit,
TransactionExceededLifetimeLimitSeconds, TransactionTooLargeForCache."""

_DUPLICATE_KEY: Final = 11000

_TOPOLOGY: Final = re.compile(r" \(configured timeouts: [^)]*\)|, Timeout: .*", re.DOTALL)
"""What the driver adds to an error: its view of all servers, which is ten times as long as the reason."""

_HINTS: Final[Mapping[str, str]] = {
    "CERTIFICATE_VERIFY_FAILED": (
        "tlsCAFile in CONTRACTS_MONGO_URI must name a file with the authority that signed the certificate of "
        "the server"
    ),
    r"\[SSL|SSL handshake": (
        "does the server use TLS on this port? If not, remove tls=true from CONTRACTS_MONGO_URI"
    ),
    "Connection reset|connection closed|No servers found yet": (
        "if MongoDB is running: does it use TLS on this port? tls=… in CONTRACTS_MONGO_URI must fit"
    ),
}
"""By a pattern in the reason."""

_UNENCODABLE: Final = (InvalidDocument, OverflowError, UnicodeEncodeError)
"""What bson raises, before anything is sent, for a value that cannot be stored."""


@contextmanager
def translated() -> Iterator[None]:
    """Translates the driver's errors. Use it around calls of the driver only, never around a fold.

    AsyncMongoClient can lose the cancellation of a task: it sends with `asyncio.wait_for`, and before Python
    3.12 that returns as if nothing had happened if the data is sent at the moment of the cancellation. The
    cancellation is therefore repeated here, or a task that polls the database would never end.
    """
    before = _cancellations()
    try:
        yield
    except (PyMongoError, *_UNENCODABLE) as error:
        if _cancellations() > before:
            raise asyncio.CancelledError from error
        raise translate(error) from error
    if _cancellations() > before:
        raise asyncio.CancelledError


def _cancellations() -> int:
    """How often the running task was asked to end; 0 outside of an event loop."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return 0
    return task.cancelling() if task else 0


@contextmanager
def answered(seconds: float | None) -> Iterator[None]:
    """For readers: any failure means that the answer is not known. `seconds` is the maximum time.

    Raises:
        ServiceUnavailable: for any of the driver's errors.
    """
    try:
        with pymongo.timeout(seconds), translated():
            yield
    except StoreError as error:
        raise ServiceUnavailable(str(error), hint=error.hint) from error


def translate(error: Exception) -> ContractsError:
    """An error of the driver as an error of the service.

    An error that is not known to be caused by a document or by the batch means: wait and try again. A full
    disk or a missing right must never turn commands into dead letters.
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
    """The setting that is probably wrong; None: use the default hint."""
    return next((hint for pattern, hint in _HINTS.items() if re.search(pattern, reason)), None)


def _by_code(code: int | None, details: Mapping[str, Any], error: PyMongoError) -> ContractsError:
    message = f"{details.get('codeName') or details.get('code') or ''} {details.get('errmsg', '')}".strip()
    if error.has_error_label("TransientTransactionError"):
        return WriteConflict(message)
    if code == _DUPLICATE_KEY:
        return _duplicate(details)
    if code in _TOO_LARGE:
        return _too_large(code, message)
    if code in _POISON:
        return PoisonDocument(message)
    if code in _DENIED:
        return StoreDenied(f"MongoDB refuses access: {message}")
    return StoreUnavailable(f"MongoDB fails: {message}")


def _too_large(code: int, message: str) -> BatchTooLarge:
    if code != _OUT_OF_TIME:
        return BatchTooLarge(message)
    hint = "try again: MongoDB may be overloaded. CONTRACTS_MONGO_TIMEOUT_MS is the time for one operation"
    return BatchTooLarge("MongoDB did not answer in time", hint=hint)


def _duplicate(details: Mapping[str, Any]) -> ContractsError:
    """Contract ids can come from outside (adopted contracts); all other keys belong to this partition only.

    So another document with such a key means that the database is not from one point in time. The server's
    message is left out, because it quotes the document.
    """
    fields = sorted(details.get("keyPattern") or _index_fields(str(details.get("errmsg", ""))))
    message = f"there is another document with the same {' and '.join(fields) or 'key'}"
    return ContractIdTaken(message) if fields == ["contract_id"] else AheadOfPosition(message)


def _index_fields(message: str) -> list[str]:
    """From `… index: contract_id_1 dup key: { contract_id: "x" }`, if a server sends no keyPattern."""
    _, _, rest = message.partition(" index: ")
    return ["contract_id"] if rest.startswith("contract_id") else []
