"""Cursors that a caller has changed are refused, and never reach the database."""

from base64 import urlsafe_b64encode

import orjson
import pytest

from consumer.errors import InputRefused
from consumer.reading.cursors import account_after, end_after, sequence_after


def made(*parts: object) -> str:
    return urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


@pytest.mark.parametrize("milliseconds", [10**17, -(10**17), 2**64 - 1, -(2**63)])
def test_a_moment_outside_all_years_is_no_cursor(milliseconds: int) -> None:
    with pytest.raises(InputRefused):
        end_after(made("end", milliseconds, "acc-1"))


def test_a_place_that_no_database_can_hold_is_no_cursor() -> None:
    with pytest.raises(InputRefused):
        sequence_after(made("sequence", 2**64 - 1))
    assert sequence_after(made("sequence", 2**63 - 1)) == 2**63 - 1


@pytest.mark.parametrize("cursor", ["", "ü", "W10", made("account"), made("account", 1), made("end", 1)])
def test_what_is_no_cursor_of_the_listing_is_refused(cursor: str) -> None:
    with pytest.raises(InputRefused):
        account_after(cursor)
