"""Renewal prices as others publish them: the arithmetic of their own examples, on our contracts.

Zuora publishes the rule that each renewal raises the price by the percentage, and no figures with it: those
here are ours. Its own are of prices given for a year each. MonetizeNow and ServiceNow publish figures of it.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.unit.domain.story import Account, as_json

START, NEXT, THIRD = "2027-01-01", "2028-01-01", "2029-01-01"


class Example(NamedTuple):
    """The fee, the uplift in per cent, and the fees published of the renewals that follow."""

    source: str
    fee: float
    uplift: float
    after: tuple[float, ...]


EXAMPLES = [
    Example("MonetizeNow, Price Uplift on Renewal: $100 and 5 % make $105, and the 5 % stay", 100, 5, (105,)),
    Example(
        "ServiceNow, Renewal pricing, last segment: $220 and 10 % make $220 + $22 = $242", 220, 10, (242,)
    ),
    Example("Zuora, Automated price change: raised every time it is renewed", 100, 10, (110, 121, 133.1)),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.source.partition(",")[0])
def test_an_uplift_makes_what_is_published(example):
    terms = {"uplift_percent": example.uplift}
    account = Account(START).create(
        contract_type="basic", base_monthly_fee=example.fee, renewal_terms=terms, notice_days=[]
    )
    fees = []
    for _ in example.after:
        account.at(account["end_date"]).advance()
        fees.append(as_json(account["base_monthly_fee"]))
    assert tuple(fees) == example.after
    assert as_json(account["renewal_terms"]["uplift_percent"]) == example.uplift


def test_zuora_ramp_deals_a_price_for_each_year():
    """Zuora, Ramp deals creation: 1,200 from the second year on, 1,400 from the third."""
    second, third = ({"base_monthly_fee": fee} for fee in (1200, 1400))
    account = Account(START).create(
        contract_type="custom", base_monthly_fee=1000, usage_limits={}, term_months=12
    )
    account.update(renewal_terms=second).at(NEXT).advance().update(renewal_terms=third)
    assert as_json(account["base_monthly_fee"]) == 1200
    assert as_json(account.at(THIRD).advance()["base_monthly_fee"]) == 1400
