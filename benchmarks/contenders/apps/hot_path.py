"""The service's own work on a command, from the record as it was fetched to the bytes for both servers.

Runs on the code of the folder that PYTHONPATH names. Neither the driver, nor sockets, nor an event loop's
waiting is part of it: a stand-in for the database encodes what it is given, as the driver would, and decodes
what it is asked for. For each line that it reads it works on a batch, and prints as JSON the microseconds of
CPU that a command took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import bson

from benchmarks.log import Shape, make_log
from consumer import garbage
from consumer.domain.model import Policy
from consumer.engine.apply import Share, apply
from consumer.engine.cache import CacheBudget, ContractCache
from consumer.engine.decoder import Decoder
from consumer.engine.encoder import Encoder
from consumer.engine.limits import Limits
from consumer.kafka.recordbatches import BatchWriter
from consumer.storage.documents import CODEC
from consumer.storage.mongo_batch import MongoBatch
from consumer.storage.protocols import Origin, Position
from schemas.partitioning import murmur2_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PARTITIONS: Final = 4
COMMANDS_A_MILLISECOND: Final = 5
FIRST_MILLISECOND: Final = 1_767_225_600_000
COMPRESSION: Final = "zstd"


class Fetched(NamedTuple):
    """A record as the fetcher hands it over."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class Clock:
    """The CPU seconds of each stage; what stands in for the servers is left out."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._outside = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts what happens inside."""
        start, outside = time.process_time(), self._outside
        yield
        spent = time.process_time() - start - (self._outside - outside)
        self.seconds[name] = self.seconds.get(name, 0.0) + spent

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Does not count what happens inside."""
        start = time.process_time()
        yield
        self._outside += time.process_time() - start


class Answers:
    """Stands in for a cursor."""

    def __init__(self, raw: Sequence[bytes]) -> None:
        self._raw = raw

    async def to_list(self, _: int | None) -> list[dict[str, Any]]:
        """Decoded, as the driver does it."""
        return [bson.decode(each, CODEC) for each in self._raw]


class Collection:
    """Stands in for a collection; `key` is what it is asked by."""

    def __init__(self, clock: Clock, key: str) -> None:
        self._clock = clock
        self._key = key
        self._documents: dict[Any, dict[str, Any]] = {}
        self._names: dict[Any, Any] = {}

    def find(self, question: Mapping[str, Any], *_: Any, **__: Any) -> Answers:
        """The documents of these values."""
        with self._clock.outside():
            wanted = question[self._key]["$in"] if self._key in question else ()
            found = [self._documents[self._names[each]] for each in wanted if each in self._names]
            return Answers([bson.encode(document, codec_options=CODEC) for document in found])

    def insert(self, document: dict[str, Any]) -> None:
        """Keeps it."""
        self._documents[document["_id"]] = document
        self._names[document[self._key]] = document["_id"]

    def update(self, statement: Mapping[str, Any]) -> None:
        """Applies it."""
        name, change = statement["q"]["_id"], statement["u"]
        stored = self._documents.get(name, {})
        self._documents[name] = stored | change["$set"] if "$set" in change else {"_id": name} | change


class Database:
    """Stands in for motor's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.contracts = Collection(clock, "account_id")
        self.history = Collection(clock, "nothing is seen twice")
        self.former_contracts = Collection(clock, "there are none")

    async def command(self, command: Mapping[str, Any], **_: Any) -> dict[str, int]:
        """Encodes a write, as the driver would, and takes it."""
        bson.encode(command, codec_options=CODEC)
        with self._clock.outside():
            if command.get("insert") == "contracts":
                for document in command["documents"]:
                    self.contracts.insert(document)
            for statement in command.get("updates", ()):
                if command["update"] == "contracts":
                    self.contracts.update(statement)
        return {"n": len(command.get("updates", ()) or command.get("documents", ()))}


class Lane:
    """One partition: its part of the log, and what a process keeps of it."""

    def __init__(self, number: int, records: Sequence[Fetched], budget: CacheBudget) -> None:
        self.records = records
        self.cache = ContractCache(budget)
        self.decoder = Decoder(PARTITIONS)
        self._encoder = Encoder(number)
        self.position = Position(f"commands/{number}", Origin("cluster", "group", PARTITIONS), 0)

    @property
    def waits(self) -> bool:
        """Whether there is more to do."""
        return self.position.next < len(self.records)

    def share(self, most: int, clock: Clock) -> Share:
        """The next batch's, decoded."""
        first = self.position.next
        with clock.stage("decode"):
            decoded = [self.decoder.decode(record) for record in self.records[first : first + most]]
            named = {record.key.decode() for record in self.records[first : first + most]}
            known = self.cache.known(named)
        writer = BatchWriter(COMPRESSION)
        return Share(self.position, decoded, first + len(decoded), known, self._encoder, writer)


def _fetched(commands: int) -> list[list[Fetched]]:
    """A log, for each partition its records."""
    lanes: list[list[Fetched]] = [[] for _ in range(PARTITIONS)]
    for number, (key, value, headers) in enumerate(make_log(Shape(commands, commands // 5), 0).records):
        home = murmur2_home(key, PARTITIONS)
        millisecond = FIRST_MILLISECOND + number // COMMANDS_A_MILLISECOND
        sent = [(name, cast("bytes", content)) for name, content in headers]
        offset = len(lanes[home])
        lanes[home].append(Fetched("commands", home, offset, millisecond, key, value, sent))
    return lanes


async def _work(log: Sequence[Sequence[Fetched]], room: int) -> None:
    """Works the whole log off, a batch for each line that comes; `room`: bytes of contracts remembered."""
    clock = Clock()
    database = Database(clock)
    budget = CacheBudget(room)
    lanes = [Lane(number, records, budget) for number, records in enumerate(log)]
    limits = Limits()
    while any(lane.waits for lane in lanes) and sys.stdin.readline():
        shares = [lane.share(limits.batch_commands // PARTITIONS, clock) for lane in lanes]
        batch = MongoBatch(database, cast("Any", None), nullcontext, owner="benchmark")
        applied = await apply(
            batch, shares, policy=Policy(), output_bytes=limits.batch_output_bytes, stage=clock.stage
        )
        with clock.stage("remember"):
            for lane, one in zip(lanes, applied, strict=True):
                lane.cache.update(one.fold.accounts.contracts)
                lane.position = one.position
        worked = sum(one.records for one in applied)
        print(json.dumps({stage: 1e6 * spent / worked for stage, spent in clock.seconds.items()}), flush=True)
        clock.seconds = {}


def main() -> None:
    """Work a log off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=20_000)
    parser.add_argument("--room", type=int, default=64 << 20, help="bytes of contracts that are remembered")
    given = parser.parse_args()
    log = _fetched(given.commands)
    garbage.one_heap()
    garbage.seldom()
    asyncio.run(_work(log, given.room))


if __name__ == "__main__":
    main()
