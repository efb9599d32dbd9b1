"""`contracts history`: of an account, and whether it is as the service has written it."""

import asyncio
from typing import Any

import pytest
from pymongo import MongoClient

from consumer.storage.mongo import MongoStore, connect
from producers.testkit import Testkit


@pytest.fixture
def history(mongo: Any, database: str, as_it_was: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Three entries of accounts `acme` and `verify`."""
    monkeypatch.setenv("CONTRACTS_MONGO_URI", mongo.uri)
    monkeypatch.setenv("CONTRACTS_MONGO_DATABASE", database)

    async def fill() -> None:
        client = connect(mongo.uri, timeout_ms=10_000, max_pool_size=10)
        kit = Testkit(store=MongoStore(client, database))
        await kit.create("acme", contract_type="basic")
        await kit.update("acme", changes={"notes": "a note"})
        await kit.create("verify", contract_type="basic")
        client.close()

    asyncio.run(fill())
    with MongoClient[dict[str, Any]](mongo.uri) as outside:
        yield outside[database].history


def test_a_planted_change_ends_with_its_exit_code(contracts: Any, history: Any) -> None:
    sound = contracts("history", "verify", "--json")
    assert sound.code == 0
    [row] = sound.json
    assert (row["entries"], row["finding"]) == (3, None)
    [head] = contracts("history", "heads", "--json").json
    assert head == {"head": row["head"]}
    assert contracts("history", "verify", "--partition", "0", "--head", head["head"]).code == 0
    other = str(head["head"])[:-1] + ("0" if str(head["head"])[-1] != "0" else "1")
    rewritten = contracts("history", "verify", "--head", other)
    assert (rewritten.code, "the history was rewritten" in rewritten.err) == (22, True)
    history.update_one({"number": 2}, {"$set": {"changes.0.fields.0.after": "a n0te"}})
    found = contracts("history", "verify")
    assert found.code == 22
    assert "error: partition 0: entry 2 was changed" in found.err
    assert "entry 2 was changed" in found.out


def test_the_history_of_an_account_is_shown_with_and_without_the_word(contracts: Any, history: Any) -> None:
    for words in ([], ["show"]):
        ran = contracts("history", *words, "acme", "--json")
        assert (ran.code, len(ran.json)) == (0, 2)
    assert len(contracts("history", "--oldest-first", "acme", "--json").json) == 2
    assert len(contracts("history", "show", "verify", "--json").json) == 1
    assert "show ACCOUNT" in " ".join(contracts("history", "--help").out.split())
