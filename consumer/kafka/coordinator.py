"""Finds the broker that coordinates a transactional id, and sends requests to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiokafka.client import CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
    OperationNotAttempted,
    UnknownTopicOrPartitionError,
)

from consumer.kafka.broker_errors import error_of
from consumer.kafka.retries import Pause

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiokafka.client import AIOKafkaClient

    from consumer.kafka.retries import Refusals

_ELSEWHERE: Final = (CoordinatorNotAvailableError, NotCoordinatorError)
_BUSY: Final = (ConcurrentTransactions, CoordinatorLoadInProgressError, UnknownTopicOrPartitionError)


class Coordinator:
    """Repeats a request until it succeeds, or until the broker refuses it permanently.

    Args:
        client: connected.
        refusals: notes why a request is repeated.
    """

    def __init__(self, client: AIOKafkaClient, transactional_id: str, refusals: Refusals) -> None:
        self._client = client
        self._id = transactional_id
        self._refusals = refusals
        self._node: int | None = None

    def forget(self) -> None:
        """Makes the next request search for the coordinator again."""
        self._node = None

    async def ask(self, request: Any, *, once: bool = False) -> Any:
        """The coordinator's answer. `once`: no second try if the first request may have arrived."""
        pause = Pause()
        while True:
            node = await self._coordinating()
            try:
                answer = await self._client.send(node, request)
            except KafkaError as error:
                if once or not error.retriable:
                    raise
                self._refusals.last, self._node = error, None
            else:
                refusal, partitions = _refusal(answer)
                if refusal is None:
                    return answer
                self._tolerate(refusal, partitions)
            await pause.wait()

    def _tolerate(self, refusal: KafkaError, partitions: Collection[tuple[str, int]]) -> None:
        """Raises the error, unless it is temporary."""
        if isinstance(refusal, _ELSEWHERE):
            self._node = None
        elif not isinstance(refusal, _BUSY):
            self._refusals.partitions = partitions
            raise refusal
        self._refusals.last = refusal

    async def _coordinating(self) -> int:
        pause = Pause()
        while self._node is None:
            try:
                node = await self._client.coordinator_lookup(CoordinationType.TRANSACTION, self._id)
                self._node = node
            except KafkaError as error:
                if not error.retriable:
                    raise
                self._refusals.last = error
                await self._client.force_metadata_update()
                await pause.wait()
        return self._node


def _refusal(answer: Any) -> tuple[KafkaError | None, Collection[tuple[str, int]]]:
    """The first error in a coordinator's answer, and the partitions that have it; none: not one of them."""
    if not hasattr(answer, "errors"):
        return error_of(answer.error_code, "the transaction") if answer.error_code else None, ()
    errors = {
        (topic, number): error_of(code, f"a transaction with {topic}/{number}")
        for topic, partitions in answer.errors
        for number, code in partitions
        if code
    }
    reasons = {at: error for at, error in errors.items() if not isinstance(error, OperationNotAttempted)}
    first = next(iter((reasons or errors).values()), None)
    return first, [at for at, error in reasons.items() if type(error) is type(first)]
