"""A year of ten thousand contracts: what is stored and published is what the rules say, nothing else.

Simulated time, through the records' timestamps; everything else is the service: scanner, decoder, batches,
store, encoder. Two judges. The model folds `decide` over the log, record by record, and puts together
anew what must be stored and published. What notices there must be is worked out from dates alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from random import Random
from typing import get_args

import orjson
import pytest

from consumer.domain.model import DEFAULT_THRESHOLDS
from devstack.proof.model import Model
from devstack.proof.outputs import compare_outputs
from devstack.proof.state import compare_state
from devstack.proof.verdict import Verdict
from schemas.events import Change
from schemas.names import UsageMetric
from schemas.topics import CHANGED, COMMANDS, EXPIRING, LIMIT_REACHED, RENEWAL_NOTICES
from tests.system.year.life import SOURCE, TERMS, Life
from tests.system.year.log import PARTITIONS
from tests.system.year.notices import Terms, Told, expected, terms_of, told_of
from tests.system.year.price_list import check_new, policy
from tests.system.year.service import Service

CONTRACTS = 10_000
OTHER_COMMANDS = 10_000
START = datetime(2027, 3, 1, 6, tzinfo=UTC)  # the year has a leap day
DAY = timedelta(days=1)
DAYS = 366
OUTAGE = range(200, 225)
"""Days on which the scanner does not run."""


class Year:
    """A service, what its customers do, and the judges that read along."""

    def __init__(self, service: Service) -> None:
        self.random = Random(2027)
        self.service = service
        self.life = Life(self.random)
        self.verdict = Verdict()
        self.model = Model(PARTITIONS, policy=policy())
        self.stories: defaultdict[str, list[Terms]] = defaultdict(list)
        self.told: Counter[Told] = Counter()
        self.reached: Counter[tuple[str, int]] = Counter()
        self.versions: Counter[tuple[str, int]] = Counter()
        """Changes of contracts, by the version of the template that they have afterwards."""
        self.scans: list[datetime] = []
        self.commands: defaultdict[str, list[datetime]] = defaultdict(list)
        self._seen: set[str] = set()
        self._read = [0] * PARTITIONS

    async def day(self, number: int, opened: int, others: int) -> None:
        """Customers come and commands arrive through the day; in its last minute the scanner runs."""
        today = START + number * DAY
        moments = sorted(self.random.randrange(1, 86_000_000) for _ in range(opened + others))
        new = set(self.random.sample(range(len(moments)), opened))
        for place, milliseconds in enumerate(moments):
            self.service.log.now = now = today + timedelta(milliseconds=milliseconds)
            opens = place in new or not self.life.accounts
            self._send(self.life.open(now) if opens else self.life.next(now), now)
        await self.judge()
        if number not in OUTAGE:
            await self._scan(today + DAY, twice=number % 10 == 0)

    def _send(self, message, now: datetime) -> None:
        self.service.log.append(message)
        if message.command_id not in self._seen and message.value != b'{"changes": 1}':
            self._seen.add(message.command_id)
            self.commands[message.account_id].append(now)

    async def _scan(self, now: datetime, *, twice: bool) -> None:
        self.service.log.now = now
        self.scans.append(now)
        for _ in range(2 if twice else 1):
            result = await self.service.scanner().run_once()
            assert result.held == 0
        await self.judge()

    async def judge(self) -> None:
        """What was published meanwhile must be what the model makes of the records meanwhile."""
        log = self.service.log
        await log.at_rest()
        for partition, records in enumerate(log.records):
            for record in records[self._read[partition] :]:
                self.model.fold(record)
            self._read[partition] = len(records)
        published = log.taken()
        compare_outputs(self.model.outputs, published, "", self.verdict)
        self.model.outputs.clear()
        assert self.verdict.ok, str(self.verdict)
        for record in published:
            self._note(record.topic, record.value)

    def _note(self, topic: str, value: bytes | None) -> None:
        if topic in {EXPIRING, RENEWAL_NOTICES}:
            self.told[told_of("expiring" if topic == EXPIRING else "notice", orjson.loads(value))] += 1
        elif topic == LIMIT_REACHED:
            told = orjson.loads(value)
            self.reached[told["metric"], told["threshold"]] += 1
        elif topic == CHANGED:
            event = orjson.loads(value)
            check_new(event)
            self.versions[event["change"], event["contract"].get("template_version", 1)] += 1
            terms = terms_of(event)
            self.stories[terms.contract_id].append(terms)

    def expected_notices(self) -> Counter[Told]:
        return Counter(
            told
            for story in self.stories.values()
            for told in expected(story, [self.scans, self.commands[story[0].account]])
        )


@pytest.mark.timeout(900)  # 45 s of CPU
async def test_a_year_of_ten_thousand_contracts() -> None:
    async with Service(START).running() as service:
        year = Year(service)
        for number in range(DAYS):
            opened = CONTRACTS * (number + 1) // DAYS - CONTRACTS * number // DAYS
            await year.day(number, opened, OTHER_COMMANDS // DAYS)
    state = service.state()
    ends = {partition: len(records) for partition, records in enumerate(service.log.records)}
    compare_state(year.model, state, ends, COMMANDS, year.verdict)
    assert year.verdict.ok, str(year.verdict)
    assert len(year.life.accounts) == CONTRACTS
    wanted = year.expected_notices()
    assert year.told - wanted == Counter(), "notices that nobody owed, or that came twice"
    assert wanted - year.told == Counter(), "notices left out"
    assert_that_it_was_a_full_year(year, state)


def assert_that_it_was_a_full_year(year: Year, state) -> None:
    """A test that everything was as expected says little where little happened."""
    changes = {terms.change for story in year.stories.values() for terms in story}
    assert changes == set(get_args(Change))
    assert {contract["contract_type"] for contract in state.contracts} == {
        "basic",
        "professional",
        "enterprise",
        "custom",
    }
    assert {contract["term_months"] for contract in state.contracts} >= set(TERMS)
    thresholds = {(metric, each) for metric in get_args(UsageMetric) for each in DEFAULT_THRESHOLDS}
    assert {*year.reached} == thresholds
    for change in ("created", "plan_changed", "renewed", "offer_accepted"):
        assert year.versions[change, 1] > 0
        assert year.versions[change, 2] > 0
    assert any(told.missed for told in year.told), "the outage made some windows be missed"
    outcomes = Counter(entry["outcome"] for entry in state.history)
    assert set(outcomes) == {"applied", "unchanged", "rejected", "duplicate", "dead_letter"}
    by_others = sum(entry.get("source") == SOURCE for entry in state.history)
    assert by_others > CONTRACTS + OTHER_COMMANDS * 0.9
