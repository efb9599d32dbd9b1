"""TLS, SCRAM and ACLs on the real Kafka: with the listed rights the service works, with one less not."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AclBindingFilter

from consumer.api.log import KafkaLog
from consumer.errors import BrokerDenied, ContractsError, TopicsMissing
from consumer.kafka import topics
from consumer.operator.doctor import Doctor, examine
from consumer.operator.findings import State
from consumer.process import Process
from consumer.settings import Settings
from consumer.telemetry.metrics import RESUME_REASONS
from devstack.kafka import ApacheKafka
from devstack.proof.load import Load
from devstack.proof.message import Message
from devstack.proof.sending import Sender
from producers.connect import make_command_producer
from producers.messages import unchecked_message
from schemas.partitioning import murmur2_home
from schemas.topics import COMMAND_RESULTS, COMMANDS, DEAD_LETTERS
from tests.conftest import available
from tests.ops import secure
from tests.running import settings_for
from tests.simulation.commands import accounts

SECONDS = 60
PARTITIONS = 3
RIGHTS = secure.listed_rights()


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return secure.certificates(tmp_path_factory.mktemp("tls") / "certs")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, certs: Path) -> Iterator[ApacheKafka]:
    available("apache")
    with secure.secure_kafka(tmp_path_factory.mktemp("locked"), certs) as kafka:
        secure.add_user(kafka)
        yield kafka


def settings(kafka: ApacheKafka, mongo: Any, name: str, certs: Path, **other: Any) -> Settings:
    return settings_for(
        kafka,
        mongo,
        name,
        **{
            "kafka_bootstrap_servers": kafka.address("SECURE"),
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_username": secure.USER,
            "kafka_sasl_password": secure.PASSWORD,
            "kafka_ssl_cafile": str(certs / "ca.pem"),
            **other,
        },
    )


async def prepared(kafka: ApacheKafka, mongo: Any, name: str) -> None:
    """Topics, and some commands in them, made by the administrator."""
    administrator = settings_for(kafka, mongo, name)
    await topics.ensure(administrator)
    sender = Sender(kafka.bootstrap, administrator.topic_prefix + COMMANDS, PARTITIONS)
    # In a thread: it has an event loop of its own.
    await asyncio.to_thread(sender.send, Load(7, rubbish=0.05, misplaced=0.2).messages(300))
    await asyncio.to_thread(sender.flush)


async def outcome(wanted: Settings) -> str:
    """`works` once all that waited is applied; else what stops it."""
    process = Process(wanted, with_scanner=False, with_http=False)
    running = asyncio.create_task(process.run())
    value = process.metrics.value
    try:
        async with asyncio.timeout(SECONDS):
            while not running.done():
                if value("resumes_total", reason="BrokerDenied"):
                    return "BrokerDenied"
                lags = [value("consumer_lag_records", partition=str(number)) for number in range(PARTITIONS)]
                if (value("forwarded_total") or 0) > 0 and lags == [0] * PARTITIONS and _published(process):
                    return "works"
                await asyncio.sleep(0.05)
            running.result()
    except ContractsError as error:
        return type(error).__name__
    except TimeoutError:
        reasons = {reason: value("resumes_total", reason=reason) for reason in RESUME_REASONS}
        return f"neither works nor fails: {reasons}"
    finally:
        process.stop()
        await asyncio.wait({running})
    return "ended"


def _published(process: Process) -> bool:
    return bool(process.metrics.value("events_published_total", event="changed"))


async def test_exactly_the_listed_rights_suffice(
    locked: ApacheKafka, mongo: Any, database: str, certs: Path
) -> None:
    await prepared(locked, mongo, database)
    rights = [secure.binding(right, f"{database}.", database) for right in RIGHTS]
    secure.grant(locked, rights)
    assert await outcome(settings(locked, mongo, database, certs)) == "works"


@pytest.mark.parametrize("missing", RIGHTS, ids=lambda right: f"{right[1]} {right[3]}")
async def test_with_one_right_less_it_stops(
    locked: ApacheKafka, mongo: Any, database: str, certs: Path, missing: Any
) -> None:
    await prepared(locked, mongo, database)
    rights = [secure.binding(right, f"{database}.", database) for right in RIGHTS]
    secure.grant(
        locked, rights, without=secure.binding(missing, f"{database}.", database, kind=AclBindingFilter)
    )
    invisible = missing[0] == "Topic" and [right[1] for right in RIGHTS].count(missing[1]) == 1
    expected = TopicsMissing.__name__ if invisible else BrokerDenied.__name__
    assert await outcome(settings(locked, mongo, database, certs)) == expected


async def test_a_right_that_is_lost_holds_up_only_the_partitions_that_need_it(
    locked: ApacheKafka, mongo: Any, database: str, certs: Path
) -> None:
    """A partition has a dead letter, which may not be written any more; the others have none."""
    await topics.ensure(settings_for(locked, mongo, database))
    rights = [secure.binding(right, f"{database}.", database) for right in RIGHTS]
    lost = next(right for right in RIGHTS if right[1] == DEAD_LETTERS and right[3] == "Write")
    gone = secure.binding(lost, f"{database}.", database, kind=AclBindingFilter)
    secure.grant(locked, rights)
    process = Process(settings(locked, mongo, database, certs), with_scanner=False, with_http=False)
    running = asyncio.create_task(process.run())
    value = process.metrics.value

    def unread() -> str | None:
        reasons = [*RESUME_REASONS, "none"]
        known = {each: value("partition_unread_seconds", partition="0", reason=each) for each in reasons}
        return next((reason for reason, seconds in known.items() if seconds is not None), None)

    sender = Sender(locked.bootstrap, f"{database}.{COMMANDS}", PARTITIONS)
    somebody = accounts(0, PARTITIONS)[0].encode()
    load = Load(7, rubbish=0, misplaced=0).messages(300)
    others = [message for message in load if murmur2_home(message.key or b"", PARTITIONS) != 0]
    try:
        await reached(lambda: value("owned_partitions") == PARTITIONS)
        secure.grant(locked, rights, without=gone)
        await asyncio.to_thread(sender.send, [Message(somebody, b"rubbish", [])])
        await reached(lambda: unread() == "BrokerDenied")
        await asyncio.to_thread(sender.send, others)
        await asyncio.to_thread(sender.flush)
        await reached(lambda: value("events_published_total", event="command_result") == len(others))
        assert unread() == "BrokerDenied"
        secure.grant(locked, rights)
        await reached(lambda: unread() == "none")
    finally:
        process.stop()
        await asyncio.wait({running})


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - a metric gives no signal
            await asyncio.sleep(0.02)


API_RIGHTS = [("Topic", COMMANDS, False, "Write"), ("Topic", COMMAND_RESULTS, False, "Read")]
"""What docs/security.md says that `contracts serve` needs."""


async def put(wanted: Settings) -> str:
    """What comes of a command that the HTTP API publishes and awaits; nothing applies it here."""
    log = KafkaLog(make_command_producer(wanted))
    try:
        answered = await log.put(unchecked_message("cancel", "acme", b"{}", source="/api"), 1)
    except ContractsError as error:
        return type(error).__name__
    finally:
        await log.close()
    return "no result in time" if answered.result is None else "a result"


@pytest.mark.parametrize(
    ("missing", "outcome"),
    [(None, "no result in time"), (0, "TopicsMissing"), (1, "TopicsMissing")],
    ids=["none", "Write", "Read"],
)
async def test_the_http_api_needs_two_rights_and_no_other(
    locked: ApacheKafka, mongo: Any, database: str, certs: Path, missing: int | None, outcome: str
) -> None:
    await topics.ensure(settings_for(locked, mongo, database))
    kept = [right for number, right in enumerate(API_RIGHTS) if number != missing]
    secure.grant(locked, [secure.binding(right, f"{database}.", database) for right in kept])
    assert await put(settings(locked, mongo, database, certs)) == outcome


async def lacking(wanted: Settings) -> dict[str, str]:
    """What the doctor finds wrong in Kafka."""
    async with Doctor(wanted) as doctor:
        checks = [check for check in doctor.checks() if check.name.startswith("kafka r")]
        checks += [check for check in doctor.checks() if check.name == "kafka transactions"]
        found = [finding async for finding in examine(checks)]
    return {finding.check: finding.found for finding in found if finding.state != State.OK}


async def test_the_doctor_names_each_right_that_is_missing(
    locked: ApacheKafka, mongo: Any, database: str, certs: Path
) -> None:
    await topics.ensure(settings_for(locked, mongo, database))
    wanted = settings(locked, mongo, database, certs)
    rights = [secure.binding(right, f"{database}.", database) for right in RIGHTS]
    secure.grant(locked, rights)
    assert await lacking(wanted) == {}
    for kind, name, prefixed, operation in RIGHTS:
        less = secure.binding(
            (kind, name, prefixed, operation), f"{database}.", database, kind=AclBindingFilter
        )
        secure.grant(locked, rights, without=less)
        found = await lacking(wanted)
        if kind == "TransactionalId":
            assert "TransactionalIdAuthorizationFailed" in found.pop("kafka transactions")
        else:
            full = f"{database}.{name}" if kind == "Topic" else f"the group {database}"
            assert f"{operation} on {full}" in found.pop("kafka rights")
        assert found == {}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kafka_sasl_password": "another"}, "SaslAuthenticationFailed"),
        ({"kafka_ssl_cafile": None}, "CERTIFICATE_VERIFY_FAILED"),
    ],
    ids=["password", "authority"],
)
async def test_a_wrong_password_or_authority_is_told(
    locked: ApacheKafka, mongo: Any, database: str, certs: Path, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(BrokerDenied, match=words) as denied:
        await topics.check(settings(locked, mongo, database, certs, **wrong))
    assert "another" not in str(denied.value)
    assert secure.PASSWORD not in str(denied.value)
