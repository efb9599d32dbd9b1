"""Which differences the outputs of two programs have, if published ones were deleted meanwhile."""

from typing import Any, NamedTuple

import pytest

from consumer.kafka.recordbatches import Output
from consumer.operator.differences import Found
from consumer.operator.shadow_outputs import OutputComparison
from consumer.operator.shadow_records import Foreign, Lane, Span
from consumer.storage.protocols import base_of
from schemas.cloudevents import sequence as sequence_of
from schemas.topics import CHANGED, COMMANDS, DEAD_LETTERS, STATE

EVERYTHING = Span(0, 0, 100)


class Published(NamedTuple):
    """A record as a consumer returns it."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


def output(sequence: int, value: bytes | None = b"1", topic: str = CHANGED, key: bytes = b"acme") -> Output:
    return Output(topic, 0, key, value, [("ce_sequence", sequence_of(sequence, 0).encode())], 0)


def letter(offset: int, value: bytes = b"1", timestamp: int = 0, partition: int = 0) -> Output:
    headers = [
        ("dlq-partition", b"%d" % partition),
        ("dlq-offset", b"%d" % offset),
        ("dlq-timestamp", b"%d" % timestamp),
    ]
    return Output(DEAD_LETTERS, partition, b"acme", value, headers, 0)


class Comparison:
    """One input partition, unless more are begun."""

    def __init__(self, spans: dict[int, Span] | None = None) -> None:
        self.found = Found()
        self.outputs = OutputComparison("", lambda record: record.partition, self.found)
        self.outputs.begin(spans or {0: EVERYTHING})
        self._offset = 0

    def would(self, *outputs: Output, reached: int = 100, partition: int = 0) -> "Comparison":
        self.outputs.would(partition, outputs, reached)
        return self

    def published(self, *outputs: Output, at: int = 0) -> "Comparison":
        self._offset = max(self._offset, at)
        for one in outputs:
            headers: Any = one.headers
            self.outputs.published(
                Published(one.topic, one.partition, self._offset, one.key or b"", one.value, headers)
            )
            self._offset += 1
        return self

    def ends(self, starts: dict[tuple[str, int], int] | None = None) -> list[tuple[int, str, str]]:
        """Offset, and what was made and would be, of each difference."""
        self.outputs.finish()
        self.outputs.doubts += self.outputs.missing_states()
        self.outputs.resolve_doubts(starts or {})
        return [(one.offset, one.made, one.would) for one in self.found.first()]


def test_equal_outputs_differ_in_nothing() -> None:
    both = [output(1), output(2), letter(3)]
    comparison = Comparison().would(*both).published(*both)
    assert comparison.ends() == []
    assert comparison.outputs.compared == 3


def test_a_forwarded_command_is_no_output() -> None:
    forwarded = output(0, topic=COMMANDS)._replace(headers=[("contracts-forwarded-from", b"a/1/7")])
    assert Comparison().would(forwarded, output(1)).published(output(1)).ends() == []


def test_outputs_of_later_commands_are_not_kept() -> None:
    comparison = Comparison({0: Span(0, 0, 5)}).published(output(4), *(output(n) for n in range(5, 50)))
    assert comparison.outputs.ahead == 1
    assert comparison.would(output(4), reached=5).ends() == []


def test_one_that_was_never_published_is_missing() -> None:
    comparison = Comparison().would(output(1), output(2), output(3)).published(output(1), output(3))
    assert [(offset, made) for offset, made, _ in comparison.ends()] == [(2, "(none)")]
    assert comparison.outputs.deleted == {}


def test_the_first_that_were_deleted_are_told() -> None:
    comparison = Comparison().would(output(1), output(2), output(3)).published(output(3), at=9)
    assert comparison.ends({(CHANGED, 0): 9}) == []
    assert comparison.outputs.deleted == {Lane(CHANGED, 0): 3}


def test_those_that_were_deleted_while_it_read_are_told() -> None:
    comparison = Comparison().would(output(1), output(2), output(3)).published(output(1))
    assert comparison.published(output(3), at=9).ends({(CHANGED, 0): 9}) == []
    assert comparison.outputs.deleted == {Lane(CHANGED, 0): 3}


def test_a_topic_of_which_nothing_is_left_is_told() -> None:
    comparison = Comparison().would(output(1), output(2))
    assert comparison.ends({(CHANGED, 0): 9}) == []
    assert comparison.outputs.deleted == {Lane(CHANGED, 0): 3}


def test_deleted_ones_of_another_partition_excuse_nothing() -> None:
    comparison = Comparison({0: EVERYTHING, 1: EVERYTHING}).would(output(1))
    assert len(comparison.ends({(CHANGED, 1): 9})) == 1


def state(sequence: int, key: bytes = b"acme", value: bytes | None = b"1") -> Output:
    return output(sequence, value, STATE, key)


def test_a_state_may_be_missing_if_a_newer_one_is_there() -> None:
    comparison = Comparison().would(state(1), state(2, b"other"), state(3))
    assert comparison.published(state(2, b"other"), state(3)).ends() == []


def test_the_last_state_of_each_key_is_required() -> None:
    comparison = Comparison().would(state(1), state(2, b"other"), state(3)).published(state(1))
    assert [(offset, made) for offset, made, _ in comparison.ends()] == [(2, "(none)"), (3, "(none)")]


def test_a_later_command_may_have_replaced_the_state() -> None:
    comparison = Comparison({0: Span(0, 0, 5)}).published(state(7)).would(state(1), reached=5)
    assert comparison.ends() == []


def test_what_tells_that_a_contract_is_gone_is_forgotten() -> None:
    assert Comparison().would(state(1), state(2, value=None)).ends() == []


def test_partitions_may_be_in_different_generations() -> None:
    base = base_of(3)
    comparison = Comparison({0: Span(0, 10, 20), 1: Span(base, 2, 20)})
    first, second = letter(12), letter(12, partition=1)
    comparison.would(first, output(15), reached=20)
    comparison.would(second, output(base + 15)._replace(partition=1), reached=20, partition=1)
    comparison.published(first, second, output(15), output(base + 15)._replace(partition=1))
    assert comparison.ends() == []
    assert comparison.outputs.compared == 4


def test_a_dead_letter_of_an_earlier_generation_is_left_out() -> None:
    comparison = Comparison({0: Span(base_of(2), 5, 20, after=1_000)}).would(letter(7, b"new", 1_001))
    assert comparison.published(letter(7, b"old", 999), letter(7, b"new", 1_001)).ends() == []
    assert comparison.outputs.compared == 1


NOT_OURS: list[tuple[str, bytes | None]] = [("ce_id", b"1"), ("content-type", b"application/json")]


@pytest.mark.parametrize(
    "foreign",
    [
        output(2)._replace(headers=NOT_OURS),
        output(2)._replace(headers=[("ce_sequence", b"2")]),
        output(2)._replace(headers=[("ce_sequence", None)]),
        letter(2)._replace(headers=NOT_OURS),
        letter(2)._replace(headers=[*letter(2).headers[:2], ("dlq-timestamp", b"now")]),
        letter(2, partition=7)._replace(partition=0),
        output(2, topic=STATE)._replace(headers=NOT_OURS),
    ],
    ids=[
        "no sequence",
        "another sequence",
        "an empty header",
        "a letter without its place",
        "a letter with another time",
        "a letter of no partition",
        "a state",
    ],
)
def test_what_the_service_has_not_written_is_counted_and_left_out(foreign) -> None:
    comparison = Comparison().would(output(1), output(3))
    assert comparison.published(output(1), foreign, foreign, output(3)).ends() == []
    assert comparison.outputs.foreign == {(foreign.topic, 0): Foreign(2, 1)}
    assert comparison.outputs.compared == 2


def test_only_the_first_differences_are_kept() -> None:
    comparison = Comparison()
    comparison.found = comparison.outputs._found = Found(2)
    changed = [output(number, b"2") for number in range(5)]
    comparison.would(*(output(number) for number in range(5))).published(*changed)
    assert [offset for offset, _, _ in comparison.ends()] == [0, 1]
    assert comparison.found.count == 5
