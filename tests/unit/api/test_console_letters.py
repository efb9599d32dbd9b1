"""Dead letters in the console: grouped, sent again, replaced."""

import orjson
import pytest
import structlog

from consumer.errors import BrokerUnavailable
from tests.unit.api.browsing import browser, hidden
from tests.unit.api.conftest import Api
from tests.unit.api.desk import dead_letter

PATH = "/console/dead-letters/0/3"
GROUP = "/console/dead-letters/of?reason=schema_violation&producer=%2Fcrm"
GOOD = '{"contract_type": "basic"}'


@pytest.fixture(autouse=True)
def letters(api: Api) -> None:
    wrong = b'{"contract_type": "basic", "notes": 7, "requested_by": "crm"}'
    api.desk.dead = [
        dead_letter(3, wrong),
        dead_letter(4, b"\xff\x00", ce_source=b"/shop"),
        dead_letter(5, b"<script>alert(1)</script>", ce_source=b"<b>&", ce_type=b"\xff"),
        dead_letter(6, None),
    ]


async def test_they_are_grouped_by_reason_and_source(api: Api) -> None:
    async with browser(api, "reader") as http:
        page = (await http.get("/console/dead-letters")).text
        assert page.count("schema_violation</a>") == 3
        assert page.index("/crm") < page.index("/shop"), "the largest group comes first"
        group = (await http.get(GROUP)).text
        assert 'href="/console/dead-letters/0/6"' in group
        assert 'href="/console/dead-letters/0/4"' not in group
        assert "a token with the role operator" in group
        assert (await http.get("/console/dead-letters?days=0")).status_code == 400


async def test_records_are_for_those_who_may_see_personal_data(api: Api) -> None:
    async with browser(api, "operator") as http:
        hidden_value = (await http.get(PATH)).text
    assert "contract_type" not in hidden_value
    assert "ce_source" not in hidden_value
    async with browser(api, "privy") as http:
        assert "&#34;notes&#34;: 7" in (await http.get(PATH)).text
        assert "base64:/wA=" in (await http.get("/console/dead-letters/0/4")).text
        assert "<script" not in (await http.get("/console/dead-letters/0/5")).text
        assert (await http.get("/console/dead-letters/0/6")).status_code == 200
        for nothing in ("0/99", "x/y", "0/-1"):
            assert (await http.get(f"/console/dead-letters/{nothing}")).status_code == 400


async def test_a_correction_is_held_to_the_version_of_its_preview(api: Api) -> None:
    """An older record may not be what is wanted by now, which the preview shows only if it still holds."""
    await api.kit.create("acc-1", contract_type="basic")
    change = {"command": "update", "data": '{"changes": {"tags": ["a"]}}'}
    async with browser(api, "privy") as http:
        given, seen = await replaced(http, **change)
        names = ("command_id", "command", "account_id", "data")
        form = given | {name: hidden(seen, name) for name in names} | {"do": "send"}
        await api.kit.update("acc-1", changes={"tags": ["b"]})
        sent = await http.post(PATH, data=form)
    assert "version_conflict" in sent.text
    assert api.kit.contract("acc-1")["tags"] == ["b"]


async def replaced(http, path: str = PATH, **form: str):
    """The form, filled in otherwise and checked, then what was checked sent."""
    page = await http.get(path)
    given = {"form_token": hidden(page, "form_token"), "command_id": hidden(page, "command_id")}
    checked = await http.post(
        path, data={**given, "command": "create", "account_id": "acc-1", "do": "check", **form}
    )
    return given, checked


async def test_one_is_corrected_checked_foreseen_and_sent(api: Api) -> None:
    async with browser(api, "privy") as http:
        page = await http.get(PATH)
        assert "<option selected>create</option>" in page.text
        assert "requested_by</code> instead of the name in the record" in page.text
        _, refused = await replaced(http, data='{"contract_type": "basic", "notes": 7}')
        assert refused.status_code == 400
        assert "<code>/notes</code> must be text" in refused.text
        given, seen = await replaced(http, data=GOOD)
        assert "Preview: <span" in seen.text
        assert api.kit.events == []
        names = ("command_id", "command", "account_id", "data")
        form = given | {name: hidden(seen, name) for name in names} | {"do": "send"}
        with structlog.testing.capture_logs() as logs:
            sent = await http.post(PATH, data=form)
        assert "Result: <span" in sent.text
        assert api.kit.contract("acc-1")["created_by"] == "privy"
        assert api.desk.sent == {"0/3"}, "nobody sends it again by mistake"
        again = await http.get(PATH)
        assert "it was sent again at noon" in again.text
        events = len(api.kit.events)
        looked = await http.post(PATH, data=form)
        assert "Send it anyway" in looked.text
        assert len(api.kit.events) == events
        twice = await http.post(PATH, data=form | {"again": "yes"})
        assert "duplicate" in twice.text
    [line] = [line for line in logs if line["event"] == "a command was sent from the console"]
    assert (line["asked_by"], line["corrects"], line["outcome"]) == ("privy", "0/3", "applied")


@pytest.mark.parametrize(
    "form",
    [
        {"data": "[]"},
        {"data": "{"},
        {"data": ""},
        {"data": GOOD, "command": "advance"},
        {"data": GOOD, "command": ""},
        {"data": GOOD, "account_id": ""},
        {"data": '{"contract_type": "basic", "requested_by": "somebody"}'},
        {"data": '{"notes": "' + "x" * 20_000 + '"}'},
    ],
)
@pytest.mark.parametrize("do", ["check", "send"])
async def test_what_is_no_command_is_told_and_not_sent(api: Api, form: dict[str, str], do: str) -> None:
    async with browser(api, "privy") as http:
        _, answer = await replaced(http, **{**form, "do": do})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert api.kit.events == []
    assert api.desk.sent == set()


async def test_only_operators_who_may_see_it_correct_a_record(api: Api) -> None:
    for name in ("reader", "publisher", "operator"):
        async with browser(api, name) as http:
            page = await http.get(PATH)
            assert 'name="data"' not in page.text
            form = {"form_token": hidden(page, "form_token"), "do": "send", "command": "create", "data": GOOD}
            assert (await http.post(PATH, data=form)).status_code == 403


async def test_a_group_is_sent_again_once_and_who_asked_is_in_the_log(api: Api) -> None:
    async with browser(api, "operator") as http:
        page = await http.get(GROUP)
        assert "They are applied after all commands" in page.text
        form = {"form_token": hidden(page, "form_token"), "ids": hidden(page, "ids"), "do": "send"}
        assert (await http.post(GROUP, data=form)).status_code == 400, "the order was not accepted"
        with structlog.testing.capture_logs() as logs:
            done = await http.post(GROUP, data=form | {"order": "known"})
        assert "2 of 2 were sent" in done.text
        assert api.desk.sent == {"0/3", "0/6"}
        again = await http.get(GROUP)
        assert "it was sent again at noon" in again.text
        assert 'name="ids"' not in again.text
    [line] = [line for line in logs if "sent again" in line["event"]]
    assert (line["asked_by"], line["sent"]) == ("operator", ["0/3", "0/6"])
    async with browser(api, "publisher") as http:
        token = hidden(await http.get(GROUP), "form_token")
        form = {"form_token": token, "ids": "0/4", "order": "known"}
        assert (await http.post(GROUP, data=form)).status_code == 403


async def test_a_corrected_letter_that_kafka_does_not_take_counts_as_sent(api: Api) -> None:
    api.log.down = BrokerUnavailable("kafka-1.internal does not answer")
    async with browser(api, "privy") as http:
        given, _ = await replaced(http, data=GOOD)
        form = given | {"do": "send", "command": "create", "account_id": "acc-1", "data": GOOD}
        answer = await http.post(PATH, data=form)
        assert answer.status_code == 503
        assert "internal" not in answer.text
        api.log.down = None
        assert "Look first" in (await http.get(PATH)).text


async def test_a_form_of_a_command_that_was_changed_on_its_way(api: Api) -> None:
    path = "/console/accounts/acc-1/commands/create"
    async with browser(api, "publisher") as http:
        page = await http.get(path)
        for data in ("[]", "7", "null", "{", "", orjson.dumps({"notes": 7}).decode()):
            form = {"form_token": hidden(page, "form_token"), "command_id": "1", "do": "send", "data": data}
            answer = await http.post(path, data=form)
            assert answer.status_code == 400, data
            assert 'role="alert"' in answer.text
    assert api.kit.events == []
