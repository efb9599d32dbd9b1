"""What starts at the beginning of a `with` block, and closes at its end."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Startable(ABC):
    """A context manager over `start` and `close`."""

    @abstractmethod
    def start(self) -> Self:
        """Start it, and return it."""

    @abstractmethod
    def close(self) -> None:
        """Stop it, and release what it holds."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
