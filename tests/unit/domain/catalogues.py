"""Catalogues of templates for tests: version 2 costs 10 more in each plan, version 3 another 10."""

from __future__ import annotations

from decimal import Decimal

from consumer.domain.catalogue import BUILT_IN, Catalogue, Version
from consumer.domain.model import Policy
from tests.unit.domain.story import instant

SECOND = "2026-06-01"
THIRD = "2027-03-01"


def version(number: int, since: str, *, dearer: int, trades: int = 1) -> Version:
    """The built-in templates, dearer, and with so many times as many monthly trades."""
    return Version(
        number,
        instant(since),
        {
            name: template._replace(
                base_monthly_fee=template.base_monthly_fee + Decimal(dearer),
                usage_limits={
                    **template.usage_limits,
                    "max_monthly_trades": template.usage_limits["max_monthly_trades"] * trades,
                },
            )
            for name, template in BUILT_IN.templates.items()
        },
    )


THREE = Catalogue((BUILT_IN, version(2, SECOND, dearer=10, trades=2), version(3, THIRD, dearer=20, trades=3)))
POLICY = Policy(catalogue=THREE)
