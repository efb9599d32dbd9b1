"""Operations in the console: partitions, and the decision that a stopped one asks for."""

import pytest
import structlog

from consumer.errors import BrokerUnavailable, InputRefused
from consumer.operator.choices import MEANINGS, Decision
from tests.unit.api.browsing import browser, hidden
from tests.unit.api.conftest import Api

PATH = "/console/operations/1"


async def test_everybody_sees_where_the_partitions_stand(api: Api) -> None:
    await api.kit.create("acc-1", command_id="one", contract_type="basic")
    async with browser(api, "reader") as http:
        page = (await http.get("/console/operations")).text
        assert "worker-1" in page
        assert "the log starts at 12" in page
        assert "/console/accounts/acc-1" in page, "recent results"
        stopped = (await http.get(PATH)).text
    assert "a token with the role operator" in stopped
    assert all(meaning in stopped.replace("&#39;", "'") for meaning in MEANINGS.values())
    assert 'name="typed"' not in stopped


async def test_a_decision_is_typed_out_and_told_in_the_log(api: Api) -> None:
    async with browser(api, "operator") as http:
        form = {"form_token": hidden(await http.get(PATH), "form_token")}
        for typed in ("", "to-log-start", "to-log-start 0", "to-log-end 1", "yes"):
            refused = await http.post(PATH, data=form | {"typed": typed})
            assert refused.status_code == 400
            assert "Nothing was decided" in refused.text
        assert api.desk.decided == []
        with structlog.testing.capture_logs() as logs:
            done = await http.post(PATH, data=form | {"typed": " to-log-start  1 "})
        assert "nothing was lost" in done.text
        assert api.desk.decided == [(Decision.TO_LOG_START, 1)]
        again = await http.post(PATH, data=form | {"typed": "to-log-start 1"})
        assert again.status_code == 409
    [line] = [line for line in logs if "decision" in line["event"]]
    assert (line["asked_by"], line["decision"], line["partition"]) == ("operator", "to-log-start", 1)


@pytest.mark.parametrize("caller", ["reader", "publisher"])
async def test_only_operators_decide(api: Api, caller: str) -> None:
    async with browser(api, caller) as http:
        form = {"form_token": hidden(await http.get(PATH), "form_token"), "typed": "to-log-start 1"}
        assert (await http.post(PATH, data=form)).status_code == 403
    assert api.desk.decided == []


async def test_why_a_decision_is_refused_is_told(api: Api) -> None:
    async with browser(api, "operator") as http:
        form = {"form_token": hidden(await http.get(PATH), "form_token"), "typed": "to-log-start 1"}
        found = await api.desk.partitions()
        api.desk.refusal = InputRefused("the group has running members: 2", hint="stop them first")

        async def partitions():
            return found

        api.desk.partitions = partitions
        refused = await http.post(PATH, data=form)
    assert refused.status_code == 409
    assert "running members: 2" in refused.text
    assert "stop them first" in refused.text


async def test_without_kafka_the_results_are_there_and_no_address_is_told(api: Api) -> None:
    api.desk.refusal = BrokerUnavailable("kafka-1.internal:9092 does not answer")
    async with browser(api, "operator") as http:
        page = await http.get("/console/operations")
        stopped = await http.get(PATH)
    assert (page.status_code, stopped.status_code) == (200, 503)
    assert "does not answer" in page.text
    assert "internal" not in page.text + stopped.text


@pytest.mark.parametrize("path", ["/console/operations/7", "/console/operations/x"])
async def test_a_partition_that_is_not_there(api: Api, path: str) -> None:
    async with browser(api, "operator") as http:
        assert (await http.get(path)).status_code == 404
