"""Every example runs, and does what it says."""

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devstack.jars import jars_cached, kafka_jars
from devstack.kafka import DEFAULT_VERSION
from producers.connect import make_command_producer
from tests.running import Running, until
from tests.system.examples.conftest import EXAMPLES, Examples

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka, pytest.mark.mongo]


async def contract_of(service: Running, account: str) -> dict | None:
    return await service.database.contracts.find_one({"account_id": account})


async def test_the_platforms_walk(examples: Examples, service: Running) -> None:
    lines = {
        line.split()[0]: line.split()[1:]
        for line in await examples.run("contract_manager.py", service.settings.mongo_uri.get_secret_value())
    }
    assert len(lines["created"]) == 3
    assert lines["read"] == ["basic", "active", "99.0"]
    assert lines["updated"] == ["89.0", "a", "loyal", "customer", "version", "2"]
    assert [len(lines[name]) for name in ("active", "enterprise", "expiring")] == [3, 1, 1]
    assert lines["deleted"] == ["3"]


async def test_commands_with_and_without_results(examples: Examples) -> None:
    lines = await examples.run("command_producer.py")
    assert lines[0].startswith("sent ")
    assert lines[1:] == [
        "applied version 2",
        "rejected protected_field /changes/status",
        "applied",
        "duplicate",
        "sent 100",
    ]


async def test_a_kafka_client_is_enough(examples: Examples, account: str) -> None:
    async with examples.following("aiokafka_follow.py") as follow:
        (sent,) = await examples.run("aiokafka_publish.py", account)
        command_id = sent.split()[0]
        seen = {await follow.line(lambda line: line.startswith(account)) for _ in range(2)}
    assert seen == {f"{account} {command_id} applied", f"{account} created to version 1: active"}


async def test_a_handler_gets_every_change(examples: Examples, service: Running, account: str) -> None:
    async with make_command_producer(service.settings) as commands:
        await commands.create(account, contract_type="basic")
        async with examples.following("faststream_handler.py") as handler:
            assert (await handler.line(lambda line: line.startswith(account))).split()[1:3] == [
                "created",
                "basic",
            ]
            await commands.change_plan(account, contract_type="enterprise")
            changed = await handler.line(lambda line: line.startswith(account))
            assert changed.split()[1:3] == ["plan_changed", "enterprise"]


async def test_the_upsell_pipeline_keeps_its_own_model(
    examples: Examples, service: Running, account: str, tmp_path: Path
) -> None:
    path = tmp_path / "upsell.db"
    now = datetime.now(UTC)
    ending = {
        "start_date": now - timedelta(days=300),
        "end_date": now + timedelta(days=20),
        "auto_renewal": False,
    }
    contact = {"email": "ann@example.com"}
    async with make_command_producer(service.settings) as commands:
        await commands.create(f"{account}-a", contract_type="basic", primary_contact=contact, **ending)
        await commands.create(f"{account}-b", contract_type="professional", **ending)
        await commands.create(f"{account}-c", contract_type="basic")
        await commands.delete(f"{account}-b")
        async with examples.following("upsell.py", path):
            await until(lambda: contracts_in(path, account, 3))
        query = "SELECT account_id, offer, days_left, reason, email FROM open_opportunities"
        assert rows(path, f"{query} WHERE account_id LIKE '{account}%'") == [
            (f"{account}-a", "professional", 20, "no_auto_renewal", "ann@example.com")
        ]
        # Started again it goes on where it was.
        await commands.update(f"{account}-c", changes={"base_monthly_fee": 7.5})
        used = {"period": f"{now:%Y-%m}", "metric": "monthly_trades", "value": 20_000}
        await commands.report_usage(f"{account}-c", **used)
        async with examples.following("upsell.py", path):
            await until(lambda: fee_is(path, f"{account}-c", 7.5))
            await until(lambda: offered(path, f"{account}-c"))
    assert rows(path, f"SELECT count(*) FROM opportunities WHERE account_id LIKE '{account}%'") == [(2,)]


async def test_who_needs_more_room_is_offered_it_and_answers(
    examples: Examples, service: Running, account: str
) -> None:
    used = {"period": f"{datetime.now(UTC):%Y-%m}", "metric": "monthly_trades"}
    async with make_command_producer(service.settings) as commands, examples.following("offers.py") as offers:
        small = {"usage_limits": {"max_monthly_trades": 100}, "base_monthly_fee": 5, "term_months": 12}
        await commands.create(account, contract_type="custom", **small)
        await commands.report_usage(account, **used, value=100)
        line = await offers.line(lambda line: line.startswith(account))
        assert line.split() == [account, "offered", "basic"]
        answering = commands.awaiting(timeout=30)
        offer_id = f"basic-{used['period']}"
        answer = await answering.accept_offer(account, offer_id=offer_id, effective="immediately")
        assert answer.outcome == "applied"
        told = await offers.line(lambda line: line.startswith(account))
        assert told.split() == [account, "offer_accepted", offer_id]
    assert (await contract_of(service, account))["contract_type"] == "basic"


def rows(path: Path, query: str) -> list[tuple]:
    with sqlite3.connect(path) as model:
        return model.execute(query).fetchall()


async def contracts_in(path: Path, account: str, count: int) -> bool:
    """All contracts are there, the deleted one as such, and the opportunities, too."""
    try:
        found = rows(path, f"SELECT sum(deleted), count(*) FROM contracts WHERE account_id LIKE '{account}%'")
        expiring = rows(path, f"SELECT count(*) FROM opportunities WHERE account_id LIKE '{account}%'")
    except sqlite3.OperationalError:
        return False
    return (found, expiring) == ([(1, count)], [(2,)])


async def fee_is(path: Path, account: str, fee: float) -> bool:
    return rows(path, f"SELECT monthly_fee FROM contracts WHERE account_id = '{account}'") == [(fee,)]


async def offered(path: Path, account: str) -> bool:
    return rows(path, f"SELECT percent FROM open_upgrades WHERE account_id = '{account}'") == [(200,)]


async def test_kcat_publishes_and_reads(examples: Examples, service: Running, account: str) -> None:
    if not shutil.which("kcat"):
        pytest.skip("kcat is not installed")
    (line,) = await examples.run(EXAMPLES / "kcat.sh", account)
    assert line.startswith(f"{account} ")
    assert '"outcome":"applied"' in line
    assert (await contract_of(service, account))["created_by"] == "ann"
    assert service.metrics.value("forwarded_total") == 0


async def test_java_publishes(examples: Examples, service: Running, account: str) -> None:
    if not shutil.which("javac") or not jars_cached(DEFAULT_VERSION):
        pytest.skip("no Java compiler, or no Kafka jars")
    jars = f"{kafka_jars(DEFAULT_VERSION)}/*"
    (line,) = await examples.run("java", "-cp", jars, EXAMPLES / "PublishCommand.java", account)
    assert "contracts.commands/" in line

    async def created() -> bool:
        return await contract_of(service, account) is not None

    await until(created)
    assert (await contract_of(service, account))["created_by"] == "/examples/java"
    assert service.metrics.value("forwarded_total") == 0
