"""How transactions on MongoDB end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pymongo.errors import PyMongoError

from consumer.errors import OutcomeUnknown
from consumer.storage.mongo_errors import translate

if TYPE_CHECKING:
    from consumer.storage.mongo_driver import Session

_COMMIT_TRIES: Final = 5
_NO_SUCH_TRANSACTION: Final = 251


async def commit(session: Session) -> None:
    """Commits, again while it is not known whether it did.

    Raises:
        OutcomeUnknown: it is still not known.
    """
    for tries_left in reversed(range(_COMMIT_TRIES)):
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            unknown = error.has_error_label("UnknownTransactionCommitResult")
            if unknown and tries_left:
                continue
            lost = getattr(error, "code", None) == _NO_SUCH_TRANSACTION
            if unknown or (lost and not error.has_error_label("TransientTransactionError")):
                raise OutcomeUnknown(f"whether the batch was committed is unknown: {error}") from error
            raise translate(error) from error
        else:
            return


async def abort(session: Session) -> None:
    """Ends the transaction, if one is open."""
    if not bool(session.in_transaction):
        return
    try:
        await session.abort_transaction()
    except PyMongoError:
        # The server ends the transaction after its timeout; the next claim ends the session in any case.
        return
