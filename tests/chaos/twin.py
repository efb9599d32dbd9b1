"""The pipeline in memory, where the store itself can fail: a full disk, refused writes, no answer.

No server can be made to fail at a given step of a given transaction; the store's twin in memory can.
"""

import asyncio
from random import Random

from structlog.testing import capture_logs

from tests.pipeline.chaos import BLOWS, FAULTS, Plan
from tests.pipeline.logs import ACCOUNTS, COMMANDS, DAY, OTHERS, log_of
from tests.pipeline.world import World

PLAYS = 10
POINTS = [(point, kind) for point, kinds in FAULTS.items() for kind in kinds]


def play(seed: int, number: int) -> list[str]:
    """So many small logs under so many plans; those that did not come out as the pure fold."""
    diverged = []
    for count in range(PLAYS):
        random = Random(f"{seed}/{number}/{count}")
        log, plan = log_of(_steps(random)), _plan(random)
        try:
            with capture_logs():
                asyncio.run(_play(World(log, plan)))
        except AssertionError as error:
            diverged.append(f"diverged: in memory, {plan}\n  {log}\n  {error}")
    return diverged


async def _play(world: World) -> None:
    await world.run()
    world.check()


def _steps(random: Random) -> list[tuple[str, str, int, int, int]]:
    kinds = [*COMMANDS, *COMMANDS, *OTHERS]
    gaps = [0, 1, 1, 1000, DAY, 40 * DAY, 200 * DAY]
    first = [("create", account, number, 0, 1) for number, account in enumerate(ACCOUNTS)]
    return first + [
        (
            random.choice(kinds),
            random.choice(ACCOUNTS),
            random.randrange(40),
            random.choice([0, 0, 0, 1, 3]),
            random.choice(gaps),
        )
        for _ in range(random.randrange(30))
    ]


def _plan(random: Random) -> Plan:
    strikes = [(point, random.randrange(7), kind) for point, kind in random.choices(POINTS, k=8)]
    turns = random.sample(range(1, 150), random.randrange(5))
    return Plan(
        strikes=strikes[: random.randrange(9)],
        blows=[(turn, random.choice(BLOWS), random.randrange(10)) for turn in turns],
        numbers=[random.randrange(61) for _ in range(random.randrange(1, 13))],
        batch=random.choice([1, 2, 3, 5, 50]),
        bearable=random.choice([1, 3, 50]),
    )
