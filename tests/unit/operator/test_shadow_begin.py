"""Where a shadow cannot begin, and why."""

from dataclasses import replace
from typing import Any

import pytest

from consumer.errors import InputRefused, TopicRecreated
from consumer.kafka.journal_entries import Progress
from consumer.operator import shadow
from consumer.operator.shadow import until_published
from consumer.operator.shadow_begin import refuse_log_created_again, refuse_other_log
from consumer.storage.protocols import LastRecord, Origin, Position

MADE = Position("contracts.commands/0", Origin("cluster", "group", 3), next=40)


@pytest.mark.parametrize(
    ("made", "would", "says"),
    [
        (MADE, replace(MADE, origin=Origin("other", "group", 3)), "the checkpoint is of another log"),
        (replace(MADE, generation=2), replace(MADE, next=0), "since a decision of an operator"),
        (MADE, replace(MADE, next=41), "offset 41 is after the service's position, 40"),
        (MADE, replace(MADE, next=9), "commands before offset 10 were deleted"),
    ],
)
def test_the_reason_is_named(made: Position, would: Position, says: str) -> None:
    with pytest.raises(InputRefused, match=says):
        refuse_other_log(made, would, 10)


def test_a_log_that_leads_to_the_position() -> None:
    refuse_other_log(MADE, replace(MADE, next=10), 10)


def test_a_log_with_another_last_record_was_created_again() -> None:
    made = replace(MADE, last=LastRecord(39, 1_000, 7))
    refuse_log_created_again(made, made)
    refuse_log_created_again(MADE, made)  # an old release has stored no last record
    with pytest.raises(TopicRecreated, match="the record at offset 39"):
        refuse_log_created_again(made, replace(MADE, last=LastRecord(39, 2_000, 7)))


class Journal:
    """Partition 0 has this progress."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    async def progress(self, partitions: Any) -> dict[int, Progress | None]:
        return dict.fromkeys(partitions, self._progress)


@pytest.mark.parametrize(
    ("progress", "says"),
    [(None, "the journal has no entry of partitions"), (Progress(39, 1, "worker"), "are not published")],
)
async def test_what_is_not_published_and_what_is_not_known(
    monkeypatch: pytest.MonkeyPatch, progress: Progress | None, says: str
) -> None:
    monkeypatch.setattr(shadow, "PUBLISHED_SECONDS", -1)
    journal: Any = Journal(progress)
    with pytest.raises(InputRefused, match=says):
        await until_published(journal, {0: 40})


async def test_everything_is_published() -> None:
    journal: Any = Journal(Progress(40, 1, "worker"))
    await until_published(journal, {0: 40})
