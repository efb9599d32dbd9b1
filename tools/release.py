"""`make release`: wheels, image and notes of a version in dist/, once the version is everywhere the same.

It publishes and tags nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tools.client.build import build_wheel, pip_wheel
from tools.versions import ROOT, differences, is_dated, notes, version

SOURCES: Final = ("consumer", "producers", "schemas", "devstack", "pyproject.toml", "README.md", "LICENSE")


def service_wheel(into: Path) -> Path:
    """From a copy: a build/ left in the work tree would slip files of yesterday into the wheel."""
    with tempfile.TemporaryDirectory() as name:
        for source in SOURCES:
            path = ROOT / source
            if path.is_dir():
                shutil.copytree(path, Path(name) / source, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, name)
        return pip_wheel(Path(name), into)


def docker_answers() -> bool:
    """Whether there is an engine to build the image with."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        return subprocess.run([docker, "info"], capture_output=True, timeout=20, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def build_image(tag: str) -> str:
    """Builds the image; says what came of it."""
    if not docker_answers():
        return f"image {tag} was NOT built: no Docker engine answers"
    done = subprocess.run(["docker", "build", "--quiet", "--tag", tag, str(ROOT)], check=False)  # noqa: S607
    return f"image {tag}" if done.returncode == 0 else f"image {tag} was NOT built: docker build failed"


def write_notes(into: Path) -> Path:
    """The release notes, from the changelog."""
    path = into / f"RELEASE-NOTES-{version()}.md"
    path.write_text(f"# Contract service {version()}\n\n{notes()}", "utf-8")
    return path


def build(into: Path, *, image: bool) -> None:
    """Everything, with a checksum of each file."""
    into.mkdir(parents=True, exist_ok=True)
    made = [service_wheel(into), build_wheel(into), write_notes(into)]
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made)
    (into / "SHA256SUMS").write_text(sums, "utf-8")
    for path in made:
        print(path)
    print(build_image(f"contracts:{version()}") if image else "no image was asked for")
    if not is_dated():
        print(f"before tagging v{version()}: date its section in CHANGELOG.md, `## {version()} - YYYY-MM-DD`")


def main() -> int:
    """The exit code: 1 when versions differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("dist"), help="directory of what is built")
    parser.add_argument("--check", action="store_true", help="compare the versions, build nothing")
    parser.add_argument("--no-image", action="store_true", help="build no image")
    options = parser.parse_args()
    if wrong := differences():
        print(f"the version is {version()} in pyproject.toml, but not everywhere:", *wrong, sep="\n  ")
        return 1
    print(f"version {version()} everywhere")
    if not options.check:
        build(options.into, image=not options.no_image)
    return 0


if __name__ == "__main__":
    sys.exit(main())
