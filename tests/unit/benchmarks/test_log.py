"""The benchmark's log: the same for all who are measured, and its expectations are those of the service."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from benchmarks.checks import changes_in
from benchmarks.log import Shape, account_of, make_creates, make_log
from producers.testkit import Testkit
from schemas.partitioning import murmur2_home

PARTITIONS = 4
SHAPE = Shape(commands=400, accounts=50)


def keys(log):
    return [record.key for record in log.records[: -len(log.sentinels)]]


def test_a_seed_makes_the_same_log_again_and_another_seed_another():
    assert make_log(SHAPE, PARTITIONS) == make_log(SHAPE, PARTITIONS)
    assert keys(make_log(SHAPE, PARTITIONS)) != keys(make_log(Shape(400, 50, seed=2), PARTITIONS))


def test_each_account_is_created_once_and_then_updated():
    log = make_log(SHAPE, PARTITIONS)
    types = Counter((record.key, dict(record.headers)["ce_type"]) for record in log.records)
    creates = {key: count for (key, type_), count in types.items() if b"create" in type_}
    assert set(creates.values()) == {1}
    assert len(creates) == len(log.expected)


def test_a_log_of_stored_accounts_only_updates_what_the_creates_make():
    updates, creates = make_log(Shape(400, 50, stored=True), 0), make_creates(range(50), 0)
    assert {dict(record.headers)["ce_type"] for record in updates.records} == {
        b"com.easytrade.contract.update.v1"
    }
    assert {record.key for record in updates.records} <= {record.key for record in creates.records}


async def test_every_report_of_usage_is_applied_and_changes_no_contract():
    log = make_log(Shape(400, 50, usage=True), 1)
    kit = Testkit(now=datetime.now(UTC))
    for record in log.records:
        await kit.deliver(record.key, record.value, record.headers)
    outcomes = Counter(event.data["outcome"] for event in kit.events if event.name == "command_result")
    assert outcomes == {"applied": 401}
    assert len(kit.changes()) == changes_in([log]) == len(log.expected)
    assert not [event for event in kit.events if event.name == "limit_reached"]


@pytest.mark.parametrize("size", [300, 1024, 10 * 1024])
def test_an_update_has_about_the_size_asked_for(size):
    log = make_log(Shape(40, 5, update_bytes=size, stored=True), 0)
    for record in log.records:
        assert abs(len(record.value) - size) < 0.1 * size


def test_zipf_gives_most_commands_to_few_accounts():
    even, skewed = (Counter(keys(make_log(Shape(5_000, 500, skew=skew), 1))) for skew in (0.0, 1.1))
    most_of_even, most_of_skewed = (
        sum(count for _, count in counted.most_common(10)) / 5_000 for counted in (even, skewed)
    )
    assert most_of_even < 0.06
    assert most_of_skewed > 0.4


def test_a_sentinel_ends_each_partition():
    log = make_log(SHAPE, PARTITIONS)
    homes = [murmur2_home(name.encode(), PARTITIONS) for name in log.sentinels]
    assert homes == [0, 1, 2, 3]
    assert murmur2_home(account_of(2, PARTITIONS, "any").encode(), PARTITIONS) == 2


async def test_the_service_does_what_the_log_expects():
    """All contenders are checked against this; were it wrong, less work could look right."""
    log = make_log(Shape(60, 12), 1)
    kit = Testkit()
    for record in log.records:
        await kit.deliver(record.key, record.value, record.headers)
    for account, wanted in log.expected.items():
        contract = kit.contract(account)
        assert (float(contract["base_monthly_fee"]), contract["version"]) == (wanted.fee, wanted.commands)
