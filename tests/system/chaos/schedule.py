"""What goes wrong in a round, and when: drawn from the seed alone, so that it can be asked for again."""

from random import Random
from typing import NamedTuple

SLOTS = ("A", "B", "C")
"""Places for workers, each with links of its own to Kafka and MongoDB. C is empty unless a worker joins."""

PRODUCERS = "PRODUCERS"
PARTITIONS = 4
SESSION_SECONDS = 1.5
FAULTS_WITHIN_SECONDS = 3.0

WORKER = {"kill": 4, "stop and replace": 2, "pause": 1, "pause past its session": 3, "clock": 2}
ENDING = ("kill", "stop and replace")
"""What a worker that is to live through a soak is spared."""

LINK = ("cut", "stall", "swallow replies", "slow")
LINKS = ("A~kafka", "A~mongo", "B~kafka", "B~mongo", f"{PRODUCERS}~kafka")
SERVERS = {"kafka": ("kill", "pause"), "mongo": ("kill", "kill after which it is lossy", "pause")}
JUMPS = {
    "clock jumps an hour ahead": 3_600,
    "clock jumps 40 days ahead": 40 * 86_400,
    "clock jumps an hour back": -3_600,
    "clock jumps two years back": -730 * 86_400,
}

ROLES = (
    "leader of commands",
    "leader of the journal",
    "transaction coordinator",
    "group coordinator",
    "controller",
)
"""What a broker of a cluster is when it is looked for. Of the first three there is one for each partition."""

ROLL = "restarted in turn"
BROKERS = "brokers"
BROKER = {"kill": 5, "pause": 5, "cut": 3, "swallow replies": 2, "stop": 1, ROLL: 1}
"""What happens to one broker of a cluster; to the others nothing, until it is back and in sync."""

STRANGER = "transaction of a stranger"
JOURNAL = "journal"
REFUSE = "refuse long batches"
OUTPUTS = ("contracts.changed", "contracts.command-results", "contracts.state")
TARGETS = {
    "worker A": 30,
    "worker B": 30,
    "worker C": 12,
    "kafka": 8,
    "mongo": 20,
    **dict.fromkeys(LINKS, 6),
    JOURNAL: 10,
    "outputs": 8,
}
CLUSTER_TARGETS = {**TARGETS, "kafka": 0, BROKERS: 110}


class Fault(NamedTuple):
    """`what` happens to `target` so many seconds into the round, and for so long."""

    at: float
    what: str
    target: str
    lasts: float

    @property
    def is_of_a_broker(self) -> bool:
        """Whether it is one of a cluster's brokers that is hurt."""
        return self.target.partition("/")[0] in (*ROLES, BROKERS)

    @property
    def kind(self) -> str:
        """What happened to what, whichever of them it was."""
        target = self.target.partition("/")[0]
        return f"{self.what} {target if self.is_of_a_broker else target.split()[0].rpartition('~')[2]}"

    def __str__(self) -> str:
        return f"{self.at:.2f} s: {self.what} {self.target} for {self.lasts:.2f} s"


class Round(NamedTuple):
    """One round: a load, and the faults while it flows."""

    number: int
    per_second: int
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return f"{self.per_second} commands/s; " + "; ".join(map(str, self.faults))


def draw(seed: int, number: int, *, lives: str = "", brokers: int = 1) -> Round:
    """The `number`-th round of this seed; the worker in the slot `lives` is not ended."""
    weights = TARGETS if brokers == 1 else CLUSTER_TARGETS
    random = Random(f"{seed}/{number}")
    count = random.choices([1, 2, 3, 4], weights=[30, 35, 25, 10])[0]
    targets = random.choices([*weights], weights=[*weights.values()], k=count * 3)
    chosen = list(dict.fromkeys(targets))[:count]
    faults = sorted(_fault(random, target, lives) for target in chosen)
    return Round(number, random.choice([100, 200, 400]), tuple(faults))


def _fault(random: Random, target: str, lives: str) -> Fault:
    at = random.uniform(0, FAULTS_WITHIN_SECONDS)
    if target == "worker C":
        return Fault(at, "join", target, random.uniform(1.5, 4))
    if target.startswith("worker"):
        kinds = {what: weight for what, weight in WORKER.items() if target[-1] != lives or what not in ENDING}
        what = random.choices([*kinds], weights=[*kinds.values()])[0]
        lasts = random.uniform(0.05, 1.5)
        if what == "clock":  # for a scan or two
            return Fault(at, random.choice([*JUMPS]), target, lasts + 1)
        return Fault(at, what, target, lasts + (SESSION_SECONDS if "past" in what else 0))
    if target in (JOURNAL, "outputs"):
        return _topic_fault(random, at, target)
    if target == BROKERS:
        return _broker_fault(random, at)
    kinds, least, most = (SERVERS[target], 0.1, 2.5) if target in SERVERS else (LINK, 0.2, 3.5)
    return Fault(at, random.choice(kinds), target, random.uniform(least, most))


def _topic_fault(random: Random, at: float, target: str) -> Fault:
    if target == JOURNAL:
        return Fault(at, STRANGER, f"{JOURNAL}/{random.randrange(PARTITIONS)}", random.uniform(1, 6))
    return Fault(at, REFUSE, f"{target}/{random.choice(OUTPUTS)}", random.uniform(0.5, 3))


def _broker_fault(random: Random, at: float) -> Fault:
    what = random.choices([*BROKER], weights=[*BROKER.values()])[0]
    if what == ROLL:
        return Fault(at, what, BROKERS, 0)
    role = random.choice(ROLES)
    if role in ROLES[:3]:
        role = f"{role}/{random.randrange(PARTITIONS)}"
    # Frozen for longer than its session, another takes its place; for less, nobody notices.
    return Fault(at, what, role, random.uniform(0.1, 8 if what == "pause" else 4))
