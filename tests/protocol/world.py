"""Broker, database, workers, the group that assigns partitions, and requests that come late.

Everything that can happen is an action, a tuple of a name and plain values; the same actions give the same
run. An action that is not possible at the moment does nothing, so that actions can be taken out of a run.
"""

from tests.protocol.batches import BATCHES, store
from tests.protocol.broker import Broker
from tests.protocol.database import Database
from tests.protocol.rules import Stalled
from tests.protocol.worker import TAKEOVER, Worker, begin

ANSWERED, LOST, UNANSWERED, LATE = "answered", "lost", "unanswered", "late"
"""What becomes of a request. After all but the first the worker is in doubt: it was never received, or
was done, or is still on its way and will be received at any time, or never."""

PHASES = TAKEOVER | BATCHES
LETTING_GO = ("free positions", "release", "commit release")
LONG = 12  # steps; a takeover that fences one other has so many
PATIENCE = 250  # rounds in which all must be published when nothing fails any more


class World:
    """`broken` names the rules that its workers leave out."""

    def __init__(self, partitions=2, workers=2, *, limit=8, ids=5, broken=frozenset()):
        self.partitions, self.limit, self.ids, self.broken = range(partitions), limit, ids, broken
        self.broker, self.database = Broker(partitions, ids), Database(partitions, broken)
        self.workers = [Worker(number, partitions) for number in range(workers)]
        self.assigned = [number % workers for number in self.partitions]
        self.late: list[tuple] = []
        self.fenced = 0  # how often a worker ended another's epoch
        self.story: list[str] | None = None
        for partition in self.partitions:
            self.grant({partition})

    # What workers use

    def call(self, worker, how, request):
        """The answer, or None: in doubt."""
        if self.story is not None:
            self.story.append(f"  worker {worker.id}.{worker.life}: {request} {how}")
        self.fenced += request[0] == "initialise" and request[1] != worker.id
        if how is ANSWERED:
            return self.receive(request)
        if how is UNANSWERED:
            self.receive(request)
        elif how is LATE:
            self.late.append(request)
        self.doubt(worker, refused=False)
        return None

    def receive(self, request):
        """A server carries a request out."""
        kind, *rest = request
        broker, database = self.broker, self.database
        match kind:
            case "initialise":
                answer = broker.initialise(*rest)
            case "produce":
                answer = broker.produce(*rest)
            case "commit":
                answer = broker.commit(rest[0], rest[1], slow=rest[2])
            case _:
                answer = getattr(database, kind)(*rest)
        if self.story is not None and answer is False:
            self.story.append(f"    {kind} of {rest[0]} is refused")
        return answer

    def doubt(self, worker, *, refused=True):
        """The next life begins."""
        self._abandon(worker)
        if "take doubt for failure" in self.broken and worker.ready and not worker.taking and not refused:
            worker.phase, worker.publishing, worker.lanes = "start", {}, [None, None]
            return
        worker.forget(len(self.partitions))
        worker.life += 1
        worker.failures = min(worker.failures + 1, 5)
        worker.rest = worker.failures * worker.id * 3
        if "keep the epoch" in self.broken and worker.epoch and worker.view and not refused:
            begin(worker)

    def _abandon(self, worker):
        gone, worker.draining = worker.draining, frozenset()
        worker.view -= gone
        self.grant(gone)

    def decided(self, worker):
        """Whether its last transaction is decided, its markers on their way: the broker says, try again."""
        transaction = self.broker.transactions[worker.id]
        return transaction is not None and transaction.decided

    def former_owners(self, worker):
        """Whom the positions named before they were claimed."""
        former = {self.database.former[partition] for partition in worker.taking}
        return former - {None, worker.id} - set(worker.fenced)

    def grant(self, partitions):
        """The group tells the members what is theirs."""
        for partition in partitions:
            worker = self.workers[self.assigned[partition]]
            worker.view |= {partition}

    # Actions

    def act(self, action):
        """Does what an action says."""
        if self.story is not None:
            self.story.append(" ".join(map(str, action)))
        getattr(self, action[0])(*action[1:])

    def step(self, number, how=ANSWERED, lag=0):
        """The next step of a worker. `lag`: how many records a read misses, whether markers are slow."""
        if number < len(self.workers) and self.workers[number].alive:
            worker = self.workers[number]
            PHASES[worker.phase](self, worker, how, lag)

    def until(self, number, phase, lag=0):
        """A worker gets on, undisturbed, until it is about to do something."""
        for _ in range(LONG):
            self.step(number, ANSWERED, lag)
            if number >= len(self.workers) or self.workers[number].phase == phase:
                return

    def store(self, number, lane, partitions, size, how=ANSWERED):
        """The next step of one of its lanes, which stores a batch."""
        if number < len(self.workers) and self.workers[number].alive and self.workers[number].ready:
            store(self, self.workers[number], lane, how, partitions, size)

    def deliver(self, number):
        """A late request is received."""
        if number < len(self.late):
            self.receive(self.late.pop(number))

    def mark(self, number):
        """A marker of a worker's transaction is written."""
        self.broker.mark(number)

    def crash(self, number):
        """A worker dies; what it sent may still be on its way."""
        if number < len(self.workers):
            self.workers[number].alive = False
            self._abandon(self.workers[number])

    def expire(self, number):
        """The broker forgets an id that it has not heard of for long; it never forgets what is open."""
        if self.broker.transactions[number] is None:
            self.broker.initialise(number)

    def spawn(self):
        """A new process joins, with an id that was never used."""
        if len(self.workers) < self.ids:
            self.workers.append(Worker(len(self.workers), len(self.partitions)))

    def move(self, partition, number, orderly):
        """The group assigns a partition to another; an orderly owner lets it go first, or learns it later."""
        before = self.assigned[partition]
        if number >= len(self.workers) or number == before or not self.workers[number].alive:
            return
        owner, self.assigned[partition] = self.workers[before], number
        if partition in owner.draining:
            return
        waits = orderly and owner.alive and partition in owner.ready and owner.phase not in LETTING_GO
        if waits:
            owner.draining |= {partition}
        else:
            self.grant({partition})

    def overdue(self, partition):
        """The group waits no longer for an owner that lets a partition go; it goes on letting it go."""
        self.grant({partition})

    def learn(self, number):
        """A worker is told what is assigned to it; what it lost is a doubt about all it has on its way."""
        if number >= len(self.workers) or not self.workers[number].alive:
            return
        worker = self.workers[number]
        lost = {one for one in worker.view - worker.draining if self.assigned[one] != number}
        if lost:
            worker.view -= lost
            self.doubt(worker)

    def backup(self):
        """The database is copied."""
        self.database.backup()

    def restore(self):
        """The database goes back to the copy."""
        self.database.restore()

    def compact(self, partition):
        """The broker compacts a journal."""
        self.broker.compact(partition)

    # The end

    def finish(self):
        """Nothing fails any more: all must be published, without waiting for any server's time limit."""
        self._calm()
        for turn in range(PATIENCE):
            if self.late and turn % 2:
                self.receive(self.late.pop(0))
            for number, worker in enumerate(self.workers):
                self.mark(number)
                if worker.rest and "no back-off" not in self.broken:
                    worker.rest -= 1
                    continue
                self.step(number)
                self.store(number, turn % 2, tuple(self.partitions), 2)
            if not self.late and self._complete():
                return
        raise Stalled(
            f"not all is published: {self.broker.published}, stored {self._applied()}, of {self.limit}"
        )

    def _calm(self):
        self.limit = (
            max(*self._applied(), *self.broker.published, *(max(one.next) for one in self.workers)) + 2
        )
        if not any(worker.alive for worker in self.workers):
            self.workers[-1].alive = True
        alive = [worker.id for worker in self.workers if worker.alive]
        for partition in self.partitions:
            if not self.workers[self.assigned[partition]].alive:
                self.move(partition, alive[partition % len(alive)], orderly=False)
        for number in range(len(self.workers)):
            self.learn(number)

    def _applied(self):
        return [position.next for position in self.database.positions]

    def _complete(self):
        return self.broker.published == self._applied() and min(self.broker.published) >= self.limit
