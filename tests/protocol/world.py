"""Broker, database, workers, the group that assigns partitions, and requests that come late."""

from typing import NamedTuple

from tests.protocol.broker import Broker
from tests.protocol.database import Database
from tests.protocol.worker import Worker, begin

ANSWERED, LOST, UNANSWERED, LATE = "answered", "lost", "unanswered", "late"
"""What becomes of a request. After all but the first the worker is in doubt: it was never received, or
was done, or is still on its way and will be received at any time, or never."""


class Variant(NamedTuple):
    """What all workers of a run do in one of two ways.

    `open_if_hidden`: names from open transactions are looked at only where one hides the claim.
    `claim_rest`: a partition that is read for good is not claimed again with the others.
    `parts`: stored batches in one transaction of step 5; None: all.
    """

    open_if_hidden: bool = False
    claim_rest: bool = False
    parts: int | None = None


VARIANT = Variant()


class World:
    """`broken` names the rules that its workers leave out."""

    def __init__(self, partitions=2, workers=2, *, limit=8, ids=5, broken=frozenset(), variant=VARIANT):
        self.partitions, self.limit, self.ids, self.broken = range(partitions), limit, ids, broken
        self.variant = variant
        self.broker, self.database = Broker(partitions, ids), Database(partitions, broken)
        self.workers = [Worker(number, partitions) for number in range(workers)]
        self.assigned = [number % workers for number in self.partitions]
        self.late: list[tuple] = []
        self.fenced = 0  # how often a worker ended another's epoch
        self.story: list[str] | None = None
        for partition in self.partitions:
            self.grant({partition})

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
        self.abandon(worker)
        if "take doubt for failure" in self.broken and worker.ready and not worker.taking and not refused:
            worker.phase, worker.publishing, worker.lanes = "start", {}, [None, None]
            return
        self.renew(worker)
        worker.failures = min(worker.failures + 1, 5)
        worker.rest = worker.failures * worker.id * 3
        if "keep the epoch" in self.broken and worker.epoch and worker.view and not refused:
            begin(self, worker)

    def renew(self, worker):
        """It begins a life in which it knows nothing of the one before."""
        worker.forget(len(self.partitions))
        worker.life += 1

    def abandon(self, worker):
        """It goes on with none of the partitions that it was letting go."""
        gone, worker.draining = worker.draining, frozenset()
        worker.view -= gone
        self.grant(gone)

    def decided(self, worker):
        """Whether its last transaction is decided, its markers on their way: the broker says, try again."""
        transaction = self.broker.transactions[worker.id]
        return transaction is not None and transaction.commits is not None

    def out_of_reach(self, worker):
        """Without a leader, or what hid its last claim is still open, or outputs are still refused."""
        broker, found = self.broker, set()
        if "claim where nobody leads" not in self.broken:
            found |= broker.leaderless
        for partition, (began, claim) in worker.hidden.items():
            stable = broker.stable(partition, len(broker.journal[partition]))
            if stable == began or ("wait for the last claim" in self.broken and stable <= claim):
                found.add(partition)
        return (found | worker.put_off & broker.refusing) & worker.view

    def former_owners(self, worker):
        """Whom the positions named before they were claimed."""
        former = {self.database.former[partition] for partition in worker.taking}
        return former - {None, worker.id} - set(worker.fenced)

    def grant(self, partitions):
        """The group tells the members what is theirs."""
        for partition in partitions:
            worker = self.workers[self.assigned[partition]]
            worker.view |= {partition}
