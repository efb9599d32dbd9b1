"""Runs plans, looks for a breach, and tells it by the fewest actions that lead to it."""

from tests.protocol.actions import act
from tests.protocol.ending import finish
from tests.protocol.plans import plan
from tests.protocol.rules import COURSE, STALL, Breach, Harm, Stalled
from tests.protocol.world import World


def run(course, broken=frozenset(), story=None):
    """The breach that a run ends with, or None."""
    world = World(course.partitions, course.workers, broken=broken, variant=course.variant)
    world.story = story
    try:
        for action in course.actions:
            act(world, action)
        if story is not None:
            story.append("from here on nothing fails")
        finish(world)
    except Breach as breach:
        return breach
    return None


def search(seeds, broken=frozenset(), course=None, wanted=Breach):
    """The first seed that ends with a breach of the wanted kind, and the breach."""
    for seed in seeds:
        breach = run(plan(seed, course), broken)
        if isinstance(breach, wanted):
            return seed, breach
    return None


def find(mutant, seeds):
    """How a mutant is found: one that can do harm is not found by its waiting."""
    wanted = Stalled if mutant in STALL else Harm
    return search(seeds, frozenset({mutant}), COURSE.get(mutant), wanted)


def shortest(seed, broken=frozenset(), course=None):
    """A seed's run without the actions that its breach does not need."""
    whole = plan(seed, course)
    kind = type(run(whole, broken))
    left, size = whole.actions, len(whole.actions) // 2
    while size:
        at = 0
        while at < len(left):
            fewer = left[:at] + left[at + size :]
            if isinstance(run(whole._replace(actions=fewer), broken), kind):
                left = fewer
            else:
                at += size
        size //= 2
    return whole._replace(actions=left)


def told(seed, broken=frozenset(), course=None):
    """A seed's shortest breach, to be read."""
    story: list[str] = []
    breach = run(shortest(seed, broken, course), broken, story)
    return "\n".join([*story, f"BREACH (seed {seed}): {breach}"])
