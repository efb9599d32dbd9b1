"""What a takeover makes of the outbox, and what goes into the journal with the outputs."""

from tests.protocol.broker import PROGRESS, TOMBSTONE, Record
from tests.protocol.rules import Harm


def outbox(world, partition, position, done):
    """The first output to publish of what the outbox holds."""
    if world.broken & {"do not republish", "publish from the position"}:
        return position.next
    if done >= position.next:
        return done
    if not position.slots or position.slots[0][0] > done:
        raise Harm(f"partition {partition} stops: the outbox has no output {done}")
    if "publish whole slots" in world.broken:
        return max(start for start, _ in position.slots if start <= done)
    return done


def parts(world, publishing, positions):
    """What step 5 publishes: some stored batches in each transaction. The first has what is only progress."""
    most = world.variant.parts
    if most is None:
        return [publishing]
    stored = [piece for one in sorted(publishing) for piece in _pieces(one, publishing[one], positions[one])]
    first = {one: each for one, each in publishing.items() if each[0] >= each[1]}
    transactions = [stored[at : at + most] for at in range(0, len(stored), most)] or [[]]
    return [_joined({} if at else first, pieces) for at, pieces in enumerate(transactions)]


def _pieces(partition, publishing, position):
    begin_at, end, _ = publishing
    for first, following in position.slots:
        if begin_at < following <= end:
            yield partition, (max(first, begin_at), following, following)


def _joined(publishing, pieces):
    for partition, (begin_at, end, following) in pieces:
        begun = publishing.get(partition, (begin_at,))
        publishing[partition] = (begun[0], end, following)
    return publishing


def progress(world, worker):
    """What goes into the journals with the outputs: behind tombstones of the claims that a takeover read."""
    if worker.parts and "keep the progress for the last part" in world.broken:
        return
    for partition, (_, _, following) in worker.publishing.items():
        if partition in worker.taking:
            for key in sorted(set(worker.read[partition][1])):
                yield partition, Record(TOMBSTONE, worker.id, key)
        yield partition, Record(PROGRESS, worker.id, following)
