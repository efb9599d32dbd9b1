"""The fold: the same log gives the same state and the same bytes, however it is cut into batches."""

from collections import Counter
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.domain.model import Policy
from tests.unit.engine.folding import folded
from tests.unit.engine.logs import ACCOUNTS, DAY, create, log_of, logs, record, rubbish, unreadable, update
from tests.unit.engine.oracle import by_topic

cuts = st.lists(st.integers(1, 30), max_size=8)


def same(one, other):
    assert by_topic(one.outputs) == by_topic(other.outputs)
    assert one.contracts == other.contracts
    assert one.former == other.former
    assert one.stored == other.stored
    assert one.history == other.history
    assert _counted(one.tallies) == _counted(other.tallies)
    assert one.movements == other.movements


def _counted(tallies):
    return {label: count for label, count in tallies.items() if count}


@given(logs(), cuts)
def test_any_cut_gives_the_same_state_and_the_same_bytes(log, ends):
    whole = folded(log)
    same(folded(log, *ends), whole)
    same(folded(log, *range(len(log))), whole)


FIELDS_COME_AND_GO = {
    "cancelled": [
        record(1, ACCOUNTS[0], "cancel", {"reason": "why"}),
        update(2, notes="after"),
    ],
    "one after the other": [
        update(1, notes="n"),
        update(2, billing_contact={"name": "B"}),
        update(3, notes="m", billing_contact={"name": "C"}),
    ],
    "taken away and given again": [
        update(1, notes="n", external_reference="r", sla_terms={"penalty_terms": "p"}),
        update(2, notes=None),
        update(3, notes="m"),
        update(4, external_reference="s", notes="k", sla_terms=None),
    ],
}


@pytest.mark.parametrize("log", FIELDS_COME_AND_GO.values(), ids=FIELDS_COME_AND_GO.keys())
def test_the_order_of_fields_in_the_database_leaves_no_trace(log):
    """A dict has new fields at its end; what is stored has an order of its own."""
    log = [create(0), *log]
    whole = folded(log)
    for number in range(2 ** (len(log) - 1)):
        ends = [place + 1 for place in range(len(log) - 1) if number >> place & 1]
        same(folded(log, *ends), whole)


@given(logs(), cuts)
def test_a_second_time_gives_the_same(log, ends):
    same(folded(log, *ends), folded(deepcopy(log), *ends))


@given(logs(), cuts)
def test_a_muted_replay_writes_the_same_and_publishes_nothing(log, ends):
    loud, muted = folded(log, *ends), folded(log, *ends, muted=True)
    assert muted.outputs == []
    assert all(fold.outputs.finish() is None for fold in muted.folds)
    muted.outputs = loud.outputs
    same(muted, loud)
    assert all(fold.outputs.published == {} for fold in muted.folds)
    assert [fold.counts for fold in muted.folds] == [fold.counts for fold in loud.folds]


@given(logs(), cuts)
def test_tallies_are_never_negative_and_equal_a_recount(log, ends):
    result = folded(log, *ends)
    for fold in result.folds:
        assert min(fold.accounts.tallies.values(), default=0) >= 0
    recount = Counter()
    for one in result.contracts.values():
        recount[f"{one['contract_type']}/{one['status']}"] += 1
        if one["status"] in ("active", "pending_renewal"):
            active = (add_on for add_on in one["add_ons"] if add_on.get("active", True))
            fees = one["base_monthly_fee"] + sum(add_on["monthly_fee"] for add_on in active)
            recount[f"{one['contract_type']}/{one['currency']}"] += fees
    assert _counted(result.tallies) == _counted(recount)


@given(logs(), cuts)
def test_movements_add_up_to_what_contracts_bring(log, ends):
    result = folded(log, *ends)
    brings = Counter()
    for (bucket, _), (amount, _) in result.movements.items():
        brings[f"{bucket.contract_type}/{bucket.currency}"] += amount
    monthly = {label: tally for label, tally in result.tallies.items() if label[-1].isupper()}
    assert _counted(brings) == _counted(monthly)
    assert sum(amount for (_, kind), (amount, _) in result.movements.items() if kind == "moved") == 0


@given(logs(), cuts)
def test_every_record_has_one_entry_of_its_own(log, ends):
    result = folded(log, *ends)
    assert [entry.offset for entry in result.history] == [one.offset for one in log]
    assert len({entry.identity for entry in result.history}) == len(log)


@given(logs(), cuts)
def test_what_was_folded_is_counted(log, ends):
    result = folded(log, *ends)
    outcomes = Counter()
    for fold in result.folds:
        for (_, outcome), count in fold.counts.items():
            outcomes[outcome] += count
        outcomes["dead_letter"] += sum(fold.dead_letters.values())
        outcomes["forwarded"] += fold.forwarded
    assert +outcomes == Counter(entry.outcome for entry in result.history)
    topics = Counter(output.topic for output in result.outputs)
    made = Counter()
    for fold in result.folds:
        made.update(fold.outputs.published)
    assert topics["contracts.changed"] == made["changed"]
    assert topics["contracts.command-results"] == made["command_result"]


def test_time_never_runs_backwards_for_a_contract():
    log = [create(0)._replace(timestamp=2_000_000_000_000), update(1)]
    result = folded(log)
    assert result.history[1].occurred_at == result.history[0].occurred_at
    assert [output.timestamp for output in result.outputs] == [2_000_000_000_000] * 6


def test_records_without_a_time_of_this_calendar_have_one_in_the_history():
    result = folded([rubbish(0)._replace(timestamp=-1), unreadable(1)._replace(timestamp=2**62)])
    assert [entry.occurred_at.year for entry in result.history] == [1970, 9999]


def test_an_account_goes_on_in_a_new_generation_of_the_topic():
    """Offsets begin again, sequence numbers go on; places in the log are others."""
    first = folded([create(0), rubbish(1)])
    first.generation = 2
    second = first.fold([update(0), rubbish(1)])
    assert [entry.offset for entry in second.history.entries] == [1 << 48, (1 << 48) + 1]
    assert len({entry.identity for entry in first.history}) == 4
    sequences = [dict(output.headers).get("ce_sequence") for output in first.outputs]
    of_account = [number for number in sequences if number]
    assert of_account == sorted(of_account)


def test_contracts_of_other_accounts_are_not_written():
    result = folded([create(0, ACCOUNTS[0]), create(1, ACCOUNTS[1])])
    fold = result.fold([update(2, ACCOUNTS[1]), update(3, ACCOUNTS[2])])
    assert [write.account_id for write in fold.accounts.writes()] == [ACCOUNTS[1]]


def test_many_reports_of_usage_are_one_write_of_each_contract():
    result = folded([create(0, ACCOUNTS[0]), create(1, ACCOUNTS[1])], policy=Policy())
    reports = [
        record(
            offset,
            ACCOUNTS[offset % 2],
            "report_usage",
            {"period": "2026-09", "metric": "monthly_trades", "value": 100 * offset},
        )
        for offset in range(2, 102)
    ]
    fold = result.fold(reports)
    written = {write.account_id: write.after["lifecycle"]["usage"] for write in fold.accounts.writes()}
    assert len(fold.accounts.writes()) == 2
    assert [written[account][0]["value"] for account in ACCOUNTS[:2]] == [10_000, 10_100]
    assert fold.outputs.limits_reached == {("monthly_trades", 80): 2, ("monthly_trades", 100): 2}
    muted = folded([create(0, ACCOUNTS[0]), create(1, ACCOUNTS[1])]).fold(reports, muted=True)
    assert muted.outputs.limits_reached == {}, "what was published before is not counted again"


def test_replaced_and_deleted_contracts_are_kept():
    ended = record(1, ACCOUNTS[0], "cancel", {})
    log = [create(0), ended, create(2, notes="second"), record(3, ACCOUNTS[0], "delete", {})]
    for ends in ((), (1, 2, 3)):
        result = folded(log, *ends)
        assert [one.get("notes") for one in result.former] == [None, "second"]
        assert [one["status"] for one in result.former] == ["cancelled", "active"]
        assert result.contracts == {}


def test_a_plan_that_is_left_is_returned_to_in_the_version_of_then_however_the_log_is_cut():
    """The version is kept beside the contract, and goes with the return."""
    kinds = [("create", 0), ("return", 1), ("leave", 1), ("fee", 45 * DAY), ("set", 60 * DAY)]
    log = log_of((kind, ACCOUNTS[0], number, 0, gap) for number, (kind, gap) in enumerate(kinds))
    whole, each = folded(log), folded(log, *range(len(log)))
    same(each, whole)
    (contract,) = whole.contracts.values()
    assert (contract["contract_type"], contract["template_version"]) == ("basic", 2)
    assert "terms_version" not in contract["lifecycle"]
    assert folded(log[:2]).contracts[ACCOUNTS[0]]["lifecycle"]["terms_version"] == 2
