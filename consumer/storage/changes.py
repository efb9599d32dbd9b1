"""What has changed in the database while it was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import bson
from bson.raw_bson import RawBSONDocument

from consumer.storage.documents import CODEC, history_document, history_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from consumer.storage.history import HistoryEntry

_IDENTITY: Final = slice(14, 30)
"""The place of an identity in a document that begins with it."""


@dataclass(slots=True)
class Changes:
    """What has changed since the beginning of a snapshot.

    `contracts` are the present ones of the accounts in `accounts`; `former` by id. `entries` are new, by
    partition and in order; `rewritten` are all those of the accounts in `erased`, by identity. `whole` are
    small collections.
    """

    accounts: set[str] = field(default_factory=set)
    contracts: dict[str, bytes] = field(default_factory=dict)
    former: dict[bytes, bytes] = field(default_factory=dict)
    entries: dict[int, list[bytes]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    rewritten: dict[bytes, bytes] = field(default_factory=dict)
    whole: dict[str, list[bytes]] = field(default_factory=dict)

    def entry(self, stored: bytes, erase: Callable[[HistoryEntry], HistoryEntry]) -> bytes:
        """The entry as it is after all changes.

        Args:
            stored: the entry as it was read first.
            erase: removes personal data. An entry of an erased account that was pruned before it was read
                again cannot be found by its account any more.
        """
        if not self.erased:
            return stored
        if (rewritten := self.rewritten.get(stored[_IDENTITY])) is not None:
            return rewritten
        if RawBSONDocument(stored).get("account_id") not in self.erased:
            return stored
        document: dict[str, Any] = bson.decode(stored, CODEC)
        entry = history_from(document)
        erased = erase(entry)
        return stored if erased is entry else bson.encode(history_document(erased), codec_options=CODEC)
