"""Commands as a careless world sends them: seeded, so that the same seed asks for the same things.

Most are fit for their account's state, some are rejected, duplicated, misplaced, or no commands at all.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from devstack.proof import load_changes
from devstack.proof.load_offers import accept, answer, offer, renewal_terms
from devstack.proof.message import Message, iso
from devstack.proof.rubbish import RUBBISH

TYPE = "com.easytrade.contract.{}.v1"
SOURCES = ("/crm", "/billing", "urn:portal")
REMEMBERED = 500


class Load:
    """An endless stream of messages about `accounts` accounts.

    Args:
        rubbish: share of records that are no commands; the service pauses a partition above a half.
        misplaced: share of records that a producer with librdkafka's own partitioner sends.
        clock: what time it is, for the dates in commands.
    """

    def __init__(
        self,
        seed: int,
        *,
        accounts: int = 500,
        rubbish: float = 0.03,
        misplaced: float = 0.05,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._random = Random(seed)
        self._seed = seed
        self._accounts = accounts
        self._rubbish = rubbish
        self._misplaced = misplaced
        self._clock = clock
        self._number = 0
        self._known: set[str] = set()
        self._recent: deque[Message] = deque(maxlen=REMEMBERED)

    def messages(self, count: int) -> Iterator[Message]:
        """The next ones."""
        for _ in range(count):
            message = self._next()
            self._recent.append(message)
            yield message

    def _next(self) -> Message:
        random = self._random
        self._number += 1
        kind = random.random()
        if kind < self._rubbish:
            make = random.choice(RUBBISH)
            return make(random, self._account(), self._id())
        if kind < self._rubbish + 0.05 and self._recent:
            return self._again()
        message = self._command()
        if random.random() < self._misplaced:
            message = message._replace(via="crc32")
        return message

    def _again(self) -> Message:
        """A record sent before, a moment or long ago; now and then with other content under the same id."""
        recent = self._recent
        message = recent[-1] if self._random.random() < 0.3 else self._random.choice(recent)
        if self._random.random() < 0.2 and message.value and message.value.startswith(b'{"changes"'):
            return message._replace(value=b'{"changes": {"notes": "another content"}}')
        return message

    def _command(self) -> Message:
        account = self._account()
        if account not in self._known and self._random.random() < 0.95:
            name = "create"
            self._known.add(account)
        else:
            (name,) = self._random.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()))
        data = _DATA[name](self._random, self._clock())
        if self._random.random() < 0.3:
            data["requested_by"] = self._random.choice(["alice", "bob", "Zoë"])
        if self._random.random() < 0.02:
            data["expected_version"] = self._random.randrange(1, 5)
        return self._enveloped(account, name, data)

    def _enveloped(self, account: str, name: str, data: dict[str, Any]) -> Message:
        random = self._random
        attributes = {
            "specversion": "1.0",
            "id": self._id(),
            "source": random.choice(SOURCES),
            "type": TYPE.format(name),
        }
        if random.random() < 0.7:
            attributes["subject"] = account
        if random.random() < 0.2:
            attributes["correlationid"] = f"correlation-{self._number}"
        if random.random() < 0.1:
            attributes["traceparent"] = f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"
        if random.random() < 0.1:
            return Message(
                account.encode(),
                json.dumps({**attributes, "data": data}, ensure_ascii=False).encode(),
                [("content-type", b"application/cloudevents+json; charset=utf-8")],
            )
        headers: list[tuple[str, bytes | None]] = [("content-type", b"application/json")]
        headers += [(f"ce_{attribute}", text.encode()) for attribute, text in attributes.items()]
        return Message(account.encode(), json.dumps(data, ensure_ascii=False).encode(), headers)

    def _account(self) -> str:
        return f"account-{self._seed}-{self._random.randrange(self._accounts):05d}"

    def _id(self) -> str:
        return f"{self._seed}-{self._number}"


def _create(random: Random, now: datetime) -> dict[str, Any]:  # noqa: C901 - a list of chances  # noqa: C901 - a list of chances
    data: dict[str, Any] = {"contract_type": random.choice(["basic", "professional", "enterprise", "custom"])}
    if data["contract_type"] == "custom" and random.random() < 0.9:
        data |= {"base_monthly_fee": random.randrange(1, 9_999_999) / 10_000, "term_months": 6}
        data["usage_limits"] = {"max_monthly_trades": random.randrange(1, 10**6)}
    if random.random() < 0.15:
        data["status"] = "draft"
    if random.random() < 0.5:
        data["auto_renewal"] = random.random() < 0.5
    near = random.random()
    if near < 0.15:  # its term ends, and what is due happens, while the load still runs
        data |= _ending(now, timedelta(seconds=random.uniform(0.5, 20)))
    elif near < 0.3:  # inside its notice windows
        data |= _ending(now, timedelta(days=random.uniform(0.1, 100)))
    if random.random() < 0.6:
        data["primary_contact"] = {"name": "Ann Ä 🙂", "email": f"ann{random.randrange(99)}@example.com"}
    if random.random() < 0.2:
        data["metadata"] = {"$where": "1", "a.b": "%24", "plain": "\u202eleft\u0000"}
    if random.random() < 0.2:
        data["add_ons"] = [{"name": "reports", "monthly_fee": 19.99, "active": random.random() < 0.5}]
    if random.random() < 0.1:
        data["phases"] = [load_changes.schedule(random, now + timedelta(seconds=5)) for _ in range(2)]
    if random.random() < 0.02:
        data["currency"] = "XXY"  # three letters, but no currency
    return data


def _ending(now: datetime, left: timedelta) -> dict[str, Any]:
    return {"start_date": iso(now - timedelta(days=300)), "end_date": iso(now + left)}


def _update(random: Random, now: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    kinds = ["fee", "notes", "tags", "metadata", "auto_renewal", "end_date", "limits", "terms", "remove"]
    (kind,) = random.choices([*kinds, "protected"], weights=[8, 8, 3, 3, 4, 2, 3, 3, 1, 1])
    match kind:
        case "fee":
            changes["base_monthly_fee"] = random.randrange(1, 100_000) / 100
        case "notes":
            changes["notes"] = "n" * random.randrange(400)
        case "tags":
            changes["tags"] = random.sample(["a", "b", "c", "d"], random.randrange(4))
        case "metadata":
            changes["metadata"] = {"$set": random.choice([None, "x", "y"]), "n": str(random.randrange(9))}
        case "auto_renewal":
            changes["auto_renewal"] = random.random() < 0.5
        case "end_date":
            changes["end_date"] = iso(now + timedelta(days=random.uniform(-5, 400)))
        case "limits":
            changes["usage_limits"] = {"max_concurrent_trades": random.choice([None, 5, 50])}
        case "terms":
            changes["renewal_terms"] = random.choice([None, *(renewal_terms(random) for _ in range(4))])
        case "remove":
            changes[random.choice(["notes", "primary_contact", "base_monthly_fee"])] = None
        case _:
            changes[random.choice(["status", "version", "currency"])] = "x"
    return {"changes": changes}


def _change_plan(random: Random, now: datetime) -> dict[str, Any]:
    data: dict[str, Any] = {"contract_type": random.choice(["basic", "professional", "enterprise", "custom"])}
    if random.random() < 0.5:
        data["effective"] = random.choice(["immediately", "at_renewal"])
    if random.random() < 0.3:
        data["overrides"] = {"base_monthly_fee": random.randrange(500)}
    return data


def _renew(random: Random, now: datetime) -> dict[str, Any]:
    return {"term_months": random.randrange(1, 24)} if random.random() < 0.5 else {}


def _cancel(random: Random, now: datetime) -> dict[str, Any]:
    data = {} if random.random() < 0.3 else {"effective": random.choice(["immediately", "end_of_term"])}
    return data | ({"reason": "moved away"} if random.random() < 0.5 else {})


def _report_usage(random: Random, now: datetime) -> dict[str, Any]:
    """Mostly of this month; values around the limits of the templates, and some twice."""
    day = now - timedelta(days=random.choice([0, 0, 0, 31, 80, -31]))
    metric = random.choice(["monthly_trades", "trade_value", "concurrent_trades"])
    value = random.choice([3, 4.5, 8_000, 9_999, 45_000, 90_000.25, 120_000, 900_000, 2_000_000])
    return {"period": f"{day:%Y-%m}", "metric": metric, "value": value}


def _advance(random: Random, now: datetime) -> dict[str, Any]:
    return {"contract_id": f"contract_{random.randrange(9)}", "due_at": iso(now)}


def _nothing(random: Random, now: datetime) -> dict[str, Any]:
    return {}


_DATA = {
    "create": _create,
    "update": _update,
    "activate": _nothing,
    "change_plan": _change_plan,
    "withdraw_plan_change": _nothing,
    "renew": _renew,
    "cancel": _cancel,
    "withdraw_cancellation": _nothing,
    "delete": _nothing,
    "erase": _nothing,
    "report_usage": _report_usage,
    "offer_renewal": offer,
    "accept_offer": accept,
    "decline_offer": answer,
    "withdraw_offer": answer,
    "schedule_change": load_changes.schedule,
    "withdraw_change": load_changes.withdraw,
    "advance": _advance,
}
_WEIGHTS = dict(zip(_DATA, [10, 45, 4, 7, 3, 5, 5, 3, 4, 1, 12, 8, 4, 1, 1, 9, 2, 6], strict=True))
