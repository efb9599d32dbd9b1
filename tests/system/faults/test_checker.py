"""The checker is only worth something if it catches what it is for: each kind of fault, planted, is found."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from devstack.proof.records import State
from devstack.proof.verdict import Verdict
from tests.system.faults.captured import Captured, capture

OUTPUT_TOPICS = (
    "contracts.changed",
    "contracts.command-results",
    "contracts.dead-letters",
    "contracts.expiring",
    "contracts.limit-reached",
    "contracts.renewal-notices",
    "contracts.state",
)


@pytest.fixture(scope="module")
def sound() -> Captured:
    """Compared once: a checker that is asked again must see what has changed since."""
    captured = asyncio.run(capture(seed=7, count=1_000))
    captured.verdict()
    return captured


@pytest.fixture
def captured(sound: Captured) -> Iterator[Captured]:
    """What was captured, to be spoilt."""
    *collections, published = sound.state
    copies = ([_copied(document) for document in collection] for collection in collections)
    forwarded = list(sound.model.forwarded)
    state = State(*copies, dict(published))
    yield sound._replace(found=list(sound.found), state=state, alike=dict(sound.alike))
    sound.model.forwarded[:] = forwarded


def _copied(document: dict[str, Any]) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, dict) else value for name, value in document.items()}


def test_the_service_s_own_fold_equals_the_model(sound: Captured) -> None:
    verdict = sound.verdict()
    assert verdict.ok, str(verdict)
    outcomes = {entry.outcome for entry in sound.model.stored.history.values()}
    assert outcomes == {"applied", "unchanged", "rejected", "duplicate", "dead_letter", "forwarded"}
    assert {record.topic for record in sound.found} == set(OUTPUT_TOPICS)
    assert sound.model.stored.former
    assert len(sound.alike) == len(sound.found)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_split_into_batches_equals_the_model(seed: int) -> None:
    verdict = (await capture(seed, 400)).verdict()
    assert verdict.ok, str(verdict)


def only(verdict: Verdict, kind: str, count: int = 1) -> bool:
    return verdict.counts[kind] == count and sum(verdict.counts.values()) == count


@pytest.mark.parametrize("topic", OUTPUT_TOPICS)
def test_a_lost_output_is_found(captured: Captured, topic: str) -> None:
    gone = next(record for record in captured.found if record.topic == topic)
    captured.found.remove(gone)
    verdict = captured.verdict()
    assert only(verdict, "lost"), str(verdict)
    assert topic in verdict.first["lost"].where


@pytest.mark.parametrize("topic", OUTPUT_TOPICS)
def test_an_output_published_twice_is_found(captured: Captured, topic: str) -> None:
    again = next(record for record in captured.found if record.topic == topic)
    captured.found.append(again._replace(offset=again.offset + 1_000_000))
    verdict = captured.verdict()
    assert only(verdict, "duplicated"), str(verdict)
    assert verdict.first["duplicated"].where == f"{topic}/{again.partition}/{again.offset + 1_000_000}"


def test_two_swapped_events_of_an_account_are_found(captured: Captured) -> None:
    found = captured.found
    results = [number for number, record in enumerate(found) if record.topic == "contracts.command-results"]
    first, second = next(
        (a, b)
        for place, a in enumerate(results)
        for b in results[place + 1 : place + 200]
        if found[a].key == found[b].key
    )
    one, other = found[first], found[second]
    found[first] = other._replace(offset=one.offset)
    found[second] = one._replace(offset=other.offset)
    verdict = captured.verdict()
    assert verdict.counts["reordered"] >= 1, str(verdict)
    assert not verdict.counts["lost"] + verdict.counts["duplicated"] + verdict.counts["diverged"]


def test_events_of_different_accounts_may_come_in_any_order(captured: Captured) -> None:
    found = captured.found
    first, second = next(
        (a, b)
        for a, b in zip(range(len(found)), range(1, len(found)), strict=False)
        if (found[a].topic, found[a].partition) == (found[b].topic, found[b].partition)
        and found[a].key != found[b].key
        and found[a].topic == "contracts.changed"
    )
    one, other = found[first], found[second]
    found[first], found[second] = other._replace(offset=one.offset), one._replace(offset=other.offset)
    assert captured.verdict().ok


def _event(captured: Captured, topic: str = "contracts.changed") -> int:
    return next(number for number, record in enumerate(captured.found) if record.topic == topic)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("value", b'{"change": "created"}'),
        ("value", b"not json"),
        ("key", b"another account"),
        ("partition", 77),
    ],
)
def test_an_event_that_says_something_else_is_found(captured: Captured, part: str, value: Any) -> None:
    number = _event(captured)
    captured.found[number] = captured.found[number]._replace(**{part: value})
    assert captured.verdict().counts["diverged"] == 1


@pytest.mark.parametrize("name", ["ce_subject", "ce_sequence", "ce_type", "ce_causationid", "content-type"])
def test_a_wrong_attribute_is_found(captured: Captured, name: str) -> None:
    number = _event(captured)
    record = captured.found[number]
    headers = [(other, b"wrong" if other == name else value) for other, value in record.headers]
    captured.found[number] = record._replace(headers=headers)
    assert only(captured.verdict(), "diverged")


def test_an_event_that_nobody_expects_is_found(captured: Captured) -> None:
    record = captured.found[_event(captured)]
    headers = [(name, b"0" * 32 if name == "ce_id" else value) for name, value in record.headers]
    captured.found.append(record._replace(headers=headers, offset=10**6))
    assert only(captured.verdict(), "diverged")


def test_a_dead_letter_that_is_not_byte_for_byte_is_found(captured: Captured) -> None:
    number = _event(captured, "contracts.dead-letters")
    record = captured.found[number]
    captured.found[number] = record._replace(value=(record.value or b"") + b" ")
    assert only(captured.verdict(), "diverged")


@pytest.mark.parametrize("collection", ["contracts", "former", "history"])
def test_a_lost_document_is_found(captured: Captured, collection: str) -> None:
    getattr(captured.state, collection).pop()
    assert only(captured.verdict(), "lost")


@pytest.mark.parametrize("collection", ["contracts", "former", "history"])
def test_a_document_too_many_is_found(captured: Captured, collection: str) -> None:
    documents = getattr(captured.state, collection)
    documents.append({**documents[0], "_id": b"x" * 16, "account_id": "new", "contract_id": "new"})
    assert only(captured.verdict(), "diverged")


def test_a_document_twice_is_found(captured: Captured) -> None:
    captured.state.contracts.append(captured.state.contracts[0])
    assert only(captured.verdict(), "duplicated")


@pytest.mark.parametrize(
    "path", ["version", "end_date", "base_monthly_fee", "lifecycle.next_action_at", "_id"]
)
def test_a_contract_with_another_field_is_found(captured: Captured, path: str) -> None:
    contract: Any = captured.state.contracts[0]
    *parents, name = path.split(".")
    for parent in parents:
        contract = contract[parent]
    contract[name] = "something else"
    verdict = captured.verdict()
    assert only(verdict, "diverged")
    assert verdict.first["diverged"].where.endswith(path.replace(".", "/"))


def test_money_stored_as_a_double_is_found(captured: Captured) -> None:
    contract = captured.state.contracts[0]
    contract["base_monthly_fee"] = float(contract["base_monthly_fee"].to_decimal())
    assert only(captured.verdict(), "diverged")


@pytest.mark.parametrize(("name", "value"), [("outcome", "applied!"), ("version", 10**6), ("offset", -1)])
def test_a_history_entry_that_says_something_else_is_found(captured: Captured, name: str, value: Any) -> None:
    entry = next(each for each in captured.state.history if "version" in each)
    entry[name] = value
    assert only(captured.verdict(), "diverged")


@pytest.mark.parametrize("by", [-1, +1])
def test_a_position_that_is_not_the_end_of_the_log_is_found(captured: Captured, by: int) -> None:
    captured.state.positions[0]["next"] += by
    assert only(captured.verdict(), "diverged")


def test_an_offset_that_is_not_the_position_is_found(captured: Captured) -> None:
    captured.state.published[1] -= 1
    assert only(captured.verdict(), "diverged")


@pytest.mark.parametrize(("collection", "tallies"), [("positions", "tallies"), ("movements", "times")])
def test_wrong_tallies_are_found(captured: Captured, collection: str, tallies: str) -> None:
    getattr(captured.state, collection)[0][tallies]["basic/active"] = 10**6
    assert only(captured.verdict(), "diverged")


def test_a_lost_forward_is_found(captured: Captured) -> None:
    captured.model.forwarded.pop()
    assert only(captured.verdict(), "lost")


def test_a_record_forwarded_twice_is_found(captured: Captured) -> None:
    forwarded = captured.model.forwarded
    forwarded.append(forwarded[0]._replace(offset=10**6))
    assert only(captured.verdict(), "duplicated")


def test_a_forward_that_is_not_byte_for_byte_is_found(captured: Captured) -> None:
    forwarded = captured.model.forwarded
    forwarded[0] = forwarded[0]._replace(value=b"{}")
    assert only(captured.verdict(), "diverged")


def test_forwards_in_another_order_are_found(captured: Captured) -> None:
    forwarded = captured.model.forwarded
    forwarded[-1] = forwarded[-1]._replace(offset=-1)
    assert only(captured.verdict(), "reordered")


def test_what_has_diverged_diverges_again(captured: Captured) -> None:
    number = _event(captured)
    captured.found[number] = captured.found[number]._replace(value=b"{}")
    assert only(captured.verdict(), "diverged")
    assert only(captured.verdict(), "diverged")
