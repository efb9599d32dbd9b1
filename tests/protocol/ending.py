"""The end of a run, in which nothing fails any more."""

from tests.protocol.actions import learn, leave, mark, move, step, store
from tests.protocol.rules import Stalled

PATIENCE = 250  # rounds in which all must be published


def finish(world):
    """Nothing fails any more: all must be published, without waiting for any server's time limit.

    What cannot be taken over holds up nothing else, and is then taken over, too.
    """
    _calm(world)
    broker = world.broker
    if broker.leaderless:
        _restart(world)
    if missing := broker.leaderless | broker.foreign.keys() | broker.refusing:
        _publish_all(world, [one for one in world.partitions if one not in missing])
        broker.leaderless.clear()
        broker.refusing.clear()
        for partition in world.partitions:
            leave(world, partition)
    _publish_all(world, world.partitions)


def _publish_all(world, partitions):
    for turn in range(PATIENCE):
        if not world.late and _complete(world, partitions):
            return
        if world.late and turn % 2:
            world.receive(world.late.pop(0))
        for number, worker in enumerate(world.workers):
            mark(world, number)
            if worker.rest and "no back-off" not in world.broken:
                worker.rest -= 1
                continue
            step(world, number)
            store(world, number, turn % 2, tuple(world.partitions), 2)
    raise Stalled(
        f"not all is published: {world.broker.published}, stored {_applied(world)}, of {world.limit}"
    )


def _restart(world):
    """All workers begin anew, and no transaction is open where there is no leader: it would wait for one."""
    broker = world.broker
    leaderless, broker.leaderless = broker.leaderless, set()
    while world.late:
        world.receive(world.late.pop(0))
    for number, transaction in enumerate(broker.transactions):
        if transaction is not None:
            broker.initialise(number)
    for worker in world.workers:
        world.doubt(worker)
    broker.leaderless = leaderless


def _calm(world):
    world.limit = (
        max(*_applied(world), *world.broker.published, *(max(one.next) for one in world.workers)) + 2
    )
    if not any(worker.alive for worker in world.workers):
        world.workers[-1].alive = True
    alive = [worker.id for worker in world.workers if worker.alive]
    for partition in world.partitions:
        if not world.workers[world.assigned[partition]].alive:
            move(world, partition, alive[partition % len(alive)], orderly=False)
    for number in range(len(world.workers)):
        learn(world, number)


def _applied(world):
    return [position.next for position in world.database.positions]


def _complete(world, partitions):
    published, applied = world.broker.published, _applied(world)
    return all(world.limit <= published[one] == applied[one] for one in partitions)
