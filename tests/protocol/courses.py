"""The kinds of a run in which something certain happens, with much that differs from run to run."""

from tests.protocol.actions import LETTING_GO
from tests.protocol.world import ANSWERED, LATE, LOST, UNANSWERED

DOUBTS = (LOST, UNANSWERED, LATE, LATE)
TAKEN = 12  # steps in which a worker that nothing disturbs is ready and has stored something
SETS = ((0,), (1, 0), (0, 1), (0, 1))
STOPS = ("claim", "commit claim", "read", "fence", "read positions", "publish outputs", "commit", "work")


def owners(random, partitions):
    """In most runs there are owners with batches on their way before anything happens."""
    if random() < 0.3:
        return
    for owner in range(partitions):
        for _ in range(TAKEN + int(random() * 12)):
            yield ("step", owner, ANSWERED, 0)
            if random() < 0.4:
                yield ("store", owner, int(random() * 2), (owner,), 1 + int(random() * 3), ANSWERED)


def rivals(random, workers):
    """In some runs everybody believes the first partition to be theirs; its owner may be letting it go."""
    if random() < 0.5:
        yield ("move", 0, 1, random() < 0.6)
        yield ("overdue", 0)
        for worker in range(2, workers):
            yield ("move", 0, worker, False)


def relay(random, partitions, workers):
    """Nothing is lost: one worker after the other gets on, and all lies in where they stop."""
    yield from owners(random, partitions)
    yield from rivals(random, workers)
    yield from _bursts(random, range(workers))


def _bursts(random, workers):
    stores, lagging = random() * 0.5, random() - 0.5
    for _ in range(4 + int(random() * 10)):
        worker = workers[int(random() * len(workers))]
        if random() < stores:
            yield from [("store", worker, 0, (0,), 2, ANSWERED)] * 2
        if random() < 0.1:
            yield ("compact", 0)
        lag = 1 + int(random() * 3) if random() < lagging else 0
        yield ("until", worker, STOPS[int(random() * len(STOPS))], lag)


def handover(random, partitions, workers):
    """The owner is late letting its partition go; two others come into it."""
    yield ("until", 0, "work")
    if random() < 0.4:
        yield from [("store", 0, 0, (0,), 2, ANSWERED)] * 2
    yield ("move", 0, 1, True)
    yield ("overdue", 0)
    yield ("until", 0, LETTING_GO[int(random() * 3)])
    yield ("until", 1, STOPS[int(random() * 5)] if random() < 0.5 else "read")
    yield ("spawn",)
    yield ("move", 0, 2, False)
    if random() < 0.7:
        yield ("until", 0, "work")
    yield from _crossing(random, 1, 2)
    yield from _bursts(random, range(1, 3))


def duel(random, partitions, workers):
    """Two take the same partition over, the first time or later, and cross each other's way."""
    if random() < 0.5:
        yield ("until", 0, "work")
    yield ("move", 0, 1, False)
    yield from _crossing(random, 0, 1)
    yield from _crossing(random, 1, 0)
    yield from _bursts(random, range(workers))


def _crossing(random, one, other):
    """One stops on its way, the other gets on and may store something, the first goes on."""
    narrow = random() < 0.5
    yield ("until", one, STOPS[4 + int(random() * 3)] if narrow else STOPS[int(random() * len(STOPS))])
    yield ("until", other, "read" if narrow else STOPS[int(random() * len(STOPS))])
    if random() < 0.5:
        yield ("compact", 0)
    yield ("until", other, "work")
    if random() < 0.5:
        yield from [("store", other, 0, (0,), 2, ANSWERED)] * 2
    yield ("until", one, "work")


def going_back(random, partitions, workers):
    """The database goes back while an owner works, and doubts follow."""
    yield ("until", 0, "work")
    for _ in range(12):
        yield from [("store", 0, 0, (0,), 1 + int(random() * 3), ANSWERED)] * 2
        if random() < 0.6:
            yield ("until", 0, "work")
        if random() < 0.3:
            yield (("backup",), ("restore",))[int(random() * 2)]
        if random() < 0.4:
            yield ("step", 0, DOUBTS[int(random() * 4)], 0)
    yield from _bursts(random, range(workers))


def slow_reader(random, partitions, workers):
    """A batch is published while another takes the partition over, who is then told less than there is."""
    phases = ("publish outputs", "publish progress", "commit")
    yield ("until", 0, "work")
    yield from [("store", 0, 0, (0,), 1, ANSWERED)] * 2
    yield ("until", 0, phases[int(random() * 3)])
    yield ("move", 0, 1, False)
    yield ("until", 1, "read")
    yield ("until", 0, "work")
    if random() < 0.5:
        yield ("compact", 0)
    yield ("until", 1, "work", int(random() * 4))
    yield from _bursts(random, range(workers))


def catching_up(random, partitions, workers):
    """Two batches are stored and not published when another takes over, who is disturbed on its way."""
    yield ("until", 0, "work")
    yield from [("store", 0, int(random() * 2), (0,), 1 + int(random() * 2), ANSWERED)] * 4
    if random() < 0.5:
        yield ("until", 0, ("publish outputs", "publish progress", "commit")[int(random() * 3)])
    yield ("move", 0, 1, False)
    yield ("until", 1, "commit")
    for _ in range(int(random() * 4)):
        yield ("step", 1, ANSWERED if random() < 0.8 else DOUBTS[int(random() * 4)], 0)
    if random() < 0.5:
        yield ("move", 0, int(random() * 2) * 2, False)
    yield from _bursts(random, range(workers))


def left_out(random, partitions, workers):
    """Another program's transaction, or a leader that is lost, keeps a partition from being taken over."""
    missing, back = (("intrude", "leave"), ("intrude", "leave"), ("lose", "lead"))[int(random() * 3)]
    if random() < 0.2:
        yield (missing, 0)
        yield ("until", 0, STOPS[int(random() * 3)])
        yield ("move", 0, 1, False)
        yield ("until", 1, "work")
        if random() < 0.5:
            return
    else:
        yield from owners(random, partitions)
    yield ("until", 0, STOPS[int(random() * len(STOPS))])
    yield (missing, 0)
    for _ in range(1 + int(random() * 3)):
        if random() < 0.5:
            yield ("step", int(random() * 2), DOUBTS[int(random() * 4)], 0)
        if random() < 0.6:
            yield ("move", int(random() * partitions), int(random() * workers), random() < 0.5)
        yield from _bursts(random, range(workers))
        if random() < 0.4:
            yield (back, 0)
        elif random() < 0.3:
            yield (missing, 0)


def refused(random, partitions, workers):
    """A takeover has outputs to publish that the broker refuses; another may cross its way."""
    both = (0, 1)[:partitions]
    yield ("move", partitions - 1, 0, False)
    yield ("until", 0, "work")
    yield from [("store", 0, 0, both, 2, ANSWERED)] * 2
    yield ("refuse", int(random() * partitions))
    yield ("until", 0, "publish outputs" if random() < 0.5 else STOPS[int(random() * len(STOPS))])
    yield from [("step", 0, ANSWERED, 0)] * int(random() * 3)
    if random() < 0.3:
        yield ("until", 0, "publish outputs")
        yield ("step", 0, ANSWERED, 0)
    for _ in range(1 + int(random() * 3)):
        if random() < 0.6:
            yield ("move", int(random() * partitions), int(random() * workers), random() < 0.3)
        yield ("until", int(random() * workers), "work")
        yield from _bursts(random, range(workers))
        if random() < 0.5:
            yield ("accept" if random() < 0.7 else "refuse", int(random() * partitions))
