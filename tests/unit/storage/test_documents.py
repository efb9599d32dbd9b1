"""Contracts and history entries to BSON and back: equal to the bit, whatever people put in."""

import copy
from dataclasses import fields, replace
from datetime import UTC
from decimal import Decimal, DecimalException

import bson
import pytest
from bson import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from consumer.storage import position_documents
from consumer.storage.documents import (
    CODEC,
    contract_document,
    contract_fields,
    contract_from,
    history_document,
)
from consumer.storage.history import HistoryEntry
from consumer.storage.mongo_batch import difference
from consumer.storage.protocols import LastRecord, OutboxSlot, Position
from schemas.views import PLACES
from tests.contract.storage.samples import DAY, FIRST, ORIGIN, contract
from tests.contract.storage.strategies import contracts, entries, keys, texts


def stored(document):
    """As MongoDB gives it back."""
    return bson.decode(bson.encode(document, codec_options=CODEC), CODEC)


def exact(value):
    """Tells 1 from True and 1.0, and 1.0 from 1.00."""
    match value:
        case dict():
            return {name: exact(one) for name, one in value.items()}
        case list():
            return [exact(one) for one in value]
        case Decimal():
            return value.as_tuple()
        case bool() | str() | bytes():
            return type(value).__name__, value
        case _:
            return value


@given(contracts())
def test_contract_comes_back_equal_to_the_bit(before):
    after = contract_from(stored(contract_document(before)))
    assert exact(after) == exact(before)
    assert after["end_date"].tzinfo is UTC


WORDS = st.integers(0, 2**64 - 1)
"""Any bits, and numbers that are not negative with up to 34 digits."""
MONEY_BITS = st.tuples(WORDS, WORDS) | st.builds(
    lambda digits, exponent: divmod(exponent << 113 | digits, 2**64),
    st.integers(0, 10**34 - 1),
    st.integers(0, 2**13 - 1) | st.integers(6176 - 40, 6176 + 10),
)


@given(st.decimals() | st.integers(0, 10**35).map(Decimal) | st.decimals(0, 10**15, places=8))
def test_money_has_the_bits_that_the_driver_gives_it(money):
    try:
        bits = Decimal128(str(money)).bid
    except DecimalException as error:
        with pytest.raises(type(error)):
            stored({"money": money})
    else:
        assert bson.decode(bson.encode({"": money}, codec_options=CODEC))[""].bid == bits


@given(MONEY_BITS)
def test_money_is_read_as_the_driver_reads_it(words):
    foreign = Decimal128(words)
    (read,) = bson.decode(bson.encode({"": foreign}), CODEC).values()
    assert read.as_tuple() == foreign.to_decimal().as_tuple()


def test_contracts_that_were_read_share_their_names():
    """The driver makes every name anew: half of the memory that remembered contracts would take."""
    one, other = (contract_from(stored(contract_document(contract()))) for _ in range(2))
    assert all(mine is its for mine, its in zip(one, other, strict=True))
    assert all(mine is its for mine, its in zip(one["lifecycle"], other["lifecycle"], strict=True))


@given(contracts(), st.randoms())
def test_fields_stand_in_one_order_whatever_the_order_in_which_they_came(before, random):
    """So that a replay, which makes a contract in other batches, stores the same bytes."""
    shuffled = dict(random.sample([*before.items()], len(before)))
    after = contract_from(stored(contract_document(shuffled)))
    assert list(after) == [name for name in PLACES if name in before]
    assert list(after["metadata"]) == list(before["metadata"])
    assert list(after["usage_limits"]) == list(before["usage_limits"])


@given(contracts())
def test_storing_a_contract_does_not_change_it(before):
    """The cache and the events hold the same object."""
    kept = copy.deepcopy(before)
    bson.encode(contract_document(before), codec_options=CODEC)
    assert exact(before) == exact(kept)


@given(contracts())
def test_no_key_of_a_stored_contract_is_an_operator_or_a_path(before):
    def look(value):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            assert isinstance(name, int) or not any(bad in name for bad in "$.\x00"), name
            if isinstance(one, dict | list):
                look(one)

    look(stored(contract_document(before)))


@given(st.dictionaries(keys, texts))
def test_no_two_keys_become_one(metadata):
    assert len(contract_fields({"metadata": metadata})["metadata"]) == len(metadata)


@pytest.mark.parametrize("text", ["0", "0.00", "99.00", "0.00000001", "123456789012345", "1E+3", "-0.5"])
def test_money_keeps_its_digits_and_trailing_zeros(text):
    back = contract_from(stored(contract_document(contract(base_monthly_fee=Decimal(text)))))
    assert back["base_monthly_fee"].as_tuple() == Decimal(text).as_tuple()


@given(contracts(), contracts(), contracts())
def test_an_update_makes_the_one_contract_of_the_other(before, other, filling):
    after = {name: other.get(name, filling.get(name, value)) for name, value in before.items()}
    after |= {"_id": before["_id"]}
    document = stored(contract_document(before)) | stored(difference(before, after))
    assert exact(contract_from(document)) == exact(_like(before, after))


def _like(before, after):
    """Equal values stay as they were stored: 1.0 does not replace 1.00."""
    return {name: before[name] if before[name] == value else value for name, value in after.items()}


@given(contracts(), contracts())
def test_an_update_sends_nothing_that_did_not_change(before, other):
    after = before | {name: value for name, value in other.items() if name in before}
    assert not [name for name, value in difference(before, after).items() if before[name] == value]
    assert difference(before, copy.deepcopy(before)) == {}


@given(entries)
def test_history_entry_comes_back_with_all_that_is_known(entry):
    document = stored(history_document(entry))
    known = {field.name: getattr(entry, field.name) for field in fields(HistoryEntry)}
    known["_id"] = known.pop("identity")
    assert document == {name: value for name, value in known.items() if value is not None}


@given(
    st.builds(LastRecord, st.integers(0, 2**60), st.integers(-1, 2**50), st.integers(0, 2**32 - 1))
    | st.none(),
    st.dictionaries(st.sampled_from(["basic/active", "custom/draft"]), st.integers(0, 10**9))
    | st.dictionaries(st.sampled_from(["basic/USD", "custom/EUR"]), st.decimals(0, 10**18, places=4)),
    st.integers(0, 2**60),
    st.integers(1, 1000),
)
def test_position_comes_back_equal(last, tallies, offset, generation):
    position = Position("t/0", ORIGIN, offset, generation, last, tallies)
    document = stored(
        {"_id": "t/0", "owner": "me", "sessions": [], **position_documents.position_document(position)}
    )
    assert position_documents.position_from(document) == position
    moved = document | stored(position_documents.position_fields(replace(FIRST, next=9)))
    assert position_documents.position_from(moved) == replace(position, next=9, last=None, tallies={})


@given(st.lists(st.tuples(*[st.integers(1, 9), *[st.integers(0, 2**60)] * 2, st.binary()]), max_size=2))
def test_slots_come_back_equal(values):
    slots = [OutboxSlot(number, *value) for number, value in enumerate(values)]
    outbox = {str(slot.number): position_documents.slot_document(slot) for slot in slots}
    found = position_documents.slots_from(stored({"_id": "topic/with/slashes/7", "outbox": outbox}))
    assert found == sorted(slots, key=lambda slot: slot.first)


def test_instants_keep_their_milliseconds():
    assert contract_from(stored(contract_document(contract())))["start_date"] == DAY
    assert DAY.microsecond == 123_000
