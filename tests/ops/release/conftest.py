"""Another team's service: a virtual environment with the client in it, and modules named as ours are."""

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.client.build import build_wheel

COLLIDING = {
    "schemas.py": "ORDER = {'type': 'object'}\n",
    "consumer/__init__.py": "def handle() -> str:\n    return 'theirs'\n",
    "producers/__init__.py": "",
    "producers/orders.py": "TOPIC = 'orders'\n",
}


@dataclass(frozen=True)
class Team:
    """`folder` holds its sources; `python` knows nothing of this repository."""

    folder: Path
    python: Path

    def run(self, code: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        (self.folder / "program.py").write_text(code)
        return subprocess.run(
            [self.python, "program.py"],
            check=False,
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", **(environment or {})},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def install(self, *packages: str) -> None:
        command = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(command, check=True, timeout=240)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the client."""
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Team:
    """With the client, and no extra of it."""
    folder = tmp_path_factory.mktemp("team")
    for name, text in COLLIDING.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    place = folder / ".venv"
    venv.create(place, with_pip=True, symlinks=sys.platform != "win32")
    made = Team(folder, place / "bin/python")
    made.install(str(wheel))
    return made
