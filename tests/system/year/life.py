"""What customers and operators do in a year: contracts of every type and term, and what becomes of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from producers.messages import command_message, unchecked_message

if TYPE_CHECKING:
    from random import Random

    from producers.messages import CommandMessage

DAY = timedelta(days=1)
SOURCE = "/crm"

TERMS = {1: 3, 2: 3, 3: 8, 6: 16, 12: 45, 24: 10, 36: 8, 60: 4, 120: 3}
"""Months, and how many of a hundred contracts have so many."""
WINDOWS = ([90, 60, 30, 14, 7, 1], [30, 7], [400, 200, 45, 2], [1], [])

TERMS_OF_RENEWALS = (
    {"uplift_percent": 4.5},
    {"uplift_percent": 10, "cap": 120},
    {"base_monthly_fee": 88.8, "term_months": 3},
    {"contract_type": "professional", "overrides": {"base_monthly_fee": 250}, "from_term": 3},
)

VERSIONS = (
    {},
    {},
    {"template_version": 1},
    {"template_version": 2},
    {"template_version": 2, "effective": "at_renewal"},
)

ANSWERS = ("accept offer", "accept at once", "decline offer", "withdraw offer")
"""To one of the last offers made."""

PHASES = (
    {"kind": "amendment", "changes": {"base_monthly_fee": 66.6, "term_months": 4}},
    {"kind": "amendment", "changes": {"usage_limits": {"max_monthly_trades": 30_000}}},
    {"kind": "plan_change", "contract_type": "enterprise", "overrides": {"base_monthly_fee": 600}},
    {"kind": "plan_change", "contract_type": "basic"},
    {"kind": "cancellation", "reason": "agreed"},
)

KINDS = {
    "terms": 14,
    "end": 6,
    "renewal": 12,
    "windows": 4,
    "renew": 10,
    "plan now": 9,
    "plan later": 8,
    "withdraw plan": 4,
    "cancel": 3,
    "cancel later": 10,
    "withdraw cancellation": 6,
    "activate": 8,
    "again": 8,
    "delete": 2,
    "erase": 2,
    "terms of the renewal": 6,
    "offer renewal": 8,
    "accept offer": 4,
    "accept at once": 2,
    "decline offer": 1,
    "withdraw offer": 1,
    "schedule": 14,
    "withdraw change": 3,
    "usage": 20,
    "usage of before": 5,
    "wrong version": 2,
    "twice": 4,
    "rubbish": 1,
}
"""What happens to an account, and how often."""

PLANS = ("basic", "professional", "enterprise", "custom")


class Life:
    """Commands, in the order in which they are sent. The same seed gives the same ones."""

    def __init__(self, random: Random) -> None:
        self.accounts: list[str] = []
        self._random = random
        self._sent = 0
        self._recent: list[CommandMessage] = []
        self._offered: list[tuple[str, str]] = []

    def open(self, now: datetime) -> CommandMessage:
        """A new customer."""
        account = f"account-{len(self.accounts):05d}"
        self.accounts.append(account)
        if self._random.random() < 0.1:
            return self._message("adopt", account, _adopted(self._random, now, account), now)
        return self._message("create", account, self._created(now), now)

    def next(self, now: datetime) -> CommandMessage:
        """Something happens to one of the accounts."""
        account = self._random.choice(self.accounts)
        kind = self._weighted(KINDS)
        if kind == "twice":
            return self._random.choice(self._recent)
        if kind == "rubbish":
            return unchecked_message(
                "update", account, b'{"changes": 1}', source=SOURCE, command_id=self._id()
            )
        if kind in ANSWERS:
            account, offer_id = self._random.choice(self._offered[-20:] or [(account, "a")])
            when = {"effective": "immediately"} if kind == "accept at once" else {}
            name = "accept_offer" if kind == "accept at once" else kind.replace(" ", "_")
            return self._message(name, account, {"offer_id": offer_id} | when, now)
        name, data = self._command(kind, now)
        if name == "offer_renewal":
            self._offered.append((account, data["offer_id"]))
        return self._message(name, account, data, now)

    def _command(self, kind: str, now: datetime) -> tuple[str, Any]:  # noqa: C901, PLR0911, PLR0912 - a table
        pick = self._random
        match kind:
            case "terms":
                fee, months = pick.choice([49, 99.5, 1234.5678]), self._weighted(TERMS)
                return "update", {"changes": {"base_monthly_fee": fee, "term_months": months, "notes": "n"}}
            case "end":
                return "update", {"changes": {"end_date": now + pick.choice([3, 10, 45, 100, 400]) * DAY}}
            case "renewal":
                return "update", {"changes": {"auto_renewal": pick.random() < 0.5}}
            case "windows":
                return "update", {"changes": {"notice_days": pick.choice(WINDOWS)}}
            case "renew":
                return "renew", pick.choice([{}, {}, {"term_months": 2}, {"end_date": now + 500 * DAY}])
            case "plan now":
                return "change_plan", {"contract_type": self._plan()} | pick.choice(VERSIONS)
            case "plan later":
                overrides = {"base_monthly_fee": 77}
                plan = {"contract_type": self._plan(), "effective": "at_renewal", "overrides": overrides}
                return "change_plan", plan
            case "cancel" | "cancel later":
                effective = "immediately" if kind == "cancel" else "end_of_term"
                return "cancel", {"effective": effective, "reason": "because"}
            case "usage" | "usage of before":
                return "report_usage", _used(pick, now - 31 * DAY if kind == "usage of before" else now)
            case "terms of the renewal":
                return "update", {"changes": {"renewal_terms": pick.choice([None, *TERMS_OF_RENEWALS])}}
            case "offer renewal":
                until = now + pick.choice([3, 40, 200]) * DAY
                terms = pick.choice(TERMS_OF_RENEWALS)
                return "offer_renewal", {"offer_id": pick.choice("ab"), "terms": terms, "valid_until": until}
            case "schedule":
                return "schedule_change", {"change_id": pick.choice("abc")} | _phase(pick, now)
            case "withdraw change":
                return "withdraw_change", {"change_id": pick.choice([*"abc", "plan_change", "cancellation"])}
            case "delete":
                return "delete", {"reason": "closed"}
            case "again":
                return "create", self._created(now)
            case "wrong version":
                return "update", {"changes": {"notes": "never"}, "expected_version": 10_000}
            case "withdraw plan":
                return "withdraw_plan_change", {}
            case _:
                return kind.replace(" ", "_"), {}

    def _plan(self) -> str:
        return self._random.choice(PLANS)

    def _created(self, now: datetime) -> dict[str, Any]:
        pick = self._random
        plan = self._plan()
        terms: dict[str, Any] = {"contract_type": plan, "auto_renewal": pick.random() < 0.7}
        match pick.randrange(10):
            case 0:
                terms["end_date"] = now + pick.choice([1, 20, 31, 365, 3650]) * DAY
            case 1:
                terms |= {"start_date": now + pick.choice([1, 40]) * DAY, "term_months": 3}
            case 2:
                terms |= {"status": "draft", "term_months": 1}
        if "end_date" not in terms:
            terms.setdefault("term_months", self._weighted(TERMS))
        if pick.random() < 0.3:
            terms["notice_days"] = pick.choice(WINDOWS)
            terms["renewal_window_days"] = pick.choice([0, 10, 45])
        if pick.random() < 0.1:
            terms["phases"] = [{"kind": "amendment", "from_term": 3, "changes": {"base_monthly_fee": 55}}]
        if plan == "custom":
            terms |= {"base_monthly_fee": 500, "usage_limits": {"max_concurrent_trades": 5}}
        return terms

    def _message(self, name: str, account: str, data: Any, now: datetime) -> CommandMessage:
        message = command_message(name, account, data, source=SOURCE, command_id=self._id(), at=now)
        self._recent = [*self._recent[-50:], message]
        return message

    def _id(self) -> str:
        self._sent += 1
        return f"command-{self._sent}"

    def _weighted(self, weights: dict[Any, int]) -> Any:
        return self._random.choices([*weights], [*weights.values()])[0]


def _phase(pick: Random, now: datetime) -> dict[str, Any]:
    at = now + pick.choice([1, 20, 100, 400]) * DAY
    when = [{"at": at}, {"at_renewal": True}, {"from_term": 2}, {"from_term": 3}]
    return pick.choice(PHASES) | pick.choice(when)


def _used(pick: Random, day: datetime) -> dict[str, Any]:
    metric = pick.choice(["monthly_trades", "trade_value", "concurrent_trades"])
    most = {"monthly_trades": 60_000, "trade_value": 1_200_000, "concurrent_trades": 7}[metric]
    return {"period": f"{day:%Y-%m}", "metric": metric, "value": pick.randrange(most)}


def _adopted(pick: Random, now: datetime, account: str) -> dict[str, Any]:
    """A contract in the middle of its term; within its renewal window it is pending renewal."""
    start = now - pick.randrange(1, 300) * DAY
    end = now + pick.randrange(1, 300) * DAY
    opens = end - min(30 * DAY, (end - start) / 2)
    return {
        "contract_id": f"old-{account}",
        "contract_type": pick.choice(PLANS),
        "status": "active" if now < opens else "pending_renewal",
        "start_date": start,
        "end_date": end,
        "base_monthly_fee": 10,
        "usage_limits": {},
        "auto_renewal": pick.random() < 0.5,
    }
