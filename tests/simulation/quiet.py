"""What a schedule need not do again and again: metrics, and decoding the same records."""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from consumer.engine.decoder import Decoder

if TYPE_CHECKING:
    from consumer.engine.records import Decoded, Record


class Quiet:
    """In the place of Metrics: counts nothing."""

    def __init__(self) -> None:
        self.partitions = self

    def stage(self, _: str) -> nullcontext[None]:
        return nullcontext()

    def lag(self, *_: Any) -> float:
        return 0.0

    def __getattr__(self, name: str) -> Any:
        return _nothing


def _nothing(*_: Any, **__: Any) -> None:
    """Of a metric."""


class OnceDecoder(Decoder):
    """Decodes each record once, for engine and checker: the decoder is pure, and has its own tests."""

    def __init__(self, partitions: int) -> None:
        super().__init__(partitions)
        self._once = lru_cache(maxsize=None)(super().decode)

    def decode(self, record: Record) -> Decoded:
        return self._once(record)
