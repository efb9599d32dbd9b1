"""`contracts schemas …` as its users meet it."""

import sys

import orjson
import pytest

from consumer.cli import main as cli
from schemas.export import rendered


@pytest.fixture
def contracts(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["contracts", "schemas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_export(contracts, tmp_path):
    code, out, _ = contracts("export", tmp_path / "new", "--json")
    files = [orjson.loads(line)["file"] for line in out.splitlines()]
    assert code == 0
    assert {file.name: file.read_bytes() for file in (tmp_path / "new").iterdir()} == rendered()
    assert len(files) == len(rendered())


def test_check_against_the_same(contracts, tmp_path):
    contracts("export", tmp_path)
    assert contracts("check", "--against", tmp_path) == (
        0,
        "message\tpath\tchange\tproducers\tconsumers\tbreaking\taccepted\n",
        "0 changes, none breaking\n",
    )


def test_check_against_an_older_version(contracts, tmp_path):
    contracts("export", tmp_path)
    file = tmp_path / "cancel.v1.json"
    older = orjson.loads(file.read_bytes())
    older["properties"]["comment"] = {"type": "string"}
    del older["properties"]["reason"]
    file.write_bytes(orjson.dumps(older))
    code, out, err = contracts("check", "--against", tmp_path, "--json")
    assert code == 15
    gone, new = (orjson.loads(line) for line in out.splitlines())
    assert gone == {
        "message": "cancel.v1",
        "path": "/comment",
        "change": "is gone",
        "producers": "must change",
        "consumers": "compatible",
        "breaking": True,
        "accepted": None,
    }
    # The consumer of commands is the service itself.
    assert (new["producers"], new["consumers"], new["breaking"]) == ("compatible", "must change", False)
    assert "error: 1 of 2 changes break producers, consumers or callers" in err
    assert "hint: " in err


@pytest.mark.parametrize("against", ["no-such-commit", "--output=x", "HEAD:nothing"])
def test_check_against_nothing(contracts, against, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = contracts("check", f"--against={against}")
    assert code == 13
    assert "nor a commit with schemas" in err


def test_check_against_an_empty_folder(contracts, tmp_path):
    assert contracts("check", "--against", tmp_path)[0] == 13


def test_check_without_git(contracts, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = contracts("check", "--against", "v1")
    assert (code, "git is not installed" in err) == (13, True)
