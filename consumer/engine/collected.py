"""Outputs as separate records, for previews and the test kit; the service packs them into record batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from consumer.kafka.recordbatches import BatchWriter
from schemas.events import EVENT_NAMES

if TYPE_CHECKING:
    from consumer.kafka.recordbatches import Output, RecordBatch


class Collected(BatchWriter):
    """Collects the outputs of a fold; nothing is published."""

    def __init__(self) -> None:
        super().__init__("none")
        self.outputs: list[Output] = []

    def add(self, output: Output) -> None:
        """Adds one output."""
        self.outputs.append(output)

    def finish(self) -> list[RecordBatch]:
        """No record batches."""
        return []


def event_of(output: Output) -> tuple[str, Any]:
    """The name of a collected event or result, and its parsed JSON."""
    type_ = next(content for name, content in output.headers if name == "ce_type")
    return EVENT_NAMES[(type_ or b"").decode()], orjson.loads(output.value or b"null")
