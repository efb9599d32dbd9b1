"""What a takeover makes of the journal and of the outbox, and what it writes into the journal at its end."""

from tests.protocol.broker import CLAIM, POSITIONS, PROGRESS, RELEASE, TOMBSTONE, Record
from tests.protocol.rules import Harm


def tail(world, partition, end):
    """Offset of the last position record, end of what is stable, {id: last offset} in the tail, claims."""
    broken = world.broken
    log = [_seen(record, end, broken) for record in world.broker.journal[partition][:end]]
    stable = end if "believe the open" in broken else world.broker.stable(partition, end)
    last = None
    for offset in range(stable - 1, -1, -1):
        if log[offset] is not None and log[offset].kind in POSITIONS:
            last = offset
            break
    keys = tuple(record.value for record in log[:stable] if record is not None and record.kind is CLAIM)
    names = {}
    for offset in range(last or 0, stable if "let the open wait" in broken else end):
        record = log[offset]
        if record is None or (offset == last and record.kind is RELEASE):
            continue
        if record.kind is TOMBSTONE and offset < stable:
            continue  # may be gone any time
        if offset == last or "overlook unfinished takeovers" not in broken or offset >= stable:
            names[record.by] = offset
    return last, stable, names, keys


def _seen(record, end, broken):
    if record is None or record.gone is None:
        return record
    return None if record.gone <= end or "stop at an end noted before" in broken else record


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


def tombstones(world, worker):
    """Tombstones of the claims that a takeover read; its progress follows them."""
    for partition in worker.taking:
        for key in sorted(set(worker.read[partition][1])):
            yield partition, Record(TOMBSTONE, worker.id, key)


def progress(world, worker):
    """What goes into the journals with the outputs."""
    yield from tombstones(world, worker)
    for partition, (_, _, following) in worker.publishing.items():
        yield partition, Record(PROGRESS, worker.id, following)
