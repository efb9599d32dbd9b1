"""What may be asked of one account's contract at a moment: data of every command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Entry = tuple[datetime, str, dict]


def _some(**fields) -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries({}, optional=fields)


moments = st.datetimes(datetime(2023, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
) | st.sampled_from([datetime(2024, 2, 29, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)])
gaps = st.sampled_from(
    [timedelta(0), timedelta(milliseconds=1), HOUR, DAY, 3 * DAY, 20 * DAY, 40 * DAY, 100 * DAY, 400 * DAY]
)
ahead = st.sampled_from([1, 2, 10, 29, 31, 61, 91, 200, 365, 1200])
months = st.sampled_from([1, 2, 3, 6, 12, 120])
windows = st.lists(st.sampled_from([90, 60, 30, 14, 7, 2, 1]), max_size=7)
plans = st.sampled_from(["basic", "professional", "enterprise", "custom"])
money = st.sampled_from([0, 0.5, 99, 123.4567])
versions = st.sampled_from([1, 2, 3, 4])
"""Of templates: from tests/unit/domain/catalogues.py, and one that is not there."""

overrides = _some(
    base_monthly_fee=money,
    features=st.just(["own"]),
    usage_based_pricing=st.none(),
    usage_limits=_some(max_concurrent_trades=st.integers(1, 5) | st.none()),
)
renewal_terms = (
    _some(from_term=st.sampled_from([2, 3, 5]), term_months=months)
    | st.fixed_dictionaries(
        {"uplift_percent": st.sampled_from([0.5, 5, 33.3333])},
        optional={"cap": money, "contract_type": plans, "term_months": months},
    )
    | st.fixed_dictionaries(
        {"contract_type": plans, "template_version": versions}, optional={"overrides": overrides}
    )
    | st.fixed_dictionaries(
        {"contract_type": plans}, optional={"overrides": overrides, "base_monthly_fee": money}
    )
)

_offer_ids = st.sampled_from("abcdefg")

_change_ids = st.sampled_from(["a", "b", "c", "d"])

_terms = {
    "renewal_terms": renewal_terms,
    "auto_renewal": st.booleans(),
    "term_months": months,
    "renewal_window_days": st.sampled_from([0, 1, 10, 30, 400]),
    "renewal_grace_days": st.sampled_from([0, 10, 30]),
    "notice_days": windows,
    "base_monthly_fee": money,
    "notes": st.text(max_size=5),
    "primary_contact": _some(name=st.just("Ada"), email=st.just("ada@example.com")),
    "tags": st.lists(st.sampled_from("abc"), unique=True, max_size=3),
    "metadata": st.dictionaries(st.sampled_from(["a", "b/~"]), st.text(max_size=2), max_size=2),
    "usage_limits": _some(
        max_concurrent_trades=st.integers(1, 5),
        max_trade_value=st.integers(1, 5),
        max_monthly_trades=st.sampled_from([1, 10, 20]),
    ),
    "usage_thresholds": st.lists(st.sampled_from([50, 80, 100, 120]), max_size=3),
    "add_ons": st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from("xy"), "monthly_fee": money}, optional={"active": st.booleans()}
        ),
        max_size=2,
    ),
}


def _ends(now: datetime) -> st.SearchStrategy[datetime]:
    return ahead.map(lambda days: now + days * DAY)


def creates(now: datetime) -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries(
        {"contract_type": plans, "usage_limits": _terms["usage_limits"], "base_monthly_fee": money},
        optional={
            **{
                name: values
                for name, values in _terms.items()
                if name not in {"usage_limits", "base_monthly_fee"}
            },
            "status": st.sampled_from(["draft", "active"]),
            "phases": st.lists(phases(now + 40 * DAY), max_size=2),
            "start_date": st.sampled_from([-300, -29, 0, 40]).map(lambda days: now + days * DAY),
            "end_date": _ends(now),
        },
    )


def _updates(now: datetime) -> st.SearchStrategy[dict]:
    changes = {name: values | st.none() for name, values in _terms.items()}
    changes |= {"end_date": _ends(now), "start_date": _ends(now), "currency": st.sampled_from(["EUR", "ABC"])}
    one_field = st.sampled_from(sorted(changes)).flatmap(
        lambda name: st.fixed_dictionaries({name: changes[name]})
    )
    return st.fixed_dictionaries({"changes": one_field | _some(**changes)})


def _renewals(now: datetime) -> st.SearchStrategy[dict]:
    return st.just({}) | _some(term_months=months) | _some(end_date=_ends(now + 100 * DAY))


def _reports(now: datetime) -> st.SearchStrategy[dict]:
    """Mostly of the running month or the last, sometimes of others."""
    months_ago = st.sampled_from([0, 0, 0, 1, 1, 2, -1])
    return st.fixed_dictionaries(
        {
            "period": months_ago.map(lambda ago: _month(now, ago)),
            "metric": st.sampled_from(["monthly_trades", "trade_value", "concurrent_trades"]),
            "value": st.sampled_from([0, 1, 3.5, 4, 5, 8, 9, 12, 24]),
        }
    )


def _offers(now: datetime) -> st.SearchStrategy[dict]:
    """Often over soon, sometimes already."""
    left = st.sampled_from([timedelta(0), timedelta(milliseconds=1), HOUR, DAY, 40 * DAY, 400 * DAY])
    return st.fixed_dictionaries(
        {"offer_id": _offer_ids, "terms": renewal_terms, "valid_until": left.map(lambda each: now + each)}
    )


def _amended() -> st.SearchStrategy[dict]:
    return _some(
        base_monthly_fee=money,
        term_months=st.sampled_from([1, 2, 12]),
        usage_limits=_some(max_monthly_trades=st.sampled_from([1, 10]) | st.none()),
        usage_thresholds=st.just([50]) | st.none(),
        add_ons=_terms["add_ons"],
    )


def phases(now: datetime) -> st.SearchStrategy[dict]:
    """Something to schedule: soon, at the renewal, at the beginning of a later term; sometimes too late."""
    at = st.sampled_from([timedelta(0), timedelta(milliseconds=1), HOUR, DAY, 40 * DAY, 400 * DAY, 365 * DAY])
    when = st.one_of(
        at.map(lambda each: {"at": now + each}),
        st.just({"at_renewal": True}),
        st.sampled_from([2, 2, 3, 4]).map(lambda term: {"from_term": term}),
    )
    what = st.one_of(
        st.fixed_dictionaries({"kind": st.just("amendment"), "changes": _amended()}),
        st.fixed_dictionaries(
            {"kind": st.just("plan_change"), "contract_type": plans},
            optional={"overrides": overrides, "template_version": versions},
        ),
        st.fixed_dictionaries({"kind": st.just("cancellation")}, optional={"reason": st.just("why")}),
    )
    named = _some(change_id=_change_ids)
    return st.tuples(when, what, named).map(lambda parts: parts[0] | parts[1] | parts[2])


def _month(now: datetime, ago: int) -> str:
    year, month = divmod(now.year * 12 + now.month - 1 - ago, 12)
    return f"{year:04d}-{month + 1:02d}"


_NAMES = (
    *("update",) * 5,
    *("schedule_change",) * 5,
    "withdraw_change",
    *("report_usage",) * 3,
    *("offer_renewal",) * 3,
    *("accept_offer",) * 2,
    "decline_offer",
    "withdraw_offer",
    *("renew", "change_plan", "cancel") * 2,
    "activate",
    "withdraw_plan_change",
    "withdraw_cancellation",
    "create",
    "erase",
    "delete",
)


@st.composite
def entries(draw: st.DrawFn, now: datetime) -> Entry:  # noqa: C901 - a table
    """Any command at a moment."""
    name = draw(st.sampled_from(_NAMES))
    data: dict[str, Any] = {}
    match name:
        case "create":
            data = draw(creates(now))
        case "update":
            data = draw(_updates(now))
        case "renew":
            data = draw(_renewals(now))
        case "change_plan":
            effective = st.sampled_from(["immediately", "at_renewal"])
            data = {"contract_type": draw(plans), "effective": draw(effective)} | draw(
                _some(overrides=overrides, template_version=versions)
            )
        case "report_usage":
            data = draw(_reports(now))
        case "offer_renewal":
            data = draw(_offers(now))
        case "schedule_change":
            data = draw(phases(now))
        case "withdraw_change":
            data = {"change_id": draw(_change_ids | st.sampled_from(["plan_change", "cancellation"]))}
        case "accept_offer":
            data = {"offer_id": draw(_offer_ids)} | draw(
                _some(effective=st.sampled_from(["immediately", "at_renewal"]))
            )
        case "decline_offer" | "withdraw_offer":
            data = {"offer_id": draw(_offer_ids)}
        case "cancel":
            data = {"effective": draw(st.sampled_from(["end_of_term", "end_of_term", "immediately"]))}
    return now, name, data
