"""What a takeover makes of the journal: where it goes on, whom it fences, what it leaves out."""

from tests.protocol.broker import CLAIM, FOREIGN, POSITIONS, RELEASE, TOMBSTONE

_STALE = {"read without a claim", "read short of the claim"}


def read(world, worker, how, lag):
    """Reads the journals' tails at least to the claims; then who is to fence, or whether the claim stands."""
    if world.broker.leaderless.intersection(worker.taking):
        world.doubt(worker)
        return
    ends, others, behind, unseen, left = list(worker.ends), set(), set(), set(), set()
    for partition in worker.unread:
        length = len(world.broker.journal[partition])
        at_least = 0 if world.broken & _STALE else worker.claims[partition] + 1
        ends[partition] = end = max(at_least, length - lag)
        last, stable, names, keys = tail(world, partition, end, worker.claims.get(partition))
        mine = worker.claims.get(partition, stable - 1)
        if _leave_out(world, worker, partition, stable, mine):
            left.add(partition)
            continue
        position = None if last is None else world.broker.journal[partition][last]
        worker.read[partition] = (None if position is None else position.value, keys)
        names = {name for name, at in names.items() if not _fenced(worker, partition, name, at)}
        others |= names
        if last is not None and last > mine:
            behind.add(partition)
        if stable <= mine and not _believed(world, partition, stable):
            unseen.add(partition)
        if world.variant.claim_rest and not names - {worker.id} and partition not in behind | unseen:
            worker.known |= {partition}
    worker.ends = tuple(ends)
    worker.left |= left
    worker.take(set(worker.taking) - left, "read")
    if worker.taking:
        _decide(world, worker, others, behind=behind, unseen=unseen)


def _leave_out(world, worker, partition, stable, mine):
    """Whether another program's transaction hides the claim: its first record lies where the rest begins."""
    worker.hidden.pop(partition, None)
    hides = stable <= mine and world.broker.foreign.get(partition) == stable
    if not hides or world.broken & {"wait for another program", "believe what another program hides"}:
        return False
    worker.hidden[partition] = (stable, mine)
    return True


def _believed(world, partition, stable):
    if "overlook what hides the claim" in world.broken:
        return True
    return (
        "believe what another program hides" in world.broken and world.broker.foreign.get(partition) == stable
    )


def _fenced(worker, partition, name, at):
    return name in worker.fenced and at < worker.fenced[name][partition]


def _decide(world, worker, others, *, behind, unseen):
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
    elif behind and "do without the last word" not in broken:
        worker.phase = "claim"
    else:
        worker.phase = "read positions"


def tail(world, partition, end, claim):
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
    for offset in range(last or 0, end if _looks_at_open(world, claim, stable) else stable):
        record = log[offset]
        if record is None or record.kind is FOREIGN or (offset == last and record.kind is RELEASE):
            continue
        if record.kind is TOMBSTONE and offset < stable:
            continue  # may be gone any time
        if offset == last or "overlook unfinished takeovers" not in broken or offset >= stable:
            names[record.by] = offset
    return last, stable, names, keys


def _looks_at_open(world, claim, stable):
    """Whether names come from open transactions."""
    if world.broken & {"let the open wait", "overlook what hides the claim"}:
        return False
    return not world.variant.open_if_hidden or claim is None or stable <= claim


def _seen(record, end, broken):
    if record is None or record.gone is None:
        return record
    return None if record.gone <= end or "stop at an end noted before" in broken else record
