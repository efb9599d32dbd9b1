"""What the checker reads from a cluster and a database, as plain values."""

from typing import Any, NamedTuple

Headers = list[tuple[str, bytes | None]]


class LogRecord(NamedTuple):
    """One record as an independent client reads it.

    `readable` False: its headers cannot be parsed. `base` is what its topic's generation adds to offsets.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    readable: bool = True
    base: int = 0

    @property
    def sequence(self) -> int:
        """Its number in the order of its partition through all generations of its topic."""
        return self.base + self.offset

    @property
    def place(self) -> str:
        """Where it stands, as forwards and dead letters name it."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    def header(self, name: str) -> str | None:
        """The text of a header; of repeated ones the last."""
        found = [value for other, value in self.headers if other == name]
        return None if not found or found[-1] is None else found[-1].decode()


class State(NamedTuple):
    """What MongoDB holds, as the driver returns it, and the group's offsets by partition."""

    contracts: list[dict[str, Any]]
    former: list[dict[str, Any]]
    history: list[dict[str, Any]]
    positions: list[dict[str, Any]]
    movements: list[dict[str, Any]]
    published: dict[int, int]
