"""The tests that need no server, on every Python that pyproject.toml names: `python -m tools.pythons`.

A Python that is not on this machine is named; it is a failure only in CI. Each has its own environment in
`.venv-pythons/`, from the lock file but for the embedded servers: not every Python has wheels of them.
What follows the command goes to pytest.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "ops" / "dev.lock"
ENVIRONMENTS = ROOT / ".venv-pythons"
SERVERS = ("noida-db", "secantusdb")
FOLDERS = ("tests/golden", *(f"tests/unit/{name}" for name in ("domain", "schemas", "engine", "storage")))
NO_SERVER = "not kafka and not mongo and not fault and not docker"
INSTALLED = "installed.lock"
MISSING = "not on this machine, not tested"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def main() -> int:
    """Test on one after the other; 1 if one failed."""
    said = {version: tested(version, sys.argv[1:]) for version in supported()}
    for version, words in said.items():
        print(f"Python {version}: {words}")
    return int("failed" in said.values() or (IN_CI and MISSING in said.values()))


def supported() -> list[str]:
    """The versions among pyproject.toml's classifiers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = (
        re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", one) for one in project["classifiers"]
    )
    return [one[1] for one in found if one]


def tested(version: str, arguments: list[str]) -> str:
    """How it went, in a word or two."""
    interpreter = next((each for each in candidates(version) if is_version(each, version)), None)
    if interpreter is None:
        return MISSING
    python = environment(version, interpreter)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", NO_SERVER, *FOLDERS, *arguments]
    print(f"Python {version}: {interpreter}", flush=True)
    return "failed" if subprocess.run(command, cwd=ROOT, check=False).returncode else "passed"


def candidates(version: str) -> Iterator[str]:
    """Where it may be: on the path, of pyenv, of uv."""
    if on_path := shutil.which(f"python{version}"):
        yield on_path
    for folder, name in (
        (".pyenv/versions", f"{version}.*"),
        (".local/share/uv/python", f"cpython-{version}.*"),
    ):
        yield from (str(found / "bin" / f"python{version}") for found in (Path.home() / folder).glob(name))


def is_version(interpreter: str, version: str) -> bool:
    """Whether it runs: a shim of pyenv's does not where its version is not chosen."""
    ask = [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        ran = subprocess.run(ask, capture_output=True, text=True, check=False)
    except OSError:
        return False
    return ran.stdout.strip() == version


def environment(version: str, interpreter: str) -> str:
    """An environment of this Python, as the lock file says now; its interpreter."""
    folder = ENVIRONMENTS / version
    python, installed, wanted = str(folder / "bin" / "python"), folder / INSTALLED, without_servers()
    if not installed.exists() or installed.read_text() != wanted:
        subprocess.run([interpreter, "-m", "venv", "--clear", folder], check=True)
        listed = folder / "wanted.lock"
        listed.write_text(wanted)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--requirement", listed], check=True)
        subprocess.run([*pip, "--no-deps", "--editable", ROOT], check=True)
        listed.rename(installed)
    return python


def without_servers() -> str:
    """The lock file without the embedded servers; what belongs to a package is indented below it."""
    lines = LOCK.read_text().splitlines(keepends=True)
    kept, keep = [], True
    for line in lines:
        if not line.startswith((" ", "#")):
            keep = not line.startswith(tuple(f"{name}==" for name in SERVERS))
        kept += [line] if keep else []
    return "".join(kept)


if __name__ == "__main__":
    sys.exit(main())
