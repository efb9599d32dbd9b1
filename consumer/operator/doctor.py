"""`contracts doctor`: checks everything that the service needs, and changes nothing.

Only one thing remains in Kafka: to check transactions, it starts a producer with a separate transactional id.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from consumer import bootstrap, clients
from consumer.errors import BrokerDenied, ContractsError
from consumer.kafka import inquiry as brokers
from consumer.kafka.cluster import check_client
from consumer.kafka.topic_plan import plan
from consumer.kafka.topics import topic_admin
from consumer.operator import findings
from consumer.operator.findings import Finding, State
from consumer.operator.positions import position_admin
from consumer.operator.templates import decided_until
from consumer.storage import indexes, inquiry
from consumer.storage.known_templates import KnownTemplates
from consumer.storage.mongo_driver import close
from consumer.version import service_version
from schemas.topics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from consumer.settings import Settings

CHECK_SECONDS: Final = 20.0
"""Maximum time of a check. A server without an answer until then fails it."""

KAFKA: Final = "kafka connection"
MONGODB: Final = "mongodb connection"
TOPICS: Final = "topics"

KAFKA_RIGHTS_HINT: Final = "give this user the rights listed in docs/security.md"
MONGODB_RIGHTS_HINT: Final = "give this user readWrite and dbAdmin on the database, and killAnySession"


@dataclass(frozen=True, slots=True)
class Check:
    """One check, and the checks that must succeed before it."""

    name: str
    look: Callable[[str], Awaitable[Finding]]
    needs: tuple[str, ...] = ()


async def examine(checks: Sequence[Check], *, seconds: float = CHECK_SECONDS) -> AsyncIterator[Finding]:
    """Runs the checks in order. If one fails, the others still run; those that need it are `not checked`."""
    failed: set[str] = set()
    for check in checks:
        if lacking := [name for name in check.needs if name in failed]:
            finding = Finding(check.name, State.NOT_CHECKED, f"needs: {', '.join(lacking)}")
        else:
            finding = await _looked(check, seconds)
        if finding.state is State.FAILED:
            failed.add(check.name)
        yield finding


async def _looked(check: Check, seconds: float) -> Finding:
    try:
        async with asyncio.timeout(seconds):
            return await check.look(check.name)
    except ContractsError as error:
        return Finding(check.name, State.FAILED, str(error), error.hint)
    except TimeoutError:
        return Finding(
            check.name, State.FAILED, f"no answer within {seconds:g} s", "is the server reachable?"
        )


class Doctor:
    """The checks of a service with these settings; use it in `async with`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = clients.open_mongo(settings)
        self._database = self._client[settings.mongo_database]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await close(self._client)

    def checks(self) -> tuple[Check, ...]:
        """All checks, each after those that it needs."""
        both = (KAFKA, MONGODB)
        return (
            Check("program", self._program),
            Check(KAFKA, self._kafka),
            Check(MONGODB, self._mongodb),
            Check("kafka rights", self._kafka_rights, (KAFKA,)),
            Check("kafka transactions", self._kafka_transactions, (KAFKA,)),
            Check("mongodb rights", self._mongodb_rights, (MONGODB,)),
            Check("mongodb transactions", self._mongodb_transactions, (MONGODB,)),
            Check(TOPICS, self._topics, (KAFKA,)),
            Check("indexes", self._indexes, (MONGODB,)),
            Check("templates", self._templates, (MONGODB,)),
            Check("mongodb clock", self._mongodb_clock, (MONGODB,)),
            Check("kafka clock", self._kafka_clock, (MONGODB,)),
            Check("partitions", self._partitions, (*both, TOPICS)),
        )

    async def _program(self, check: str) -> Finding:
        check_client()
        return Finding(check, State.OK, f"version {service_version()}")

    async def _kafka(self, check: str) -> Finding:
        async with brokers.inquiry(self._settings) as asked:
            cluster = await asked.cluster()
        found = f"cluster {cluster.id}, brokers: {cluster.brokers}"
        if not cluster.ends_at_once:
            hint = "upgrade the brokers to 4.0 or later: a takeover may publish a batch again"
            return Finding(check, State.WARNING, f"{found}, older than Kafka 4.0", hint)
        return Finding(check, State.OK, f"{found}, Kafka 4.0 or later")

    async def _mongodb(self, check: str) -> Finding:
        server = await inquiry.server(self._client)
        found = f"version {server.version}, replica set: {server.replica_set or 'none'}"
        return Finding(check, State.OK, found)

    async def _kafka_rights(self, check: str) -> Finding:
        needs = findings.topic_needs(self._settings.topic_prefix)
        async with brokers.inquiry(self._settings) as asked:
            rights = await asked.topic_rights(needs)
            group = await asked.group_rights(self._settings.group_id)
        missing = brokers.missing_rights(needs, rights)
        if group is not None and brokers.READ not in group:
            missing.append(f"{brokers.READ} on the group {self._settings.group_id}")
        unlisted = [name for name in needs if rights.get(name) is None]
        unlisted += [f"the group {self._settings.group_id}"] if group is None else []
        return findings.of_rights(check, missing, unlisted, KAFKA_RIGHTS_HINT)

    async def _kafka_transactions(self, check: str) -> Finding:
        name = f"{self._settings.group_id}-doctor"
        publisher = bootstrap.make_publisher(self._settings, name)
        try:
            await publisher.start()
        except BrokerDenied as error:
            return Finding(check, State.FAILED, str(error), KAFKA_RIGHTS_HINT)
        finally:
            await publisher.discard()
        return Finding(check, State.OK, f"a producer may start as {name}")

    async def _mongodb_rights(self, check: str) -> Finding:
        missing, all_listed = await inquiry.missing_rights(self._database)
        writes = ["insert", "createCollection", "createIndex", "collMod", inquiry.KILL]
        return findings.of_rights(check, missing, [] if all_listed else writes, MONGODB_RIGHTS_HINT)

    async def _mongodb_transactions(self, check: str) -> Finding:
        await indexes.check_transactions(self._client, self._database)
        return Finding(check, State.OK, "one that reads was committed")

    async def _topics(self, check: str) -> Finding:
        planned = plan(self._settings)
        async with topic_admin(self._settings) as admin:
            found = await admin.describe(planned)
        return findings.of_topics(check, planned, found, self._settings.topic_prefix)

    async def _indexes(self, check: str) -> Finding:
        empty = await indexes.is_empty(self._database)
        days = self._settings.history_retention_days
        missing = await inquiry.missing_indexes(self._database, history_retention_days=days)
        return findings.of_indexes(check, missing, empty=empty)

    async def _templates(self, check: str) -> Finding:
        mine, now = self._settings.catalogue, datetime.now(UTC)
        until = await decided_until(self._database, self._settings.topic_prefix + COMMANDS, now)
        return findings.of_templates(check, await KnownTemplates(self._database).read(), mine, now, until)

    async def _mongodb_clock(self, check: str) -> Finding:
        server = await inquiry.server(self._client)
        return findings.of_clock(check, server.ahead, server.took)

    async def _kafka_clock(self, check: str) -> Finding:
        newest = await inquiry.newest_record(self._database, self._settings.topic_prefix + COMMANDS)
        return findings.of_broker_clock(check, newest, datetime.now(UTC))

    async def _partitions(self, check: str) -> Finding:
        store = bootstrap.make_store(self._settings, self._client)
        async with position_admin(self._settings, store) as admin:
            return findings.of_partitions(check, await admin.show())
