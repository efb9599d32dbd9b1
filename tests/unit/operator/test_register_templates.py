"""Registering versions of the templates: other processes can read them at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from consumer.domain.catalogue import BUILT_IN, Catalogue, Version
from consumer.domain.catalogue_file import read_catalogue, version_data
from consumer.operator.templates import register
from schemas.contract import to_json
from tests.unit.domain.catalogues import THREE, version

if TYPE_CHECKING:
    from consumer.storage.known_templates import KnownTemplates


class Known:
    """Versions in memory, read as a catalogue after each write."""

    def __init__(self, *versions: Version) -> None:
        self._versions = {each.number: each for each in versions}

    async def read(self) -> Catalogue:
        versions = [version_data(each) for _, each in sorted(self._versions.items())]
        found = read_catalogue(to_json({"versions": versions}))
        assert isinstance(found, Catalogue), found
        return found

    async def add(self, version: Version) -> bool:
        self._versions[version.number] = version
        return bool(await self.read())

    async def replace(self, was: Version, version: Version | None) -> bool:
        if version is None:
            del self._versions[was.number]
        else:
            self._versions[was.number] = version
        return bool(await self.read())


LATER = (version(2, "2028-01-01", dearer=1), version(3, "2028-06-01", dearer=2))
MORE = (*LATER, version(4, "2028-07-01", dearer=3))
AMONG = (version(2, "2026-06-02", dearer=1), version(3, "2026-06-03", dearer=2))


@pytest.mark.parametrize("old", [THREE.versions[1:], LATER, MORE, AMONG, ()])
@pytest.mark.parametrize("new", [THREE.versions[1:], LATER, MORE, AMONG, ()])
async def test_each_write_leaves_a_catalogue(old, new):
    known, mine = Known(*old), Catalogue((BUILT_IN, *new))
    await register(cast("KnownTemplates", known), mine, None)
    assert await known.read() == mine
