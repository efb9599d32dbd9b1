"""Scripts that the site shows offline, taken from npm at build time and kept in the cache.

Without npm the site is built all the same: AsyncAPI as a plain page, diagrams as their text.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from devstack.cache import locked

PACK_SECONDS = 300


class Asset(NamedTuple):
    """A file of a package of npm, and its name in the site."""

    package: str
    integrity: str
    member: str
    name: str


_VIEWER = (
    "@asyncapi/react-component@3.2.1",
    "sha512-k5ZqJd6+oxYaQ2o6F3rGWJ1MTIjXdpsUYB3NKQbVqr4yzrN0Ovj5c7eZx8NGd3wfKPhbOrLREtYl9K2OPfnSsA==",
)
_MERMAID = (
    "mermaid@11.4.1",
    "sha512-Mb01JT/x6CKDWaxigwfZYuYmDZ6xtrNwNlidKZwkSrDaY9n90tdrJTV5Umk+wP1fZscGptmKFXHsXMDEVZ+Q6A==",
)
_SEARCH = (
    "iframe-worker@1.0.4",
    "sha512-roeaaI+Lg1LJNfgpCjoRe/+WzEjy9+Z08LoEvu85MCPbBjwm+qXz8Ag5U05lHa6V1CysZyGzE0SOkAtSUA5q7Q==",
)
ASSETS = (
    Asset(*_VIEWER, "package/browser/standalone/index.js", "asyncapi.js"),
    Asset(*_VIEWER, "package/styles/default.min.css", "asyncapi.css"),
    Asset(*_MERMAID, "package/dist/mermaid.min.js", "mermaid.js"),
    Asset(*_SEARCH, "package/shim/index.js", "search-from-files.js"),
)


def assets() -> dict[str, Path]:
    """The files by their names in the site; those that cannot be had are missing."""
    with locked("site") as cache:
        folder = cache / "site"
        folder.mkdir(exist_ok=True)
        found = {}
        for asset in ASSETS:
            version = hashlib.sha256(f"{asset.integrity} {asset.member}".encode()).hexdigest()[:12]
            file = folder / f"{version}-{asset.name}"
            if file.exists() or _fetch(asset, file):
                found[asset.name] = file
        return found


def _fetch(asset: Asset, target: Path) -> bool:
    npm = shutil.which("npm")
    if npm is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            [npm, "pack", "--silent", "--json", asset.package],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=PACK_SECONDS,
        )
        if packed.returncode != 0:
            return False
        archive = Path(folder) / Path(json.loads(packed.stdout)[0]["filename"]).name
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != asset.integrity:
            raise SystemExit(f"{asset.package} from npm is not the one that was checked")
        with tarfile.open(archive) as files:
            content = files.extractfile(asset.member)
            assert content is not None
            part = target.with_suffix(".part")
            part.write_bytes(content.read())
            part.replace(target)
    return True
