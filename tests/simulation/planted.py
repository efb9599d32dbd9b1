"""Bugs to plant in the engine: each breaks one rule, and some schedule must find it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumer.engine import claiming, outbox, storing, takeover
from consumer.engine.apply import Share, apply
from consumer.engine.intake import Intake
from consumer.engine.partition import Partition
from consumer.engine.pipeline import Pipeline
from consumer.engine.publication import Publication
from consumer.engine.publishing import Publishing
from consumer.engine.takeover import Takeover
from consumer.kafka.journal import ReadBack
from consumer.kafka.journal_entries import Progress, Release
from consumer.kafka.journal_tail import Tail, Window
from consumer.storage.memory import MemoryStore
from consumer.storage.memory_batch import MemoryBatch
from consumer.storage.protocols import OUTBOX_SLOTS
from tests.simulation.bugs import bug
from tests.simulation.publisher import SimulatedPublisher

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest


def _rivals(ends: Mapping[int, Any]) -> set[str]:
    return {name for end in ends.values() if isinstance(end, Tail) for name in end.rivals}


@bug(10)
def rivals_are_not_fenced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claiming, "_rivals", lambda *_: set())


@bug(80)
def read_once_and_not_again_after_fencing(patch: pytest.MonkeyPatch) -> None:
    async def last_words(publisher: Any, journal: Any, worker: str, partitions: Any, beat: Any) -> Any:
        left = sorted(partitions)
        claims = [claiming.journal_batch(journal.topic, n, claiming.Claim(worker), 0) for n in left]
        offsets = dict(zip(left, await publisher.publish(claims), strict=True))
        tails = await journal.read_back(offsets, worker)
        await publisher.fence(_rivals(tails))
        return tails

    patch.setattr(takeover, "last_words", last_words)


@bug(45)
def the_journal_is_read_without_a_claim(patch: pytest.MonkeyPatch) -> None:
    async def last_words(publisher: Any, journal: Any, worker: str, partitions: Any, beat: Any) -> Any:
        fenced: set[str] = set()
        while True:
            async with journal._reader() as reader:
                ends = {n: b.stable - 1 for n, b in (await reader.bounds(partitions)).items()}
                tails = await ReadBack(reader, journal._reader, worker).run(ends)
            rivals = _rivals(tails) - fenced
            if not rivals:
                return tails
            await publisher.fence(rivals)
            fenced |= rivals

    patch.setattr(takeover, "last_words", last_words)


@bug(0)
def what_another_program_hides_counts_as_read(patch: pytest.MonkeyPatch) -> None:
    def end(self: Any) -> Any:
        if self._hidden is not None:
            self._hidden, self._is_claimed = None, True
        return original(self)

    original = Window.end
    patch.setattr(Window, "end", end)


@bug(105)
def claims_of_unfinished_takeovers_are_overlooked(patch: pytest.MonkeyPatch) -> None:
    def take(self: Any, entry: Any, offset: int) -> None:
        if isinstance(entry, Progress | Release):
            original(self, entry, offset)

    original = Window._take
    patch.setattr(Window, "_take", take)


@bug(0)
def the_outbox_is_published_from_the_position_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "chain_of", lambda *_: [])


@bug(0)
def released_with_a_batch_that_is_not_published(patch: pytest.MonkeyPatch) -> None:
    def start_publishing(self: Any) -> None:
        if self._stopping.is_set():
            self._publish_queue.waiting.clear()
        original(self)

    original = Pipeline._start_publishing
    patch.setattr(Pipeline, "_start_publishing", start_publishing)


@bug(46)
def the_same_producer_goes_on_after_a_doubt(patch: pytest.MonkeyPatch) -> None:
    async def start(self: Any) -> None:
        if self._epoch is None:
            self._epoch = await self._init(self._id)

    async def discard(self: Any) -> None:
        """Keeps it."""

    patch.setattr(SimulatedPublisher, "start", start)
    patch.setattr(SimulatedPublisher, "discard", discard)


@bug(115)
def three_batches_are_stored_and_not_published(patch: pytest.MonkeyPatch) -> None:
    def ready(self: Any) -> bool:
        room = self.publication.unpublished_batches <= OUTBOX_SLOTS
        return self.working and not self.busy and self.intake.waiting > 0 and room

    patch.setattr(Partition, "ready", property(ready))


@bug(0)
def batches_are_published_out_of_order(patch: pytest.MonkeyPatch) -> None:
    async def publish(self: Any, stored: Any) -> None:
        await original(self, list(reversed(stored)))

    original = Publishing.publish
    patch.setattr(Publishing, "publish", publish)


@bug(0)
def a_retry_keeps_the_outputs_of_the_first_try(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Share, "again", lambda share: share)


@bug(0)
def repeated_commands_are_never_looked_up(patch: pytest.MonkeyPatch) -> None:
    async def taken_as_new(*given: Any, **options: Any) -> Any:
        return await apply(*given, **options | {"look_up": False})

    patch.setattr(storing, "apply", taken_as_new)


@bug(0)
def a_repeated_command_is_not_refused(patch: pytest.MonkeyPatch) -> None:
    def check(self: Any, documents: Any, writes: Any) -> None:
        known, self._contents = self._contents, self._contents._replace(history={})
        original(self, documents, writes)
        self._contents = known

    original = MemoryBatch._check
    patch.setattr(MemoryBatch, "_check", check)


@bug(235)
def a_fetch_from_before_a_takeover_is_taken_in(patch: pytest.MonkeyPatch) -> None:
    def add(self: Any, fetched: Any) -> bool:
        self.next = fetched.first
        return original(self, fetched)

    original = Intake.add
    patch.setattr(Intake, "add", add)


@bug(40)
def a_database_that_went_back_publishes_again(patch: pytest.MonkeyPatch) -> None:
    async def resume(self: Any, found: Any) -> Any:
        resumed = await original(self, found)
        return {n: one._replace(publish_from=one.position.next) for n, one in resumed.items()}

    original = Takeover._resume
    patch.setattr(Takeover, "_resume", resume)


@bug(220)
def the_journal_before_the_fencing_counts(patch: pytest.MonkeyPatch) -> None:
    async def last_words(publisher: Any, journal: Any, worker: str, partitions: Any, beat: Any) -> Any:
        firsts: dict[int, Any] = {}

        class Remembering:
            topic = journal.topic

            async def read_back(self, *given: Any) -> Any:
                found = await journal.read_back(*given)
                for number, tail in found.items():
                    firsts.setdefault(number, tail)
                return found

        await original(publisher, Remembering(), worker, partitions, beat)
        return firsts

    original = claiming.last_words
    patch.setattr(takeover, "last_words", last_words)


@bug(45)
def a_position_moves_from_wherever_it_is(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryStore, "_check_moves", lambda *_: None)


@bug(30)
def one_outbox_slot_serves_two_batches(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Publication, "slot", property(lambda _: 0, lambda *_: None), raising=False)


@bug(0)
def progress_is_published_before_its_outputs(patch: pytest.MonkeyPatch) -> None:
    async def publish(self: Any, stored: Any) -> None:
        reached = {one.partition.number: one.position for one in stored if one.outputs is not None}
        if reached:
            await self._publisher.publish(self.progress(reached.values()))
        await original(self, stored)

    original = Publishing.publish
    patch.setattr(Publishing, "publish", publish)
