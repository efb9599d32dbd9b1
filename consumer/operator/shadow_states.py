"""Which published states are missing, in a topic that keeps only the last one of each key for sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.operator.shadow_records import Lane

LEFT_OUT: Final = b'"(its contract is left out)"'


class States:
    """Expected states that were not among the published ones; one of each key."""

    def __init__(self) -> None:
        self._missing: dict[tuple[Lane, bytes], tuple[str, Any]] = {}
        self._later: set[tuple[Lane, bytes]] = set()

    def not_there(self, lane: Lane, sequence: str, record: Any) -> None:
        """It may have been removed because of a newer one."""
        # Without its content: there may be one for each account.
        stub = record._replace(value=None if record.value is None else LEFT_OUT)
        self._missing[lane, record.key] = sequence, stub

    def newer(self, lane: Lane, key: bytes) -> None:
        """A newer one of this key was published."""
        self._missing.pop((lane, key), None)

    def later(self, lane: Lane, key: bytes) -> None:
        """One was published for a command after those that are compared."""
        self._later.add((lane, key))

    def missing(self) -> Iterator[tuple[Lane, str, Any]]:
        """Those that must be there; the topic forgets deleted contracts after some time."""
        for (lane, key), (sequence, record) in self._missing.items():
            if (lane, key) not in self._later and record.value is not None:
                yield lane, sequence, record
