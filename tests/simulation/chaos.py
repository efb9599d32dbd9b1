"""A schedule from a seed: how large everything is, which faults there are, and when they strike."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from tests.simulation.strangers import intrusions
from tests.simulation.untaken import untaken_times

ALL: Final = ("slow", "away", "lost", "late", "conflict", "pause", "kill", "restore", "move")
"""What can happen at a call to the world.

`slow`: it takes seconds. `away`: it is refused. `lost`: it is done, but the answer is lost. `late`: the
caller gives it up, and it is done all the same, later. `conflict`: another transaction touched the same
documents. `pause`: everything the process does stands still for a while. `kill`: none of its code goes on.
`restore`: the database becomes an older backup. `move`: partitions are assigned anew.
"""

_SWARM_SHARE: Final = 0.5
_DUEL_SHARE: Final = 0.5
"""Of the schedules with few commands and many takeovers: most rules are about those."""

_PACES: Final = (1, 1, 1, 10)
_AT_ONCE_SHARE: Final = 0.4
_SECONDS: Final = (0.05, 0.3, 1.0, 4.0)


class Sizes(NamedTuple):
    """Of one schedule."""

    partitions: int
    outputs: int
    """Partitions of the topics of events."""
    processes: int
    commands: int
    bursts: int
    """The commands come in so many bursts."""
    seconds: float
    """How long commands come and faults strike."""
    batch: int
    bearable: int
    """Commands that the database takes at once."""
    fetched: int
    """Records in an answer to a fetch, at most."""
    session: float
    """Seconds after which a process that says nothing loses its partitions."""
    kafka_pace: int
    store_pace: int
    """How many times slower than usual each of them is."""


class Chaos:
    """All that is left to chance in a schedule. The same seed always gives the same."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.calm = False
        draw = self.random
        duel = draw.random() < _DUEL_SHARE
        partitions = 2 if duel else draw.choice((2, 2, 3, 4))
        self.sizes = Sizes(
            partitions=partitions,
            outputs=random.Random(seed).choice([n for n in range(1, partitions + 1) if partitions % n == 0]),
            processes=draw.choice((2, 3) if duel else (1, 2, 3)),
            commands=draw.randint(3, 9) if duel else draw.randint(8, 30),
            bursts=draw.randint(1, 4),
            seconds=draw.choice((0.3, 1.0, 3.0)),
            batch=draw.choice((1, 2, 4, 50)),
            bearable=draw.choice((1, 3, 50, 50, 50, 50, 50, 50)),
            fetched=draw.choice((2, 5, 100)),
            session=draw.choice((0.05, 0.3, 1.0)),
            kafka_pace=draw.choice(_PACES),
            store_pace=draw.choice(_PACES),
        )
        self.intrusions = intrusions(random.Random(f"strangers {seed}"), partitions, self.sizes.seconds)
        self.untaken = untaken_times(random.Random(f"outputs {seed}"), partitions, self.sizes.seconds)
        self.kinds = [kind for kind in ALL if draw.random() < _SWARM_SHARE] or [draw.choice(ALL)]
        self._rate = draw.choice((0.04, 0.15) if duel else (0.01, 0.04, 0.15))
        self._left = draw.choice((4, 8, 16) if duel else (1, 2, 4, 8))

    @classmethod
    def none(cls, **sizes: int) -> Chaos:
        """Nothing is left to chance: no faults, and every call is answered at once."""
        chaos = cls(0)
        chaos.calm = True
        chaos.intrusions, chaos.untaken = [], []
        plain = {"partitions": 2, "outputs": 2, "batch": 50, "bearable": 1_000, "fetched": 1_000}
        chaos.sizes = chaos.sizes._replace(**plain | sizes, kafka_pace=0, store_pace=0)
        return chaos

    def fault(self, kinds: frozenset[str]) -> str | None:
        """What happens at a call, of these kinds."""
        if self.calm or self._left <= 0 or self.random.random() >= self._rate:
            return None
        kind = self.random.choice(self.kinds)
        if kind not in kinds:
            return None
        self._left -= 1
        return kind

    def latency(self) -> float:
        """Seconds of an ordinary call."""
        draw = self.random.random()
        return 0.0 if draw < _AT_ONCE_SHARE else draw * 0.005

    def seconds(self) -> float:
        """How long something lasts that lasts long."""
        return self.random.choice(_SECONDS) * (0.5 + self.random.random())

    def chance(self, share: float) -> bool:
        """Whether something happens that does so now and then."""
        return self.random.random() < share
