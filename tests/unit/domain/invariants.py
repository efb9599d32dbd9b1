"""What holds of every contract and every verdict, whatever the command."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from pydantic import TypeAdapter

from consumer.domain import lifecycle
from consumer.domain.differences import STAMPS, revert
from consumer.domain.erasure import SOMEBODY, erased
from consumer.domain.model import Changed, Rejected
from consumer.domain.periods import before as previous
from consumer.domain.scheduling import begin_of
from consumer.domain.size import SLACK
from consumer.domain.statuses import ENDED, RUNNING
from consumer.domain.terms import monthly_total
from consumer.domain.transitions import TRANSITIONS
from consumer.domain.usage import METRICS
from consumer.engine.command_outputs import event_name
from schemas.contract import MAX_CONTRACT_BYTES, ContractState, to_json
from schemas.events import EVENTS
from schemas.fees import Proration, Recurring
from schemas.views import PLACES, visible

_STATE = TypeAdapter(ContractState)
_PRORATION = TypeAdapter(Proration)
_RECURRING = TypeAdapter(Recurring)
_MOVES = {(each.source, each.target) for each in TRANSITIONS}


def check(before, now, verdict) -> None:
    check_verdict(before, now, verdict)
    if verdict.contract is not None:
        check_contract(verdict.contract, max(now, verdict.contract["lifecycle"]["at"]))


def check_contract(contract, now) -> None:
    """A contract that fits the schema, whose dates agree, and on which nothing is due at `now`."""
    shown = visible(contract)
    assert _STATE.validate_json(to_json(shown)) == shown
    assert list(contract) == [name for name in PLACES if name in contract], "visible() relies on the order"
    assert len(contract["_id"]) == 12
    _check_dates(contract, now)
    _check_scheduled(contract, now)
    assert len({each["name"] for each in contract["add_ons"]}) == len(contract["add_ons"])
    assert len(contract["metadata"]) <= 50
    _check_usage(contract)
    _check_terms(contract, now)
    _check_offers(contract, now)
    assert len(to_json(shown)) <= min(contract["lifecycle"]["size"], MAX_CONTRACT_BYTES) + SLACK


def _check_dates(contract, now) -> None:
    assert contract["start_date"] <= contract["term_start"]
    assert contract["term_start"] <= contract["renewal_date"] <= contract["end_date"]
    assert contract["term_start"] < contract["end_date"]
    for value in (*contract.values(), *contract["lifecycle"].values()):
        if isinstance(value, datetime):
            assert value.microsecond % 1000 == 0, "MongoDB keeps milliseconds"
    due = contract["lifecycle"]["next_action_at"]
    agenda = lifecycle._agenda(contract, now)
    assert due == min((at for at, _ in agenda), default=None), "as the whole agenda says, made or not"
    if contract["status"] in RUNNING:
        assert now < due <= contract["end_date"]
        assert (contract["status"] == "pending_renewal") == (contract["renewal_date"] <= now)
    else:
        assert due is None


STATUSES_OF = {
    "cancellation": {"draft", "active", "pending_renewal"},
    "plan_change": {"draft", "active", "pending_renewal", "expired"},
    "amendment": {"draft", "active", "pending_renewal", "expired"},
}


def _check_scheduled(contract, now) -> None:
    planned = contract["scheduled_changes"]
    assert len({each["change_id"] for each in planned}) == len(planned) <= 20
    assert [each["effective_at"] for each in planned] == sorted(each["effective_at"] for each in planned)
    assert [each["kind"] for each in planned].count("cancellation") <= 1
    assert contract["status"] != "cancelled" or not planned
    for each in planned:
        assert contract["status"] in STATUSES_OF[each["kind"]]
        if "from_term" in each:
            assert each["effective_at"] == begin_of(contract, each["from_term"])
            assert each["from_term"] >= contract["term_number"]
        elif contract["status"] in RUNNING:
            assert each["effective_at"] > now
        if each["change_id"] in {"plan_change", "cancellation"}:
            assert each["change_id"] == each["kind"]
            assert each["effective_at"] in {contract["end_date"], contract["term_start"]}


def _check_offers(contract, now) -> None:
    """Open ones only, of contracts that run."""
    offers = contract.get("offers", [])
    assert len({each["offer_id"] for each in offers}) == len(offers) <= 5
    assert all(now < each["valid_until"] for each in offers)
    assert contract["status"] in RUNNING or "offers" not in contract


def _check_terms(contract, now) -> None:
    """Terms that are agreed on wait for a term that has not begun."""
    terms = contract.get("renewal_terms")
    if terms and contract["status"] not in ENDED:
        assert terms["from_term"] > contract["term_number"] or now < contract["term_start"]
    assert contract["lifecycle"]["noticed"] is not None or "told_terms" not in contract["lifecycle"]
    if "terms_version" in contract["lifecycle"]:
        assert "contract_type" in terms
        assert "template_version" not in terms


def check_verdict(before, now, verdict) -> None:
    """Versions count the changes, each can be taken back, and every event fits its schema."""
    state = before
    for event in verdict.events:
        if isinstance(event, Changed):
            _check_change(state, event)
            state = None if event.change == "deleted" else event.contract
        else:
            EVENTS[event_name(event)].adapter.validate_json(to_json(event.notice))
            assert event.notice["effective_at"] <= event.notice["occurred_at"]
    if state is None or verdict.contract is None:
        assert verdict.contract is None
        assert state is None
    else:
        assert visible(state) == visible(verdict.contract)
    if not verdict.events and verdict.contract is not before:
        _check_bookkeeping(before, verdict.contract)
    if isinstance(verdict.outcome, Rejected):
        assert verdict.outcome.message


def _check_bookkeeping(before, after) -> None:
    """Only usage changes a contract without an event: what is shown of it stays, and what is due."""
    assert visible(after) == visible(before)
    other = {"usage", "offset", "at"}
    was, has = before["lifecycle"], after["lifecycle"]
    assert {name: was[name] for name in was if name not in other} == {
        name: has[name] for name in has if name not in other
    }
    assert has["usage"] != was.get("usage")


def _check_usage(contract) -> None:
    """At most two months, one after the other; told is what was crossed, unless the limit moved since."""
    used = contract["lifecycle"].get("usage", [])
    places = [(each["period"], METRICS.index(each["metric"])) for each in used]
    assert places == sorted(set(places))
    assert len(used) <= 6
    if used:
        latest = used[-1]["period"]
        assert {each["period"] for each in used} <= {latest, previous(latest)}


def _check_change(state, event) -> None:
    _check_recurring(state, event)
    if event.change in {"created", "adopted"}:
        assert state is None or state["status"] in ENDED
        return
    assert event.version == state["version"] + 1
    if event.change == "deleted":
        assert visible(event.contract) == visible(state)
        return
    assert (state["status"], event.contract["status"]) in _MOVES
    assert event.contract["version"] == event.version
    if event.change == "erased":
        assert erased(event.contract) == event.contract | {"last_modified_by": SOMEBODY}
        return
    _check_proration(state, event)
    stamps = {name: state[name] for name in STAMPS}
    assert revert(visible(event.contract), event.changed_fields) | stamps == visible(state)
    paths = [change.path for change in event.changed_fields]
    assert paths, "a change changes something"
    assert not any(a.startswith(f"{b}/") for b, a in pairwise(sorted(paths)))


def _check_recurring(state, event) -> None:
    """Each begins where the one before it ended, and is called what it is."""
    told, contract = event.recurring, None if event.change == "deleted" else event.contract
    assert _RECURRING.validate_json(to_json(told)) == told
    was, now = _brings(state), _brings(contract)
    assert (told["before"], told["after"]) == (was, now)
    kinds = {
        was == now: {"none"},
        was == 0 < now: {"new", "reactivation"},
        now == 0 < was: {"churn"},
        0 < was < now: {"expansion"},
        0 < now < was: {"contraction"},
    }
    assert told["movement"] in kinds[True]


def _brings(contract):
    return monthly_total(contract) if contract and contract["status"] in RUNNING else 0


def _check_proration(state, event) -> None:
    """Told of each change of fee within a month, and of no other; its parts agree."""
    told, contract = event.proration, event.contract
    runs = {state["status"], contract["status"]} <= RUNNING
    if not runs or event.change == "renewed" or monthly_total(state) == monthly_total(contract):
        assert told is None
        return
    if told is None:
        return
    assert _PRORATION.validate_json(to_json(told)) == told
    assert told["from"] <= event.effective_at < told["from"] + timedelta(days=1)
    assert told["to"] - told["from"] == timedelta(days=told["days"])
    assert 0 < told["days"] <= told["of_days"] <= 31
    assert told["net"] == told["charge"] - told["credit"]
    assert (told["charge"] >= told["credit"]) == (told["net"] >= 0)
