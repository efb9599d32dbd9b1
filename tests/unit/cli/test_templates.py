"""`contracts templates`, and a service with a file of templates that cannot be used."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consumer.cli.migrating import EffectiveName
from consumer.domain.catalogue_file import read_catalogue, version_data
from consumer.reading.migration import EFFECTIVE
from schemas.contract import to_json
from tests.unit.domain.catalogues import SECOND, THREE, version

pytestmark = pytest.mark.usefixtures("as_it_was")


def written(folder: Path, name: str, *versions) -> str:
    file = folder / name
    file.write_bytes(to_json({"versions": [*map(version_data, versions)]}))
    return str(file)


@pytest.fixture
def file(as_it_was, tmp_path, monkeypatch) -> str:
    made = written(tmp_path, "templates.json", *THREE.versions[1:])
    monkeypatch.setenv("CONTRACTS_TEMPLATES", made)
    return made


def test_without_a_file_the_first_version_is_listed(contracts) -> None:
    ran = contracts("templates", "list")
    assert ran.out.splitlines()[1:] == ["1\t\tyes\t99\t299\t999"]


@pytest.mark.usefixtures("file")
def test_what_is_listed_as_json_is_a_file_again(contracts) -> None:
    listed = contracts("templates", "list", "--json").json
    assert read_catalogue(json.dumps({"versions": listed}).encode()) == THREE


@pytest.mark.usefixtures("file")
def test_one_template(contracts) -> None:
    (shown,) = contracts("templates", "show", "basic@2", "--json").json
    assert (shown["base_monthly_fee"], shown["template_version"]) == (109, 2)
    assert contracts("templates", "show", "basic@4").code == 13


def test_a_file_compared_with_the_one_before(contracts, file, tmp_path) -> None:
    assert contracts("templates", "check", file, "--previous", file).code == 0
    other = written(tmp_path, "other.json", version(2, SECOND, dearer=11), *THREE.versions[2:])
    longer = written(tmp_path, "longer.json", *THREE.versions[1:], version(4, "2999-01-01", dearer=1))
    (new,) = contracts("templates", "check", longer, "--previous", file, "--json").json
    assert (new["number"], new["text"]) == (4, "is new")
    ran = contracts("templates", "check", other, "--previous", file)
    assert (ran.code, ran.out) == (21, "")
    assert "error: version 2 is changed, and commands are decided by it" in ran.err


@pytest.mark.parametrize(("seconds", "code"), [(60, 21), (119, 21), (150, 0)])
def test_a_version_needs_the_notice_that_the_start_demands(contracts, tmp_path, seconds, code) -> None:
    """Both that of a new version, and that of one which is changed."""
    soon = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    before = written(tmp_path, "before.json", version(2, SECOND, dearer=1))
    new = written(tmp_path, "new.json", version(2, SECOND, dearer=1), version(3, soon, dearer=2))
    changed = written(tmp_path, "changed.json", version(2, SECOND, dearer=1), version(3, soon, dearer=3))
    assert contracts("templates", "check", new, "--previous", before).code == code
    assert contracts("templates", "check", changed, "--previous", new).code == code


@pytest.mark.parametrize("command", [["run"], ["consume"], ["serve"], ["templates", "check"]])
def test_a_mistake_in_the_file_is_one_line_with_its_path(contracts, tmp_path, monkeypatch, command) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"versions": [{"version": 2, "effective_from": "soon", "templates": {}}]}')
    monkeypatch.setenv("CONTRACTS_LOG_FORMAT", "console")
    monkeypatch.setenv("CONTRACTS_TEMPLATES", str(broken))
    ran = contracts(*command)
    assert ran.code == 21
    assert ran.err.startswith(f"error: {broken}: /versions/0/effective_from must be a date")
    assert "contracts templates check" in ran.err


def test_a_file_that_is_not_there_names_its_setting(contracts, monkeypatch) -> None:
    monkeypatch.setenv("CONTRACTS_TEMPLATES", "/nowhere/templates.json")
    ran = contracts("templates", "list")
    assert ran.code == 21
    assert "CONTRACTS_TEMPLATES" in ran.err


def test_when_a_migration_may_happen() -> None:
    assert {*EffectiveName} == {*EFFECTIVE}
