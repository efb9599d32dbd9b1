"""An operation on MongoDB failed."""

from __future__ import annotations

from consumer.errors.root import ContractsError


class StoreError(ContractsError):
    """An operation on MongoDB failed."""

    exit_code = 5
    label = "MongoDB failed"


class StoreUnavailable(StoreError):
    """MongoDB does not answer or has no primary. Nothing was changed; retry later."""

    hint = "is MongoDB running, and is CONTRACTS_MONGO_URI right?"


class StoreDenied(StoreError):
    """MongoDB refuses the credentials, or a privilege is missing.

    The service waits until an operator fixes it.
    """

    hint = "check the user in CONTRACTS_MONGO_URI and its roles"


class NewerSchema(StoreError):
    """A contract was stored by a newer version, in a format that this version does not know."""

    hint = "upgrade this instance: an older version cannot read what a newer one has stored"


class Fenced(StoreError):
    """The position is not the one this owner stored: another worker owns it, or the database was restored."""


class PoisonDocument(StoreError):
    """MongoDB refuses a document of the batch (validation, size, encoding). A retry does not help."""


class ContractIdTaken(PoisonDocument):
    """The contract id now belongs to another contract, created or adopted in another partition."""


class AheadOfPosition(StoreError):
    """The database already holds changes that come after its position: the backup was not consistent."""


class WriteConflict(StoreError):
    """Another transaction wrote the same documents at the same time; the batch can be retried."""


class BatchTooLarge(StoreError):
    """The transaction is too large or too slow for MongoDB; a smaller batch may succeed."""


class OutcomeUnknown(StoreError):
    """It is not known whether the MongoDB commit happened. A takeover reads the position to find out."""
