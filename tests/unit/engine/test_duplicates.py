"""The fold: what is a duplicate of a command, and what only has its id."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.folding import folded
from tests.unit.engine.logs import ACCOUNTS, DAY, create, logs, record, update
from tests.unit.engine.oracle import by_topic

RESULTS = ("contracts.command-results", 0)


@given(logs(), st.integers(0, 30))
def test_a_duplicate_changes_nothing_but_says_so(log, which):
    """Whatever became of the first."""
    before = folded(log)
    first = [entry for entry in before.history if entry.content is not None]
    if not first:
        return
    chosen = first[which % len(first)]
    (again,) = [one for one in log if one.offset == chosen.offset]
    after = folded([*log, again._replace(offset=log[-1].offset + 1)])
    assert after.history[-1].outcome == "duplicate"
    assert after.contracts == before.contracts
    assert after.former == before.former
    assert after.tallies == before.tallies
    assert after.movements == before.movements
    published, known = by_topic(after.outputs), by_topic(before.outputs)
    results = published.pop(RESULTS)
    assert results[:-1] == known.pop(RESULTS)
    assert published == known
    result = orjson.loads(results[-1].value)
    assert (result["outcome"], result.get("code")) == ("duplicate", chosen.code)
    assert (result.get("contract_id"), result.get("version")) == (chosen.contract_id, chosen.version)


CUTS = [(), (1,), (2,), (1, 2)]


@pytest.mark.parametrize("ends", CUTS)
def test_a_duplicate_is_known_within_a_batch_and_across(ends):
    log = [create(0), update(1, id="same", notes="first"), update(2, id="same", notes="first")]
    result = folded(log, *ends)
    assert [entry.outcome for entry in result.history] == ["applied", "applied", "duplicate"]


OTHER_CONTENT = {
    "other data": update(2, id="same", notes="second"),
    "another type": record(2, ACCOUNTS[0], "cancel", {}, "same"),
    "more data": record(
        2, ACCOUNTS[0], "update", {"changes": {"notes": "first"}, "requested_by": "x"}, "same"
    ),
}


@pytest.mark.parametrize("other", OTHER_CONTENT.values(), ids=OTHER_CONTENT.keys())
@pytest.mark.parametrize("ends", CUTS)
def test_the_id_of_another_command_is_refused(ends, other):
    """A renewal that never happened must not look done."""
    first = update(1, id="same", notes="first")
    again = first._replace(offset=3)
    result = folded([create(0), first, other, again], *ends)
    assert result.contracts[ACCOUNTS[0]]["notes"] == "first"
    assert result.contracts[ACCOUNTS[0]]["version"] == 2
    assert [(entry.outcome, entry.code) for entry in result.history[1:]] == [
        ("applied", None),
        ("rejected", "id_reused"),
        ("duplicate", None),  # of the first: what was refused is not remembered
    ]
    refused = orjson.loads(by_topic(result.outputs)[RESULTS][2].value)
    assert (refused["outcome"], refused["code"], refused["version"]) == ("rejected", "id_reused", 2)
    assert "whose outcome was: applied; send this one under a new id" in refused["message"]


def test_the_id_of_a_rejected_command_is_its_own_too():
    refused = record(0, ACCOUNTS[0], "renew", {}, "same")
    result = folded([refused, record(1, ACCOUNTS[0], "renew", {"term_months": 2}, "same")])
    assert [entry.code for entry in result.history] == ["contract_not_found", "id_reused"]


def test_what_was_stored_before_contents_were_kept_is_a_duplicate_whatever_comes():
    result = folded([create(0), update(1, id="same", notes="first")])
    for entry in result.history:
        entry.content = None
    result.fold([update(2, id="same", notes="second")])
    assert [entry.outcome for entry in result.history] == ["applied", "applied", "duplicate"]


def test_a_dead_letter_does_not_count_as_seen():
    bad = record(1, ACCOUNTS[0], "update", {"changes": 1}, "same")
    mended = update(2, id="same", notes="mended")
    result = folded([create(0), bad, mended])
    assert [entry.outcome for entry in result.history] == ["applied", "dead_letter", "applied"]
    assert result.contracts[ACCOUNTS[0]]["notes"] == "mended"


def test_an_advance_is_never_a_duplicate():
    """One that came too early must not block the later ones."""
    when = {"contract_id": folded([create(0)]).history[0].contract_id, "due_at": "2027-09-21"}
    early, late = (record(place, ACCOUNTS[0], "advance", when, "same", place * 200 * DAY) for place in (1, 2))
    result = folded([create(0), early, late])
    assert [entry.outcome for entry in result.history] == ["applied", "unchanged", "applied"]
