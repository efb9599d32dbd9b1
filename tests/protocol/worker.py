"""A worker: what it remembers, and its steps, each of which asks one server once.

`TAKEOVER` is the protocol; the way of a batch is in batches.py. A step that is in doubt about its answer
ends the worker's life: it forgets everything and starts its producer anew.
"""

from tests.protocol.broker import CLAIM, TOMBSTONE, Record
from tests.protocol.reading import outbox, tail
from tests.protocol.rules import Harm

LANES = 2


class Worker:
    """One process's member of the group; its number is its transactional id."""

    __slots__ = (
        "alive",
        "claims",
        "draining",
        "ends",
        "epoch",
        "failures",
        "fenced",
        "id",
        "lanes",
        "life",
        "next",
        "others",
        "phase",
        "published",
        "publishing",
        "read",
        "ready",
        "rest",
        "stored",
        "taking",
        "view",
    )  # fmt: skip

    def __init__(self, number: int, partitions: int):
        self.id, self.alive, self.life, self.epoch = number, True, 0, 0
        self.view: frozenset[int] = frozenset()  # what it believes to be assigned
        self.draining: frozenset[int] = frozenset()
        self.published = [0] * partitions  # C
        self.next = [0] * partitions  # P
        self.failures = self.rest = 0  # lives in a row that came to nothing; how long the next one waits
        self.forget(partitions)

    def forget(self, partitions: int) -> None:
        """What a life begins with."""
        self.phase = "start"
        self.ready: frozenset[int] = frozenset()
        self.taking: tuple[int, ...] = ()
        self.lanes: list[tuple | None] = [None] * LANES
        self.stored: list[list[tuple[int, int]]] = [[] for _ in range(partitions)]  # and not yet published
        self.publishing: dict[
            int, tuple[int, int, int]
        ] = {}  # partition: outputs from, to, next of its progress
        self.fenced: dict[
            int, tuple[int, ...]
        ] = {}  # id: how far the journals were read before it was fenced
        self.others: tuple[int, ...] = ()
        self.claims: dict[int, int] = {}  # partition: offset of the newest claim
        self.ends: tuple[int, ...] = (0,) * partitions
        self.read: dict[int, tuple] = {}  # partition: C or None, keys of the claims read


def start(world, worker, how, lag):
    """InitProducerId of its own id: nothing of an earlier life can be committed any more."""
    if not worker.view:
        return
    epoch = world.call(worker, how, ("initialise", worker.id))
    if epoch:
        worker.epoch = epoch
        _go_on(world, worker)


def _go_on(world, worker):
    if worker.ready and "take doubt for failure" in world.broken:
        worker.phase = "work"
    else:
        begin(worker)


def begin(worker):
    """Takes over what is assigned and not yet taken."""
    worker.taking = tuple(sorted(worker.view - worker.ready))
    worker.phase = "claim positions"


def claim_positions(world, worker, how, lag):
    """In the database: kill the predecessor's sessions, be the owner; as often as a transaction holds it."""
    if world.call(worker, how, ("claim", worker.id, worker.life, worker.taking)):
        worker.phase = "read" if "read without a claim" in world.broken else "claim"


def claim(world, worker, how, lag):
    """A claim in each journal: a barrier for the read that follows, and what others find this worker by."""
    if world.decided(worker):
        return
    key = 0 if "claims under one key" in world.broken else worker.id
    records = tuple((partition, Record(CLAIM, worker.id, key)) for partition in worker.taking)
    forgotten = _forgotten(world, worker)
    offsets = world.call(worker, how, ("produce", worker.id, worker.epoch, forgotten + records, ()))
    if offsets:
        worker.claims = dict(zip(worker.taking, offsets[len(forgotten) :], strict=True))
        worker.phase = "commit claim"
    elif offsets is False:
        world.doubt(worker)


def _forgotten(world, worker):
    if "forget without a progress" not in world.broken:
        return ()
    journals = world.broker.journal
    return tuple(
        (partition, Record(TOMBSTONE, worker.id, key))
        for partition in worker.taking
        for key in tail(world, partition, len(journals[partition]))[3]
    )


def commit_claim(world, worker, how, lag):
    answer = world.call(worker, how, ("commit", worker.id, worker.epoch, lag > 0))
    if answer:
        worker.phase = "read"
    elif answer is False:
        world.doubt(worker)


def read(world, worker, how, lag):
    """Reads the journals' tails at least to the claims; then who is to fence, or whether the claim stands."""
    ends, others, hidden, unseen = list(worker.ends), set(), False, False
    worker.read = {}
    for partition in worker.taking:
        length = len(world.broker.journal[partition])
        at_least = 0 if world.broken & _STALE else worker.claims[partition] + 1
        ends[partition] = end = max(at_least, length - lag)
        last, stable, names, keys = tail(world, partition, end)
        position = None if last is None else world.broker.journal[partition][last]
        worker.read[partition] = (None if position is None else position.value, keys)
        others |= {name for name, at in names.items() if not _fenced(worker, partition, name, at)}
        mine = worker.claims.get(partition, stable - 1)
        hidden |= last is not None and last > mine
        unseen |= stable <= mine
    worker.ends = tuple(ends)
    _decide(world, worker, others, hidden=hidden, unseen=unseen)


def _fenced(worker, partition, name, at):
    return name in worker.fenced and at < worker.fenced[name][partition]


_STALE = {"read without a claim", "read short of the claim"}


def _decide(world, worker, others, *, hidden, unseen):
    broken = world.broken
    if "fence itself" not in broken:
        others.discard(worker.id)
    if "fence whom the database names" in broken:
        others = world.former_owners(worker)
    if "fence nobody" in broken:
        others = set()
    if others:
        worker.others, worker.phase = tuple(sorted(others)), "fence"
    elif unseen and "read short of the claim" not in broken:
        pass  # markers are on their way: read again
    elif hidden and "do without the last word" not in broken:
        worker.phase = "claim"
    else:
        worker.phase = "read positions"


def fence(world, worker, how, lag):
    """Ends the epoch of one of the others; after the last one, claims and looks again."""
    other = worker.others[0]
    if not world.call(worker, how, ("initialise", other)):
        return
    worker.others = worker.others[1:]
    worker.fenced[other] = worker.ends
    if not worker.others:
        worker.phase = _after_fencing(world.broken)


def _after_fencing(broken):
    if "do not look again" in broken:
        return "read positions"
    return "read" if "keep the first claim" in broken or "read without a claim" in broken else "claim"


def read_positions(world, worker, how, lag):
    """Where the database stands, against the journal; what is to be published of the outbox."""
    positions = {partition: world.database.positions[partition] for partition in worker.taking}
    mine = all((one.owner, one.life) == (worker.id, worker.life) for one in positions.values())
    if not mine and "publish for another" not in world.broken:
        worker.phase = "claim positions"
        return
    for partition, position in positions.items():
        _compare(world, worker, partition, position)
    worker.phase = "publish outputs"
    if "store before C exists" in world.broken:
        worker.phase = (
            "publish outputs" if any(a < b for a, b, _ in worker.publishing.values()) else "committed"
        )


def _compare(world, worker, partition, position):
    told = worker.read[partition][0]
    if told is None and position.slots:
        raise Harm(f"partition {partition} stops: its position moved, and the journal knows of none")
    done = position.told if "take C from the database" in world.broken else told or 0
    begin_at = outbox(world, partition, position, done)
    worker.published[partition], worker.next[partition] = done, position.next
    told_next = position.next if "turn back the progress" in world.broken else max(done, position.next)
    worker.publishing[partition] = (begin_at, position.next, told_next)


TAKEOVER = {
    "start": start,
    "claim positions": claim_positions,
    "claim": claim,
    "commit claim": commit_claim,
    "read": read,
    "fence": fence,
    "read positions": read_positions,
}
