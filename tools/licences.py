"""Licences of all that the image holds: `python -m tools.licences` lists them; 1 if one is not allowed.

Reads the metadata of the installed packages, so it needs no network. What only tests and benchmarks use
is not shipped, and not looked at: the embedded database, for one, is GPL, and a program of its own.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

LOCK = Path(__file__).parents[1] / "ops/docker/requirements.lock"

ALLOWED = frozenset(
    {
        *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Unlicense"),
        "MPL-2.0",  # asks for its own files' source only, and those are used unchanged
    }
)
SPELLINGS: Mapping[str, str] = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",  # or another: all of them are allowed
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""What packages write that name no SPDX expression."""


def shipped(lock: str) -> list[str]:
    """The packages of a lock file."""
    return re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)


def licence_of(package: PackageMetadata) -> str:
    """As an SPDX expression, where the package says enough."""
    if expression := package["License-Expression"]:
        return expression
    classifiers = [
        each.rpartition(" :: ")[2] for each in package.get_all("Classifier", []) if "License" in each
    ]
    named = classifiers or [(package["License"] or "unknown").strip().partition("\n")[0]]
    return " AND ".join(sorted({SPELLINGS.get(name, name) for name in named}))


def allowed(expression: str) -> bool:
    """Of alternatives one must be allowed, of what holds together all."""
    parts = expression.replace("(", "").replace(")", "").split(" AND ")
    return all(any(name.strip() in ALLOWED for name in part.split(" OR ")) for part in parts)


def licences(names: Iterable[str]) -> dict[str, str]:
    """Of those that are installed: some are for other systems."""
    found = {}
    for name in names:
        try:
            found[name] = licence_of(metadata(name))
        except PackageNotFoundError:
            continue
    return found


def main() -> int:
    """Prints the list; the exit code."""
    found = licences(shipped(LOCK.read_text()))
    refused = {name: licence for name, licence in found.items() if not allowed(licence)}
    for name, licence in found.items():
        print(f"{name:24} {licence}{'   NOT ALLOWED, see tools/licences.py' if name in refused else ''}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
