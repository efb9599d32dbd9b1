"""The daily check of the history: a changed byte in the database fails its Job, which is not tried again."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from typer.testing import CliRunner

from consumer.cli.main import app
from consumer.errors import HistoryTampered
from consumer.storage.mongo import MongoStore, connect
from producers.testkit import Testkit

ROOT = Path(__file__).parents[2]
JOB = yaml.safe_load((ROOT / "ops/kubernetes/history.yaml").read_text())["spec"]["jobTemplate"]["spec"]
[CONTAINER] = JOB["template"]["spec"]["containers"]
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


@pytest.fixture
def history(mongo: Any, database: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stored history of two accounts."""
    monkeypatch.setenv("CONTRACTS_MONGO_URI", mongo.uri)
    monkeypatch.setenv("CONTRACTS_MONGO_DATABASE", database)

    async def fill() -> None:
        client = connect(mongo.uri, timeout_ms=10_000, max_pool_size=10)
        kit = Testkit(store=MongoStore(client, database))
        for account in ("acme", "umbra"):
            await kit.create(account, contract_type="basic", notes=f"of {account}")
            await kit.update(account, changes={"notes": f"again {account}"})
        client.close()

    asyncio.run(fill())
    with MongoClient[dict[str, Any]](mongo.uri) as outside:
        yield outside[database].get_collection("history", codec_options=RAW)


def run() -> Any:
    return CliRunner().invoke(app, CONTAINER["args"])


def test_a_changed_byte_fails_it_and_is_named(history: Any) -> None:
    assert run().exit_code == 0
    [last] = history.find({"number": 4})
    changed = bytearray(last.raw)
    changed[last.raw.index(b"again umbra")] ^= 1
    history.replace_one({"_id": last["_id"]}, RawBSONDocument(bytes(changed)))
    ended = run()
    assert isinstance(ended.exception, HistoryTampered), ended.output
    assert "partition 0: entry 4 was changed" in str(ended.exception)
    assert "entry 4 was changed" in ended.output


def test_it_is_not_tried_again_then() -> None:
    [rule] = JOB["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"] == {
        "containerName": CONTAINER["name"],
        "operator": "In",
        "values": [HistoryTampered.exit_code],
    }
    assert JOB["template"]["spec"]["restartPolicy"] == "Never", "Kubernetes refuses such a policy otherwise"
    assert JOB["backoffLimit"] > 0
