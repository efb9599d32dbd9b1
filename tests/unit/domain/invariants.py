"""What holds of every contract and every decision, whatever the command."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from pydantic import TypeAdapter

from consumer.domain import lifecycle
from consumer.domain.differences import STAMPS, revert
from consumer.domain.erasure import SOMEBODY, erased
from consumer.domain.model import Changed, Rejected
from consumer.domain.periods import before as previous
from consumer.domain.size import SLACK
from consumer.domain.statuses import ENDED, RUNNING
from consumer.domain.transitions import TRANSITIONS
from consumer.domain.usage import METRICS
from consumer.engine.encoder import event_name
from schemas.contract import MAX_CONTRACT_BYTES, PLACES, ContractState, to_json, visible
from schemas.events import EVENTS

_STATE = TypeAdapter(ContractState)
_MOVES = {(each.source, each.target) for each in TRANSITIONS}


def check(before, now, decision) -> None:
    check_decision(before, now, decision)
    if decision.contract is not None:
        check_contract(decision.contract, max(now, decision.contract["lifecycle"]["at"]))


def check_contract(contract, now) -> None:
    """A contract that fits the schema, whose dates agree, and on which nothing is due at `now`."""
    shown = visible(contract)
    assert _STATE.validate_json(to_json(shown)) == shown
    assert list(contract) == [name for name in PLACES if name in contract], "visible() relies on the order"
    assert len(contract["_id"]) == 12
    _check_dates(contract, now)
    _check_scheduled(contract)
    assert len({each["name"] for each in contract["add_ons"]}) == len(contract["add_ons"])
    assert len(contract["metadata"]) <= 50
    _check_usage(contract)
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


def _check_scheduled(contract) -> None:
    planned = contract["scheduled_changes"]
    assert len({each["kind"] for each in planned}) == len(planned)
    if contract["status"] in {"draft", "cancelled"}:
        assert not planned
    for each in planned:
        if each["kind"] == "cancellation":
            assert contract["status"] in RUNNING
            assert each["effective_at"] == contract["end_date"]
        else:
            assert each["effective_at"] in {contract["end_date"], contract["term_start"]}


def check_decision(before, now, decision) -> None:
    """Versions count the changes, each can be taken back, and every event fits its schema."""
    state = before
    for event in decision.events:
        if isinstance(event, Changed):
            _check_change(state, event)
            state = None if event.change == "deleted" else event.contract
        else:
            EVENTS[event_name(event)].adapter.validate_json(to_json(event.notice))
            assert event.notice["effective_at"] <= event.notice["occurred_at"]
    if state is None or decision.contract is None:
        assert decision.contract is None
        assert state is None
    else:
        assert visible(state) == visible(decision.contract)
    if not decision.events and decision.contract is not before:
        _check_bookkeeping(before, decision.contract)
    if isinstance(decision.outcome, Rejected):
        assert decision.outcome.message


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
    stamps = {name: state[name] for name in STAMPS}
    assert revert(visible(event.contract), event.changed_fields) | stamps == visible(state)
    paths = [change.path for change in event.changed_fields]
    assert paths, "a change changes something"
    assert not any(a.startswith(f"{b}/") for b, a in pairwise(sorted(paths)))
