"""History entries of two programs: what pruning and old versions have left of them is enough."""

from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from consumer.operator.differences import difference
from consumer.storage.chain import link, new_chain
from consumer.storage.compared_entries import compared_entries
from consumer.storage.documents import CODEC, DETAILS
from consumer.storage.history import HistoryEntry
from consumer.storage.pruning import _stripped

NOW = datetime(2026, 1, 31, tzinfo=UTC)
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


def stored(**details: Any) -> dict[str, Any]:
    """An entry as it is stored, in a chain."""
    known = {"type": "update", "source": "/crm", "command_id": "1", "requested_by": "alice"}
    one = HistoryEntry(b"1" * 16, 0, 7, NOW, "applied", account_id="acme", version=2, **{**known, **details})
    link([one], new_chain(0))
    return bson.decode(one.encoded or b"", CODEC)


def pruned(document: dict[str, Any]) -> dict[str, Any]:
    """As the pruner leaves it."""
    raw: Any = RawBSONDocument(bson.encode(document, codec_options=CODEC), RAW)
    change = _stripped(raw)._doc
    left = {name: value for name, value in document.items() if name not in change["$unset"]}
    return left | change.get("$set", {})


def differ(made: Any, would: Any) -> bool:
    return difference("history", "1", 0, 7, compared_entries(made, would)) is not None


CHANGES = [{"change": "updated", "effective_at": NOW, "fields": [{"path": "/size", "before": 1, "after": 2}]}]


def test_a_pruned_entry_is_proved_by_its_hash() -> None:
    entry = stored(changes=CHANGES)
    assert "account_id" not in pruned(entry)
    assert not differ(pruned(entry), entry)
    assert not differ(entry, pruned(entry))


@pytest.mark.parametrize("name", [*DETAILS])
def test_other_details_than_those_that_were_pruned_are_found(name: str) -> None:
    other = stored(**{name: [] if name == "changes" else "other"}) if name != "account_id" else None
    entry = stored(changes=CHANGES)
    if other is None:
        other = stored(changes=CHANGES) | {"account_id": "other"}
    assert differ(pruned(entry), other)


def test_what_pruning_leaves_is_compared() -> None:
    entry = stored()
    assert differ(pruned(entry) | {"version": 3}, entry)


def test_details_that_were_removed_by_hand_are_found() -> None:
    entry = stored()
    left = {name: value for name, value in entry.items() if name not in DETAILS}
    assert differ(left, entry)


def test_an_entry_in_no_chain_is_pruned_without_a_proof() -> None:
    entry = stored()
    old = {name: value for name, value in entry.items() if name not in {"number", "chain"}}
    assert not differ(pruned(old), entry)


def test_changes_of_version_0_1_are_text() -> None:
    text = (
        '[{"change": "updated", "effective_at": "2026-01-31T00:00:00Z", '
        '"fields": [{"path": "/size", "before": 1, "after": 2}]}]'
    )
    assert not differ(stored(changes=CHANGES) | {"changes": text}, stored(changes=CHANGES))
