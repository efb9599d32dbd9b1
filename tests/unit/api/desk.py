"""An operator's desk with what the tests put there."""

from collections.abc import Sequence
from datetime import UTC, datetime

from consumer.errors import InputRefused
from consumer.operator.choices import Decision
from consumer.operator.dead_letters import DeadLetter, LetterQuery
from consumer.operator.desk import Letters
from consumer.operator.position_table import Row
from consumer.operator.redrive import Redriven
from schemas.commands import COMMANDS

WORKING = Row(0, 40, 38, 0, 42, 1)
STOPPED = Row(1, 7, 7, 12, 20, 1, "the log starts at 12, after the position 7", "--to-log-start")


class MemoryDesk:
    """What Desk answers."""

    def __init__(self) -> None:
        self.rows: list[Row] = [WORKING, STOPPED]
        self.dead: list[DeadLetter] = []
        self.decided: list[tuple[Decision, int]] = []
        self.sent: set[str] = set()
        self.refusal: Exception | None = None

    async def partitions(self):
        if self.refusal:
            raise self.refusal
        return [(row, None if row.problem else "worker-1") for row in self.rows]

    async def decide(self, decision: Decision, partition: int):
        if self.refusal:
            raise self.refusal
        self.decided.append((decision, partition))
        self.rows = [WORKING, Row(1, 12, 12, 12, 20, 1)]
        return [f"partition {partition}: nothing was lost"]

    async def letters(self, query: LetterQuery):
        return Letters([letter for letter in self.dead if query.wants(letter)], complete=True)

    async def letter(self, id_: str):
        query = LetterQuery(ids=frozenset({id_}))
        found = [letter for letter in self.dead if query.wants(letter)]
        if not found:
            raise InputRefused(f"there is no dead letter {id_}")
        return found[0], found[0].value

    async def redrive(self, letters: Sequence[DeadLetter], *, send: bool):
        rows = []
        for letter in letters:
            if letter.id in self.sent:
                rows.append(Redriven(letter, "skipped", "it was sent again at noon"))
            else:
                rows.append(Redriven(letter, "sent" if send else "would be sent", offset=9 if send else None))
            self.sent |= {letter.id} if send else set()
        return rows

    async def replaced(self, letter: DeadLetter):
        before = letter.id in self.sent
        self.sent.add(letter.id)
        return not before


def dead_letter(offset: int, value: bytes | None, **headers: bytes) -> DeadLetter:
    """A letter at 0/offset for acc-1, from /crm unless its headers say otherwise."""
    own = {"ce_source": b"/crm", "ce_type": COMMANDS["create"].type.encode(), **headers}
    return DeadLetter(
        partition=0,
        offset=offset,
        time=datetime(2026, 1, 31, tzinfo=UTC),
        reason="schema_violation",
        message="must be text",
        path="/notes",
        source=f"contracts.commands/0/{offset}",
        key=b"acc-1",
        value=value,
        headers=tuple(own.items()),
    )
