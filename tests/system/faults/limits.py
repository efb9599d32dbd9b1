"""The longest record batch that a topic takes, lowered as an operator might while the service runs."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

LARGEST = "max.message.bytes"
USUAL_BYTES = 1_048_588
SECONDS = 30


def limit(bootstrap: str, topic: str, bytes_: int) -> None:
    """Sets the topic's limit.

    Raises:
        KafkaException: no broker answers.
    """
    entry = ConfigEntry(LARGEST, str(bytes_), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    for done in admin.incremental_alter_configs([resource], request_timeout=SECONDS).values():
        done.result(SECONDS)


class Limited:
    """Topics whose limit is lowered, one after the other. A thread does it, as a broker may not answer."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._thread = ThreadPoolExecutor(1)
        self._lowered: set[str] = set()

    def lower(self, topic: str, bytes_: int) -> None:
        """Begins to; nothing comes of it if no broker answers."""
        self._lowered.add(topic)
        self._thread.submit(self._lower, topic, bytes_)

    def _lower(self, topic: str, bytes_: int) -> None:
        with suppress(KafkaException):
            limit(self._bootstrap, topic, bytes_)

    def heal(self) -> None:
        """Waits until all have the usual limit again.

        Raises:
            KafkaException: no broker answers.
        """
        for topic in list(self._lowered):
            self._thread.submit(limit, self._bootstrap, topic, USUAL_BYTES).result()
            self._lowered.discard(topic)

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown()
