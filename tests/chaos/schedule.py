"""What goes wrong in a round, and when: drawn from the seed alone, so that it can be asked for again."""

from random import Random
from typing import NamedTuple

SLOTS = ("A", "B", "C")
"""Places for workers, each with links of its own to Kafka and MongoDB. C is empty unless a worker joins."""

SESSION_SECONDS = 1.5
FAULTS_WITHIN_SECONDS = 3.0

WORKER = ("kill", "pause", "pause past its session", "stop and replace")
LINK = ("cut", "stall", "swallow replies", "slow")
SERVERS = {"kafka": ("kill", "pause"), "mongo": ("kill", "kill after which it is lossy", "pause")}


class Fault(NamedTuple):
    """`what` happens to `target` so many seconds into the round, and for so long."""

    at: float
    what: str
    target: str
    lasts: float

    def __str__(self) -> str:
        return f"{self.at:.2f} s: {self.what} {self.target} for {self.lasts:.2f} s"


class Round(NamedTuple):
    """One round: a load, and the faults while it flows."""

    number: int
    per_second: int
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return f"{self.per_second} commands/s; " + "; ".join(map(str, self.faults))


def draw(seed: int, number: int) -> Round:
    """The `number`-th round of this seed."""
    random = Random(f"{seed}/{number}")
    count = random.choices([1, 2, 3, 4], weights=[30, 35, 25, 10])[0]
    targets = random.choices(
        [*(f"worker {slot}" for slot in "AB"), "worker C", "kafka", "mongo", *_links()],
        weights=[30, 30, 12, 8, 20, *[6] * len(_links())],
        k=count * 3,
    )
    chosen = list(dict.fromkeys(targets))[:count]
    faults = sorted(_fault(random, target) for target in chosen)
    return Round(number, random.choice([200, 400, 800]), tuple(faults))


def _links() -> list[str]:
    return [f"{slot}~{server}" for slot in "AB" for server in SERVERS]


def _fault(random: Random, target: str) -> Fault:
    at = random.uniform(0, FAULTS_WITHIN_SECONDS)
    if target == "worker C":
        return Fault(at, "join", target, random.uniform(1.5, 4))
    if target.startswith("worker"):
        what = random.choices(WORKER, weights=[4, 1, 3, 2])[0]
        lasts = random.uniform(0.05, 1.5)
        return Fault(at, what, target, lasts + SESSION_SECONDS if "past" in what else lasts)
    if target in SERVERS:
        what = random.choice(SERVERS[target])
        return Fault(at, what, target, random.uniform(0.1, 2.5))
    return Fault(at, random.choice(LINK), target, random.uniform(0.2, 3.5))
