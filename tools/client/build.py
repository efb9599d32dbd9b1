"""Writes the client's sources, and makes its wheel."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

from tools.client.parts import PACKAGE, PUBLIC, ROOT, client_name, closure, path_of, rewritten

DISTRIBUTION: Final = "contract-service-client"
REQUIRED: Final = ("aiokafka", "cramjam", "email-validator", "orjson", "pydantic", "pydantic-settings")
EXTRAS: Final = {
    "mongo": ("motor", "pymongo"),
    "cache": ("redis",),
    "otel": ("opentelemetry-api",),
    "temporal": ("motor", "pymongo", "temporalio"),
    "testkit": ("pymongo",),
}
NEEDS: Final = {"readers": "mongo", "manager": "mongo", "temporal": "temporal", "testkit": "testkit"}
"""Which extra a public module needs."""

IMPORTED_AS: Final = {"pymongo": "bson"}
"""Where a package is imported under another name first."""

_MISSING: Final = '''"""Tells which extra is missing, where Python would name a package."""

from importlib.util import find_spec

for name in {names}:
    if find_spec(name) is None:
        raise ModuleNotFoundError(
            "{package}.{module} needs an extra: pip install '{distribution}[{extra}]'", name=name
        )
'''
_FUTURE: Final = "from __future__ import annotations\n"


def project() -> dict[str, Any]:
    """`[project]` of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def requirement(name: str) -> str:
    """As this project asks for it: the client has no bounds of its own."""
    ours = project()
    asked = [
        *ours["dependencies"],
        *(each for extra in ours["optional-dependencies"].values() for each in extra),
    ]
    return next(text for text in asked if Requirement(text).name == name)


def write_sources(folder: Path) -> Path:
    """The package, ready to be imported with `folder` on the path; returns its directory."""
    package = folder / PACKAGE
    for module, source in closure().items():
        target = _file(folder, module)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_guarded(module, rewritten(source)), "utf-8")
    for each in [path for path in package.rglob("*") if path.is_dir()]:
        (each / "__init__.py").touch()
    for module, extra in NEEDS.items():
        names = tuple(IMPORTED_AS.get(name, name) for name in EXTRAS[extra])
        text = _MISSING.format(
            names=names, package=PACKAGE, module=module, distribution=DISTRIBUTION, extra=extra
        )
        (package / f"_needed_by_{module}.py").write_text(text, "utf-8")
    (package / "py.typed").touch()
    return package


def _file(folder: Path, module: str) -> Path:
    place = folder.joinpath(*client_name(module).split("."))
    path = path_of(module)
    is_package = client_name(module) == PACKAGE or (path is not None and path.name == "__init__.py")
    return place / "__init__.py" if is_package else place.with_suffix(".py")


def _guarded(module: str, source: str) -> str:
    name = PUBLIC.get(module, "").rpartition(".")[2]
    if name not in NEEDS:
        return source
    return source.replace(_FUTURE, f"{_FUTURE}\nfrom {PACKAGE} import _needed_by_{name}  # noqa: F401\n", 1)


def write_project(folder: Path) -> None:
    """The client's pyproject.toml, with this project's version and bounds, and what it names."""
    ours = project()
    for name in ("README.md", "LICENSE"):
        shutil.copy((ROOT / "tools/client" if name == "README.md" else ROOT) / name, folder)
    lines = [
        '[build-system]\nrequires = ["setuptools>=77"]\nbuild-backend = "setuptools.build_meta"\n\n[project]',
        *(
            f"{name} = {json.dumps(value)}"
            for name, value in {
                "name": DISTRIBUTION,
                "version": ours["version"],
                "description": "Publishes commands to the contract service, and reads what became of them.",
                "readme": "README.md",
                "requires-python": ours["requires-python"],
                "license": ours["license"],
                "dependencies": [requirement(name) for name in REQUIRED],
            }.items()
        ),
        "\n[project.optional-dependencies]",
        *(
            f"{extra} = {json.dumps([requirement(name) for name in names])}"
            for extra, names in EXTRAS.items()
        ),
        f'\n[tool.setuptools.packages.find]\ninclude = ["{PACKAGE}*"]',
        f'\n[tool.setuptools.package-data]\n{PACKAGE} = ["py.typed"]\n',
    ]
    (folder / "pyproject.toml").write_text("\n".join(lines), "utf-8")


def build_wheel(into: Path) -> Path:
    """The client's wheel in this directory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sources(folder)
        write_project(folder)
        return pip_wheel(folder, into)


def pip_wheel(source: Path, into: Path) -> Path:
    """The wheel of a project, without its dependencies."""
    with tempfile.TemporaryDirectory() as made:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "--no-deps", "--wheel-dir", made, str(source)], check=True)
        [wheel] = Path(made).glob("*.whl")
        into.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, into))
