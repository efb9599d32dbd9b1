"""A database that does not answer for a moment, and one that is not the shadow's any more."""

from types import SimpleNamespace
from typing import Any

import pytest

from consumer.errors import Fenced, StoreUnavailable
from consumer.operator import shadow_again
from consumer.operator.shadow_again import claim_again


class Store:
    """Does not answer `silent` times; then nothing is in it any more."""

    def __init__(self, silent: int) -> None:
        self.silent = silent

    async def owned(self, _names: Any, _owner: str) -> dict[str, Any]:
        self.silent -= 1
        if self.silent >= 0:
            raise StoreUnavailable("planted")
        return {}


PARTITIONS: Any = {0: SimpleNamespace(position=SimpleNamespace(partition="commands/0"))}


async def test_an_emptied_database_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_again, "PAUSE_SECONDS", 0)
    store: Any = Store(3)
    with pytest.raises(Fenced, match="another run"):
        await claim_again(store, "shadow", PARTITIONS, {0: 7})
    assert store.silent < 0


async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow_again, "PATIENCE_SECONDS", -1)
    store: Any = Store(3)
    with pytest.raises(StoreUnavailable):
        await claim_again(store, "shadow", PARTITIONS, {0: 7})
