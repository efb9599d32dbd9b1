"""Which differences are those of two releases, and what another release's program may do wrong."""

import sys
from dataclasses import replace

import pytest

from consumer.errors import InputRefused
from consumer.operator.differences import Difference
from consumer.operator.shadow_against import between, of_release


def differing(offset: int, made: str, would: str, path: str = "/notes") -> Difference:
    return Difference("contracts", f"c{offset}", 0, offset, path, made, would)


def test_what_both_decide_alike_is_left_out() -> None:
    tampered = differing(3, "by hand", "right")
    assert between([tampered], [tampered]) == []


@pytest.mark.parametrize(
    ("other", "this", "found"),
    [
        ([], [differing(1, "old", "new")], differing(1, "old", "new")),
        ([differing(1, "new", "old")], [], differing(1, "old", "new")),
        ([differing(1, "by hand", "old")], [differing(1, "by hand", "new")], differing(1, "old", "new")),
    ],
    ids=["only this one differs", "only the other one differs", "both differ from the service"],
)
def test_what_the_other_release_makes_is_shown_as_made(other, this, found) -> None:
    assert between(other, this) == [found]


def test_differences_are_in_the_order_of_the_log() -> None:
    ours = [differing(2, "a", "b"), differing(9, "a", "b")]
    assert [one.offset for one in between([differing(5, "a", "b")], ours)] == [2, 5, 9]


def test_records_of_a_topic_may_have_no_id() -> None:
    """Dead letters of other programs' records have none."""
    letters = [
        replace(differing(offset, "a", "b"), what="x.contracts.dead-letters", id="") for offset in (1, 2)
    ]
    assert between([], letters) == letters
    assert between(letters[:1], letters) == letters[1:]


def test_what_was_cut_off_is_no_difference() -> None:
    """The other release prints its first two differences; it has more."""
    ours = [differing(offset, "a", "b") for offset in (1, 2, 3)]
    assert between([differing(1, "a", "b"), differing(3, "a", "b")], ours, 2) == [differing(2, "a", "b")]
    assert between(ours[:2], ours, 2) == []


async def test_a_program_that_is_not_there(tmp_path) -> None:
    with pytest.raises(InputRefused, match="cannot be run: No such file"):
        await of_release(str(tmp_path / "contracts"), "start")


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("sys.exit(3)", "ended with exit code 3"),
        ("print('no differences')", "prints something else"),
        ("print('[]')", "prints something else"),
    ],
)
async def test_a_program_that_is_something_else(tmp_path, does, says) -> None:
    program = tmp_path / "contracts"
    program.write_text(f"#!{sys.executable}\nimport sys\n{does}\n")
    program.chmod(0o755)
    with pytest.raises(InputRefused, match=says):
        await of_release(str(program), "start")


async def test_what_it_prints_is_read(tmp_path) -> None:
    one = differing(4, "made", "would")
    program = tmp_path / "contracts"
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\nprint(json.dumps({one.row()!r}))\nsys.exit(23)\n"
    )
    program.chmod(0o755)
    assert await of_release(str(program), "start") == [one]
