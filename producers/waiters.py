"""The calls that wait for results of commands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from producers.results import CommandKey, CommandResult

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from consumer.errors import ContractsError


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """A call that waits for `result`, which may raise BrokerUnavailable, or ResultTimeout after a stop."""

    key: CommandKey
    partition: int
    result: asyncio.Future[CommandResult]


class Waiters:
    """The waiting calls, by the ids of their commands, and their number for each partition of the results."""

    def __init__(self) -> None:
        self._by_id: dict[bytes, list[Waiter]] = {}
        self._in: Counter[int] = Counter()

    def add(self, waiter: Waiter) -> None:
        """One more."""
        self._by_id.setdefault(waiter.key.command_id.encode(), []).append(waiter)
        self._in[waiter.partition] += 1

    def remove(self, waiter: Waiter) -> None:
        """Removes a call that does not wait any more."""
        name = waiter.key.command_id.encode()
        self._by_id[name].remove(waiter)
        if not self._by_id[name]:
            del self._by_id[name]
        self._in[waiter.partition] -= 1

    def any_in(self, partition: int) -> bool:
        """Whether a call waits for a result in this partition."""
        return self._in[partition] > 0

    def deliver(self, record: Any) -> None:
        """Delivers the record of a result to the calls that wait for it."""
        command_id = next((content for name, content in record.headers if name == "ce_causationid"), None)
        waiters = self._by_id.get(command_id or b"")
        if not waiters:
            return
        result = CommandResult.from_data(record.key.decode(), orjson.loads(record.value))
        key = CommandKey(result.account_id, result.source, result.command_id)
        for waiter in waiters:
            if waiter.key == key and not waiter.result.done():
                waiter.result.set_result(result)

    def end(self, error: Callable[[Waiter], ContractsError]) -> None:
        """Fails all waiting calls, each with a new error."""
        for waiter in [each for waiters in self._by_id.values() for each in waiters]:
            if not waiter.result.done():
                waiter.result.set_exception(error(waiter))
                waiter.result.exception()  # the waiting task may be gone: do not report it
