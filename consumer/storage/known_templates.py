"""The versions of templates that all processes of a database know: one document each, in `templates`.

Processes with different files would decide differently. A version is therefore written here before it comes
into force, and every process compares its own file with these documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from consumer.domain.catalogue import Catalogue
from consumer.domain.catalogue_file import read_catalogue, version_text
from consumer.errors import ForeignDocument
from consumer.storage.mongo_errors import translated

if TYPE_CHECKING:
    from consumer.domain.catalogue import Version

COLLECTION = "templates"


class KnownTemplates:
    """The known versions. The first is built in and has no document.

    Args:
        database: connected lazily. Every method may raise StoreUnavailable or StoreDenied.
    """

    def __init__(self, database: Any) -> None:
        self._versions = database.get_collection(
            COLLECTION, read_concern=ReadConcern("majority"), write_concern=WriteConcern("majority")
        )

    async def read(self) -> Catalogue:
        """All known versions.

        Raises:
            ForeignDocument: a document is no version, or one is missing.
        """
        with translated():
            found = await self._versions.find().sort("_id").to_list(None)
        texts = [str(each.get("content")) for each in found]
        catalogue = read_catalogue(f'{{"versions": [{", ".join(texts)}]}}'.encode())
        if not isinstance(catalogue, Catalogue):
            first = catalogue[0]
            why = f"the versions together are no catalogue: {first['path']} {first['message']}"
            raise ForeignDocument(COLLECTION, [(found[0]["_id"], why)])
        return catalogue

    async def add(self, version: Version) -> bool:
        """Makes a version known; False: another process has just done so, with these or other terms."""
        with translated():
            try:
                await self._versions.insert_one(_document(version))
            except DuplicateKeyError:
                return False
        return True

    async def replace(self, was: Version, version: Version | None) -> bool:
        """Replaces a version by another one, or removes it; False: it is no longer known like that."""
        mine = {"_id": was.number, "content": version_text(was)}
        with translated():
            if version is None:
                return bool((await self._versions.delete_one(mine)).deleted_count)
            return bool((await self._versions.replace_one(mine, _document(version))).matched_count)


def _document(version: Version) -> dict[str, Any]:
    return {
        "_id": version.number,
        "effective_from": version.effective_from,
        "content": version_text(version),
    }
