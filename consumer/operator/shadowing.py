"""Opens a shadow of the service: the parts of the engine with a second database."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from consumer import bootstrap, clients
from consumer.engine.limits import limits_of
from consumer.engine.storing import Storing
from consumer.kafka import topics
from consumer.kafka.cluster import make_client
from consumer.kafka.fetcher import Fetcher
from consumer.kafka.journal import Journal
from consumer.kafka.tail import tail
from consumer.operator.checkpoint.restoring import opened as checkpoint_opened
from consumer.operator.differences import KEPT, Found
from consumer.operator.shadow import Shadow
from consumer.operator.shadow_applying import Applying
from consumer.operator.shadow_outputs import OutputComparison
from consumer.storage import indexes
from consumer.storage.mongo import MongoStore
from consumer.storage.restoring import Restoring
from consumer.storage.scratch import scratch
from consumer.telemetry.metrics import Metrics
from consumer.telemetry.traces import NO_TRACES
from schemas.partitioning import HOMES
from schemas.topics import COMMANDS, DEAD_LETTERS, EVENT_TOPICS, POSITIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from consumer.kafka.tail import TopicReader
    from consumer.operator.shadow import Report
    from consumer.settings import Settings
    from consumer.storage.protocols import Position

SUFFIX: Final = "_shadow"
"""Appended to the database's name."""


async def compare(
    settings: Settings,
    on_progress: Callable[[int], None] = lambda _: None,
    checkpoint: Path | None = None,
    limit: int = KEPT,
) -> Report:
    """Applies the log into the database `<name>_shadow`, which is created for it and dropped afterwards.

    It begins at the start of the log, or with a restored checkpoint. The report has the first `limit`
    differences.

    Raises: see `Shadow.run`, `Restoration.store` and `scratch`.
    """
    async with clients.opened_mongo(settings) as client:
        name = settings.mongo_database + SUFFIX
        async with scratch(client, name, settings.mongo_database):
            await indexes.ensure(client[name])
            restored = await _restored(checkpoint, client, name) if checkpoint else {}
            opened = _opened(settings, client, name, restored, on_progress, Found(limit))
            async with opened as (shadow, published):
                return await shadow.run(published)


async def _restored(checkpoint: Path, client: Any, name: str) -> Mapping[int, Position]:
    """The positions of a checkpoint, after it was restored."""
    with checkpoint_opened(checkpoint, Restoring(client, name)) as restoration:
        await restoration.store()
        return restoration.manifest.positions


@asynccontextmanager
async def _opened(
    settings: Settings,
    client: Any,
    name: str,
    restored: Mapping[int, Position],
    on_progress: Callable[[int], None],
    found: Found,
) -> AsyncIterator[tuple[Shadow, TopicReader]]:
    counts = (await topics.check(settings)).counts
    topic = settings.topic_prefix + COMMANDS
    count = counts[topic]
    made, would = MongoStore(client, settings.mongo_database), MongoStore(client, name)
    limits = limits_of(settings)._replace(dead_letter_limit_off=True)
    home_of = HOMES[settings.partitioner]

    def home(key: bytes) -> int:
        return home_of(key, count)

    connect = partial(make_client, settings)
    fetcher = Fetcher(connect, topic, max_bytes=settings.max_fetch_bytes)
    metrics = Metrics()
    async with tail(settings, [*EVENT_TOPICS, DEAD_LETTERS]) as published:
        outputs = OutputComparison(
            settings.topic_prefix,
            lambda record: record.partition if counts[record.topic] == count else home(record.key or b""),
            found,
        )
        partitions = bootstrap.make_partitions(settings, counts, range(count), count, limits, metrics)
        storing = Storing(
            would,
            policy=settings.policy,
            limits=limits,
            metrics=metrics,
            traces=NO_TRACES,
            before_commit=lambda _: None,
        )
        shadow = Shadow(
            topic=topic,
            made=made,
            would=would,
            restored=restored,
            journal=Journal(connect, settings.topic_prefix + POSITIONS),
            applying=Applying(would, fetcher, partitions, storing, outputs.would, on_progress),
            outputs=outputs,
            found=found,
            home=home,
            on_begun=lambda: on_progress(0),
        )
        await published.seek(None)
        await fetcher.start()
        try:
            yield shadow, published
        finally:
            await fetcher.stop()
