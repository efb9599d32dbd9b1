"""MongoDB did not do what was asked."""

from __future__ import annotations

from consumer.errors.root import ContractsError


class StoreError(ContractsError):
    """MongoDB did not do what was asked."""

    exit_code = 5
    label = "MongoDB failed"


class StoreUnavailable(StoreError):
    """MongoDB is away, slow, or electing. Nothing was changed; try again later."""

    hint = "is MongoDB running, and is CONTRACTS_MONGO_URI right?"


class StoreDenied(StoreError):
    """MongoDB refuses our credentials, or a right is missing: wait, and tell the operator."""

    hint = "check the user in CONTRACTS_MONGO_URI and its roles"


class NewerSchema(StoreError):
    """A contract is stored in a shape that only a newer version of this program knows."""

    hint = "upgrade this instance, too: an older one cannot go on with what a newer one has stored"


class Fenced(StoreError):
    """The position is not where this owner left it: somebody else owns it, or the database went back."""


class PoisonDocument(StoreError):
    """MongoDB refuses a document of the batch (validation, size, encoding) and always will."""


class ContractIdTaken(PoisonDocument):
    """Two contracts would have one id: another partition was quicker, or a new id is one that was adopted."""


class AheadOfPosition(StoreError):
    """What the batch would write is there already: the database is not of one moment."""


class WriteConflict(StoreError):
    """Another transaction touched the same documents just now; the same batch may be tried again."""


class BatchTooLarge(StoreError):
    """The transaction is too large or takes too long for MongoDB; a smaller batch may fit."""


class OutcomeUnknown(StoreError):
    """The MongoDB commit may or may not have happened: only reading the position tells."""
