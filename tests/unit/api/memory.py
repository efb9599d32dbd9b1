"""The API over the service in memory: commands go through the test kit, reads find what it stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from consumer.api.log import Answered
from consumer.domain.notices import lapse_reason
from consumer.domain.statuses import RUNNING
from consumer.domain.terms import monthly_total
from consumer.storage.history import Seen
from consumer.storage.memory import MemoryStore
from consumer.storage.mongo_lookups import SCANNED
from consumer.storage.movements import RevenueMovements, Tallied, revenue_of
from consumer.storage.queries import AppliedPosition, Ending, EndKey, MonthEnding, Selection
from producers.kit_partition import PARTITION
from producers.messages import CommandMessage
from producers.sending import Sent
from producers.testkit import Testkit
from schemas.topics import COMMANDS


class MemoryQueries:
    """What MongoQueries answers, from a MemoryStore; for as much as the API asks."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def contract(self, account_id: str):
        return self._store.contracts.get(account_id)

    async def contracts(self, accounts):
        return {name: c for name, c in self._store.contracts.items() if name in accounts}

    async def contract_by_id(self, contract_id: str):
        return next((c for c in self._store.contracts.values() if c["contract_id"] == contract_id), None)

    async def former_by_id(self, contract_id: str):
        return next((c for c in self._store.former[::-1] if c["contract_id"] == contract_id), None)

    async def former_of(self, account_id: str):
        return [c for c in self._store.former[::-1] if c["account_id"] == account_id]

    async def seen(self, identities):
        history = self._store.history
        return {each: _seen(history[each]) for each in identities if each in history}

    async def holders(self, contract_ids):
        found = [*self._store.former, *self._store.contracts.values()]
        return {c["contract_id"]: c["account_id"] for c in found if c["contract_id"] in contract_ids}

    async def page(self, selection: Selection, after: str | None, limit: int):
        wanted = {
            "status": selection.status,
            "contract_type": selection.contract_type,
            "external_reference": selection.external_reference,
        }
        found = [
            contract
            for account, contract in sorted(self._store.contracts.items())
            if account > (after or "")
            and all(value in {None, contract.get(name)} for name, value in wanted.items())
        ]
        return found[:limit]

    async def ending(self, ending: Ending, after: EndKey | None, limit: int):
        found = [
            contract
            for contract in self._store.contracts.values()
            if contract["status"] in RUNNING
            and ending.after < contract["end_date"] <= ending.until
            and (after is None or (contract["end_date"], contract["account_id"]) > after)
        ]
        return sorted(found, key=lambda c: (c["end_date"], c["account_id"]))[:limit]

    async def history(
        self, account_id: str, *, after: int | None, before: int | None, newest_first: bool, limit: int
    ):
        found = [
            entry
            for entry in self._store.history.values()
            if entry.account_id == account_id
            and (after is None or entry.offset > after)
            and (before is None or entry.offset < before)
        ]
        return sorted(found, key=lambda e: e.offset, reverse=newest_first)[:limit]

    async def tallies(self):
        position = self._store.positions_by_name.get(PARTITION)
        tallies = position.tallies if position else {}
        return {tuple(name.split("/")): n for name, n in tallies.items() if name[-1].islower()}

    async def revenue(self, now: datetime):
        return []

    async def movements(self, since: str):
        positions = [{"tallies": each.tallies} for each in self._store.positions_by_name.values()]
        tallied = [
            Tallied(partition, bucket, kinds)
            for (partition, bucket), kinds in self._store.movements.items()
            if bucket.day >= since
        ]
        return RevenueMovements(revenue_of(positions), tallied)

    async def ending_months(self, ending: Ending):
        found: Counter[tuple] = Counter()
        fees: Counter[tuple] = Counter()
        for each in await self.ending(ending, None, 1_000_000):
            lapses = lapse_reason(each) is not None
            key = (f"{each['end_date']:%Y-%m}", lapses, each["contract_type"], each["currency"])
            found[key] += 1
            fees[key] += monthly_total(each)
        return [MonthEnding(*key, found[key], fees[key]) for key in found]

    async def ending_counts(self, now: datetime, windows: Sequence[int]):
        return []

    async def partitions(self, topic: str) -> int | None:
        return await self._store.partition_count(topic)

    async def applied(self, topic: str) -> Mapping[int, AppliedPosition]:
        position = self._store.positions_by_name.get(PARTITION)
        return {0: AppliedPosition(position.generation, position.next)} if position else {}


class MemoryLookups:
    """What MongoLookups answers."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def tagged(self, tag: str, limit: int):
        return [c for _, c in sorted(self._store.contracts.items()) if tag in c["tags"]][:limit]

    async def with_email(self, address: str, limit: int):
        found = []
        for _, contract in sorted(self._store.contracts.items()):
            contacts = [contract.get(name, {}) for name in ("primary_contact", "billing_contact")]
            if address in {contact.get("email") for contact in contacts}:
                found.append(contract)
        return found[:limit]

    async def newest(self, limit: int):
        return [*self._store.history.values()][::-1][:limit]

    async def command(self, command_id: str, limit: int):
        return [e for e in await self.newest(SCANNED) if e.command_id == command_id][:limit]


def _seen(entry) -> Seen:
    return Seen(entry.outcome, entry.code, entry.contract_id, entry.version, 0, entry.offset, entry.content)


class MemoryLog:
    """A log that is applied at once."""

    def __init__(self, kit: Testkit, store: MemoryStore) -> None:
        self._kit = kit
        self._store = store
        self.down: Exception | None = None
        self.silent = False

    async def put(self, message: CommandMessage, seconds: float | None) -> Answered:
        if self.down is not None:
            raise self.down
        result = await self._kit.result(message)
        offset = self._store.positions_by_name[PARTITION].next - 1
        sent = Sent(message.command_id, message.account_id, COMMANDS, 0, offset, 0)
        return Answered(sent, result if seconds and not self.silent else None)
