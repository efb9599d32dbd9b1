"""What many commands would do: applied in memory one after the other, and summed up."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from consumer.domain.commands.table import OPENING, opened_id
from consumer.engine.accounts import monthly_revenue
from consumer.engine.records import Incoming
from consumer.reading.future import Future
from schemas.identity import IDENTITY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from consumer.domain.model import Policy
    from consumer.engine.records import Undecodable
    from consumer.reading.future import ForeseenEvent, Known, Message
    from schemas.contract import Contract


class _Account(NamedTuple):
    before: Contract | None
    future: Future


class ManyPreviewed:
    """A preview of many commands, all at the same time, each with a different id.

    A second command for an account is applied to the result of the first. The accounts of all commands stay
    in memory until the end.

    Attributes:
        at: the time of the preview, aware UTC.
        changes: how many changes of each kind the commands would make.
        refused: accounts whose commands would be rejected, with the code of each, in order.
        due: number of changes that become due on these accounts until then.
    """

    def __init__(
        self, known: Known, policy: Policy, *, now: datetime, at: datetime, max_command_bytes: int
    ) -> None:
        self.at = at
        self.changes: Counter[str] = Counter()
        self.due: Counter[str] = Counter()
        self.refused: list[tuple[str, str]] = []
        self._known = known
        self._policy = policy
        self._now = now
        self._max_bytes = max_command_bytes
        self._accounts: dict[str, _Account] = {}
        self._holders: dict[str, str] = {}

    async def apply(self, messages: Sequence[Message]) -> list[Mapping[str, Any]]:
        """The data of each command's result, in order. A few hundred commands in one call need three queries.

        Raises:
            ServiceUnavailable: the database does not answer.
            InputRefused: there are too many events until then.
        """
        await self._look_up(messages)
        records = [
            self._accounts[each.account_id].future.read(each, self.at, self._max_bytes) for each in messages
        ]
        commands = [record for record in records if isinstance(record, Incoming)]
        seen = await self._known.seen([each.command.identity[:IDENTITY_BYTES] for each in commands])
        opened = {opened_id(each.command, each.at) for each in commands if each.command.name in OPENING}
        self._holders = {**await self._known.holders(opened), **self._holders}
        return [
            self._apply(each.account_id, record, seen) for each, record in zip(messages, records, strict=True)
        ]

    def as_data(self) -> dict[str, Any]:
        """The sums as a JSON object; revenue is monthly, by currency, of the accounts of these commands."""
        accounts = self._accounts.values()
        return {
            "at": self.at,
            "accounts": len(accounts),
            "changes": dict(self.changes),
            "due": dict(self.due),
            "monthly_before": _monthly(each.before for each in accounts),
            "monthly_after": _monthly(each.future.contract for each in accounts),
            "refused_accounts": [{"account_id": name, "code": code} for name, code in self.refused],
        }

    async def _look_up(self, messages: Sequence[Message]) -> None:
        new = {each.account_id for each in messages} - self._accounts.keys()
        stored = await self._known.contracts(new) if new else {}
        for account_id in new:
            contract = stored.get(account_id)
            future = Future(account_id, contract, self._policy)
            self.due += _changes(await future.wait(self._now, self.at))
            self._accounts[account_id] = _Account(contract, future)

    def _apply(
        self, account_id: str, record: Incoming | Undecodable, seen: Mapping[bytes, Any]
    ) -> Mapping[str, Any]:
        future = self._accounts[account_id].future
        events, result = future.apply(record, seen, self._holders)
        self.changes += _changes(events)
        if result["outcome"] == "rejected":
            self.refused.append((account_id, result["code"]))
        if future.contract is not None:
            self._holders[future.contract["contract_id"]] = account_id
        return result


def _changes(events: Iterable[ForeseenEvent]) -> Counter[str]:
    return Counter(event.data["change"] for event in events if event.name == "changed")


def _monthly(contracts: Iterable[Contract | None]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for contract in contracts:
        if earned := monthly_revenue(contract):
            label, monthly = earned
            currency = label.rpartition("/")[2]
            found[currency] = found.get(currency, Decimal(0)) + monthly
    return dict(sorted(found.items()))
