"""Times that users give: the ends of the calendar are no defect."""

from datetime import UTC, datetime

import pytest

from consumer.cli.events import later_time_of, time_of
from consumer.errors import WrongUsage

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
@pytest.mark.parametrize("read", [time_of, later_time_of])
def test_a_time_outside_the_calendar_of_utc(text, read) -> None:
    with pytest.raises(WrongUsage, match="is not a time"):
        read(text, NOW)


def test_a_time_with_an_offset() -> None:
    assert time_of("2026-01-31T01:00:00+01:00", NOW) == datetime(2026, 1, 31, tzinfo=UTC)
