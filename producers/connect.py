"""The part of the composition root (consumer/bootstrap.py) that needs no MongoDB: publishing commands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from consumer.kafka.latest import make_latest_reader
from consumer.kafka.sender import make_sender
from producers.commands import CommandProducer
from producers.listener import ResultListener
from schemas.partitioning import HOMES
from schemas.topics import COMMAND_RESULTS, COMMANDS

if TYPE_CHECKING:
    from consumer.settings import Settings


def make_command_producer(settings: Settings, *, source: str | None = None) -> CommandProducer:
    """An unconnected producer of commands: use it as a context manager.

    Args:
        settings: validated.
        source: `ce_source` of its commands; default: from the settings.
    """
    return CommandProducer(
        partial(make_sender, settings, settings.topic_prefix + COMMANDS),
        make_result_listener(settings),
        source=source or settings.command_source,
        home_of=HOMES[settings.partitioner],
        result_seconds=settings.result_timeout_seconds,
        max_bytes=settings.max_command_bytes,
    )


def make_result_listener(settings: Settings) -> ResultListener:
    """A reader of results. It connects when a caller first waits for one."""
    return ResultListener(partial(make_latest_reader, settings, settings.topic_prefix + COMMAND_RESULTS))
