"""What happens in a run, drawn from a seed. A course says what kind of run: most faults come in one, each in
few.
"""

from random import Random
from typing import NamedTuple

from tests.protocol.courses import (
    DOUBTS,
    SETS,
    catching_up,
    duel,
    going_back,
    handover,
    left_out,
    owners,
    refused,
    relay,
    rivals,
    slow_reader,
)
from tests.protocol.world import ANSWERED, Variant

WEIGHTS = {
    "deliver": 4.0, "mark": 3.0, "crash": 0.7, "spawn": 0.7, "move": 2.0, "let go": 2.0, "overdue": 2.0,
    "learn": 1.0, "backup": 1.0, "restore": 0.7, "expire": 0.3, "compact": 2.0,
    "intrude": 0.4, "leave": 1.0, "lose": 0.3, "lead": 1.0, "refuse": 0.4, "accept": 1.0,
}  # fmt: skip


class Plan(NamedTuple):
    """A run: the world that it begins with, and what happens."""

    partitions: int
    workers: int
    actions: list[tuple]
    variant: Variant


def plan(seed, course=None):
    """The same seed and course, the same run."""
    random = Random(seed).random
    partitions, workers = 1 + int(random() * 2), 2 + int(random() * 2)
    kinds = (_chaos, _chaos, *COURSES.values())
    kind = COURSES[course] if course else kinds[int(random() * len(kinds))]
    actions = list(kind(random, partitions, workers))
    variant = Variant(random() < 0.5, random() < 0.5, (None, None, 1, 2)[int(random() * 4)])
    return Plan(partitions, workers, actions, variant)


def _chaos(random, partitions, workers):
    """Everything fails; how much, and what, differs from run to run, or no run would get anywhere."""
    yield from owners(random, partitions)
    yield from rivals(random, workers)
    doubtful, lagging, sticky = random() ** 2 * 0.3, random() * 0.6, random()
    calm, stores, most = 0.75 + random() * 0.23, random() * 0.5, 1 + int(random() * 3)
    weights = [weight * (random() < 0.6) for weight in WEIGHTS.values()]
    total, focus, tidy = sum(weights) or 1.0, 0, (random() - 0.7) * 2
    for _ in range(20 + int(random() * 100)):
        if random() < tidy:
            yield ("compact", 0)
        if random() > sticky:
            focus = int(random() * (workers + 0.5))
        if random() > calm:
            yield _happening(random, weights, random() * total, partitions, workers)
            continue
        how = ANSWERED if random() > doubtful else DOUBTS[int(random() * 4)]
        if random() < stores:
            some = SETS[int(random() * 4)][:partitions]
            yield ("store", focus, int(random() * 2), some, 1 + int(random() * most), how)
        else:
            yield ("step", focus, how, int(random() * 4) if random() < lagging else 0)


def _happening(random, weights, mark, partitions, workers):
    number, partition = int(random() * (workers + 1)), int(random() * partitions)
    name = "deliver"
    for weight, other in zip(weights, WEIGHTS, strict=True):
        mark -= weight
        if mark < 0:
            name = other
            break
    if name in ("deliver", "mark", "crash", "learn", "expire"):
        return (name, number)
    if name in ("overdue", "compact", "intrude", "leave", "lose", "lead", "refuse", "accept"):
        return (name, partition)
    if name in ("spawn", "backup", "restore"):
        return (name,)
    return ("move", partition, number, name == "let go")


COURSES = {
    "chaos": _chaos,
    "relay": relay,
    "handover": handover,
    "slow reader": slow_reader,
    "duel": duel,
    "going back": going_back,
    "catching up": catching_up,
    "left out": left_out,
    "refused": refused,
}
