"""The takeover of partitions, explored as a model: it holds, and no rule of it can be left out."""

import pytest

from tests.protocol.actions import act
from tests.protocol.ending import finish
from tests.protocol.explore import find, run, search, told
from tests.protocol.plans import COURSES, plan
from tests.protocol.rules import COURSE, MUTANTS, STALL
from tests.protocol.world import World

RUNS = 20_000
SHARES = 8
ENOUGH = 3_000  # the rarest mutant shows itself in one of 150


@pytest.mark.parametrize("share", range(SHARES))
def test_whatever_happens_all_is_published_once(share):
    found = search(range(share * RUNS // SHARES, (share + 1) * RUNS // SHARES))
    assert found is None, told(found[0])


@pytest.mark.parametrize("course", COURSES)
def test_whatever_happens_of_one_kind(course):
    found = search(range(1_000), course=course)
    assert found is None, told(found[0], course=course)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_no_rule_can_be_left_out(mutant):
    assert find(mutant, range(ENOUGH)) is not None, MUTANTS[mutant]


def test_the_lists_of_mutants_name_mutants():
    assert COURSE.keys() | STALL <= MUTANTS.keys()


def test_a_seed_repeats_and_is_told_by_few_actions():
    broken = frozenset({"take C from the database"})
    seed, breach = find("take C from the database", range(ENOUGH))
    assert str(run(plan(seed), broken)) == str(breach)
    story = told(seed, broken)
    assert story == told(seed, broken)
    assert story.endswith("is published twice")
    assert len(story.splitlines()) < 60


@pytest.mark.parametrize("first", [0, 1])
def test_an_orderly_move_fences_nobody(first):
    world = World(2, 2)
    for turn in range(400):
        act(world, ("step", (first + turn) % 2))
        act(world, ("store", (first + turn // 2) % 2, turn % 2, (0, 1), 1))
        if turn % 60 == 59:
            act(world, ("move", turn // 60 % 2, (first + turn // 120) % 2, True))
            world.limit += 3
    finish(world)
    assert world.fenced == 0
    assert min(world.broker.published) > 8
