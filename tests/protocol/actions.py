"""Everything that can happen in a world: an action is a tuple of a name and plain values.

The same actions give the same run. One that is not possible at the moment does nothing, so that actions can
be taken out of a run.
"""

from tests.protocol import batches, compaction
from tests.protocol.broker import FOREIGN, Record
from tests.protocol.worker import TAKEOVER, Worker
from tests.protocol.world import ANSWERED

PHASES = TAKEOVER | batches.BATCHES
LETTING_GO = ("free positions", "release", "commit release")
LONG = 12  # steps; a takeover that fences one other has so many


def act(world, action):
    """Does what an action says."""
    if world.story is not None:
        world.story.append(" ".join(map(str, action)))
    name, *arguments = action
    ACTIONS[name](world, *arguments)


def step(world, number, how=ANSWERED, lag=0):
    """The next step of a worker. `lag`: how many records a read misses, whether markers are slow."""
    if number < len(world.workers) and world.workers[number].alive:
        worker = world.workers[number]
        PHASES[worker.phase](world, worker, how, lag)


def until(world, number, phase, lag=0):
    """A worker gets on, undisturbed, until it is about to do something."""
    for _ in range(LONG):
        step(world, number, ANSWERED, lag)
        if number >= len(world.workers) or world.workers[number].phase == phase:
            return


def store(world, number, lane, partitions, size, how=ANSWERED):
    """The next step of one of its lanes, which stores a batch."""
    if number < len(world.workers) and world.workers[number].alive and world.workers[number].ready:
        batches.store(world, world.workers[number], lane, how, partitions, size)


def deliver(world, number):
    """A late request is received."""
    if number < len(world.late):
        world.receive(world.late.pop(number))


def mark(world, number):
    """A marker of a worker's transaction is written."""
    world.broker.mark(number)


def crash(world, number):
    """A worker dies; what it sent may still be on its way."""
    if number < len(world.workers):
        world.workers[number].alive = False
        world.abandon(world.workers[number])


def expire(world, number):
    """The broker forgets an id that it has not heard of for long; it never forgets what is open."""
    if world.broker.transactions[number] is None:
        world.broker.initialise(number)


def spawn(world):
    """A new process joins, with an id that was never used."""
    if len(world.workers) < world.ids:
        world.workers.append(Worker(len(world.workers), len(world.partitions)))


def move(world, partition, number, orderly):
    """The group assigns a partition to another; an orderly owner lets it go first, or learns it later."""
    before = world.assigned[partition]
    if number >= len(world.workers) or number == before or not world.workers[number].alive:
        return
    owner, world.assigned[partition] = world.workers[before], number
    if partition in owner.draining:
        return
    released = owner.ready | (owner.left if "release what it left out" in world.broken else set())
    waits = orderly and owner.alive and partition in released and owner.phase not in LETTING_GO
    if waits:
        owner.draining |= {partition}
    else:
        world.grant({partition})


def overdue(world, partition):
    """The group waits no longer for an owner that lets a partition go; it goes on letting it go."""
    world.grant({partition})


def learn(world, number):
    """A worker is told what is assigned to it; what it lost is a doubt about all it has on its way."""
    if number >= len(world.workers) or not world.workers[number].alive:
        return
    worker = world.workers[number]
    lost = {one for one in worker.view - worker.draining if world.assigned[one] != number}
    if lost:
        worker.view -= lost
        world.doubt(worker)


def backup(world):
    """The database is copied."""
    world.database.backup()


def restore(world):
    """The database goes back to the copy."""
    world.database.restore()


def compact(world, partition):
    """The broker compacts a journal."""
    broker = world.broker
    log = broker.journal[partition]
    compaction.compact(log, broker.stable(partition, len(log)))


def intrude(world, partition):
    """Another program, which nobody here can fence, opens a transaction in a journal."""
    broker = world.broker
    if partition not in broker.foreign and partition not in broker.leaderless:
        broker.foreign[partition] = len(broker.journal[partition])
        broker.journal[partition].append(Record(FOREIGN, -1, 0))


def leave(world, partition):
    """The other program's transaction is aborted."""
    broker = world.broker
    if partition in broker.foreign and partition not in broker.leaderless:
        broker.journal[partition][broker.foreign.pop(partition)] = None


def lose(world, partition):
    """A journal has no leader any more."""
    world.broker.leaderless.add(partition)


def lead(world, partition):
    """A journal has a leader again."""
    world.broker.leaderless.discard(partition)


def refuse(world, partition):
    """The broker takes no outputs of a partition: one is too large, or its topic is gone."""
    world.broker.refusing.add(partition)


def accept(world, partition):
    """Somebody mended that."""
    world.broker.refusing.discard(partition)


ACTIONS = {
    each.__name__: each
    for each in (
        step,
        until,
        store,
        deliver,
        mark,
        crash,
        expire,
        spawn,
        move,
        overdue,
        learn,
        backup,
        restore,
        compact,
        intrude,
        leave,
        lose,
        lead,
        refuse,
        accept,
    )
}
