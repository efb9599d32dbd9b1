"""What the driver's `command` leaves to us: errors of single documents, and sizes."""

import pytest
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge, OperationFailure

from consumer.errors import BatchTooLarge
from consumer.storage.mongo_commands import MongoCommands, parted


class FakeDatabase:
    """Answers every command with the same."""

    def __init__(self, answer):
        self.answer = answer
        self.sent = []

    async def command(self, command, **_):
        self.sent.append(command)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


MEGABYTE = 1 << 20


async def test_nothing_is_sent_for_nothing():
    database = FakeDatabase({"n": 0})
    commands = MongoCommands(database, None)
    assert await commands.update("c", []) == await commands.delete("c", []) == 0
    await commands.insert("c", [])
    assert database.sent == []


async def test_the_error_of_one_document_is_raised():
    commands = MongoCommands(FakeDatabase({"n": 1, "writeErrors": [{"index": 1, "code": 11000}]}), None)
    with pytest.raises(BulkWriteError) as raised:
        await commands.insert("c", [{}, {}])
    assert raised.value.details["writeErrors"][0]["code"] == 11000


@pytest.mark.parametrize("answer", [AutoReconnect("connection closed"), OperationFailure("BadValue", 2)])
@pytest.mark.parametrize(
    ("sizes", "error"),
    [([17], DocumentTooLarge), ([1, 17, 40], DocumentTooLarge), ([15] * 4, BatchTooLarge), ([1, 1], None)],
)
async def test_what_was_refused_for_its_size_is_told(answer, sizes, error):
    """A server may say nothing and hang up."""
    commands = MongoCommands(FakeDatabase(answer), None)
    with pytest.raises(error or type(answer)):
        await commands.insert("c", [{"text": "x" * (size * MEGABYTE)} for size in sizes])


@pytest.mark.parametrize("sizes", [[], [0] * 5, [1, 2, 3], [6, 6, 6], [4] * 9, [50, 1, 1], [9, 0, 50, 50]])
def test_statements_are_parted_by_their_size(sizes):
    statements = [{"size": size} for size in sizes]
    parts = parted([*zip(sizes, statements, strict=True)], 10)
    assert [each for part in parts for each in part] == statements
    assert all(sum(each["size"] for each in part[1:]) <= 10 for part in parts)
    assert len(parts) <= 1 + sum(sizes) // 10
