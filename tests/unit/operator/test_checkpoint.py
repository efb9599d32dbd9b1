"""A checkpoint that was changed, in any of its files, is found; its files are written once."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import bson
import cramjam
import orjson
import pytest
from pyarrow import parquet

from consumer.errors import CheckpointDamaged, InputRefused
from consumer.operator.checkpoint import files as module
from consumer.operator.checkpoint.check import CheckpointCheck
from consumer.operator.checkpoint.export import export
from consumer.operator.checkpoint.files import Files
from consumer.operator.checkpoint.manifest import Manifest, read_manifest
from consumer.storage.chain import link, new_chain
from consumer.storage.history import HistoryEntry
from consumer.storage.protocols import LastRecord, Origin, Position

TOPIC = "contracts.commands"
ORIGIN = Origin("cluster", "contracts", 2)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def contract(number: int, status: str = "active") -> bytes:
    account = f"account-{number}"
    fields = {"_id": bson.ObjectId(number.to_bytes(12)), "account_id": account, "notes": f"note {number}" * 9}
    return bson.encode({**fields, "contract_type": "basic", "status": status})


def written(folder: Path, contracts: Iterable[bytes] = (), entries: int = 40) -> Manifest:
    """A checkpoint with contracts and the history of one partition of two."""
    found = [*(contracts or map(contract, range(30)))]
    history = [
        HistoryEntry(number.to_bytes(16), 0, number, AT, "applied", account_id=f"account-{number}")
        for number in range(entries)
    ]
    chain = link(history, new_chain(0))
    files = Files(folder)
    files.folder.mkdir(parents=True, exist_ok=True)
    statuses = Counter(f"basic/{bson.decode(one)['status']}" for one in found)
    tallies: dict[str, Any] = {**statuses, "basic/USD": Decimal("9.90")}
    positions = {
        0: Position(f"{TOPIC}/0", ORIGIN, entries, 1, LastRecord(entries - 1, 5, 7), tallies, chain),
        1: Position(f"{TOPIC}/1", ORIGIN, 0),
    }
    named = [
        *files.write("contracts", found),
        *files.write("history", [each.encoded or b"" for each in history], 0),
    ]
    manifest = Manifest("1.0", TOPIC, {"notice_days": [7, 1]}, positions, named)
    manifest.write(folder)
    files.keep(named)
    return manifest


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DOCUMENTS", 10)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    manifest = written(tmp_path)
    assert [file.documents for file in manifest.files] == [10] * 7
    assert read_manifest(tmp_path) == manifest
    check = CheckpointCheck(tmp_path)
    assert check.run() == manifest
    assert [(part.collection, part.documents) for part in check.parts] == [("contracts", 30), ("history", 40)]


def test_the_same_state_has_the_same_files_and_the_same_hash(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one"), written(tmp_path / "other")
    assert one.id() == other.id()
    assert sorted(path.name for path in (tmp_path / "one" / "files").iterdir()) == sorted(
        path.name for path in (tmp_path / "other" / "files").iterdir()
    )


def stored(folder: Path) -> list[Path]:
    return sorted((folder / "files").iterdir())


@pytest.mark.parametrize("number", range(7))
def test_a_flipped_bit_in_any_file(tmp_path: Path, number: int) -> None:
    written(tmp_path)
    path = stored(tmp_path)[number]
    content = path.read_bytes()
    for place in range(0, len(content), 5):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(CheckpointDamaged, match=path.name):
            CheckpointCheck(tmp_path).run()


def test_a_file_is_missing_or_cut(tmp_path: Path) -> None:
    written(tmp_path)
    path = stored(tmp_path)[3]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CheckpointDamaged, match=path.name):
        CheckpointCheck(tmp_path).run()
    path.unlink()
    with pytest.raises(CheckpointDamaged, match=f"{path.name}: No such file"):
        CheckpointCheck(tmp_path).run()


def test_files_that_were_exchanged(tmp_path: Path) -> None:
    written(tmp_path)
    one, other, *_ = stored(tmp_path)
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    with pytest.raises(CheckpointDamaged, match="another hash"):
        CheckpointCheck(tmp_path).run()


def test_the_manifest_of_another_checkpoint(tmp_path: Path) -> None:
    written(tmp_path)
    other = tmp_path / "other"
    written(other, entries=30)
    (tmp_path / "manifest.json").write_bytes((other / "manifest.json").read_bytes())
    assert CheckpointCheck(other).run()
    # Its files are all here, and so is what it says of them: only the hash that `create` printed differs.
    CheckpointCheck(tmp_path).run()
    written(other, [contract(1, "expired")], entries=50)
    (tmp_path / "manifest.json").write_bytes((other / "manifest.json").read_bytes())
    with pytest.raises(CheckpointDamaged, match="No such file"):
        CheckpointCheck(tmp_path).run()


def fewer_entries(fields: Any) -> None:
    fields["files"].pop()


def positions_of_another(fields: Any) -> None:
    fields["positions"][0]["chain"]["number"] -= 1


def another_head(fields: Any) -> None:
    fields["positions"][0]["chain"]["head"] = "00" * 32


def another_tally(fields: Any) -> None:
    fields["positions"][0]["tallies"]["basic/active"] += 1


def another_count(fields: Any) -> None:
    fields["files"][0]["documents"] -= 1


def files_in_another_order(fields: Any) -> None:
    fields["files"][3:5] = reversed(fields["files"][3:5])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (fewer_entries, "last 10 entries were removed"),
        (positions_of_another, "offset 39: the entry was inserted"),
        (another_head, "is not that of the last entry"),
        (another_tally, "30 contracts basic/active, and its positions count 31"),
        (another_count, "has 10 documents, and the manifest says 9"),
        (files_in_another_order, "removed, at the start of the chain"),
    ],
)
def test_a_manifest_that_was_changed(tmp_path: Path, change: Any, says: str) -> None:
    written(tmp_path)
    path = tmp_path / "manifest.json"
    fields = orjson.loads(path.read_bytes())
    change(fields)
    path.write_bytes(orjson.dumps(fields, option=orjson.OPT_INDENT_2) + b"\n")
    with pytest.raises(CheckpointDamaged, match=says):
        CheckpointCheck(tmp_path).run()


def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no checkpoint"):
        read_manifest(tmp_path)
    for content in (b"", b"[]", b"{}", b'{"format": 1}', b"\xff"):
        (tmp_path / "manifest.json").write_bytes(content)
        with pytest.raises(CheckpointDamaged):
            read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_bytes(b'{"format": 2}')
    with pytest.raises(InputRefused, match="format 2"):
        read_manifest(tmp_path)
    written(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"release": "1.0"', b'"release":  "1.0"'))
    with pytest.raises(CheckpointDamaged, match="was changed"):
        read_manifest(tmp_path)


def test_a_later_checkpoint_in_the_same_folder_writes_what_is_new(tmp_path: Path) -> None:
    written(tmp_path)
    before = {path: path.stat().st_ino for path in stored(tmp_path)}
    (tmp_path / "files" / "left.bson.part").write_bytes(b"of an interruption")
    written(tmp_path, entries=60)
    after = {path: path.stat().st_ino for path in stored(tmp_path)}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2
    written(tmp_path, [contract(5)], entries=10)
    assert len(stored(tmp_path)) == 2
    CheckpointCheck(tmp_path).run()


def test_a_damaged_file_is_not_used_again(tmp_path: Path) -> None:
    written(tmp_path)
    path = stored(tmp_path)[0]
    path.write_bytes(cramjam.zstd.compress(b"something else"))
    written(tmp_path)
    CheckpointCheck(tmp_path).run()


def test_it_is_exported_as_parquet(tmp_path: Path) -> None:
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    fields = {"end_date": ends, "base_monthly_fee": bson.Decimal128("99.50"), "tags": ["a"]}
    contracts = [
        bson.encode({**bson.decode(contract(number)), **(fields if number else {})}) for number in range(25)
    ]
    written(tmp_path, contracts)
    assert export(tmp_path, tmp_path / "out") == {"contracts": 25, "former_contracts": 0, "history": 40}
    rows = parquet.read_table(tmp_path / "out" / "contracts.parquet").to_pylist()
    assert [row["account_id"] for row in rows] == [f"account-{number}" for number in range(25)]
    assert (rows[0]["end_date"], rows[0]["base_monthly_fee"]) == (None, None)
    assert (rows[7]["end_date"], rows[7]["base_monthly_fee"]) == (ends, Decimal("99.5000"))
    whole = orjson.loads(rows[7]["document"])
    assert (whole["tags"], whole["base_monthly_fee"], whole["end_date"]) == (
        ["a"],
        99.5,
        "2027-01-01T00:00:00Z",
    )
    entries = parquet.read_table(tmp_path / "out" / "history.parquet").to_pylist()
    assert [(row["partition"], row["offset"], row["number"]) for row in entries] == [
        (0, number, number + 1) for number in range(40)
    ]
    assert {row["outcome"] for row in entries} == {"applied"}
