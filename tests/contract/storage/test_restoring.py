"""What a checkpoint is restored to: nothing, or what an earlier run of the same restore has left."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import bson
import pytest

from consumer.errors import InputRefused, ServiceUnavailable, StoreUnavailable
from consumer.operator.checkpoint.files import Files
from consumer.operator.checkpoint.manifest import Manifest
from consumer.operator.checkpoint.restoring import Restoration
from consumer.storage import known_templates, restoring
from consumer.storage.documents import CODEC
from consumer.storage.known_templates import KnownTemplates
from consumer.storage.position_documents import position_document
from consumer.storage.protocols import LastRecord, Origin, Position
from consumer.storage.restoring import MARKERS, Restoring
from tests.contract.storage.backends import MongoBackend
from tests.unit.domain.catalogues import SECOND, version

TOPIC = "contracts.commands"
ORIGIN = Origin("cluster", "contracts", 2)
POSITIONS = {
    0: Position(f"{TOPIC}/0", ORIGIN, 7, 1, LastRecord(6, 5, 4), {"basic/USD": Decimal("9.90")}),
    1: Position(f"{TOPIC}/1", ORIGIN, 3),
}
MANY = 1_500
"""More than one message holds."""

REGISTERED = version(2, SECOND, dearer=10)


def former(number: int) -> dict[str, Any]:
    names = {"contract_id": f"c-{number}", "account_id": f"a-{number}"}
    return {"_id": bson.ObjectId(number.to_bytes(12)), **names, "lifecycle": {}}


FORMER = [former(number) for number in range(MANY)]


def templates(**changed: Any) -> dict[str, Any]:
    """As a checkpoint may have it: with its fields in another order."""
    stored = known_templates._document(REGISTERED) | changed
    return dict(sorted(stored.items()))


def checkpoint(folder: Path, template: dict[str, Any]) -> Path:
    files = Files(folder)
    files.folder.mkdir(parents=True)
    named = [
        *files.write("former_contracts", map(bson.encode, FORMER)),
        *files.write(known_templates.COLLECTION, [bson.encode(template)]),
    ]
    Manifest("1.0", TOPIC, {}, POSITIONS, named).write(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "checkpoint", templates())


@pytest.fixture
def db(mongo_backend: MongoBackend) -> Any:
    return mongo_backend.store().database


@pytest.fixture
def restored(mongo_backend: MongoBackend, db: Any) -> Any:
    def made(folder: Path) -> Restoration:
        return Restoration(folder, Restoring(mongo_backend.store().client, db.name))

    return made


async def contents(db: Any) -> dict[str, list[Any]]:
    names = "former_contracts", "positions", known_templates.COLLECTION, MARKERS
    return {name: await db[name].find().sort("_id").to_list(None) for name in names}


async def run(restoration: Restoration) -> None:
    await restoration.refuse_foreign()
    await restoration.begin()
    await restoration.store()
    await restoration.finish()


async def test_an_empty_database_is_restored(restored: Any, folder: Path, db: Any) -> None:
    await run(restored(folder))
    found = await contents(db)
    assert found["former_contracts"] == FORMER
    assert [each["next"] for each in found["positions"]] == [7, 3]
    assert found[MARKERS] == []


async def test_live_documents_without_positions_are_left_as_they_are(
    restored: Any, folder: Path, db: Any
) -> None:
    """The first thousand are those of the checkpoint; some of the others were deleted since."""
    await db.former_contracts.insert_many(FORMER[:1_200])
    before = await contents(db)
    with pytest.raises(InputRefused, match="former_contracts has documents"):
        await run(restored(folder))
    assert await contents(db) == before


async def test_an_interrupted_restore_is_completed(restored: Any, folder: Path, db: Any) -> None:
    await restored(folder).refuse_foreign()
    await restored(folder).begin()
    await db.former_contracts.insert_many(FORMER[200:1_400])
    await run(restored(folder))
    assert (await contents(db))["former_contracts"] == FORMER
    stored = {position.partition: position for position in POSITIONS.values()}
    assert await restored(folder).is_done(stored)
    await db.former_contracts.delete_one({"_id": FORMER[3]["_id"]})
    with pytest.raises(InputRefused, match="1,499 documents, and the checkpoint 1,500"):
        await restored(folder).is_done(stored)


async def test_some_of_the_positions_are_not_all(restored: Any, folder: Path) -> None:
    assert not await restored(folder).is_done({})
    for stored in ({POSITIONS[0].partition: POSITIONS[0]}, {POSITIONS[0].partition: POSITIONS[1]}):
        with pytest.raises(InputRefused, match="only an empty database"):
            await restored(folder).is_done(stored)


async def test_what_was_applied_over_an_interrupted_restore_is_live(
    restored: Any, folder: Path, db: Any
) -> None:
    await restored(folder).begin()
    await db.former_contracts.insert_many([*FORMER, former(MANY)])
    with pytest.raises(InputRefused, match="former_contracts has documents that the checkpoint has not"):
        await restored(folder).refuse_foreign()


async def test_the_restore_of_another_checkpoint_has_begun(
    restored: Any, folder: Path, tmp_path: Path, db: Any
) -> None:
    await restored(folder).begin()
    other = restored(checkpoint(tmp_path / "other", templates(content="{}")))
    before = await contents(db)
    for refused in (other.refuse_foreign, other.begin):
        with pytest.raises(InputRefused, match="restore of another checkpoint has begun"):
            await refused()
    assert await contents(db) == before
    await run(restored(folder))


async def test_templates_that_were_registered_again_are_the_same(
    restored: Any, folder: Path, db: Any
) -> None:
    """Processes that start with the empty database register the templates of their file."""
    assert await KnownTemplates(db).add(REGISTERED)
    before = (await contents(db))[known_templates.COLLECTION]
    await run(restored(folder))
    assert (await contents(db))[known_templates.COLLECTION] == before


async def test_other_templates_are_refused_before_anything_is_stored(
    restored: Any, tmp_path: Path, db: Any
) -> None:
    assert await KnownTemplates(db).add(REGISTERED)
    before = await contents(db)
    with pytest.raises(InputRefused, match="holds other templates"):
        await run(restored(checkpoint(tmp_path / "other", templates(content="{}"))))
    assert await contents(db) == before


async def test_small_collections_come_first(restored: Any, folder: Path, db: Any) -> None:
    """A template that is registered after the check is found before millions of documents are stored."""
    await restored(folder).begin()
    await KnownTemplates(db).add(version(2, SECOND, dearer=11))
    before = await contents(db)
    with pytest.raises(InputRefused, match="holds other templates"):
        await restored(folder).store()
    assert await contents(db) == before


@pytest.fixture(params=["another", "one of ours"])
def meanwhile(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The position of a partition that an instance of the service began while documents were stored."""
    begun = Position(f"{TOPIC}/1", ORIGIN, 1) if request.param == "another" else POSITIONS[1]
    return {"_id": begun.partition, **position_document(begun), "owner": "worker", "sessions": []}


async def test_positions_are_stored_together_or_not_at_all(
    restored: Any, folder: Path, db: Any, meanwhile: dict[str, Any]
) -> None:
    await restored(folder).begin()
    await restored(folder).store()
    await db.positions.with_options(codec_options=CODEC).insert_one(meanwhile)
    before = await contents(db)
    with pytest.raises(InputRefused, match="positions that were stored meanwhile"):
        await restored(folder).finish()
    assert await contents(db) == before


async def test_an_end_that_fails_leaves_no_position(
    restored: Any, folder: Path, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some positions would let the service begin with their partitions."""

    async def killed(_: Any) -> None:
        raise StoreUnavailable("killed")

    await restored(folder).begin()
    await restored(folder).store()
    before = await contents(db)
    with monkeypatch.context() as patched:
        patched.setattr(restoring, "commit", killed)
        with pytest.raises(ServiceUnavailable):
            await restored(folder).finish()
    assert await contents(db) == before
    await run(restored(folder))


async def test_two_runs_may_finish(restored: Any, folder: Path, db: Any) -> None:
    await run(restored(folder))
    before = await contents(db)
    await restored(folder).finish()
    assert await contents(db) == before


async def test_the_database_was_dropped_meanwhile(restored: Any, folder: Path, db: Any) -> None:
    await restored(folder).begin()
    await db[MARKERS].delete_many({})
    with pytest.raises(InputRefused, match="dropped or restored meanwhile"):
        await restored(folder).finish()
    assert (await contents(db))["positions"] == []
