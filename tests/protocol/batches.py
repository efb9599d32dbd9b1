"""The way of a batch: stored by a lane, published with the others that wait, and a partition let go."""

from tests.protocol.broker import RELEASE, Record
from tests.protocol.outbox import progress
from tests.protocol.worker import begin

SLOTS = 2  # batches of a partition stored and not published


def store(world, worker, lane, how, partitions, size):
    """One step of a lane: runs a batch's writes, or commits them."""
    if worker.lanes[lane] is None:
        _run(world, worker, lane, how, partitions, size)
    else:
        _end(world, worker, lane, how)


def _run(world, worker, lane, how, partitions, size):
    batches = tuple(
        (one, worker.next[one], min(worker.next[one] + size, world.limit), worker.published[one])
        for one in partitions
        if _free(world, worker, one)
    )
    if not batches:
        return
    answer = world.call(worker, how, ("store", (worker.id, worker.life, lane), batches))
    if answer:
        worker.lanes[lane] = batches
    elif answer is False:
        world.doubt(worker)


def _free(world, worker, partition):
    if (
        worker.finishing
        or partition not in worker.ready
        or partition in worker.draining
        or worker.next[partition] >= world.limit
    ):
        return False
    busy = any(batch[0] == partition for batches in worker.lanes if batches for batch in batches)
    allowed = SLOTS + ("three on their way" in world.broken)
    return not busy and len(worker.stored[partition]) < allowed


def _end(world, worker, lane, how):
    answer = world.call(worker, how, ("end", (worker.id, worker.life, lane)))
    if answer:
        for partition, start, end, _ in worker.lanes[lane]:
            worker.next[partition] = end
            if end > worker.published[partition] or "forget C" in world.broken:
                worker.stored[partition].append((start, end))
        worker.lanes[lane] = None
    elif answer is False:
        world.doubt(worker)


def work(world, worker, how, lag):
    """Takes over what came, lets go what must go, publishes what is stored.

    What was left out is taken over in a life of its own, once all is published.
    """
    if worker.left & worker.view:
        worker.finishing |= bool((worker.left & worker.view) - world.out_of_reach(worker))
    if worker.view - worker.ready - worker.left:
        begin(world, worker)
    elif worker.draining and _may_release(world, worker):
        worker.phase = "free positions"
    elif worker.finishing and not worker.draining and _drained(worker, world.partitions):
        world.renew(worker)
    else:
        _collect(world, worker)


def _may_release(world, worker):
    return "release with a batch on its way" in world.broken or _drained(worker, worker.draining)


def _drained(worker, partitions):
    busy = {batch[0] for batches in worker.lanes if batches for batch in batches}
    return not any(worker.stored[one] or one in busy for one in partitions)


def _collect(world, worker):
    for partition, batches in enumerate(worker.stored):
        if batches:
            done, (first, _), (_, end) = worker.published[partition], batches[0], batches[-1]
            begin_at = first if "forget C" in world.broken else max(done, first)
            worker.publishing[partition] = (begin_at, end, end)
    if worker.publishing:
        worker.phase = "publish outputs"


def publish_outputs(world, worker, how, lag):
    outputs = tuple(
        (partition, number)
        for partition, (start, end, _) in worker.publishing.items()
        for number in range(start, end)
    )
    if not outputs:
        worker.phase = "publish progress"
    elif _produce(world, worker, how, (), outputs):
        worker.phase = "commit outputs" if "progress apart" in world.broken else "publish progress"


def publish_progress(world, worker, how, lag):
    if _produce(world, worker, how, tuple(progress(world, worker)), ()):
        worker.phase = "commit"


def _produce(world, worker, how, records, outputs):
    if world.decided(worker):
        return False
    answer = world.call(worker, how, ("produce", worker.id, worker.epoch, records, outputs))
    if isinstance(answer, set):
        _refused(world, worker, answer)
    elif answer is False:
        world.doubt(worker)
    return isinstance(answer, list)


def _refused(world, worker, partitions):
    """The life ends; the next takeover leaves out what was refused in this one."""
    if worker.taking:
        worker.refused |= partitions
    if worker.taking and "go on after a refusal" in world.broken:
        worker.phase = "start"
    else:
        world.doubt(worker)


def _commit(world, worker, how, lag):
    answer = world.call(worker, how, ("commit", worker.id, worker.epoch, lag > 0))
    if answer is False:
        world.doubt(worker)
    return answer


def commit_outputs(world, worker, how, lag):
    if _commit(world, worker, how, lag):
        worker.phase = "publish progress"


def commit(world, worker, how, lag):
    if _commit(world, worker, how, lag):
        committed(world, worker, how, lag)


def committed(world, worker, how, lag):
    """What was published is published, what was taken over is ready."""
    for partition, (_, end, following) in worker.publishing.items():
        worker.published[partition] = following
        worker.stored[partition] = [batch for batch in worker.stored[partition] if batch[1] > end]
    if worker.parts and "work before all parts are published" not in world.broken:
        worker.publishing, *worker.parts = worker.parts
        worker.phase = "publish outputs"
        return
    worker.ready |= frozenset(worker.taking)
    worker.publishing, worker.parts, worker.taking, worker.failures = {}, [], (), 0
    worker.phase = "work"


def free_positions(world, worker, how, lag):
    """First in the database: the successor must not kill sessions that work on other partitions."""
    answer = world.call(worker, how, ("free", worker.id, worker.life, tuple(sorted(worker.draining))))
    if answer:
        worker.phase = "release"
    elif answer is False:
        world.doubt(worker)


def release(world, worker, how, lag):
    records = tuple(
        (one, Record(RELEASE, worker.id, worker.published[one])) for one in sorted(worker.draining)
    )
    if _produce(world, worker, how, records, ()):
        worker.phase = "commit release"


def commit_release(world, worker, how, lag):
    if _commit(world, worker, how, lag):
        gone, worker.draining = worker.draining, frozenset()
        worker.view -= gone
        worker.ready -= gone
        worker.phase = "work"
        world.grant(gone)


BATCHES = {
    "work": work,
    "publish outputs": publish_outputs,
    "publish progress": publish_progress,
    "commit outputs": commit_outputs,
    "commit": commit,
    "committed": committed,
    "free positions": free_positions,
    "release": release,
    "commit release": commit_release,
}
