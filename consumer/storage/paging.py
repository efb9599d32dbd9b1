"""Reads collections page by page, as stored: each page fits into one request and into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from consumer.storage.mongo_errors import answered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bson.raw_bson import RawBSONDocument

    from consumer.storage.mongo_driver import Session

PAGE: Final = 20_000
PAGE_BYTES: Final = 16 << 20
"""Documents of contracts can be long, and of history entries, too."""

SECONDS: Final = 120.0
"""Maximum time of one request: a busy server takes long, and no command waits for it."""

_AT_ONCE: Final = 100


class Page(NamedTuple):
    """The next documents; `last`: no others follow."""

    documents: list[RawBSONDocument]
    last: bool


async def next_page(
    collection: Any,
    wanted: Mapping[str, Any],
    order: Sequence[tuple[str, int]],
    *,
    read: Sequence[Any] = (),
    session: Session | None = None,
) -> Page:
    """The first documents of those that are wanted.

    Args:
        collection: with documents as RawBSONDocument.
        wanted: a filter.
        order: fields with directions.
        read: ids of documents that are wanted and were read before; they are left out. By their ids, because
            their other fields may have changed since.
        session: reads in its transaction.

    Raises:
        ServiceUnavailable: MongoDB does not answer.
    """
    limit, found, size = PAGE + len(read), 0, 0
    page: list[RawBSONDocument] = []
    with answered(SECONDS):
        cursor = collection.find(wanted, sort=[*order], limit=limit, session=session)
        while size < PAGE_BYTES and (some := await cursor.to_list(_AT_ONCE)):
            found += len(some)
            new = [each for each in some if each["_id"] not in read] if read else some
            page += new
            size += sum(len(each.raw) for each in new)
        await cursor.close()
    return Page(page, last=size < PAGE_BYTES and found < limit)
