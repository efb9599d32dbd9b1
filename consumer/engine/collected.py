"""Outputs kept as they are, one by one, where the service packs them into Kafka's batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.kafka.recordbatches import BatchWriter

if TYPE_CHECKING:
    from consumer.kafka.recordbatches import Output, RecordBatch


class Collected(BatchWriter):
    """Takes the outputs of a fold; nothing is to be published."""

    def __init__(self) -> None:
        super().__init__("none")
        self.outputs: list[Output] = []

    def add(self, output: Output) -> None:
        """Keeps one more."""
        self.outputs.append(output)

    def finish(self) -> list[RecordBatch]:
        """None."""
        return []
