"""A command is checked before it leaves, exactly as the service checks it."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat

from consumer.engine.decoder import Decoder
from consumer.engine.records import Incoming
from consumer.errors import InputRefused
from producers.kit_outputs import KitRecord
from producers.messages import CommandMessage, command_message
from producers.typed import TypedCommands
from schemas.commands import COMMANDS
from schemas.contract import to_json

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Stamp(datetime):
    """As pandas, pendulum and freezegun make them."""


class Day(date):
    """A date of such a library."""


class NoTime(datetime):
    """As pandas.NaT: a moment that says that it is none only when it is asked."""

    def date(self):
        raise ValueError("not a time")


class Fee(Decimal):
    """Money of some library."""


def message(name: str = "create", account: str = "account-1", **data: Any) -> CommandMessage:
    return command_message(name, account, data, source="/billing", command_id="42", at=NOON)


def decoded(sent: CommandMessage) -> Incoming:
    record = KitRecord("contracts.commands", 0, 7, 1_700_000_000_000, sent.key, sent.value, sent.headers)
    found = Decoder(1).decode(record)
    assert isinstance(found, Incoming), found
    return found


def test_the_service_decodes_what_is_made() -> None:
    end = datetime(2027, 1, 31, tzinfo=UTC)
    found = decoded(message(contract_type="custom", end_date=end, base_monthly_fee=Decimal("12.5")))
    assert found.command.name == "create"
    assert (found.command.account_id, found.command.source, found.command.id) == (
        "account-1",
        "/billing",
        "42",
    )
    assert found.command.data == {
        "contract_type": "custom",
        "end_date": end,
        "base_monthly_fee": Decimal("12.5"),
    }


def test_the_official_sdk_reads_it() -> None:
    sent = command_message(
        "cancel", "é-1", {"reason": "moved"}, source="/billing", command_id="42", correlation_id="order-7"
    )
    event = from_binary_event(KafkaMessage(dict(sent.headers), sent.key, sent.value), JSONFormat())
    assert event.get_id() == "42"
    assert event.get_type() == "com.easytrade.contract.cancel.v1"
    assert event.get_subject() == "é-1"
    assert event.get_extension("correlationid") == "order-7"
    assert event.get_data() == {"reason": "moved"}


def test_every_mistake_is_named_and_no_value_quoted() -> None:
    with pytest.raises(InputRefused) as refused:
        message(
            "update",
            changes={"base_monthly_fee": "s3cret", "term_months": 0, "primary_contact": {"mail": "x"}},
        )
    assert dict(refused.value.errors) == {
        "/changes/base_monthly_fee": "must be a number, not text",
        "/changes/term_months": "must be at least 1",
        "/changes/primary_contact/mail": "unknown field; did you mean `email`?",
    }
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"account": ""}, "account id"),
        ({"account": "a" * 129}, "account id"),
        ({"account": "a\n"}, "account id"),
        ({"account": "\ud800"}, "account_id must be Unicode text"),
        ({"name": "creat"}, "no command 'creat'"),
        (
            {"contract_type": "basic", "base_monthly_fee": math.nan},
            "/base_monthly_fee must be a finite number",
        ),
        ({"contract_type": "basic", "end_date": datetime(2027, 1, 1)}, "/end_date must be a date"),  # noqa: DTZ001
        ({"contract_type": "basic", "notes": object()}, "/notes must be a type that JSON has, not object"),
        ({"contract_type": "basic", "metadata": {7: "x"}}, "/metadata must have names that are text"),
        ({"contract_type": "basic", "notes": "\ud800"}, "/notes must be Unicode text"),
        (
            {"contract_type": "basic", "base_monthly_fee": Decimal("NaN")},
            "/base_monthly_fee must be a finite",
        ),
        ({"contract_type": "basic", "end_date": NoTime(2027, 1, 1)}, "/end_date must be a date"),
        ({"contract_type": "basic", "notes": "x" * 300_000}, "at most 262144"),
        ({}, "/contract_type is required"),
    ],
)
def test_what_the_service_would_refuse_does_not_leave(bad: dict[str, Any], told: str) -> None:
    with pytest.raises(InputRefused, match=told):
        message(**bad)


def test_subclasses_are_taken_for_what_they_are() -> None:
    moment = Stamp(2030, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    made = message("create", contract_type="basic", end_date=moment, base_monthly_fee=Fee("9.5"))
    assert orjson.loads(made.value) == {
        "contract_type": "basic",
        "end_date": "2030-01-31T12:00:00+02:00",
        "base_monthly_fee": 9.5,
    }
    made = message("update", changes=MappingProxyType({"end_date": Day(2030, 1, 31)}))
    assert orjson.loads(made.value) == {"changes": {"end_date": "2030-01-31"}}


def test_nan_inside_a_patch_is_no_removal() -> None:
    with pytest.raises(InputRefused, match="/changes/sla_terms/uptime_guarantee must be a finite number"):
        message("update", changes={"sla_terms": {"uptime_guarantee": math.inf}})


@pytest.mark.parametrize(
    "attribute", [{"source": "two words"}, {"command_id": "x" * 257}, {"command_id": "\ud800"}]
)
def test_attributes_are_checked_too(attribute: dict[str, str]) -> None:
    with pytest.raises(InputRefused):
        command_message("activate", "account-1", {}, **{"source": "/billing", **attribute})


def test_ids_are_fresh_unless_given() -> None:
    made = {command_message("activate", "account-1", {}, source="/billing").command_id for _ in range(100)}
    assert len(made) == 100


async def test_there_is_a_method_for_every_command() -> None:
    """Each passes its data and its identity on, under the command's own name."""
    published: list[tuple[Any, ...]] = []

    class Recorder(TypedCommands[None]):
        async def publish(self, name, account_id, data, *, command_id=None, correlation_id=None) -> None:
            published.append((name, account_id, data, command_id, correlation_id))

    recorder = Recorder()
    for name, spec in COMMANDS.items():
        if spec.deduplicated:
            await getattr(recorder, name)("account-1", command_id="1", correlation_id="2", requested_by="ann")
            assert published.pop() == (name, "account-1", {"requested_by": "ann"}, "1", "2")
    assert not hasattr(recorder, "advance")


LIMITS = "/usage_limits/max_trade_value"
UNSOUND = {
    "NaN": (Decimal("NaN"), "must be a finite number"),
    "a signalling NaN": (Decimal("sNaN"), "must be a finite number"),
    "an infinity": (Decimal("-Infinity"), "must be a finite number"),
    "a float": (math.inf, "must be a finite number"),
    "beyond all floats": (Decimal("1e400"), "at most 15 significant digits"),
    "below all floats": (Decimal("1e-400"), "at most 15 significant digits"),
    "a number of more than 64 bits": (2**64, "that fits into 64 bits"),
    "a negative one": (-(2**63) - 1, "that fits into 64 bits"),
    "a decimal of more": (Decimal("1e30"), "that fits into 64 bits"),
    "too many digits": (Decimal("999999999999999.99"), "at most 15 significant digits"),
    "digits that a float would drop": (Decimal("0.10000000000000000001"), "at most 15 significant digits"),
}


class Limit(Enum):
    NONE = math.nan


@dataclass
class Limits:
    max_trade_value: Any


@pytest.mark.parametrize(("value", "why"), UNSOUND.values(), ids=UNSOUND.keys())
def test_a_number_that_json_would_change_is_refused(value: Any, why: str) -> None:
    for limits in ({"max_trade_value": value}, Limits(value)):
        with pytest.raises(InputRefused, match=why) as refused:
            message(contract_type="basic", usage_limits=limits)
        ((path, _),) = refused.value.errors
        assert path == LIMITS


def test_every_number_is_looked_at() -> None:
    add_ons = [{"name": "a", "monthly_fee": 1}, {"name": "b", "monthly_fee": Limit.NONE}]
    with pytest.raises(InputRefused, match="/add_ons/1/monthly_fee must be a finite number"):
        message(contract_type="basic", add_ons=add_ons)


def test_trailing_zeros_are_no_digits() -> None:
    found = decoded(message(contract_type="basic", base_monthly_fee=Decimal("99.5000000000000000000")))
    assert found.command.data["base_monthly_fee"] == Decimal("99.5")


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("1e400")])
def test_no_number_becomes_null_whoever_encodes_it(value: Decimal) -> None:
    with pytest.raises(TypeError):
        to_json({"max_trade_value": value})


class Tag(StrEnum):
    """Text of a program, as names and values of an object."""

    COLOUR = "colour"


def test_whole_numbers_and_names_of_subclasses_are_taken_at_once() -> None:
    """A range that is asked about an object of a subclass compares it with all of its 2**64 numbers."""
    months = IntEnum("months", {"SIX": 6})
    assert orjson.loads(message("renew", term_months=months.SIX).value) == {"term_months": 6}
    made = message("update", changes={"metadata": {Tag.COLOUR: Tag.COLOUR}})
    assert orjson.loads(made.value) == {"changes": {"metadata": {"colour": "colour"}}}


def test_a_list_that_contains_itself_is_refused_by_its_path() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InputRefused, match="/changes is nested deeper than 64 levels"):
        message("update", changes={"features": endless})
