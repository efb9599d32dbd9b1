"""Whatever the log: what must hold holds, nothing that goes in changes, and a replay is the same."""

from __future__ import annotations

from hypothesis import given, settings

from schemas.contract import to_json
from schemas.views import exported, visible
from tests.unit.domain.catalogues import POLICY
from tests.unit.domain.logs import YEAR, in_time, logs, run
from tests.unit.domain.story import Account


@given(log=logs(longest=15))
@settings(max_examples=150)
def test_every_decision_keeps_what_must_hold(log):
    """Account checks each verdict: schema, dates, versions, reverts, purity."""
    account = Account(log[0][0], POLICY)
    for now, name, data in log:
        account.at(now).send(name, **data)
        account.advance()
        assert account.told == [], "after a verdict nothing is due"


@given(log=logs())
@settings(max_examples=150)
def test_every_contract_can_be_adopted_as_it_stands(log):
    now = log[-1][0]
    contract = run(log, now, in_time).contract
    if contract is not None:
        state = {name: value for name, value in exported(contract).items() if name != "account_id"}
        account = Account(now, POLICY).send("adopt", **state)
        assert account.told == ["adopted"]
        assert visible(account.contract) == visible(contract)


@given(log=logs())
@settings(max_examples=50)
def test_a_replay_is_byte_identical(log):
    until = log[-1][0] + YEAR
    first, second = run(log, until, in_time), run(log, until, in_time)
    assert repr(first.verdicts) == repr(second.verdicts)
    if first.contract is not None:
        assert to_json(visible(first.contract)) == to_json(visible(second.contract))
