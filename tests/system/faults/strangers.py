"""Another program that opens a transaction in one of the service's topics, and says nothing more."""

import threading
from contextlib import suppress
from uuid import uuid4

from confluent_kafka import KafkaException, Producer

STEP_SECONDS = 30


def open_transaction(bootstrap: str, topic: str, partition: int, *, seconds: float = 300) -> Producer:
    """A producer that has written one record. The broker ends the transaction after so many seconds.

    Raises:
        KafkaException, TimeoutError: no broker answers.
    """
    stranger = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": f"stranger-{uuid4().hex}",
            "transaction.timeout.ms": int(seconds * 1000),
            "message.timeout.ms": min(STEP_SECONDS * 1000, int(seconds * 1000)),
            "log_level": 0,
        }
    )
    stranger.init_transactions(STEP_SECONDS)
    stranger.begin_transaction()
    stranger.produce(topic, b"not ready yet", b"acme", partition=partition)
    if stranger.flush(STEP_SECONDS):
        raise TimeoutError("the record is not written")
    return stranger


def intrude(bootstrap: str, topic: str, partition: int, seconds: float) -> None:
    """The same in a thread, and nothing if no broker answers."""

    def begin() -> None:
        with suppress(KafkaException, TimeoutError):
            open_transaction(bootstrap, topic, partition, seconds=seconds)

    threading.Thread(target=begin, daemon=True).start()
