"""A log that does not have the next commands any more: the shadow does not wait for them."""

from types import SimpleNamespace
from typing import Any

import pytest

from consumer.errors import BrokerUnavailable, InputRefused, OutOfLog
from consumer.kafka.answers import Fetched, Found
from consumer.kafka.bounds import Bounds
from consumer.operator.shadow_applying import Applying
from consumer.storage.protocols import Origin, Position

NEXT, END = 10, 40
NOTHING: Found = {0: Fetched(NEXT, [], NEXT, NEXT, NEXT)}


class Log:
    """Answers a fetch with `found`, and holds the offsets within `bounds`; None: no leader answers."""

    def __init__(self, found: Found, bounds: Bounds | None) -> None:
        self._found = found
        self._bounds = bounds

    async def fetch(self, _positions: Any, **_: Any) -> Found:
        return self._found

    async def bounds(self, partitions: Any) -> dict[int, Bounds]:
        if self._bounds is None:
            raise BrokerUnavailable("planted")
        return dict.fromkeys(partitions, self._bounds)


def applying(found: Found, bounds: Bounds | None) -> Applying:
    nobody: Any = None
    position = Position("commands/0", Origin("cluster", "group", 1), NEXT)
    partition: Any = SimpleNamespace(
        position=position,
        intake=SimpleNamespace(waiting=0, next=NEXT),
        take_in=lambda *_: None,
    )
    log: Any = Log(found, bounds)
    made = Applying(nobody, log, {0: partition}, nobody, nobody, nobody)
    made._ends = {0: END}
    return made


@pytest.mark.parametrize(
    ("found", "bounds"),
    [
        (NOTHING, Bounds(0, END - 1, END)),
        ({}, Bounds(0, 0, 0)),
        ({}, Bounds(NEXT + 1, END, END)),
        ({0: OutOfLog("commands/0")}, Bounds(NEXT + 1, END, END)),
    ],
    ids=["it ends earlier", "it was created again", "its beginning was deleted", "and the broker says so"],
)
async def test_a_log_without_the_next_commands_is_refused(found: Found, bounds: Bounds) -> None:
    with pytest.raises(InputRefused, match="commands/0 was cut while it was applied"):
        await applying(found, bounds).apply()


async def test_it_waits_for_a_log_that_has_them() -> None:
    await applying(NOTHING, Bounds(0, END, END)).apply()


async def test_it_waits_for_a_new_leader() -> None:
    await applying({}, None).apply()
