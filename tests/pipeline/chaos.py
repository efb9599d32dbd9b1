"""What goes wrong, and when: drawn by Hypothesis, so that what breaks a promise shrinks to its core."""

from __future__ import annotations

from collections import deque
from itertools import cycle
from typing import Final, NamedTuple

from hypothesis import strategies as st

from consumer.errors import (
    BatchTooLarge,
    BrokerDenied,
    BrokerUnavailable,
    Fenced,
    OutcomeUnknown,
    PublisherFenced,
    PublishInDoubt,
    StoreDenied,
    StoreUnavailable,
    WriteConflict,
)

AWAY: Final = (StoreUnavailable, StoreDenied)
FAULTS: Final[dict[str, tuple[type[Exception], ...]]] = {
    "position": AWAY,
    "claim": AWAY,
    "claimed": AWAY,
    "contracts": (*AWAY, WriteConflict, BatchTooLarge),
    "seen": (*AWAY, WriteConflict),
    "holders": (*AWAY, WriteConflict),
    "past": (*AWAY, WriteConflict, BatchTooLarge),
    "write": (*AWAY, WriteConflict, BatchTooLarge, Fenced),
    "commit": (*AWAY, WriteConflict, BatchTooLarge, OutcomeUnknown),
    "committed": (OutcomeUnknown, StoreUnavailable),
    "outbox": AWAY,
    "fetch": (BrokerUnavailable,),
    "connect": (BrokerUnavailable,),
    "bounds": (BrokerUnavailable,),
    "offset": (BrokerUnavailable,),
    "answers": (BrokerUnavailable,),
    "start": (BrokerUnavailable, BrokerDenied),
    "started": (BrokerUnavailable,),
    "publish": (PublishInDoubt, PublisherFenced, BrokerDenied),
    "open": (PublishInDoubt,),
    "published": (PublishInDoubt,),
}
"""Every point where the pipeline talks to the world, and how that may fail.

Named after what is about to happen, or in the past tense after what has happened although the answer
is lost. `open`: the broker holds the transaction open until the next producer settles it.
"""

BLOWS: Final = ("kill", "overtake", "set back", "kill and set back")
"""kill -9; another owner while this one goes on; the database restored from a backup; both."""


class Plan(NamedTuple):
    """A scenario.

    `strikes` are (point, how many passages before, error), `blows` are (turn, kind, number). `numbers`
    decide everything else: sizes of fetches, delays, which way an open transaction is settled.
    `batch` is how many commands make a batch, `bearable` how many the database takes at once.
    """

    strikes: list[tuple[str, int, type[Exception]]] = []  # noqa: RUF012  # never changed
    blows: list[tuple[int, str, int]] = []  # noqa: RUF012
    numbers: list[int] = [0]  # noqa: RUF012
    batch: int = 50
    bearable: int = 50


CALM: Final = Plan()

_points = st.sampled_from([(point, kind) for point, kinds in FAULTS.items() for kind in kinds])
_strikes = st.builds(lambda at, passages: (at[0], passages, at[1]), _points, st.integers(0, 6))
plans = st.builds(
    Plan,
    strikes=st.lists(
        st.builds(lambda at, after: (at[0], after, at[1]), _points, st.integers(0, 6)), max_size=8
    ),
    blows=st.lists(
        st.tuples(st.integers(1, 150), st.sampled_from(BLOWS), st.integers(0, 9)),
        max_size=4,
        unique_by=lambda blow: blow[0],
    ),
    numbers=st.lists(st.integers(0, 60), min_size=1, max_size=12),
    batch=st.sampled_from([1, 2, 3, 5, 50]),
    bearable=st.sampled_from([1, 3, 50]),
)


class Chaos:
    """What is left of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._numbers = cycle(plan.numbers)
        self._blows = deque(sorted(plan.blows))
        self._strikes: dict[str, deque[type[Exception] | None]] = {}
        for point, passages, error in plan.strikes:
            self._strikes.setdefault(point, deque()).extend([*[None] * passages, error])
        self.turns = 0

    def number(self, low: int, high: int) -> int:
        """Some number; the same plan gives the same ones."""
        return low + next(self._numbers) % (high - low + 1)

    def error(self, point: str) -> Exception | None:
        """What this passage of the point ends with."""
        waiting = self._strikes.get(point)
        kind = waiting.popleft() if waiting else None
        return kind and kind(f"planned at {point}")

    def blow(self) -> tuple[str, int] | None:
        """What hits the process or the database at this turn."""
        self.turns += 1
        if self._blows and self._blows[0][0] <= self.turns:
            return self._blows.popleft()[1:]
        return None
