"""Proration as billing systems publish it: the arithmetic of their own examples, on our contracts.

Stripe counts seconds, and so does Recurly: their examples are of half a month, which is the same in days.
Chargebee is taken in its day-based mode, Zuora where it uses the actual days of a month. What differs
is said at the example.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.unit.domain.story import Account, as_json


class Example(NamedTuple):
    """A month, the day of the change, the fees, and what is published of it."""

    source: str
    start: str
    change: str
    old: float
    new: float
    days: int
    of_days: int
    credit: float
    charge: float
    end: str | None = None


EXAMPLES = [
    Example(
        "Stripe, Prorations: from 10 to 20 USD halfway through, 5 are credited, 10 debited",
        *("2026-04-01", "2026-04-16", 10, 20, 15, 30, 5, 10),
    ),
    Example(
        "Recurly, Upgrades & Downgrades: from $10 to $20 halfway through the month, credit $5, charge $10",
        *("2026-06-01", "2026-06-16", 10, 20, 15, 30, 5, 10),
    ),
    # Its dates are June 15th through 30th and its days 15: it does not count the day of the change.
    Example(
        "Recurly, How Is My MRR Affected: one user more for $10, halfway through June, is $5",
        *("2026-06-01", "2026-06-16", 10, 20, 15, 30, 5, 10),
    ),
    Example(
        "Recurly, Prorated billing 101: 10 days of 30 at $60 are $20",
        *("2026-04-01", "2026-04-21", 0, 60, 10, 30, 0, 20),
    ),
    Example(
        "Chargebee, Proration, example 1: from $60 to $30 on 21 April, 10 days left: $20 back, $10 to pay",
        *("2012-04-01", "2012-04-21", 60, 30, 10, 30, 20, 10),
    ),
    # It counts the 10th as a day at the old price; here the day of the change has the new one.
    Example(
        "Chargebee, Proration, example 2: 3 units at $30 become 2, 10 days used: $60 back, $40 to pay",
        *("2013-04-01", "2013-04-11", 90, 60, 20, 30, 60, 40),
    ),
    Example(
        "Chargebee, Proration calculation logic: from 31 January on, 1 day of 28 at $649: $23.18",
        *("2023-01-31", "2023-02-27", 0, 649, 1, 28, 0, 23.18),
    ),
    Example(
        "Zuora, Usage charge proration: 15 to 31 January at $31 a month are 17 days, $17",
        *("2023-01-01", "2023-01-15", 0, 31, 17, 31, 0, 17),
    ),
    Example(
        "Zuora, Prorating with actual days: 27 to 31 January 2021 are 5 of 31",
        *("2021-01-01", "2021-01-27", 0, 31, 5, 31, 0, 5),
    ),
    Example(
        "Zuora, Prorating with actual days: 27 to 28 February 2021 are 2 of 28",
        *("2021-02-01", "2021-02-27", 0, 28, 2, 28, 0, 2),
    ),
    Example(
        "Zuora, Prorating with actual days: 1 to 29 February 2020 are 29 of 29",
        *("2020-02-01", "2020-02-01T12:00", 0, 29, 29, 29, 0, 29),
    ),
    Example(
        "Zuora, Prorating with actual days: 21 to 29 April 2021, the end of the service, are 9 of 30",
        *("2021-04-01", "2021-04-21", 0, 30, 9, 30, 0, 9, "2021-04-30"),
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.source for example in EXAMPLES])
def test_the_published_arithmetic_holds(example):
    end = {} if example.end is None else {"end_date": example.end, "renewal_window_days": 0}
    account = Account(example.start).create(
        contract_type="basic", base_monthly_fee=example.old, notice_days=[], **end
    )
    account.at(example.change).update(base_monthly_fee=example.new)
    (change,) = account.changes
    told = as_json(change.proration)
    assert (told["days"], told["of_days"]) == (example.days, example.of_days)
    assert (told["credit"], told["charge"]) == (example.credit, example.charge)
    assert told["net"] == round(example.charge - example.credit, 2)


def test_stripes_older_example_takes_half_a_month_where_days_are_counted_here():
    """$10 on 1 May, $20 from 15 May: it publishes $5. Here it is 17 days of 31: 10.97 less 5.48."""
    account = Account("2013-05-01").create(contract_type="basic", base_monthly_fee=10, notice_days=[])
    (change,) = account.at("2013-05-15").update(base_monthly_fee=20).changes
    told = as_json(change.proration)
    assert (told["days"], told["of_days"], told["net"]) == (17, 31, 5.49)
