"""What of two history entries of the same record has to be equal."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import bson

from consumer.storage.documents import CHAINED, CODEC, DETAILS
from consumer.storage.history_text import upcast_entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    Entry = Mapping[str, Any] | None

HASH: Final = "details_hash"


def compared_entries(made: Entry, would: Entry) -> tuple[Entry, Entry]:
    """Both entries as they are compared.

    Without what depends on the entries before: one different entry makes all hashes after it differ, and the
    chain may have begun later than the log. Of a pruned entry the hash of its details is left.
    """
    if made is None or would is None:
        return _without(CHAINED, made), _without(CHAINED, would)
    if _is_pruned(made, would) or _is_pruned(would, made):
        return _pruned(made, would), _pruned(would, made)
    return _without(CHAINED, made), _without(CHAINED, would)


def _pruned(one: Mapping[str, Any], other: Mapping[str, Any]) -> Entry:
    """The entry with the hash of its details instead of them, if both have one."""
    left = {name: value for name, value in one.items() if name not in (*CHAINED, *DETAILS)}
    hashes = _hash_of_details(one), _hash_of_details(other)
    return left if None in hashes else {**left, HASH: hashes[0]}


def _is_pruned(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Entries in no chain are pruned without leaving a hash."""
    unproved = HASH not in one and "chain" in one
    return "account_id" not in one and "account_id" in other and not unproved


def _hash_of_details(entry: Mapping[str, Any]) -> bytes | None:
    """None: the entry is in no chain, and was pruned."""
    if HASH in entry:
        return bytes(entry[HASH])
    if "account_id" not in entry or "chain" not in entry:
        return None
    details = {name: value for name, value in entry.items() if name in DETAILS}
    return sha256(bson.encode(details, codec_options=CODEC)[4:-1]).digest()


def _without(names: tuple[str, ...], entry: Entry) -> Entry:
    if entry is None:
        return None
    return {name: value for name, value in upcast_entry(entry).items() if name not in names}
