"""Offers: made, answered, withdrawn, over; and what comes of one that is accepted."""

from __future__ import annotations

import pytest

from tests.unit.domain.story import Account, as_json, instant

START, END = "2026-01-31", "2027-01-31"
CHEAPER = {"base_monthly_fee": 80, "term_months": 24}


def account(**terms) -> Account:
    return Account(START).create(contract_type="basic", notice_days=[30], **terms).at("2026-06-01")


def offered(terms: dict | None = None, *, offer_id: str = "o", until: str = "2026-12-01", **more) -> Account:
    return offer(account(**more), terms, offer_id=offer_id, until=until)


def offer(
    to: Account, terms: dict | None = None, *, offer_id: str = "o", until: str = "2026-12-01"
) -> Account:
    return to.send("offer_renewal", offer_id=offer_id, terms=terms or CHEAPER, valid_until=until)


def test_an_offer_is_told_with_its_terms_and_changes_nothing_else():
    contract = offered()
    assert contract.told == ["renewal_offered"]
    [change] = contract.changes
    assert [field.path for field in change.changed_fields] == ["/offers"]
    assert as_json(contract["offers"]) == [
        {
            "offer_id": "o",
            "terms": CHEAPER,
            "valid_until": "2026-12-01T00:00:00Z",
            "requested_by": "crm",
            "requested_at": "2026-06-01T00:00:00Z",
        }
    ]
    assert contract["base_monthly_fee"] == 99


def test_the_same_again_is_unchanged_and_another_of_this_id_is_refused():
    contract = offered()
    assert offer(contract).told == []
    assert offer(contract, {"uplift_percent": 1}).mistakes.keys() == {"/offer_id"}


def test_five_may_be_open():
    contract = account()
    for name in "abcde":
        assert offer(contract, offer_id=name).told == ["renewal_offered"]
    assert offer(contract, offer_id="f").mistakes.keys() == {"/offer_id"}
    contract.send("withdraw_offer", offer_id="a")
    assert offer(contract, offer_id="f").told == ["renewal_offered"]


@pytest.mark.parametrize(
    ("terms", "until", "mistake"),
    [
        ({"cap": 5}, "2026-12-01", "/terms/cap"),
        ({"uplift_percent": 5}, "2026-06-01", "/valid_until"),
    ],
)
def test_what_cannot_be_offered(terms, until, mistake):
    assert offered(terms, until=until).mistakes.keys() == {mistake}


def test_an_accepted_offer_holds_from_the_renewal_on_in_one_step_with_its_end():
    contract = offered().send("accept_offer", offer_id="o")
    assert contract.told == ["offer_accepted"]
    assert as_json(contract["renewal_terms"]) == {"from_term": 2} | CHEAPER
    assert "offers" not in contract.contract
    assert contract["base_monthly_fee"] == 99
    contract.at(END).advance()
    assert (contract["base_monthly_fee"], contract["end_date"]) == (80, instant("2029-01-31"))


def test_one_can_be_accepted_at_once():
    terms = {"contract_type": "professional", "uplift_percent": 10}
    contract = offered(terms).send("accept_offer", offer_id="o", effective="immediately")
    assert contract.told == ["offer_accepted"]
    assert (contract["contract_type"], as_json(contract["base_monthly_fee"])) == ("professional", 328.9)
    assert as_json(contract["renewal_terms"]) == {"from_term": 2, "uplift_percent": 10}
    assert as_json(contract.at(END).advance()["base_monthly_fee"]) == 361.79


def test_an_accepted_plan_takes_the_place_of_a_scheduled_one():
    contract = offered({"contract_type": "enterprise"}).change_plan("professional", effective="at_renewal")
    contract.send("accept_offer", offer_id="o")
    assert contract["scheduled_changes"] == []
    assert contract.at(END).advance()["contract_type"] == "enterprise"


def test_an_offer_accepted_after_the_notice_is_noticed():
    contract = account()
    contract.at("2027-01-05")
    offer(contract, until=END).send("accept_offer", offer_id="o")
    assert contract.told == ["offer_accepted", "notice 30"]
    assert as_json(contract.notices[0]["renewal_fee"]) == {"before": 99, "after": 80}


@pytest.mark.parametrize(("name", "told"), [("decline", "offer_declined"), ("withdraw", "offer_withdrawn")])
def test_an_offer_can_be_declined_and_withdrawn(name, told):
    contract = offer(offered(), offer_id="p").send(f"{name}_offer", offer_id="o")
    assert contract.told == [told]
    assert [each["offer_id"] for each in contract["offers"]] == ["p"]
    assert contract.send(f"{name}_offer", offer_id="o").refused == "offer_not_found"


def test_an_offer_is_over_at_its_time():
    contract = offered(until="2026-07-01")
    assert contract["lifecycle"]["next_action_at"] == instant("2026-07-01")
    contract.at("2026-07-03").send("accept_offer", offer_id="o")
    assert (contract.told, contract.refused) == (["offer_expired"], "offer_not_found")
    assert contract.changes[0].effective_at == instant("2026-07-01")
    assert contract.changes[0].by == "lifecycle"


def test_its_time_is_exclusive():
    contract = offered(until="2026-07-01").at("2026-07-01").send("accept_offer", offer_id="o")
    assert contract.refused == "offer_not_found"


def test_several_are_over_in_the_order_of_their_times():
    contract = offer(offer(offered(until="2026-09-01"), offer_id="p", until="2026-08-01"), offer_id="q")
    contract.at("2026-10-01").advance()
    assert contract.told == ["offer_expired", "offer_expired"]
    assert [each["offer_id"] for each in contract["offers"]] == ["q"]
    assert [event.effective_at for event in contract.changes] == [
        instant("2026-08-01"),
        instant("2026-09-01"),
    ]


def test_open_offers_stay_open_through_a_renewal():
    contract = offered(until="2027-06-01").at("2027-02-10").advance()
    assert [each["offer_id"] for each in contract["offers"]] == ["o"]
    contract.send("accept_offer", offer_id="o")
    assert contract["renewal_terms"]["from_term"] == 3


def test_with_the_contract_its_offers_are_over():
    contract = offered().cancel()
    assert (contract.told, "offers" in contract.contract) == (["cancelled"], False)
    contract = offered(until="2027-06-01", auto_renewal=False).at(END).advance()
    assert (contract["status"], "offers" in contract.contract) == ("expired", False)
    assert contract.send("accept_offer", offer_id="o").refused == "invalid_transition"


def test_an_erasure_leaves_the_offer_and_not_who_made_it():
    contract = offered().send("erase")
    assert [(each["offer_id"], each["requested_by"]) for each in contract["offers"]] == [("o", "erased")]


def test_two_adopted_offers_have_two_ids():
    mine = {"terms": CHEAPER, "valid_until": "2027-01-01", "requested_by": "a", "requested_at": START}
    data = {"contract_id": "old", "contract_type": "basic", "usage_limits": {}, "base_monthly_fee": 1}
    dates = {"start_date": START, "end_date": END, "status": "active"}
    twice = [{"offer_id": "o", **mine}, {"offer_id": "o", **mine}]
    adopted = Account("2026-02-10").send("adopt", **data, **dates, offers=twice)
    assert adopted.mistakes.keys() == {"/offers/1/offer_id"}
    adopted.send("adopt", **data, **dates | {"status": "draft"}, offers=twice[:1])
    assert adopted.mistakes.keys() == {"/offers"}
