"""Bugs to plant in what speaks Kafka's protocol: each breaks one rule, and some schedule must find it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumer.kafka import parsing
from consumer.kafka.coordinator import Coordinator
from consumer.kafka.produce import Produce, _heads
from consumer.kafka.recordbatches import RecordBatch
from consumer.kafka.transactions import Transactions
from tests.simulation.bugs import Bug

if TYPE_CHECKING:
    import pytest


def a_transaction_is_ended_again_after_a_lost_answer(patch: pytest.MonkeyPatch) -> None:
    async def ask(self: Any, request: Any, *, once: bool = False) -> Any:
        return await original(self, request)

    original = Coordinator.ask
    patch.setattr(Coordinator, "ask", ask)


def a_batch_is_sent_again_with_another_sequence_number(patch: pytest.MonkeyPatch) -> None:
    async def request(self: Any, leader: int, heads: Any) -> Any:
        for partition, head in heads.items():
            if id(head) in sent:
                records = int.from_bytes(head.body[57:61], "big")
                producer = int.from_bytes(head.body[43:51], "big"), int.from_bytes(head.body[51:53], "big")
                batch = RecordBatch(*partition, records, bytes(head.body))
                head.body = batch.stamped(*producer, self._sequences[partition])
                self._sequences[partition] += records
            sent[id(head)] = head
        return await original(self, leader, heads)

    sent: dict[int, Any] = {}
    original = Produce._request
    patch.setattr(Produce, "_request", request)


def a_worker_goes_on_with_its_epoch_after_a_failure(patch: pytest.MonkeyPatch) -> None:
    async def begin_epoch(self: Any) -> None:
        mine = self._id.startswith(f"{self._client._client_id}.")
        if mine and self._id in begun:
            self._epoch, self._produce._sequences = begun[self._id]
            return
        await original(self)
        if mine:
            begun[self._id] = self._epoch, self._produce._sequences

    begun: dict[str, Any] = {}
    original = Transactions.begin_epoch
    patch.setattr(Transactions, "begin_epoch", begin_epoch)


def a_transaction_is_committed_before_all_is_written(patch: pytest.MonkeyPatch) -> None:
    async def send(self: Any, batches: Any, epoch: Any) -> list[int]:
        outgoing = [self._stamped(batch, epoch) for batch in batches]
        await self._try(_heads(outgoing))
        return [each.offset or 0 for each in outgoing]

    patch.setattr(Produce, "send", send)


def the_partitions_of_a_transaction_are_not_registered(patch: pytest.MonkeyPatch) -> None:
    async def register(self: Any, partitions: Any) -> None:
        await self._know({topic for topic, _ in partitions})

    patch.setattr(Transactions, "register", register)


def aborted_records_are_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(parsing._Transactions, "hide", lambda _, batch: batch.is_control_batch)


BUGS: Final = (
    Bug(a_transaction_is_ended_again_after_a_lost_answer, 0),
    Bug(a_batch_is_sent_again_with_another_sequence_number, 0),
    Bug(a_worker_goes_on_with_its_epoch_after_a_failure, 0),
    Bug(a_transaction_is_committed_before_all_is_written, 0),
    Bug(the_partitions_of_a_transaction_are_not_registered, 0),
    Bug(aborted_records_are_read, 0),
)
